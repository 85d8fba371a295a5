#!/bin/bash
# test-official.sh [CARGO ARG...]: builds the program twice, with Anza's platform tools and with this project's toolchain,
# and runs the program's tests against each, to show that both behave alike. Skipped if Anza's tools are not installed.
#
# OFFICIAL_ARGS are the arguments of Anza's cargo-build-sbf (default: the pinned platform tools, sBPF v3).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. toolchain/lib.sh
. toolchain/versions.sh
. toolchain/steps/sbf.sh
# Anza's tools run "cargo +TOOLCHAIN", so they need rustup's cargo rather than the one that env.sh puts on PATH.
PATH=$(machine_path)
if ! official=$(real_sbf); then
  echo "test-official: skipped: Anza's cargo-build-sbf and its platform tools are not installed (https://docs.anza.xyz/cli/install)"
  exit 0
fi
target=${CARGO_TARGET_DIR:-$PWD/target}; case $target in /*) ;; *) target=$PWD/$target ;; esac
log=$(mktemp); trap 'rm -f "$log"' EXIT

# shellcheck disable=SC2086 # a list of arguments
CARGO_TARGET_DIR=$target/official "$official" ${OFFICIAL_ARGS:---tools-version $PLATFORM_TOOLS --arch v3} \
  --manifest-path programs/settlement/Cargo.toml --sbf-out-dir "$target/official/deploy" -- "$@"
WILLIW_SBF=own toolchain/setup.sh
. toolchain/env.sh
WILLIW_SBF=own CARGO_TARGET_DIR=$target/own toolchain/build-program.sh "$@"

set +e
status=0
for so in "$target/official/deploy/settlement.so" "$target/own/deploy/settlement.so"; do
  echo "test-official: $so, $(wc -c < "$so") bytes, hash $(toolchain/program-hash.py "$so")"
  WILLIW_PROGRAM_SO=$so cargo test -p settlement --no-fail-fast "$@" 2>&1 | tee -a "$log"
  [ "${PIPESTATUS[0]}" = 0 ] || status=1
done
set -e
awk -v status="$status" -f toolchain/count.awk "$log"
