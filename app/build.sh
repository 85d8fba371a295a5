#!/bin/sh
# Puts the static files that the Worker serves into app/dist: the documentation page with its viewer.
set -eu
cd "$(dirname "$0")"

# The viewer, @scalar/api-reference's browser bundle (MIT), comes with the toolchain: it is too large for the repository.
if [ ! -f "${SCALAR_STANDALONE:-}" ]; then
  echo "app/build.sh: error: SCALAR_STANDALONE does not name @scalar/api-reference's dist/browser/standalone.js. Run toolchain/setup.sh, then: . toolchain/env.sh" >&2
  exit 1
fi

rm -rf dist.new
mkdir -p dist.new/docs
cp _headers dist.new/
cp docs/index.html docs/reference.js dist.new/docs/
# Without the last line's link to a source map that is not there.
sed '/^\/\/# sourceMappingURL=/d' "$SCALAR_STANDALONE" > dist.new/docs/scalar.js
rm -rf dist
mv dist.new dist
