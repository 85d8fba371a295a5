# Crates: all crates in the lockfiles are downloaded first, so that later builds work offline and an unreachable registry
# is noticed before a long build starts. And the tools that are built from crates.io.
lockfiles() {
  compgen -G "$TOOLCHAIN/../Cargo.lock" || true
  compgen -G "$TOOLCHAIN/../programs/settlement/fuzz/Cargo.lock" || true
  echo "$TOOLCHAIN"/{localnet,localnet-common,sbf/rt}/Cargo.lock
}
crates_present() { return 1; }
crates_about() { echo "the crates in the lockfiles (500 MB, about 10 s)"; }
crates_inputs() { local l; echo "${CARGO_HOME:-}"; declare -f crates_make; for l in $(lockfiles); do cat "$l"; done; }
crates_make() {
  local l locked
  for l in $(lockfiles); do
    # Only the workspace's lockfile may be out of date, while its manifests are being edited.
    locked=--locked; [ "$l" != "$TOOLCHAIN/../Cargo.lock" ] || [ -n "${CI:-}" ] || locked=
    cargo fetch -q $locked --manifest-path "$(dirname "$l")/Cargo.toml" || die "cannot download the crates of $l. Is crates.io reachable?"
  done
}
crates_use() { :; }

worker_build_present() { have_tool worker-build "$WORKER_BUILD"; }
worker_build_about() { echo "worker-build $WORKER_BUILD from crates.io (about 1 min)"; }
worker_build_inputs() { echo "$WORKER_BUILD"; declare -f cargo_tool; }
worker_build_make() { cargo_tool "$1" worker-build worker-build "$WORKER_BUILD"; }
worker_build_use() { on_path worker-build "$1/bin/worker-build"; }

wasm_bindgen_present() { have_tool wasm-bindgen "$WASM_BINDGEN" && export_var WASM_BINDGEN_BIN "$(command -v wasm-bindgen)"; }
wasm_bindgen_about() { echo "wasm-bindgen $WASM_BINDGEN from crates.io (about 1 min)"; }
wasm_bindgen_inputs() { echo "$WASM_BINDGEN"; declare -f cargo_tool wasm_bindgen_make; }
# Optimizes the crates that take the time on a 50 MB debug module.
wasm_bindgen_make() {
  cargo_tool "$1" wasm-bindgen wasm-bindgen-cli "$WASM_BINDGEN" --config profile.release.package.walrus.opt-level=2 \
    --config profile.release.package.wasmparser.opt-level=2 --config profile.release.package.wasm-bindgen-cli-support.opt-level=2
}
wasm_bindgen_use() { on_path wasm-bindgen "$1/bin/wasm-bindgen"; export_var WASM_BINDGEN_BIN "$1/bin/wasm-bindgen"; }
