#!/bin/bash
# test-agave.sh [CARGO ARG...]: runs the end-to-end payment tests on Agave's own validator, once with transaction format
# v1 active and once with it inactive, and tests the validator's command line. Prepares the validator first, which takes
# about 15 minutes the first time. Needs the program, the Worker and its static files: "make test-agave" builds them.
#
# AGAVE_TESTS selects other end-to-end tests, by the prefix of their names (default: "payment::").
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
toolchain/setup.sh --with localnet-agave
. toolchain/env.sh
# The feature gate of transaction format v1.
V1_FEATURE=txv1aq4pp281K9um3tnPgkfX8UqtFT6wcVW3hNezGLL
# Blocks are produced in real time: too many tests at once delay each other beyond their deadlines.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-2}
export WILLIW_LOCALNET=williw-localnet-agave
log=$(mktemp); trap 'rm -f "$log"' EXIT

run_tests() { # run_tests WHAT LOCALNET_ARGUMENTS [CARGO ARG...]
  echo "test-agave: $1"
  # shellcheck disable=SC2086 # a list of names
  WILLIW_LOCALNET_ARGS=$2 cargo test -p williw-tests --test end_to_end --no-fail-fast "${@:3}" -- ${AGAVE_TESTS:-payment::}
}

cargo build -q "$@" -p williw-relay --bin williw-relay
so=${CARGO_TARGET_DIR:-target}/deploy/settlement.so
set +e
{
  TEST_TIMEOUT=60 WILLIW_PROGRAM_SO=$(realpath "$so") toolchain/tests/run.sh a_ready_localnet_responds \
    a_localnet_stops_with_its_parent_process two_localnets_run_side_by_side a_localnet_reports_the_port_that_is_in_use \
    an_airdrop_on_the_command_line_is_credited a_deployed_program_has_the_hash_of_its_file; command_line=$?
  run_tests "transaction format v1 active" "" "$@"; with_v1=$?
  run_tests "transaction format v1 inactive" "--deactivate-feature $V1_FEATURE" "$@"; without_v1=$?
  exit $((with_v1 ? with_v1 : without_v1 ? without_v1 : command_line))
} 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
set -e
awk -v status="$status" -f toolchain/count.awk "$log"
