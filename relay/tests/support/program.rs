//! The program that the tests load into LiteSVM.

use std::path::PathBuf;

/// The program's file: `$WILLIW_PROGRAM_SO`, or `deploy/settlement.so` in the target directory. Panics if it is missing.
pub(crate) fn program_file() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")), PathBuf::from);
    let file = std::env::var_os("WILLIW_PROGRAM_SO").map_or_else(|| target.join("deploy/settlement.so"), PathBuf::from);
    assert!(file.exists(), "{} is missing: run `make program`", file.display());
    file
}
