#!/bin/bash
# build-worker.sh [CARGO ARG...]: the Worker, worker/build, and its static files, app/dist. After env.sh.
# wasm-bindgen, wasm-opt and esbuild only run when the module that cargo made, or one of them, has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}; case $target in /*) ;; *) target=$PWD/$target ;; esac
export CARGO_TARGET_DIR=$target
wasm=$target/wasm32-unknown-unknown/release/williw_worker.wasm
out=worker/build

# cargo does not notice another std: what was built with it has to go.
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
# WASM_BINDGEN_USE_JS_SYS is set by worker-build too: without it here, its own cargo build would start again.
( cd worker && WASM_BINDGEN_USE_JS_SYS=1 cargo build -q --lib --release --target wasm32-unknown-unknown "$@" )
fingerprint=$( { cat "$wasm"; cat toolchain/versions.sh toolchain/node/{esbuild,binaryen}/package-lock.json; } | sha256sum | cut -d' ' -f1)
if [ -f $out/index_bg.wasm ] && [ "$(cat $out/.fingerprint 2>/dev/null || true)" = "$fingerprint" ]; then
  echo "worker: $out is current"
  exit 0
fi
rm -f $out/.fingerprint
echo "worker: worker-build (wasm-bindgen, wasm-opt, esbuild)"
( cd worker && worker-build --release . "$@" )
echo "$fingerprint" > $out/.fingerprint
echo "worker: $out, $(wc -c < $out/index_bg.wasm) bytes, $(gzip -9c $out/index_bg.wasm | wc -c) gzipped"
