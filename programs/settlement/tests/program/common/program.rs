//! Where the built program is.

use std::path::PathBuf;

/// The program's bytes: `$WILLIW_PROGRAM_SO`, or `deploy/settlement.so` in the target directory.
pub fn bytes() -> Vec<u8> {
    let path = path();
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "can't read the built program at {}: {error}. Build it with `make program`, or name \
             another file in WILLIW_PROGRAM_SO",
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
