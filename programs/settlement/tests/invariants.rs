//! Checks docs/INVARIANTS.md: every invariant has a unique id and an RFC 2119 keyword, and cites tests
//! that exist. The tests that docs/THREATS.md cites must exist as well.
//!
//! An invariant is a list item. Indented lines continue it.
//!
//! ```text
//! - **P-SOL-1** A node's pending lamports MUST be held in its own wallet account.
//!   Tests: P, `credit::a_resent_batch_pays_nothing`, `relay/tests/engine/crashes.rs::a_crash_pays_once`
//! ```
//!
//! A cited test is the name of a kind of whole-program test (`P`, `F` or `R`, which the page defines in
//! list items of their own), the module and function of a test below `programs/settlement/tests`, or
//! the path of any source file in the repository and a function in it.

use std::path::Path;

const PAGE: &str = include_str!("../../../docs/INVARIANTS.md");

/// The kinds of whole-program tests.
const KINDS: [&str; 3] = ["P", "F", "R"];

/// The keywords of RFC 2119 that make a requirement.
const KEYWORDS: [&str; 7] = ["MUST", "REQUIRED", "SHALL", "SHOULD", "RECOMMENDED", "MAY", "OPTIONAL"];

/// A list item of the page that begins with a bold name.
struct Item<'a> {
    name: &'a str,
    text: String,
}

fn items(page: &str) -> Vec<Item<'_>> {
    let mut items: Vec<Item<'_>> = vec![];
    let mut is_inside = false;
    for line in page.lines() {
        if let Some((name, text)) = line.strip_prefix("- **").and_then(|rest| rest.split_once("**")) {
            items.push(Item { name, text: text.to_owned() });
            is_inside = true;
        } else if is_inside && line.starts_with("  ") {
            if let Some(item) = items.last_mut() {
                item.text += " ";
                item.text += line.trim();
            }
        } else {
            is_inside = false;
        }
    }
    items
}

/// Whether an id matches `[A-Z]+-[A-Z]+-[0-9]+`.
fn is_id(name: &str) -> bool {
    let is_made_of = |part: &str, is_valid: fn(&char) -> bool| !part.is_empty() && part.chars().all(|c| is_valid(&c));
    match name.split('-').collect::<Vec<_>>()[..] {
        [layer, topic, number] => {
            is_made_of(layer, |c| c.is_ascii_uppercase())
                && is_made_of(topic, |c| c.is_ascii_uppercase())
                && is_made_of(number, |c| c.is_ascii_digit())
        }
        _ => false,
    }
}

/// The test paths in a text: everything in backticks that contains `::`.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|path| path.contains("::"))
}

/// Everything that is wrong with a page. `exists` says whether there is a test at a path.
fn problems(page: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut problems = vec![];
    let mut seen = vec![];
    for Item { name, text } in items(page) {
        let missing = paths(&text).filter(|path| !exists(path));
        problems.extend(missing.map(|path| format!("{name}: the test {path} does not exist")));
        if KINDS.contains(&name) {
            continue;
        }
        if !is_id(name) {
            problems.push(format!("{name}: the id is invalid"));
        }
        if seen.contains(&name) {
            problems.push(format!("{name}: the id is not unique"));
        }
        seen.push(name);
        let (requirement, tests) = text.split_once("Tests: ").unwrap_or((&text, ""));
        if !requirement.split(|c: char| !c.is_alphanumeric()).any(|word| KEYWORDS.contains(&word)) {
            problems.push(format!("{name}: there is no RFC 2119 keyword"));
        }
        if tests.is_empty() {
            problems.push(format!("{name}: no test is cited"));
            continue;
        }
        for test in tests.split(',').map(str::trim) {
            let in_backticks = test.strip_prefix('`').and_then(|test| test.strip_suffix('`'));
            let is_path = in_backticks.is_some_and(|path| path.contains("::"));
            if !is_path && !KINDS.contains(&in_backticks.unwrap_or(test)) {
                problems.push(format!("{name}: {test:?} is not a test"));
            }
        }
    }
    problems
}

/// Whether there is a test with this path.
fn is_test(path: &str) -> bool {
    let Some((file, function)) = path.rsplit_once("::") else { return false };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    if file.ends_with(".rs") {
        let file = tests.join("../../..").join(file);
        return std::fs::read_to_string(file).is_ok_and(|source| source.contains(&format!("fn {function}(")));
    }
    let module = file.replace("::", "/");
    let places = ["program/MODULE.rs", "program/MODULE/mod.rs", "MODULE.rs", "MODULE/main.rs"];
    places.iter().any(|place| {
        let source = std::fs::read_to_string(tests.join(place.replace("MODULE", &module))).unwrap_or_default();
        let head = format!("fn {function}() {{");
        source.split("#[test]").skip(1).any(|test| test.trim_start().starts_with(&head))
    })
}

#[test]
fn every_invariant_has_an_id_a_keyword_and_existing_tests() {
    let invariants = items(PAGE).into_iter().filter(|item| is_id(item.name)).count();
    assert!(invariants > 40, "docs/INVARIANTS.md has only {invariants} invariants in the expected format");
    let problems = problems(PAGE, is_test);
    assert!(problems.is_empty(), "docs/INVARIANTS.md: {problems:#?}");
}

#[test]
fn every_test_that_the_threats_cite_exists() {
    let threats = include_str!("../../../docs/THREATS.md");
    let cited: Vec<_> = paths(threats).collect();
    assert!(cited.len() > 30, "docs/THREATS.md cites only {} tests in the expected format", cited.len());
    let missing: Vec<_> = cited.into_iter().filter(|path| !is_test(path)).collect();
    assert!(missing.is_empty(), "docs/THREATS.md cites tests that do not exist: {missing:#?}");
}

#[test]
fn a_valid_page_has_no_problems() {
    let page = "\
# Invariants

- **P** is `property::random_sequences`: random sequences
  of every instruction.
- A list item that is not an invariant, MUST or not.

- **P-SOL-1** A node's lamports MUST be held
  in its account.
  Tests: P, `F`, `credit::a_resent_batch_pays_nothing`,
  `relay/tests/engine/crashes.rs::a_crash_pays_once`
- **R-CRASH-12** A crash MUST NOT pay twice. Tests: `rules::exact`

This paragraph is not part of an invariant: `no::test`.
";
    assert_eq!(problems(page, |path| path != "no::test"), [""; 0]);
    let names: Vec<_> = items(page).iter().map(|item| item.name).collect();
    assert_eq!(names, ["P", "P-SOL-1", "R-CRASH-12"]);
}

#[test]
fn every_kind_of_problem_is_reported() {
    let page = "\
- **P-SOL-1** Lamports MUST stay.
  Tests: `a::b`
- **P-SOL-1** Lamports SHALL NOT leave.
  Tests: F
- **P-SOL-2** Lamports MUST stay.
- **P-SOL-3** Lamports must stay, mUST and MUSTER.
  Tests: R
- **L-12** Rows MUST stay.
  Tests: P
- **L-ROW-1** Rows MUST stay.
  Tests: `gone::test`, Q, `a_test_without_a_module`
- **P** is `gone::property`.
";
    let expected = [
        "P-SOL-1: the id is not unique",
        "P-SOL-2: no test is cited",
        "P-SOL-3: there is no RFC 2119 keyword",
        "L-12: the id is invalid",
        "L-ROW-1: the test gone::test does not exist",
        "L-ROW-1: \"Q\" is not a test",
        "L-ROW-1: \"`a_test_without_a_module`\" is not a test",
        "P: the test gone::property does not exist",
    ];
    assert_eq!(problems(page, |path| !path.starts_with("gone")), expected);
}

#[test]
fn ids_have_a_layer_a_topic_and_a_number() {
    for id in ["P-SOL-1", "R-CRASH-12", "L-X-0"] {
        assert!(is_id(id), "{id}");
    }
    for id in ["", "P", "P-1", "P-SOL", "P-SOL-", "-SOL-1", "P--1", "p-SOL-1", "P-SoL-1", "P-SOL-1a", "P-SOL-1-2"] {
        assert!(!is_id(id), "{id}");
    }
}

#[test]
fn tests_are_found_in_modules_targets_and_files() {
    for path in [
        "credit::a_resent_batch_pays_nothing",
        "tokens::fees::a_withdrawal_counts_gross_and_pays_net",
        "costs::no_payment_costs_more_than_documented",
        "invariants::tests_are_found_in_modules_targets_and_files",
        "programs/settlement/tests/program/credit.rs::a_resent_batch_pays_nothing",
    ] {
        assert!(is_test(path), "{path}");
    }
    for path in [
        "credit::no_such_test",
        "no_such_module::a_resent_batch_pays_nothing",
        "credit::credited",
        "a_resent_batch_pays_nothing",
        "programs/settlement/tests/program/credit.rs::no_such_test",
        "no/such/file.rs::a_resent_batch_pays_nothing",
    ] {
        assert!(!is_test(path), "{path}");
    }
}
