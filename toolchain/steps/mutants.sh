# cargo-mutants, which lists the mutants that mutants.py tests. Only with --with cargo-mutants.
cargo_mutants_present() { have_tool cargo-mutants "$CARGO_MUTANTS"; }
cargo_mutants_about() { echo "cargo-mutants $CARGO_MUTANTS from crates.io (about 1 min)"; }
cargo_mutants_inputs() { echo "$CARGO_MUTANTS"; declare -f cargo_tool; }
cargo_mutants_make() { cargo_tool "$1" cargo-mutants cargo-mutants "$CARGO_MUTANTS"; }
cargo_mutants_use() { on_path cargo-mutants "$1/bin/cargo-mutants"; }
