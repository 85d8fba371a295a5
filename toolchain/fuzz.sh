#!/bin/bash
# fuzz.sh [SECONDS [LIBFUZZER ARG...]]: lets libFuzzer look for inputs that break a promise of the program's hot path,
# for 30 seconds unless told otherwise. After env.sh. Needs a C++ compiler, and is skipped with a message without one:
# the test hot_input tries the same with numbers from a seed. Prints in the form of cargo's test harness, so that the
# result can be summed. An input that failed is kept in programs/settlement/fuzz/artifacts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fuzz=programs/settlement/fuzz
seconds=${1:-30}
shift $(($# ? 1 : 0))

result() { # result WORD PASSED FAILED IGNORED
  printf 'test fuzz_hot ... %s\n\ntest result: %s. %d passed; %d failed; %d ignored; 0 measured; 0 filtered out\n' \
    "$1" "$([ "$3" = 0 ] && echo ok || echo FAILED)" "$2" "$3" "$4"
}
printf '\nrunning 1 test\n'
if ! command -v "${CXX:-c++}" >/dev/null; then
  result "ignored, fuzzing needs a C++ compiler for libFuzzer" 0 0 1
  exit 0
fi

# What cargo-fuzz passes, but for the address sanitizer, which the stable compiler lacks. A target is named, so that
# nothing that runs while building is instrumented.
host=$(rustc -vV | sed -n 's/^host: //p')
flags=(--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1)
for option in level=4 inline-8bit-counters pc-table trace-compares; do
  flags+=("-Cllvm-args=-sanitizer-coverage-$option")
done
target=${CARGO_TARGET_DIR:-target}/fuzz
[ -x "$target/$host/release/hot" ] || echo "fuzz: building it takes about two minutes"
if ! RUSTFLAGS="${flags[*]}" cargo build -q --locked --release --manifest-path $fuzz/Cargo.toml --bin hot \
  --target "$host" --target-dir "$target"; then
  result FAILED 0 1 0
  exit 1
fi

# What is found on the way is forgotten again: the committed corpus stays as it is.
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
mkdir -p $fuzz/artifacts "$found/corpus"
if "$target/$host/release/hot" "$found/corpus" $fuzz/corpus/hot -max_total_time="$seconds" -max_len=6000 \
  -artifact_prefix=$fuzz/artifacts/ -print_final_stats=1 "$@" > "$found/log" 2>&1; then
  echo "fuzz: $(sed -n 's/^stat::number_of_executed_units: *//p' "$found/log") inputs in $seconds seconds"
  result ok 1 0 0
else
  tail -n 40 "$found/log"
  result FAILED 0 1 0
  exit 1
fi
