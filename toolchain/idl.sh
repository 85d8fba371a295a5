#!/bin/bash
# idl.sh [--check] [CARGO ARG...]: generates the program's IDL, programs/settlement/idl/settlement.json, with the anchor
# command. With --check, writes nothing and fails if the committed file is out of date. After env.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
idl=programs/settlement/idl/settlement.json
check=
if [ "${1:-}" = --check ]; then check=1; shift; fi
made=$(mktemp); trap 'rm -f "$made"' EXIT
echo "idl: anchor idl build"
# --lib: compile the program without its tests. The output is only shown on failure.
anchor idl build --program-name settlement --out "$made" -- --lib "$@" > "$made.log" 2>&1 \
  || { cat "$made.log" >&2; rm -f "$made.log"; echo "idl: error: anchor idl build failed, see above" >&2; exit 1; }
rm -f "$made.log"
"${BASH_SOURCE[0]%/*}/complete-idl.py" "$made" programs/settlement/idl/closed-node.json > "$made.json"
trap 'rm -f "$made" "$made.json"' EXIT
if [ -z "$check" ]; then
  mkdir -p "${idl%/*}"
  cp "$made.json" "$idl"
  echo "idl: $idl, $(wc -c < "$idl") bytes"
elif ! diff -u "$idl" "$made.json"; then
  echo "idl: error: $idl is out of date: run 'make idl' and commit the result" >&2
  exit 1
fi
