#!/bin/bash
# deny.sh [--full]: checks the licenses and sources of all dependencies against deny.toml, for the workspace and for every
# crate with its own lockfile. --full also checks localnet-agave and the RustSec advisories, which needs the network.
# After env.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
full=
case ${1:-} in
  '') ;;
  --full) full=1 ;;
  *) echo "usage: toolchain/deny.sh [--full]" >&2; exit 2 ;;
esac
if ! command -v cargo-deny >/dev/null; then
  echo "deny: skipped: cargo-deny is not installed, so licenses, sources and bans were not checked"
  exit 0
fi

status=0
log=$(mktemp); trap 'rm -f "$log"' EXIT
deny() { # deny CARGO_TOML CHECK... [-- OPTION...]: quiet unless it fails
  local manifest=$1 checks=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do checks+=("$1"); shift; done
  shift $(($# ? 1 : 0))
  if cargo-deny --config deny.toml --manifest-path "$manifest" --locked "$@" check "${checks[@]}" > "$log" 2>&1; then
    echo "deny: $manifest: ${checks[*]}: ok"
  else
    cat "$log"
    echo "deny: error: $manifest: ${checks[*]}: failed, see above" >&2
    status=1
  fi
}

manifests=(Cargo.toml programs/settlement/fuzz/Cargo.toml toolchain/{localnet,localnet-common,sbf/rt}/Cargo.toml)
if [ -n "$full" ]; then
  manifests+=(toolchain/localnet-agave/Cargo.toml)
  cargo fetch -q --locked --manifest-path toolchain/localnet-agave/Cargo.toml
fi
deny Cargo.toml bans -- --offline
for manifest in "${manifests[@]}"; do deny "$manifest" licenses sources -- --offline; done

if [ -z "$full" ]; then
  echo "deny: advisories were not checked: 'toolchain/deny.sh --full' does, with the current RustSec database"
elif ! cargo-deny --config deny.toml --locked fetch db > "$log" 2>&1; then
  tail -n 3 "$log"
  echo "deny: advisories skipped: the RustSec database could not be downloaded"
else
  # Not for the localnets: surfpool and Agave choose their dependencies, and both only run locally, in tests.
  for manifest in "${manifests[@]}"; do
    case $manifest in
      toolchain/localnet/* | toolchain/localnet-agave/*) ;;
      *) deny "$manifest" advisories -- --offline ;;
    esac
  done
fi
exit $status
