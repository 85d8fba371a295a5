#!/bin/bash
# Prepares the tools to build and test the project, in a cache outside the checkout.
if [ -z "${BASH_VERSINFO:-}" ] || [ "${BASH_VERSINFO[0]}" -lt 4 ]; then echo "toolchain: error: bash 4 or newer is needed" >&2; exit 1; fi
set -euo pipefail

usage() {
  cat <<'U'
Usage: toolchain/setup.sh [--verbose] [--with localnet-agave] [--with cargo-mutants]

Prepares the tools to build and test this project. Installed tools are used where possible. The others are built or
unpacked in $WILLIW_CACHE (default: ${XDG_CACHE_HOME:-~/.cache}/williw) from Debian packages, npm, PyPI and crates.io.
Nothing is installed on the system. If interrupted, the next run resumes where this one stopped.
To use the tools in a shell:  . toolchain/env.sh

  --with localnet-agave   also build the localnet that runs Agave's own validator (about 15 minutes on two cores)
  --with cargo-mutants    also build cargo-mutants, for make mutants
  --verbose               also list the tools that are already present
  --help                  show this help

Environment:
  WILLIW_CACHE           location of the cache
  WILLIW_SBF=own         ignore installed Solana tools
  RUSTUP_AUTO_INSTALL=0  build std for wasm32 from Debian's rust-src instead of adding the target with rustup
  DEBIAN_MIRROR          mirror to download Debian packages from
U
}

STEPS="rust_src debian_libs openssl node wrangler esbuild wasm_opt scalar clients anchor crates sbpf_linker sbf wasm_target worker_build wasm_bindgen lint_tools localnet surfpool"
VERBOSE=
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --verbose | -v) VERBOSE=1 ;;
    --with)
      case ${2:-} in localnet-agave | cargo-mutants) ;; *) usage >&2; exit 2 ;; esac
      STEPS="$STEPS ${2//-/_}"; shift ;;
    *) echo "toolchain: error: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

. "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/lib.sh"
. "$TOOLCHAIN/versions.sh"
cd "$TOOLCHAIN"
mkdir -p "$STORE" "$BUILD" 2>/dev/null || die "cannot write to $CACHE: set WILLIW_CACHE to a directory that you own"
PATH=$(machine_path)

# Report everything that is missing in one message.
missing=()
have cc || missing+=("a C compiler 'cc' (Debian: gcc)")
have cargo && have rustc || missing+=("Rust $RUST_MIN with cargo (https://rustup.rs)")
have sha256sum || missing+=("sha256sum (Debian: coreutils)")
[ ${#missing[@]} = 0 ] || die "missing on PATH: $(printf '%s; ' "${missing[@]}")please install them and run this again"
SYSROOT=$(rustc --print sysroot) && RUSTC_VERSION=$("$SYSROOT/bin/rustc" -vV) || die "rustc does not work: run 'rustc -vV' to see why"
RUST_RELEASE=$(sed -n 's/^release: //p' <<< "$RUSTC_VERSION")
at_least "$RUST_RELEASE" "$RUST_MIN" || die "Rust $RUST_RELEASE is too old: $RUST_MIN or newer is needed (rustup update stable)"

# shellcheck source=/dev/null
for f in "$TOOLCHAIN"/steps/*.sh; do . "$f"; done

# Find out which steps are done.
rustup_target
todo=()
for s in $STEPS; do
  if "${s}_present"; then
    [ -z "$VERBOSE" ] || say "${s//_/-}: already installed, or not needed"
  else
    locate "$s"
    if complete "$s"; then
      [ -z "$VERBOSE" ] || say "${s//_/-}: ${DIR[$s]}"
      "${s}_use" "${DIR[$s]}"
    else
      todo+=("$s")
    fi
  fi
done

if [ ${#todo[@]} -gt 0 ]; then
  lock
  free=$(df -Pk "$CACHE" | awk 'NR == 2 { print int($4 / 1048576) }')
  [ "$free" -ge "$FREE_GIB_MIN" ] || die "only $free GiB free at $CACHE, but the build needs $FREE_GIB_MIN GiB: free some space or set WILLIW_CACHE"
  n=0
  for s in "${todo[@]}"; do
    n=$((n + 1))
    if ! complete "$s"; then   # unless the setup that held the lock has done it
      say "[$n/${#todo[@]}] ${s//_/-}: $("${s}_about")"
      make_step "$s"
    fi
    "${s}_use" "${DIR[$s]}"
  done
  rm -rf "$BUILD"
fi

write_environment
"$TOOLCHAIN/program-keypair.sh"
if [ ${#todo[@]} -gt 0 ]; then say "ready after $(duration $SECONDS). To use the tools in a shell: . toolchain/env.sh"; else say "ready, nothing to do"; fi
