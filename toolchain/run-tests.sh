#!/bin/bash
# run-tests.sh [CARGO ARG...]: lint, the IDL and every test of the project, then one line "N passed, N failed, N skipped".
# After env.sh. Fails when lint or a test fails, when a file in some tests/ ran no test, or when a test binary ended
# without a result. Whatever fails, the rest is run as well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# The end-to-end tests mostly wait for finality, so twice as many as there are processors go well together.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}
log=$(mktemp); trap 'rm -f "$log"' EXIT
set +e
{
  toolchain/lint.sh "$@"; lint=$?
  toolchain/idl.sh --check "$@"; idl=$?
  toolchain/tests/run.sh; scripts=$?
  toolchain/fuzz.sh; fuzz=$?
  toolchain/miri.sh; miri=$?
  cargo test --workspace --no-fail-fast "$@"; crates=$?
  [ $lint = 0 ] || echo "error: lint failed, see above"
  [ $idl = 0 ] || echo "error: the IDL differs, see above"
  exit $((crates ? crates : scripts ? scripts : fuzz ? fuzz : miri ? miri : lint ? lint : idl))
} 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
set -e
awk -v status="$status" -f toolchain/count.awk "$log"
