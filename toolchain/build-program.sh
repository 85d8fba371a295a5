#!/bin/bash
# build-program.sh [CARGO ARG...]: the on-chain program, ${CARGO_TARGET_DIR:-target}/deploy/settlement.so. After env.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
toolchain/program-keypair.sh
so=${CARGO_TARGET_DIR:-target}/deploy/settlement.so
echo "program: cargo build-sbf"
cargo-build-sbf --manifest-path programs/settlement/Cargo.toml --sbf-out-dir "${CARGO_TARGET_DIR:-target}/deploy" -- -q "$@"
echo "program: $so, $(wc -c < "$so") bytes"
