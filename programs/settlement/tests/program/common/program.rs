//! Locates the built program.

use std::path::PathBuf;

/// The program's bytes: `$WILLIW_PROGRAM_SO`, or `deploy/settlement.so` in the target directory.
pub(crate) fn bytes() -> Vec<u8> {
    let path = path();
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "cannot read the built program at {}: {error}. Build it with `make program`, or set \
             WILLIW_PROGRAM_SO to another file",
            path.display()
        )
    })
}

fn path() -> PathBuf {
    if let Some(file) = std::env::var_os("WILLIW_PROGRAM_SO") {
        return file.into();
    }
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"),
    };
    target.join("deploy/settlement.so")
}
