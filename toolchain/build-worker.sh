#!/bin/bash
# build-worker.sh [CARGO ARG...]: builds the Worker, worker/build, and its static files, app/dist. After env.sh.
# wasm-bindgen, wasm-opt and esbuild only run if cargo's output or one of these tools has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}; case $target in /*) ;; *) target=$PWD/$target ;; esac
export CARGO_TARGET_DIR=$target
wasm=$target/wasm32-unknown-unknown/release/williw_worker.wasm
out=worker/build

# cargo does not notice that std has changed, so its output has to be removed.
std=$target/wasm32-unknown-unknown/std-id
if [ "$(cat "$std" 2>/dev/null || true)" != "${WILLIW_WASM_STD:-rustup}" ]; then
  rm -rf "$target/wasm32-unknown-unknown"
  mkdir -p "${std%/*}"; echo "${WILLIW_WASM_STD:-rustup}" > "$std"
fi

assets=$( { cat app/build.sh app/_headers app/docs/*; echo "$SCALAR_STANDALONE"; } | sha256sum | cut -d' ' -f1)
if [ ! -d app/dist ] || [ "$(cat $out/.assets 2>/dev/null || true)" != "$assets" ]; then
  echo "worker: static files, app/dist"
  app/build.sh
  mkdir -p $out; echo "$assets" > $out/.assets
fi

echo "worker: cargo build for wasm32"
# worker-build sets WASM_BINDGEN_USE_JS_SYS as well. If it differed here, worker-build would recompile everything.
( cd worker && WASM_BINDGEN_USE_JS_SYS=1 cargo build -q --lib --release --target wasm32-unknown-unknown "$@" )
fingerprint=$( { cat "$wasm"; cat toolchain/versions.sh toolchain/node/{esbuild,binaryen}/package-lock.json; } | sha256sum | cut -d' ' -f1)
if [ -f $out/index_bg.wasm ] && [ "$(cat $out/.fingerprint 2>/dev/null || true)" = "$fingerprint" ]; then
  echo "worker: $out is up to date"
  exit 0
fi
rm -f $out/.fingerprint
echo "worker: worker-build (wasm-bindgen, wasm-opt, esbuild)"
( cd worker && worker-build --release . "$@" )
echo "$fingerprint" > $out/.fingerprint
echo "worker: $out, $(wc -c < $out/index_bg.wasm) bytes, $(gzip -9c $out/index_bg.wasm | wc -c) gzipped"
