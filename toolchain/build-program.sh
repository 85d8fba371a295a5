#!/bin/bash
# build-program.sh [CARGO ARG...]: the on-chain program, ${CARGO_TARGET_DIR:-target}/deploy/settlement.so. After env.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
toolchain/program-keypair.sh
so=${CARGO_TARGET_DIR:-target}/deploy/settlement.so
echo "program: cargo build-sbf"
# A target directory of its own: it compiles with RUSTC_BOOTSTRAP, and build scripts that ask for that variable would be
# run again, with all that depends on them, by whoever builds next.
target=${CARGO_TARGET_DIR:-$PWD/target}
CARGO_TARGET_DIR=$target/sbf cargo-build-sbf --manifest-path programs/settlement/Cargo.toml --sbf-out-dir "$target/deploy" -- -q "$@"
echo "program: $so, $(wc -c < "$so") bytes"
