#!/bin/bash
# build-program.sh [CARGO ARG...]: builds the on-chain program, ${CARGO_TARGET_DIR:-target}/deploy/settlement.so. After env.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
toolchain/program-keypair.sh
so=${CARGO_TARGET_DIR:-target}/deploy/settlement.so
echo "program: cargo build-sbf"
# It has its own target directory because it sets RUSTC_BOOTSTRAP: in a shared one, build scripts that read that variable
# would rerun, and their dependents would be rebuilt, on every switch between this build and another.
target=${CARGO_TARGET_DIR:-$PWD/target}
CARGO_TARGET_DIR=$target/sbf cargo-build-sbf --manifest-path programs/settlement/Cargo.toml --sbf-out-dir "$target/deploy" -- -q "$@"
echo "program: $so, $(wc -c < "$so") bytes"
