#!/bin/bash
# Copies the program's committed localnet keypair to where cargo-build-sbf and anchor look for it. Otherwise they would
# generate a random one, which does not match declare_id!. Anchor always uses target/, regardless of CARGO_TARGET_DIR.
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
