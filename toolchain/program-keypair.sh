#!/bin/bash
# Puts the committed localnet keypair of the program where cargo-build-sbf and anchor look for it. They would make a
# random one, which does not fit the program's declare_id!. Anchor only looks in target/, whatever CARGO_TARGET_DIR says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
key=programs/settlement/localnet-keypair.json
[ -f $key ] || exit 0
for d in target/deploy "${CARGO_TARGET_DIR:-target}/deploy"; do
  if ! cmp -s $key "$d/settlement-keypair.json"; then
    mkdir -p "$d"
    install -m 600 $key "$d/settlement-keypair.json"
  fi
done
