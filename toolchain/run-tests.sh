#!/bin/bash
# run-tests.sh [CARGO ARG...]: runs lint, the IDL check and every test, then prints "N passed, N failed, N skipped".
# Continues after a failure. Fails if any part failed, if a test target in a tests/ folder ran no test, or if a test binary
# exited without a result. After env.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# The end-to-end tests mostly wait for finality, so two per processor run well together.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}
log=$(mktemp); trap 'rm -f "$log"' EXIT
set +e
{
  toolchain/lint.sh "$@"; lint=$?
  toolchain/idl.sh --check "$@"; idl=$?
  toolchain/tests/run.sh; scripts=$?
  cargo test --locked --lib --manifest-path toolchain/localnet-common/Cargo.toml; localnet=$?
  cargo test --locked --lib --manifest-path toolchain/sbf/rt/Cargo.toml; sbf=$?
  toolchain/fuzz.sh; fuzz=$?
  toolchain/miri.sh; miri=$?
  cargo test --workspace --no-fail-fast "$@"; crates=$?
  # Uses the example that "cargo test" builds.
  toolchain/test-clients.sh; clients=$?
  [ $lint = 0 ] || echo "error: lint failed, see above"
  [ $idl = 0 ] || echo "error: the IDL is out of date, see above"
  exit $((crates ? crates : clients ? clients : scripts ? scripts : localnet ? localnet : sbf ? sbf : fuzz ? fuzz : miri ? miri : lint ? lint : idl))
} 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
set -e
awk -v status="$status" -f toolchain/count.awk "$log"
