#!/bin/bash
# run-tests.sh [CARGO ARG...]: every test of the project, then one line "N passed, N failed, N skipped". After env.sh.
# Fails when a test fails, when a file in some tests/ ran no test, or when a test binary ended without a result.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
log=$(mktemp); trap 'rm -f "$log"' EXIT
set +e
{
  toolchain/tests/run.sh; scripts=$?
  cargo test --workspace --no-fail-fast "$@"; crates=$?
  exit $((crates ? crates : scripts))
} 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
set -e
awk -v status="$status" -f toolchain/count.awk "$log"
