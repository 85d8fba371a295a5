# Pinned versions. Changing one rebuilds only what depends on it.
# The npm tools are pinned in node/*/package-lock.json, the localnets in their Cargo.lock.
# shellcheck disable=SC2034 # read by the steps
RUST_MIN=1.95.0             # rust-version of the workspace
NODE_MIN=22.12.0            # wrangler's minimum
WRANGLER_MIN=4.164.0        # the version that the tests were written against
SBPF_LINKER=0.2.6
LLVM_SONAME=23.1            # the libLLVM that sbpf-linker 0.2.6 loads
LLVM_PKG=libllvm23
LLVM_SUITE=sid
RUST_SRC_SUITES="trixie-backports sid"
WORKER_BUILD=0.8.7
WASM_BINDGEN=0.2.129        # must equal the wasm-bindgen crate in Cargo.lock
FREE_GIB_MIN=6              # at the peak, while the localnet is built
