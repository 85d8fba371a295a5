#!/bin/bash
# idl.sh [--check] [CARGO ARG...]: the program's interface, programs/settlement/idl/settlement.json, as the anchor command
# makes it from the sources. With --check nothing is written, and a committed file that differs is an error. After env.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
idl=programs/settlement/idl/settlement.json
check=
if [ "${1:-}" = --check ]; then check=1; shift; fi
made=$(mktemp); trap 'rm -f "$made"' EXIT
echo "idl: anchor idl build"
# --lib: the program alone, without its tests. The command's own notes would only repeat the compiler's.
anchor idl build --program-name settlement --out "$made" -- --lib "$@" > "$made.log" 2>&1 \
  || { cat "$made.log" >&2; rm -f "$made.log"; echo "idl: error: anchor idl build failed, see above" >&2; exit 1; }
rm -f "$made.log"
# One form whatever the anchor command's version thinks of blanks.
python3 -m json.tool --no-ensure-ascii "$made" "$made.json"
trap 'rm -f "$made" "$made.json"' EXIT
if [ -z "$check" ]; then
  mkdir -p "${idl%/*}"
  cp "$made.json" "$idl"
  echo "idl: $idl, $(wc -c < "$idl") bytes"
elif ! diff -u "$idl" "$made.json"; then
  echo "idl: error: $idl is not what the sources say: run 'make idl' and commit it" >&2
  exit 1
fi
