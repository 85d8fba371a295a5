# The localnets, built from crates.io with their own lockfiles (their dependency trees are not the workspace's).
localnet_files() { find "$TOOLCHAIN/$1" -path '*/target' -prune -o -type f \( -name '*.rs' -o -name 'Cargo.*' \) -print | LC_ALL=C sort; }
build_localnet() { # build_localnet DIR FOLDER COMMAND
  local v
  for v in "${VARS[@]}"; do case $v in OPENSSL_*) export "${v?}" ;; esac; done
  CARGO_TARGET_DIR=$BUILD/$2 cargo build -q --locked --manifest-path "$TOOLCHAIN/$2/Cargo.toml" || die "building toolchain/$2 failed"
  mkdir "$1/bin"; strip -o "$1/bin/$3" "$BUILD/$2/debug/$3"
}

localnet_present() { return 1; }
localnet_about() { echo "williw-localnet from crates.io (60 MB, about 4 min)"; }
localnet_inputs() { declare -f build_localnet; localnet_files localnet | xargs cat; }
localnet_make() { build_localnet "$1" localnet williw-localnet; }
localnet_use() { on_path williw-localnet "$1/bin/williw-localnet"; }

localnet_agave_present() { return 1; }
localnet_agave_about() { echo "williw-localnet-agave from crates.io (about 20 min)"; }
localnet_agave_inputs() { declare -f build_localnet; localnet_files localnet-agave | xargs cat; localnet_files localnet/src/shared | xargs cat; }
localnet_agave_make() {
  have c++ || die "a C++ compiler 'c++' is missing (Debian: g++)"
  find_libclang
  build_localnet "$1" localnet-agave williw-localnet-agave
}
localnet_agave_use() { on_path williw-localnet-agave "$1/bin/williw-localnet-agave"; }

# RocksDB's bindings are generated with libclang: the system's, or Debian's unpacked for the build.
find_libclang() {
  local d=$BUILD/libclang lib=$BUILD/libclang/x/usr/lib/x86_64-linux-gnu suite p
  if [ -n "${LIBCLANG_PATH:-}" ] || compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || compgen -G '/usr/lib/x86_64-linux-gnu/libclang*.so' >/dev/null; then return; fi
  suite=$(debian_codename)
  [ -n "$suite" ] && debian_ready || die "libclang is missing: install libclang-dev"
  deb_update "$suite"
  p=$(deb_closure "$suite" libclang1 | grep -E '^lib(clang1|llvm|edit|xml2|icu|z3|bsd|md|tinfo|ffi|lzma)')
  rm -rf "$d"
  # shellcheck disable=SC2086 # a list
  deb_get "$suite" "$d" $p
  for p in "$d"/*.deb; do dpkg-deb -x "$p" "$d/x"; done
  p=("$lib"/libclang-*.so.1); ln -sf "${p[0]##*/}" "$lib/libclang.so"
  export LIBCLANG_PATH=$lib LD_LIBRARY_PATH=$lib BINDGEN_EXTRA_CLANG_ARGS; BINDGEN_EXTRA_CLANG_ARGS=-I$(cc -print-file-name=include)
}

# anchor test starts "surfpool".
surfpool_present() { have surfpool; }
surfpool_about() { echo "a surfpool command for anchor test"; }
surfpool_inputs() { cat "$TOOLCHAIN/localnet/surfpool"; }
surfpool_make() { install -D "$TOOLCHAIN/localnet/surfpool" "$1/bin/surfpool"; }
surfpool_use() { on_path surfpool "$1/bin/surfpool"; }
