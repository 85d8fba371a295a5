#!/bin/bash
# miri.sh [TEST ARG...]: runs the test fast_path_input in Miri, which detects undefined behavior in the fast path's unsafe
# code, with fewer inputs than an ordinary run. After env.sh. Needs a nightly toolchain (MIRI_TOOLCHAIN, by default
# "nightly") with the components miri and rust-src; without them it prints a message and is skipped. The output has the
# format of cargo's test harness, so that count.awk can add up the results.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
toolchain=${MIRI_TOOLCHAIN:-nightly}

result() { # result WORD PASSED FAILED IGNORED
  printf 'test miri_fast_path ... %s\n\ntest result: %s. %d passed; %d failed; %d ignored; 0 measured; 0 filtered out\n' \
    "$1" "$([ "$3" = 0 ] && echo ok || echo FAILED)" "$2" "$3" "$4"
}
skip() { # skip REASON
  printf '\nrunning 1 test\n'
  result "ignored, $1" 0 0 1
  exit 0
}

# rustup must not install anything here.
export RUSTUP_AUTO_INSTALL=0
cargo=$(rustup which --toolchain "$toolchain" cargo 2>/dev/null) || skip "there is no toolchain '$toolchain' (MIRI_TOOLCHAIN)"
# Its own cargo and rustc, not the ones that env.sh puts on PATH.
export PATH=${cargo%/*}:$PATH RUSTUP_TOOLCHAIN=$toolchain
[ -x "${cargo%/*}/cargo-miri" ] || skip "the toolchain '$toolchain' has no component miri"
[ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ] || [ -n "${MIRI_LIB_SRC:-}" ] \
  || skip "the toolchain '$toolchain' has no component rust-src"

echo "miri: the first run builds a standard library and the test's dependencies"
# The test reads the fuzz corpus, which Miri's isolation would prevent. --no-default-features: without the entrypoint.
export MIRIFLAGS="${MIRIFLAGS:-} -Zmiri-disable-isolation"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/miri
if cargo miri test -q --locked -p settlement --no-default-features --features no-entrypoint \
  --test fast_path_input -- "$@"; then
  exit 0
fi
# Also if nothing ran, because the build failed.
printf '\nrunning 1 test\n'
result FAILED 0 1 0
exit 1
