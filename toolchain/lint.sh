#!/bin/bash
# lint.sh [CARGO ARG...]: checks formatting, runs shellcheck and cargo-deny, and runs clippy with warnings as errors,
# natively and for the Worker's target. After env.sh.
#
# Clippy on the two localnets means compiling surfpool and Agave once more, so it only runs with LINT_LOCALNETS=1. Their
# shared code, toolchain/localnet-common, is always linted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
status=0
run() { echo "lint: $*"; "$@" || status=1; }
clippy_of() { # clippy_of CARGO_TOML [CARGO ARG...]: a crate with its own lockfile
  run cargo clippy -q --locked --manifest-path "$@" --all-targets -- -D warnings
}

run cargo fmt --all --check
for manifest in programs/settlement/fuzz toolchain/{localnet,localnet-agave,localnet-common,sbf/rt}; do
  run cargo fmt --manifest-path $manifest/Cargo.toml --check
done
run rustfmt --edition 2024 --check toolchain/localnet-agave/protobuf-src/src/lib.rs

if command -v shellcheck >/dev/null; then
  echo "lint: shellcheck"
  scripts=(.ci/run app/*.sh toolchain/*.sh toolchain/steps/*.sh toolchain/tests/*.sh toolchain/sbf/sbf-link toolchain/localnet/surfpool)
  shellcheck --shell=bash --severity=warning "${scripts[@]}" || status=1
else
  echo "lint: shellcheck skipped: it is not installed"
fi
echo "lint: cargo-deny"
toolchain/deny.sh || status=1

run cargo clippy -q "$@" --workspace --all-targets -- -D warnings
run cargo clippy -q "$@" -p williw-worker --lib --target wasm32-unknown-unknown -- -D warnings
clippy_of toolchain/localnet-common/Cargo.toml
if command -v "${CXX:-c++}" >/dev/null; then
  clippy_of programs/settlement/fuzz/Cargo.toml
else
  echo "lint: clippy of the fuzz targets skipped: libFuzzer needs a C++ compiler"
fi
if [ -n "${LINT_LOCALNETS:-}" ]; then
  clippy_of toolchain/localnet/Cargo.toml
  clippy_of toolchain/localnet-agave/Cargo.toml
fi
exit $status
