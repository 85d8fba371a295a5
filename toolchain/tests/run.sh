#!/bin/bash
# run.sh [NAME...]: runs the tests of the scripts and of williw-localnet's command line, all or the named ones. After env.sh.
# Needs the built program. Takes a few seconds. The output has the format of cargo's test harness.
# WILLIW_LOCALNET is the localnet's command, TEST_TIMEOUT the number of seconds after which waiting fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
LOCALNET=${WILLIW_LOCALNET:-williw-localnet}
TIMEOUT=${TEST_TIMEOUT:-5}
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT

fail() { echo "$*" >&2; return 1; }
expect() { # expect STATUS TEXT COMMAND...: the command exits with the status, and its output contains the text
  local status=0 output
  output=$("${@:3}" 2>&1) || status=$?
  [ "$status" = "$1" ] || fail "expected exit code $1, got $status from: ${*:3}: $output"
  [[ $output == *"$2"* ]] || fail "expected '$2' from: ${*:3}: $output"
}
# until_true COMMAND...: repeats the command until it succeeds, for some seconds
until_true() { local i; for ((i = 0; i < 50 * TIMEOUT; i++)); do if "$@" 2>/dev/null; then return 0; fi; sleep 0.02; done; fail "timed out: $*"; }
gone() { ! kill -0 "$1"; }
rpc() { # rpc URL METHOD [PARAMS]: prints the HTTP response; does not need curl
  local body="{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$2\",\"params\":${3:-[]}}"
  exec 3<> "/dev/tcp/127.0.0.1/${1##*:}"
  printf 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' ${#body} "$body" >&3
  timeout 5 cat <&3
  exec 3>&-
}
url_in() { cut -d' ' -f2 "$1"; }

# ---- the localnet ---------------------------------------------------------------------------------------------
start_localnet() { # start_localnet NAME [ARG...]: sets PID and URL once the localnet is ready
  local self=$BASHPID   # differs inside the background job
  $LOCALNET --rpc-port 0 --ws-port 0 --exit-with-parent=$self --ready-file "$T/$1" "${@:2}" > "$T/$1.out" 2> "$T/$1.err" &
  PID=$!
  until_true test -f "$T/$1" || { cat "$T/$1.err" >&2; return 1; }
  URL=$(url_in "$T/$1")
}

a_ready_localnet_responds() {
  start_localnet ready
  cmp "$T/ready" "$T/ready.out" || fail "stdout and the ready file differ"
  [[ $(rpc "$URL" getHealth) == *'"ok"'* ]] || fail "not healthy"
  kill $PID; wait $PID
}
a_localnet_stops_within_a_second_on_either_signal() {
  local signal killer
  for signal in INT TERM; do
    # without job control, bash starts background jobs with SIGINT ignored
    env --default-signal=INT $LOCALNET --rpc-port 0 --ws-port 0 --ready-file "$T/stop-$signal" > /dev/null &
    PID=$!
    until_true test -f "$T/stop-$signal"
    ( sleep 1; kill -KILL $PID ) 2>/dev/null &
    killer=$!
    kill -$signal $PID
    wait $PID || fail "exit code $? on SIG$signal (137: still running after a second)"
    kill $killer
  done
}
a_localnet_stops_with_its_parent_process() {
  bash -c '"$2" --rpc-port 0 --ws-port 0 --exit-with-parent --ready-file "$1" > /dev/null & echo $! > "$1.pid"; wait' _ "$T/orphan" "$LOCALNET" &
  local parent=$!
  until_true test -f "$T/orphan"
  kill -KILL $parent; wait $parent 2>/dev/null || true
  until_true gone "$(cat "$T/orphan.pid")"
}
a_localnet_whose_parent_has_already_ended_stops() {
  timeout 5 $LOCALNET --rpc-port 0 --ws-port 0 --exit-with-parent=1 > /dev/null || fail "exit code $?"
}
two_localnets_run_side_by_side() {
  start_localnet one; local first=$PID url=$URL
  start_localnet two
  [ "$url" != "$URL" ] || fail "both listen at $URL"
  [[ $(rpc "$url" getHealth)$(rpc "$URL" getHealth) == *'"ok"'*'"ok"'* ]] || fail "not both healthy"
  kill $first $PID; wait $first $PID
}
a_localnet_reports_the_port_that_is_in_use() {
  start_localnet taken
  expect 3 "--rpc-port" $LOCALNET --rpc-port "${URL##*:}" --ws-port 0
  expect 3 "port ${URL##*:} is already in use" $LOCALNET --rpc-port 0 --ws-port "${URL##*:}"
  kill $PID; wait $PID
}
a_localnet_rejects_invalid_programs_and_airdrops() {
  local id=7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw
  printf '\x7fELF and nothing more' > "$T/broken.so"; echo text > "$T/text.so"
  local -a start=("$LOCALNET" --rpc-port 0 --ws-port 0)
  expect 2 "cannot read program" "${start[@]}" --program $id="$T/missing.so"
  expect 2 "not an ELF file" "${start[@]}" --program $id="$T/text.so"
  expect 2 "was rejected as program" "${start[@]}" --program $id="$T/broken.so"
  expect 2 "is not a valid address" "${start[@]}" --program nonsense="$T/broken.so"
  expect 1 "rent-exempt" "${start[@]}" --airdrop $id=1
}
an_airdrop_on_the_command_line_is_credited() {
  local id=7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw
  start_localnet airdrop --airdrop $id=123456789
  local answer; answer=$(rpc "$URL" getBalance "[\"$id\",{\"commitment\":\"processed\"}]")
  [[ $answer == *123456789* ]] || fail "$answer"
  kill $PID; wait $PID
}

# ---- the scripts ----------------------------------------------------------------------------------------------
a_port_in_use_is_reported_with_its_variable() {
  start_localnet ports
  expect 1 "make run API_PORT=" ./check-ports.sh API_PORT="${URL##*:}"
  expect 1 "API_PORT=x is not a valid port" ./check-ports.sh API_PORT=x
  expect 1 "used twice" ./check-ports.sh RPC_PORT=65000 WS_PORT=65000
  kill $PID; wait $PID
}
results_are_added_up_and_a_suite_without_tests_fails() {
  local ok='test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s'
  local none='test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s'
  local bad='test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s'
  local unit='     Running unittests src/lib.rs (target/debug/deps/a-0)' file='     Running tests/b.rs (target/debug/deps/b-0)'
  expect 0 "6 passed, 0 failed, 2 skipped" awk -v status=0 -f count.awk <<< "$unit"$'\n'"$ok"$'\n'"$file"$'\n'"$ok"
  expect 0 "3 passed, 0 failed, 1 skipped" awk -v status=0 -f count.awk <<< "$unit"$'\n'"$none"$'\n'"$file"$'\n'"$ok"
  expect 1 "1 passed, 2 failed, 0 skipped" awk -v status=101 -f count.awk <<< "$file"$'\n'"$bad"
  expect 1 "tests/b.rs ran no test" awk -v status=0 -f count.awk <<< "$unit"$'\n'"$ok"$'\n'"$file"$'\n'"$none"
  expect 1 "tests/b.rs exited without a result" awk -v status=101 -f count.awk <<< "$unit"$'\n'"$ok"$'\n'"$file"
  expect 1 "the test run exited with code 101" awk -v status=101 -f count.awk <<< "$unit"$'\n'"$ok"
  expect 1 "no test ran" awk -v status=0 -f count.awk <<< ""
}
the_hash_of_a_program_ignores_trailing_zeros() {
  local so=${WILLIW_PROGRAM_SO:-${CARGO_TARGET_DIR:-../target}/deploy/settlement.so} hash
  hash=$(./program-hash.py "$so")
  [ "$hash" = "$(sha256sum < "$so" | cut -d' ' -f1)" ] || [ "$(tail -c1 "$so" | od -An -tx1)" = " 00" ] || fail "not the SHA-256: $hash"
  { cat "$so"; head -c 1000 /dev/zero; } > "$T/padded.so"
  [ "$(./program-hash.py "$T/padded.so")" = "$hash" ] || fail "padding changes the hash"
  echo text > "$T/no.so"
  expect 1 "is not an ELF file" ./program-hash.py "$T/no.so"
}
a_deployed_program_has_the_hash_of_its_file() {
  local so=${WILLIW_PROGRAM_SO:-${CARGO_TARGET_DIR:-../target}/deploy/settlement.so}
  local id=7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw
  start_localnet hash --program "$id=$so"
  expect 0 "$(./program-hash.py "$so")" ./program-hash.py --url "$URL" $id
  expect 1 "is not a program" ./program-hash.py --url "$URL" SysvarC1ock11111111111111111111111111111111
  expect 1 "does not exist" ./program-hash.py --url "$URL" 4Nd1mYwAMkQyzNpYTjFmnSQHRmxSC4WvuWbDW2J1LBdC
  kill $PID; wait $PID
}
the_comparison_of_compilers_is_skipped_without_anzas_tools() {
  expect 0 "skipped: Anza's" env HOME="$T" WILLIW_CACHE="$T/cache" ./test-official.sh
}
a_finished_setup_has_nothing_to_do() {
  expect 0 "nothing to do" ./setup.sh
}
a_missing_tool_is_reported_before_anything_starts() {
  mkdir -p "$T/bin"; local c
  for c in bash dirname cat grep paste tr printf sed sort head mkdir; do ln -sf "$(command -v $c)" "$T/bin/$c"; done
  expect 1 "missing on PATH: a C compiler 'cc'" env PATH="$T/bin" WILLIW_CACHE="$T/cache" bash ./setup.sh
  expect 1 "must not contain spaces" env WILLIW_CACHE="$T/a b" bash ./setup.sh
  expect 2 "unknown argument" ./setup.sh --nonsense
}
# mutants_of SOURCE FILE: the mutants that mutants.py adds to those of cargo-mutants, as "WHAT: RESULTING SOURCE" in one line
mutants_of() {
  python3 -B -c 'import sys; sys.path.insert(0, "."); from mutants import own_mutants
for m in own_mutants(sys.argv[2], sys.argv[1]):
    print(m.what + ": " + " ".join((sys.argv[1][:m.start] + m.replacement + sys.argv[1][m.end:]).split()))' "$@"
}
expect_mutants() { # expect_mutants SOURCE LINE...
  local found; found=$(mutants_of "$1" a.rs)
  [ "$found" = "$(printf '%s\n' "${@:2}")" ] || fail "mutants of: $1"$'\n'"$found"
}
a_mutant_deletes_one_statement_outside_of_tests() {
  expect_mutants 'fn f() { g(X { a: 1 })?; let b = [c(); 2]; x.y += 1; }' \
    'delete statement g(X { a: 1 })? in f: fn f() { (); let b = [c(); 2]; x.y += 1; }' \
    'delete statement x.y += 1 in f: fn f() { g(X { a: 1 })?; let b = [c(); 2]; (); }'
  expect_mutants 'fn f() { "a; b;" /* c(); */ } // d();' ''
  expect_mutants $'fn f() {}\n#[cfg(test)]\nmod tests { fn g() { h(); } }' ''
}
a_mutant_deletes_one_constraint_of_an_account_or_one_signature() {
  expect_mutants 'struct S { #[account(mut, has_one = a @ E, seeds = [b, c], bump)] pub d: D, pub e: Signer<'"'info"'>, }' \
    "delete constraint has_one = a @ E of d in S: struct S { #[account(mut, seeds = [b, c], bump)] pub d: D, pub e: Signer<'info>, }" \
    "delete constraint seeds of d in S: struct S { #[account(mut, has_one = a @ E, )] pub d: D, pub e: Signer<'info>, }" \
    "don't require the signature of e in S: struct S { #[account(mut, has_one = a @ E, seeds = [b, c], bump)] pub d: D, pub e: UncheckedAccount<'info>, }"
  expect_mutants 'struct S { #[account(init, seeds = [b], bump)] pub d: D }' ''
}

passed=0 failed=()
[ $# -gt 0 ] || mapfile -t tests < <(sed -n 's/^\([a-z_]*\)() {$/\1/p' tests/run.sh | grep -vxE 'expect|rpc|start_localnet|mutants_of')
[ $# = 0 ] || tests=("$@")
echo "     Running tests/run.sh (toolchain)"
echo; echo "running ${#tests[@]} tests"
for t in "${tests[@]}"; do
  status=0
  # in a subshell, because errexit has no effect inside a condition
  set +e; ( set -e; trap - EXIT; "$t" ) > "$T/log" 2>&1; status=$?; set -e
  if [ $status = 0 ]; then passed=$((passed + 1)); echo "test $t ... ok"
  else failed+=("$t"); echo "test $t ... FAILED"; sed 's/^/    /' "$T/log"; fi
done
echo
if [ ${#failed[@]} = 0 ]; then word=ok; else word=FAILED; fi
echo "test result: $word. $passed passed; ${#failed[@]} failed; 0 ignored; 0 measured; 0 filtered out; finished in $SECONDS.00s"
echo
[ ${#failed[@]} = 0 ]
