# The anchor command: the one on PATH, or the npm build, which runs on Debian's libc where the system's is too old.
anchor_present() { have anchor; }
# Succeeds if the npm build runs on the system's libc. It is linked against glibc 2.39.
anchor_runs() { local v; v=$(getconf GNU_LIBC_VERSION 2>/dev/null) && at_least "${v#glibc }" 2.39; }
anchor_about() { echo "the anchor command (30 MB, about 5 s)"; }
anchor_inputs() {
  echo "$STORE"; cat "$TOOLCHAIN/node/anchor-cli/package-lock.json"; declare -f anchor_make
  anchor_runs || id_of debian_libs
}
anchor_make() {
  local a=$1/node_modules/@anchor-lang/cli/anchor s
  npm_make anchor-cli "$1"
  mkdir "$1/bin"
  if anchor_runs; then
    ln -s "$a" "$1/bin/anchor"
  else
    s=${DIR[debian_libs]}/usr/lib/x86_64-linux-gnu
    printf '#!/bin/bash\nexec "%s" --library-path "%s" "%s" "$@"\n' "$s/ld-linux-x86-64.so.2" "$s" "$a" > "$1/bin/anchor"
    chmod +x "$1/bin/anchor"
  fi
  "$1/bin/anchor" --version >/dev/null || die "the anchor command does not start"
}
anchor_use() { on_path anchor "$1/bin/anchor"; }
