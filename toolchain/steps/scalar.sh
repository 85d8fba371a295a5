# The viewer of the API documentation page: one file of @scalar/api-reference. The lockfile deliberately omits its 180
# dependencies, because that file already bundles them.
scalar_present() { false; }
scalar_about() { echo "the viewer of the API documentation page (10 MB, about 4 s)"; }
scalar_inputs() { cat "$TOOLCHAIN/node/scalar/package-lock.json"; declare -f scalar_make; }
scalar_make() {
  npm_make scalar "$1"
  mv "$1/node_modules/@scalar/api-reference/dist/browser/standalone.js" "$1/"
  rm -rf "$1/node_modules"
}
scalar_use() { export_var SCALAR_STANDALONE "$1/standalone.js"; }
