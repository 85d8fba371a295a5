# Shared by setup.sh and steps/*.sh: messages, the store, and the three package sources (Debian, npm, crates.io).

# ---- messages -------------------------------------------------------------------------------------------------
say() { printf 'toolchain: %s\n' "$*"; }
die() { printf 'toolchain: error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null; }
# at_least VERSION MINIMUM
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]; }
duration() { if [ "$1" -ge 60 ]; then echo "$(($1 / 60)) min $(($1 % 60)) s"; else echo "$1 s"; fi; }

# ---- locations -----------------------------------------------------------------------------------------------
TOOLCHAIN=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ -n "${HOME:-}" ] || die "HOME is not set"
CACHE=${WILLIW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/williw}
case $CACHE in
  *[[:space:]]*) die "the cache directory must not contain spaces: '$CACHE'. Set WILLIW_CACHE to another place" ;;
  /*) ;;
  *) die "the cache directory must be an absolute path: '$CACHE'. Set WILLIW_CACHE" ;;
esac
STORE=$CACHE/store   # STEP-ID/, one per step and set of inputs, never changed once it has its .complete file
BUILD=$CACHE/build   # intermediate files: kept when interrupted, removed at the end

# PATH without the tools that an earlier setup added.
machine_path() { printf %s "$PATH" | tr : '\n' | grep -v "^$CACHE/" | paste -sd:; }

# ---- steps ----------------------------------------------------------------------------------------------------
# A step NAME is four functions in steps/*.sh:
#   NAME_present   succeeds if there is nothing to do; may call on_path and export_var
#   NAME_inputs    prints everything the result depends on ("$STORE" if the result contains a path in it)
#   NAME_make DIR  creates the result in DIR; may reuse what an interrupted run left in $BUILD
#   NAME_use DIR   calls on_path and export_var
# and NAME_about, which prints one line: what it is, its size and how long it takes.
declare -A DIR=() ID=()
LINKS=() VARS=()
on_path() { LINKS+=("$1=$2"); }      # on_path COMMAND FILE
export_var() { VARS+=("$1=$2"); }    # export_var NAME VALUE
# The ID of another step's result, for NAME_inputs.
id_of() { echo "${ID[$1]:-of the machine}"; }

locate() { # locate NAME: sets DIR and ID
  ID[$1]=$("$1_inputs" | sha256sum | cut -c1-16)
  DIR[$1]=$STORE/${1//_/-}-${ID[$1]}
}
complete() { [ -e "${DIR[$1]}/.complete" ]; }

make_step() { # make_step NAME
  local dir=${DIR[$1]} status started=$SECONDS
  rm -rf "$dir"; mkdir -p "$dir"
  # Not "( ... ) || die", which would disable errexit in the subshell.
  set +e; ( set -e; "$1_make" "$dir" ); status=$?; set -e
  if [ $status != 0 ]; then rm -rf "$dir"; die "step '${1//_/-}' failed (see above). Run toolchain/setup.sh again to resume"; fi
  touch "$dir/.complete"
  say "        done in $(duration $((SECONDS - started)))"
}

# One setup at a time. The lock is only taken when a step has to run: results never change, so checking needs none.
lock() {
  [ -z "${LOCKED:-}" ] || return 0
  LOCKED=1
  have flock || return 0
  exec 9>> "$CACHE/lock"
  if ! flock -n 9; then
    say "waiting for another setup that uses $CACHE"
    flock 9
  fi
}

# ---- Debian ---------------------------------------------------------------------------------------------------
# Packages are downloaded with apt, which verifies the archive's signatures, and unpacked in the cache. Nothing is
# installed, and root is not needed.
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
debian_ready() { have apt-get && have dpkg-deb && [ -f $KEYRING ]; }
need_debian() { # need_debian WHAT ALTERNATIVE
  [ "$(uname -sm)" = "Linux x86_64" ] || die "$1 can only be prepared on Linux x86_64. $2"
  have apt-get && have dpkg-deb || die "$1 comes from Debian's archive and needs apt-get and dpkg-deb. $2"
  [ -f $KEYRING ] || die "$1 comes from Debian's archive and $KEYRING is missing: install debian-archive-keyring. $2"
}
# The mirror in the machine's own apt sources.
mirror() {
  local m=${DEBIAN_MIRROR:-}
  [ -n "$m" ] || m=$(apt-get indextargets --format "\$(REPO_URI)" | awk '!n && $0 ~ "/debian/?$" { print; n = 1 }')
  [ -n "$m" ] || die "the apt sources of this machine contain no Debian mirror: set DEBIAN_MIRROR"
  echo "${m%/}"
}
deb_apt() { # deb_apt SUITE PROGRAM ARG...
  local a=$BUILD/apt/$1
  "$2" -o Dir::Etc::sourcelist="$a/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State::lists="$a/lists" -o Dir::State::status="$a/status" -o Dir::Cache="$a/cache" -o Acquire::Languages=none \
    -o Acquire::Retries=3 -o APT::Sandbox::User="$(id -un 2>/dev/null || id -u)" "${@:3}"
}
deb_update() { # deb_update SUITE
  local a=$BUILD/apt/$1 m
  [ ! -f "$a/ok" ] || return 0
  mkdir -p "$a"/lists/partial "$a"/cache/archives/partial; : > "$a/status"
  m=$(mirror)
  echo "deb [signed-by=$KEYRING] $m $1 main" > "$a/sources.list"
  deb_apt "$1" apt-get update -qq -o APT::Update::Error-Mode=any 2> >(grep -v "/var/cache/apt/archives" >&2) \
    || die "cannot read Debian suite '$1' at $m. Is the network up? If the suite no longer exists, change toolchain/versions.sh. To use another mirror, set DEBIAN_MIRROR"
  touch "$a/ok"
}
deb_closure() { # deb_closure SUITE PACKAGE...: the packages and their transitive dependencies
  local p
  for p in "${@:2}"; do
    deb_apt "$1" apt-cache show "$p" >/dev/null 2>&1 || die "Debian suite '$1' has no package $p: change toolchain/versions.sh, or set DEBIAN_MIRROR to a mirror that still has it"
  done
  deb_apt "$1" apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "${@:2}" \
    | grep -E '^[a-z0-9]' | sort -u
}
deb_get() { # deb_get SUITE DIR PACKAGE[=VERSION]...
  mkdir -p "$2"
  ( cd "$2" && deb_apt "$1" apt-get download -qq "${@:3}" ) || die "cannot download from Debian suite '$1': ${*:3}. Is the network up?"
}

# ---- npm ------------------------------------------------------------------------------------------------------
# Versions and SHA-512 hashes are in node/NAME/package-lock.json. The lockfiles contain no download URLs, so that they
# work with any registry; keep it that way (npm config set omit-lockfile-registry-resolved true). "npm ci" does not
# work: it requires lock entries for the optional packages of other platforms.
npm_make() { # npm_make NAME DIR: the dependencies of node/NAME in DIR
  have npm || die "'npm' is not on PATH: install Node.js with npm"
  cp "$TOOLCHAIN/node/$1"/package.json "$TOOLCHAIN/node/$1"/package-lock.json "$2/"
  local certificates=/etc/ssl/certs/ca-certificates.crt   # Node ignores the certificates that the system trusts
  ( cd "$2" && export PATH=${DIR[node]:+${DIR[node]}/bin:}$PATH
    [ -n "${NODE_EXTRA_CA_CERTS:-}" ] || [ ! -f $certificates ] || export NODE_EXTRA_CA_CERTS=$certificates
    npm install --no-audit --no-fund --no-update-notifier --loglevel=error \
      --fetch-retries=2 --fetch-retry-mintimeout=500 --fetch-retry-maxtimeout=5000 >/dev/null ) \
    || die "npm cannot install toolchain/node/$1. Is the registry ($(npm config get registry 2>/dev/null)) reachable? If a version was unpublished, change package.json there"
}
# The version of an npm command on PATH, without running it: wrangler takes a second to start.
npm_version() { # npm_version COMMAND
  local d; d=$(dirname "$(readlink -f "$(command -v "$1")")")
  while [ "$d" != / ] && [ ! -f "$d/package.json" ]; do d=$(dirname "$d"); done
  sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$d/package.json" 2>/dev/null | head -n1
}

# ---- crates.io ------------------------------------------------------------------------------------------------
# have_tool COMMAND VERSION: succeeds if the command is on PATH in that version
have_tool() { local b; b=$(command -v "$1") && "$b" --version 2>/dev/null | grep -wF "$2" >/dev/null; }
# cargo_tool DIR BINARY CRATE VERSION [CARGO ARG...]: builds a tool from crates.io into DIR/bin, with its own lockfile.
# Build time matters more than run time here. The tools share a target directory because they share dependencies.
cargo_tool() {
  CARGO_TARGET_DIR=$BUILD/tools CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_STRIP=symbols \
    cargo install -q --locked --force --no-track --root "$1" --bin "$2" "$3" --version "=$4" "${@:5}" \
    || die "cannot build $3 $4 from crates.io. Is the network up? If the version was withdrawn: toolchain/versions.sh"
}

# ---- the environment ------------------------------------------------------------------------------------------
# $CACHE/env/HASH/{bin/,env.sh}, and the link $CACHE/checkout/HASH-OF-THIS-FOLDER to the one that this checkout uses.
checkout_link() { echo "$CACHE/checkout/$(printf %s "$TOOLCHAIN" | sha256sum | cut -c1-16)"; }
# An environment is named after its content and replaced atomically: it never changes under a shell that uses it.
write_environment() {
  local hash dir new l v link
  readarray -t LINKS < <(printf '%s\n' "${LINKS[@]}" | sort -u)
  readarray -t VARS < <(printf '%s\n' "${VARS[@]}" | sort -u)
  hash=$(printf '%s\n' "${LINKS[@]}" -- "${VARS[@]}" "$(declare -f write_environment)" | sha256sum | cut -c1-16)
  dir=$CACHE/env/$hash
  if [ ! -d "$dir" ]; then
    new=$dir.$$; mkdir -p "$new/bin"
    for l in "${LINKS[@]}"; do ln -sf "${l#*=}" "$new/bin/${l%%=*}"; done
    {
      echo "case :\$PATH: in *:$dir/bin:*) ;; *) PATH=$dir/bin:\$PATH ;; esac"
      echo 'export PATH'
      for v in "${VARS[@]}"; do printf 'export %s=%q\n' "${v%%=*}" "${v#*=}"; done
    } > "$new/env.sh"
    mv -T "$new" "$dir" 2>/dev/null || { rm -rf "$new"; [ -d "$dir" ] || die "cannot write $dir"; }
  fi
  link=$(checkout_link); mkdir -p "${link%/*}"
  if [ "$(readlink "$link" 2>/dev/null)" != "$dir" ]; then
    ln -s "$dir" "$link.$$" && mv -T "$link.$$" "$link"
  fi
}
