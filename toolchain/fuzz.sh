#!/bin/bash
# fuzz.sh [SECONDS [LIBFUZZER ARG...]]: runs the fuzz target of the program's fast path under libFuzzer, by default for 30
# seconds. After env.sh. Needs a C++ compiler; without one it prints a message and is skipped. The test fast_path_input
# makes the same checks with seeded random numbers. Uses AddressSanitizer if the compiler has its runtime library. The
# output has the format of cargo's test harness, so that count.awk can add up the results. Inputs that fail are kept in
# programs/settlement/fuzz/artifacts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fuzz=programs/settlement/fuzz
seconds=${1:-30}
shift $(($# ? 1 : 0))

result() { # result WORD PASSED FAILED IGNORED
  printf 'test fuzz_fast_path ... %s\n\ntest result: %s. %d passed; %d failed; %d ignored; 0 measured; 0 filtered out\n' \
    "$1" "$([ "$3" = 0 ] && echo ok || echo FAILED)" "$2" "$3" "$4"
}
printf '\nrunning 1 test\n'
if ! command -v "${CXX:-c++}" >/dev/null; then
  result "ignored, libFuzzer needs a C++ compiler" 0 0 1
  exit 0
fi

# The flags that cargo-fuzz passes. With an explicit target, build scripts and macros are not instrumented.
host=$(rustc -vV | sed -n 's/^host: //p')
flags=(--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1)
for option in level=4 inline-8bit-counters pc-table trace-compares; do
  flags+=("-Cllvm-args=-sanitizer-coverage-$option")
done
target=${CARGO_TARGET_DIR:-target}/fuzz
build=(cargo build -q --locked --release --manifest-path "$fuzz/Cargo.toml" --bin fast_path --target "$host")
if compgen -G "$(rustc --print target-libdir --target "$host")/librustc-*_rt.asan.a" >/dev/null; then
  # The flag is unstable: the stable compiler accepts it with this variable only, which the program's crates don't read.
  echo "fuzz: with AddressSanitizer"
  flags+=(-Zsanitizer=address)
  build=(env RUSTC_BOOTSTRAP=1 "${build[@]}")
  target=$target-asan
else
  echo "fuzz: without AddressSanitizer, because the compiler has no runtime library for it"
fi
[ -x "$target/$host/release/fast_path" ] || echo "fuzz: the first build takes about two minutes"
if ! RUSTFLAGS="${flags[*]}" "${build[@]}" --target-dir "$target"; then
  result FAILED 0 1 0
  exit 1
fi

# New inputs go to a temporary corpus, so that the committed one doesn't change.
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
mkdir -p $fuzz/artifacts "$found/corpus"
if "$target/$host/release/fast_path" "$found/corpus" $fuzz/corpus/fast_path -max_total_time="$seconds" -max_len=6000 \
  -artifact_prefix=$fuzz/artifacts/ -print_final_stats=1 "$@" > "$found/log" 2>&1; then
  echo "fuzz: $(sed -n 's/^stat::number_of_executed_units: *//p' "$found/log") inputs in $seconds seconds"
  result ok 1 0 0
else
  tail -n 40 "$found/log"
  result FAILED 0 1 0
  exit 1
fi
