# Pinned versions. Changing one rebuilds only what depends on it.
# npm packages are pinned in node/*/package-lock.json, PyPI packages in python/requirements.txt, the localnets in their
# Cargo.lock.
# shellcheck disable=SC2034 # used by the steps
RUST_MIN=1.95.0             # rust-version of the workspace
NODE_MIN=22.12.0            # required by wrangler
WRANGLER_MIN=4.164.0        # the version that the tests were developed against
SBPF_LINKER=0.2.6
LLVM_SONAME=23.1            # the libLLVM that sbpf-linker $SBPF_LINKER loads
LLVM_PKG=libllvm23
LLVM_SUITE=sid
RUST_SRC_SUITES="trixie-backports sid"
WORKER_BUILD=0.8.7
WASM_BINDGEN=0.2.129        # must match the wasm-bindgen crate in Cargo.lock
CARGO_MUTANTS=27.1.0       # for make mutants only
FREE_GIB_MIN=6              # peak usage, while the localnet is built
PLATFORM_TOOLS=v1.57        # Anza's platform tools for releases and test-official.sh: Rust 1.95.0, like RUST_MIN
