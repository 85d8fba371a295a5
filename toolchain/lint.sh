#!/bin/bash
# lint.sh [CARGO ARG...]: formatting, and clippy without a warning, natively and for the Worker's target. After env.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
status=0
run() { echo "lint: $*"; "$@" || status=1; }
run cargo fmt --all --check
run cargo fmt --manifest-path toolchain/localnet/Cargo.toml --check
run cargo fmt --manifest-path programs/settlement/fuzz/Cargo.toml --check
run cargo clippy -q "$@" --workspace --all-targets -- -D warnings
run cargo clippy -q "$@" -p williw-worker --lib --target wasm32-unknown-unknown -- -D warnings
exit $status
