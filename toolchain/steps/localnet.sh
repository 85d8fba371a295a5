# The localnets, built from crates.io with their own lockfiles: their dependency trees are not the workspace's.
localnet_sources() { # localnet_sources FOLDER: the sources of toolchain/FOLDER and of the crate that the localnets share
  find "$TOOLCHAIN/$1" "$TOOLCHAIN/localnet-common" -path '*/target' -prune -o -type f \( -name '*.rs' -o -name 'Cargo.*' \) -print \
    | LC_ALL=C sort | xargs cat
}
build_localnet() { # build_localnet DIR FOLDER COMMAND
  local v
  for v in "${VARS[@]}"; do case $v in OPENSSL_*) export "${v?}" ;; esac; done
  CARGO_TARGET_DIR=$BUILD/$2 cargo build -q --locked --manifest-path "$TOOLCHAIN/$2/Cargo.toml" || die "building toolchain/$2 failed"
  mkdir "$1/bin"; strip -o "$1/bin/$3" "$BUILD/$2/debug/$3"
}

localnet_present() { return 1; }
localnet_about() { echo "williw-localnet from crates.io (60 MB, about 4 min)"; }
localnet_inputs() { declare -f build_localnet; localnet_sources localnet; }
localnet_make() { build_localnet "$1" localnet williw-localnet; }
localnet_use() { on_path williw-localnet "$1/bin/williw-localnet"; }

localnet_agave_present() { return 1; }
localnet_agave_about() { echo "williw-localnet-agave from crates.io (about 15 min on two cores)"; }
localnet_agave_inputs() { declare -f build_localnet; localnet_sources localnet-agave; }
localnet_agave_make() {
  have c++ || die "no C++ compiler 'c++' found, which RocksDB needs (Debian: g++)"
  find_libclang
  build_localnet "$1" localnet-agave williw-localnet-agave
}
localnet_agave_use() { on_path williw-localnet-agave "$1/bin/williw-localnet-agave"; }

# RocksDB's bindings are generated with libclang: the system's if there is one, otherwise Debian's, unpacked for this build.
has_libclang() { compgen -G '/usr/lib/llvm-*/lib/libclang[.-][s0-9]*' >/dev/null || compgen -G '/usr/lib/x86_64-linux-gnu/libclang[.-][s0-9]*' >/dev/null; }
find_libclang() {
  local d=$BUILD/libclang lib=$BUILD/libclang/x/usr/lib/x86_64-linux-gnu suite p
  if [ -n "${LIBCLANG_PATH:-}" ] || has_libclang; then return; fi
  suite=$(debian_codename)
  [ -n "$suite" ] && debian_ready || die "libclang not found: install libclang-dev"
  deb_update "$suite"
  p=$(deb_closure "$suite" libclang1 | grep -E '^lib(clang1|llvm|edit|xml2|icu|z3|bsd|md|tinfo|ffi|lzma)')
  rm -rf "$d"
  # shellcheck disable=SC2086 # a list
  deb_get "$suite" "$d" $p
  for p in "$d"/*.deb; do dpkg-deb -x "$p" "$d/x"; done
  p=("$lib"/libclang-*.so.1); ln -sf "${p[0]##*/}" "$lib/libclang.so"
  export LIBCLANG_PATH=$lib LD_LIBRARY_PATH=$lib BINDGEN_EXTRA_CLANG_ARGS; BINDGEN_EXTRA_CLANG_ARGS=-I$(cc -print-file-name=include)
}

# "anchor test" starts a command named surfpool.
surfpool_present() { have surfpool; }
surfpool_about() { echo "a surfpool command for anchor test"; }
surfpool_inputs() { cat "$TOOLCHAIN/localnet/surfpool"; }
surfpool_make() { install -D "$TOOLCHAIN/localnet/surfpool" "$1/bin/surfpool"; }
surfpool_use() { on_path surfpool "$1/bin/surfpool"; }
