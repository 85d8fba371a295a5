#!/bin/sh
# Builds the static files that the Worker serves, app/dist: the API documentation page and its viewer.
set -eu
cd "$(dirname "$0")"

# The viewer is the browser bundle of @scalar/api-reference (MIT). It is installed by the toolchain, because it is too
# large for the repository.
if [ ! -f "${SCALAR_STANDALONE:-}" ]; then
  echo "app/build.sh: error: SCALAR_STANDALONE must be the path of dist/browser/standalone.js of @scalar/api-reference. Run toolchain/setup.sh, then: . toolchain/env.sh" >&2
  exit 1
fi

rm -rf dist.new
mkdir -p dist.new/docs
cp _headers dist.new/
cp docs/index.html docs/reference.js dist.new/docs/
# Remove the reference to a source map, which is not served.
sed '/^\/\/# sourceMappingURL=/d' "$SCALAR_STANDALONE" > dist.new/docs/scalar.js
rm -rf dist
mv dist.new dist
