//! docs/INVARIANTS.md names tests that exist, for every invariant at least one.

use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../../docs/INVARIANTS.md");

/// What the page's short names for the tests across the program stand for; those of `rules` are
/// named one by one.
const SHORT: [&str; 2] = ["P", "F"];

/// A numbered paragraph of the page.
struct Invariant {
    number: usize,
    text: String,
}

fn invariants() -> Vec<Invariant> {
    let mut found: Vec<Invariant> = vec![];
    for line in PAGE.lines() {
        let numbered = line.split_once(". ").and_then(|(number, _)| number.parse().ok());
        match (numbered, found.last_mut()) {
            (Some(number), _) => found.push(Invariant { number, text: line.to_owned() }),
            (None, Some(last)) if line.starts_with("  ") => last.text += &format!("\n{line}"),
            _ => {}
        }
    }
    found
}

/// Names of tests in a text: what stands between backticks and has a module in front.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|name| name.contains("::"))
}

/// Where the tests of a module may be.
fn files(module: &str) -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let path = module.replace("::", "/");
    ["program/PATH.rs", "program/PATH/mod.rs", "PATH.rs", "PATH/main.rs"]
        .map(|place| tests.join(place.replace("PATH", &path)))
        .into_iter()
        .filter(|file| file.exists())
        .collect()
}

/// Whether a module has a test of this name, which runs.
fn is_test(name: &str) -> bool {
    let (module, function) = name.rsplit_once("::").expect("a module and a function");
    files(module).iter().any(|file| {
        let source = std::fs::read_to_string(file).expect("a source file");
        let head = format!("fn {function}() {{");
        source.split("#[test]").skip(1).any(|test| test.trim_start().starts_with(&head))
    })
}

#[test]
fn the_invariants_are_numbered_one_after_the_other_and_each_says_must() {
    let found = invariants();
    assert!(found.len() > 40, "the page reads as {} invariants", found.len());
    for (i, invariant) in found.iter().enumerate() {
        assert_eq!(invariant.number, i + 1);
        assert!(invariant.text.contains("MUST"), "{}", invariant.text);
    }
}

#[test]
fn every_invariant_is_held_by_tests_that_exist() {
    for invariant in invariants() {
        let short = invariant.text.lines().skip(1).flat_map(|line| line.split([',', ' ']));
        let held = short.filter(|name| SHORT.contains(name)).count() + names(&invariant.text).count();
        assert!(held > 0, "invariant {} is held by no test", invariant.number);
    }
    let missing: Vec<_> = names(PAGE).filter(|name| !is_test(name)).collect();
    assert!(missing.is_empty(), "docs/INVARIANTS.md names tests that there are not: {missing:#?}");
}
