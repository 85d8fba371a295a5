//! How amounts, counts and paths are written in messages.

use std::path::{Component, Path, PathBuf};

/// An amount in SOL with all nine decimals.
pub(crate) fn sol(lamports: u64) -> String {
    const LAMPORTS_PER_SOL: u64 = 1_000_000_000;

    format!("{}.{:09} SOL", lamports / LAMPORTS_PER_SOL, lamports % LAMPORTS_PER_SOL)
}

/// A count with its noun, in the singular for 1.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A path with `directory/..` removed, for display.
pub(crate) fn display_path(path: &Path) -> String {
    let mut short = PathBuf::new();
    for component in path.components() {
        let parent = component == Component::ParentDir;
        if !(parent && matches!(short.components().next_back(), Some(Component::Normal(_))) && short.pop()) {
            short.push(component);
        }
    }
    short.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_counts_and_paths_are_readable() {
        assert_eq!(sol(1_000_005_000), "1.000005000 SOL");
        assert_eq!((plural(1, "byte"), plural(2, "byte")), ("1 byte".to_owned(), "2 bytes".to_owned()));
        for (path, shown) in [
            ("migrations/deploy/../../programs/idl.json", "programs/idl.json"),
            ("../../a/./b", "../../a/b"),
            ("/a/../../b", "/../b"),
        ] {
            assert_eq!(display_path(Path::new(path)), shown);
        }
    }
}
