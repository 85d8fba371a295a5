# The localnets, built from crates.io with their own lockfiles (their dependency trees are not the workspace's).
localnet_files() { find "$TOOLCHAIN/$1" -path '*/target' -prune -o -type f \( -name '*.rs' -o -name 'Cargo.*' \) -print | LC_ALL=C sort; }
build_localnet() { # build_localnet DIR FOLDER COMMAND
  local v
  for v in "${VARS[@]}"; do case $v in OPENSSL_*) export "${v?}" ;; esac; done
  CARGO_TARGET_DIR=$BUILD/$2 cargo build -q --locked --manifest-path "$TOOLCHAIN/$2/Cargo.toml" || die "building toolchain/$2 failed"
  mkdir "$1/bin"; strip -o "$1/bin/$3" "$BUILD/$2/debug/$3"
}

localnet_present() { return 1; }
localnet_about() { echo "williw-localnet from crates.io (60 MB, about 4 min)"; }
localnet_inputs() { declare -f build_localnet; localnet_files localnet | xargs cat; }
localnet_make() { build_localnet "$1" localnet williw-localnet; }
localnet_use() { on_path williw-localnet "$1/bin/williw-localnet"; }

localnet_agave_present() { return 1; }
localnet_agave_about() { echo "williw-localnet-agave from crates.io (about 20 min)"; }
localnet_agave_inputs() { declare -f build_localnet; localnet_files localnet-agave | xargs cat; }
localnet_agave_make() { build_localnet "$1" localnet-agave williw-localnet-agave; }
localnet_agave_use() { on_path williw-localnet-agave "$1/bin/williw-localnet-agave"; }

# anchor test starts "surfpool".
surfpool_present() { have surfpool; }
surfpool_about() { echo "a surfpool command for anchor test"; }
surfpool_inputs() { cat "$TOOLCHAIN/localnet/surfpool"; }
surfpool_make() { install -D "$TOOLCHAIN/localnet/surfpool" "$1/bin/surfpool"; }
surfpool_use() { on_path surfpool "$1/bin/surfpool"; }
