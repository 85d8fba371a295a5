#!/bin/bash
# test-clients.sh [NODE ARG...]: generates a TypeScript client from the IDL, type-checks it with the examples and the tests in
# tests/clients, and runs those tests on localnets. Prints the results in the format of cargo's test harness. After env.sh.
# WILLIW_PROGRAM_SO is the program to test, WILLIW_WITHDRAW_EXAMPLE the built example examples/withdraw.rs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-target}
WILLIW_PROGRAM_SO=$(realpath "${WILLIW_PROGRAM_SO:-$target/deploy/settlement.so}")
WILLIW_WITHDRAW_EXAMPLE=$(realpath "${WILLIW_WITHDRAW_EXAMPLE:-$target/debug/examples/withdraw}")
export WILLIW_PROGRAM_SO WILLIW_WITHDRAW_EXAMPLE

# Node looks for packages above the importing file, but they are in the cache. So the tests run on a copy.
copy=$(mktemp -d); trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy"/{tests,programs/settlement}
ln -s "$WILLIW_CLIENTS/node_modules" "$copy/node_modules"
cp -r programs/settlement/idl "$copy/programs/settlement/"
cp -r tests/clients "$copy/tests/"
cp -r examples "$copy/"
rm -rf "$copy/examples"/{node_modules,generated}
bin=$copy/node_modules/.bin
cd "$copy/examples"
echo "clients: codama run js"
node "$bin/codama" run js > "$copy/log" 2>&1 || { cat "$copy/log" >&2; exit 1; }
cd "$copy"
echo "clients: tsc"
node "$bin/tsc" --project tests/clients
echo "clients: node --test"
node --import tsx --test-reporter ./tests/clients/reporter.ts --test "$@" tests/clients/*.test.ts
