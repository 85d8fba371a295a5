# The compiler for Solana programs. If cargo-build-sbf and its platform tools are installed, there is nothing to do.
# Otherwise a cargo-build-sbf with the same arguments builds for sBPF v3 with the installed rustc, sbpf-linker and libLLVM.
real_sbf() {
  local b
  [ "${WILLIW_SBF:-}" != own ] || return 1
  compgen -G "$HOME/.cache/solana/*/platform-tools/rust/bin/rustc" >/dev/null || return 1
  for b in $(type -aP cargo-build-sbf) "$HOME/.local/share/solana/install/active_release/bin/cargo-build-sbf"; do
    if [ -x "$b" ] && ! grep -q WILLIW_SBF "$b"; then echo "$b"; return 0; fi
  done
  return 1
}

sbpf_linker_present() { real_sbf >/dev/null; }
sbpf_linker_about() { echo "sbpf-linker $SBPF_LINKER from crates.io (about 40 s)"; }
sbpf_linker_inputs() { echo "$SBPF_LINKER"; declare -f cargo_tool; }
sbpf_linker_make() { cargo_tool "$1" sbpf-linker sbpf-linker "$SBPF_LINKER"; }
sbpf_linker_use() { :; }

sbf_present() { local b; b=$(real_sbf) && on_path cargo-build-sbf "$b"; }
sbf_about() { echo "core, alloc and std for Solana programs (60 MB, about 20 s)"; }
sbf_inputs() {
  echo "$STORE" "$SYSROOT"; id_of rust_src; id_of debian_libs; id_of sbpf_linker; declare -f make_sysroot sbf_make
  cat "$TOOLCHAIN"/sbf/{sbf-link,cargo-build-sbf,i128rt.ll,sbpf-solana-solana.json} "$TOOLCHAIN"/sbf/rt/{Cargo.toml,Cargo.lock,src/lib.rs}
}
sbf_make() {
  local t=$1/rust/lib/rustlib/sbpf-solana-solana
  make_sysroot "$1/rust"
  mkdir -p "$1/bin" "$t/lib"
  cp "$TOOLCHAIN/sbf/cargo-build-sbf" "$1/bin/"; cp "$TOOLCHAIN"/sbf/{sbf-link,i128rt.ll} "$1/"
  chmod +x "$1/bin/cargo-build-sbf" "$1/sbf-link"
  cp "$TOOLCHAIN/sbf/sbpf-solana-solana.json" "$t/target.json"
  ln -s "${DIR[debian_libs]}" "$1/libs"; ln -s "${DIR[sbpf_linker]}/bin/sbpf-linker" "$1/sbpf-linker"
  echo "${ID[sbf]}" > "$1/id"
  # core, alloc, std and the runtime crate as bitcode
  CARGO_TARGET_DIR=$BUILD/sbf-std WILLIW_SBF=own WILLIW_SBF_STD=building "$1/bin/cargo-build-sbf" --quiet --locked \
    --manifest-path "$TOOLCHAIN/sbf/rt/Cargo.toml" -- -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size \
    || die "building std for Solana programs failed"
  cp "$BUILD"/sbf-std/sbpf-solana-solana/release/deps/*.rlib "$t/lib/"
}
sbf_use() { on_path cargo-build-sbf "$1/bin/cargo-build-sbf"; }
