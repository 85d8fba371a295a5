# The target wasm32-unknown-unknown, installed with rustup where possible, and Rust's library sources, from which std is
# built otherwise, and always for the Solana target.
HOST=$(sed -n 's/^host: //p' <<< "$RUSTC_VERSION")
has_wasm32() { compgen -G "$SYSROOT/lib/rustlib/wasm32-unknown-unknown/lib/libstd-*.rlib" >/dev/null; }

# rustup's prebuilt target is preferred.
rustup_target() {
  if has_wasm32; then return 0; fi
  locate rust_src; locate wasm_target
  if complete wasm_target || [ "${RUSTUP_AUTO_INSTALL:-}" = 0 ] || ! have rustup; then return 0; fi
  [ "$(rustup which rustc 2>/dev/null)" = "$SYSROOT/bin/rustc" ] || return 0
  lock
  say "rustup target add wasm32-unknown-unknown"
  if ! timeout 600 rustup target add wasm32-unknown-unknown || ! has_wasm32; then
    say "rustup could not add the target: its std is built from Debian's rust-src instead"
  fi
  DIR=() ID=()
}

# ---- library sources, patched for target_os = "solana" ---------------------------------------------------------
rust_src_present() { real_sbf >/dev/null && has_wasm32; }
rust_src_about() { echo "Rust's library sources (100 MB, about 5 s)"; }
rust_src_inputs() {
  echo "$RUSTC_VERSION" "$RUST_SRC_SUITES"; declare -f rust_src_make; cat "$TOOLCHAIN/rust/patch_std.py"
}
rust_src_make() {
  local dir=$1 v='' suite component=$SYSROOT/lib/rustlib/src/rust/library
  have python3 || die "'python3' is not on PATH: it is needed to patch Rust's library sources (Debian: python3)"
  if [ -d "$component/std" ]; then   # rustup component rust-src
    cp -rL "$component" "$dir/library"
  else
    need_debian "Rust's library source" "Or: rustup component add rust-src"
    for suite in $RUST_SRC_SUITES; do
      deb_update "$suite"
      v=$(deb_apt "$suite" apt-cache madison rust-src | awk -v v="$RUST_RELEASE+" 'index($3, v) == 1 && !n++ { print $3 }')
      [ -z "$v" ] || break
    done
    [ -n "$v" ] || die "Debian ($RUST_SRC_SUITES) has no rust-src $RUST_RELEASE. Use: rustup component add rust-src; rustup target add wasm32-unknown-unknown"
    rm -rf "$BUILD/rust-src"; deb_get "$suite" "$BUILD/rust-src" "rust-src=$v"
    dpkg-deb --fsys-tarfile "$BUILD"/rust-src/rust-src_*.deb | tar -x -C "$dir" --strip-components=4 "./usr/src/rustc-$RUST_RELEASE/library"
  fi
  python3 "$TOOLCHAIN/rust/patch_std.py" "$dir/library" || die "toolchain/rust/patch_std.py does not fit Rust $RUST_RELEASE: use the Rust release that the README names"
}
rust_src_use() { :; }

# make_sysroot DIR: a sysroot that links to the installed Rust, to which a target can be added
make_sysroot() {
  local t
  mkdir -p "$1/bin" "$1/lib/rustlib/src/rust"
  ln -s "$SYSROOT/lib/rustlib/$HOST" "$1/lib/rustlib/"
  ln -s "${DIR[rust_src]}/library" "$1/lib/rustlib/src/rust/library"
  for t in rustfmt cargo-fmt clippy-driver; do [ ! -x "$SYSROOT/bin/$t" ] || ln -s "$SYSROOT/bin/$t" "$1/bin/"; done
  # bash: sh drops variables like CARGO_BIN_EXE_williw-relay, whose names it could not set itself
  for t in rustc rustdoc; do printf '#!/bin/bash\nexec "%s" --sysroot "%s" "$@"\n' "$SYSROOT/bin/$t" "$1" > "$1/bin/$t"; done
  printf '#!/bin/bash\nSYSROOT="%s" exec "%s" "$@"\n' "$1" "$SYSROOT/bin/cargo-clippy" > "$1/bin/cargo-clippy"
  # "cargo +name" is rustup's; here there is one toolchain
  printf '#!/bin/bash\ncase ${1:-} in +*) shift ;; esac\nexec "%s" "$@"\n' "$SYSROOT/bin/cargo" > "$1/bin/cargo"
  chmod +x "$1"/bin/{rustc,rustdoc,cargo,cargo-clippy}
}

# ---- wasm32-unknown-unknown ------------------------------------------------------------------------------------
wasm_target_present() { has_wasm32; }
wasm_target_about() { echo "Rust's std for wasm32-unknown-unknown (60 MB, about 20 s)"; }
wasm_target_inputs() { echo "$STORE" "$SYSROOT"; id_of rust_src; declare -f make_sysroot wasm_target_make; }
wasm_target_make() {
  local b=$BUILD/wasm-std d=$1/lib/rustlib/wasm32-unknown-unknown/lib
  make_sysroot "$1"
  mkdir -p "$b/src" "$d"; : > "$b/src/lib.rs"
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' > "$b/Cargo.toml"
  # With bitcode, or link-time optimization fails.
  ( cd "$b"
    export RUSTC=$1/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$b/target
    export CARGO_ENCODED_RUSTFLAGS="-Cembed-bitcode=yes"$'\x1f'"--remap-path-prefix=$1/lib/rustlib/src/rust=/rustc"$'\x1f'"--remap-path-prefix=${DIR[rust_src]}=/rustc"
    "$1/bin/cargo" build -q --release --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort
  ) || die "building std for wasm32 failed"
  rm -f "$b"/target/wasm32-unknown-unknown/release/deps/libempty-*
  cp "$b"/target/wasm32-unknown-unknown/release/deps/*.rlib "$d/"
}
wasm_target_use() {
  local f
  for f in "$1"/bin/*; do on_path "${f##*/}" "$f"; done
  export_var WILLIW_WASM_STD "${ID[wasm_target]}"
}
