//! The costs of payments: measured here, documented in docs/BENCHMARKS.md, and compared with the
//! documented figures.

mod measure;
mod page;

use std::fmt::Write as _;

use page::{Figure, Page, Table};

/// If set to 1, the measured costs are written to the page instead of compared with it.
const WRITE: &str = "WILLIW_WRITE_COSTS";
/// The increase in percent that is tolerated without updating the page.
const TOLERANCE_PERCENT: u64 = 5;

#[test]
fn no_payment_costs_more_than_documented() {
    let measured = measure::all();
    let mut page = Page::read();
    if std::env::var_os(WRITE).is_some_and(|value| value == "1") {
        page.write(&measured);
        return;
    }
    let differences = differences(&page.committed(), &measured);
    assert!(
        differences.is_empty(),
        "{differences}\nIf this is intended, update the page: {WRITE}=1 cargo test -p settlement --test program costs"
    );
}

/// One line for each figure that rose too much or that is missing on one side.
fn differences(committed: &[Table], measured: &[Table]) -> String {
    let mut lines = String::new();
    let find = |tables: &[Table], figure: &Figure| {
        let is_same = |it: &Figure| (&it.table, &it.row, &it.column) == (&figure.table, &figure.row, &figure.column);
        tables.iter().flat_map(Table::figures).find(is_same).map(|it| it.tenths)
    };
    for now in measured.iter().flat_map(Table::figures) {
        let Some(then) = find(committed, &now) else {
            let _ = writeln!(lines, "{now}: measured, but missing in {}", page::PATH);
            continue;
        };
        if now.tenths * 100 > then * (100 + TOLERANCE_PERCENT) {
            let more = (now.tenths - then) * 1_000 / then.max(1);
            let _ = writeln!(
                lines,
                "{now}: {} is {}% more than the {} in {}",
                page::tenths(now.tenths),
                page::tenths(more),
                page::tenths(then),
                page::PATH,
            );
        }
    }
    for then in committed.iter().flat_map(Table::figures) {
        if find(measured, &then).is_none() {
            let _ = writeln!(lines, "{then}: present in {}, but not measured", page::PATH);
        }
    }
    lines
}

#[test]
fn a_cost_may_rise_by_five_percent_and_no_more() {
    let table = |tenths| vec![Table::new("", &["what", "CU"], vec![("credit".into(), vec![Some(tenths)])])];
    assert_eq!(differences(&table(1_000), &table(1_050)), "");
    assert_eq!(differences(&table(1_000), &table(10)), "");
    let difference = differences(&table(1_000), &table(1_051));
    assert_eq!(difference, "what, credit, CU: 105.1 is 5.1% more than the 100 in docs/BENCHMARKS.md\n");
    assert_eq!(differences(&[], &table(1)).lines().count(), 1);
    assert_eq!(differences(&table(1), &[]).lines().count(), 1);
}

#[test]
fn a_figure_is_compared_with_the_one_of_its_own_table() {
    let table = |name, tenths| Table::new("", &[name, "CU"], vec![("credit".into(), vec![Some(tenths)])]);
    let committed = [table("SOL", 1_000), table("tokens", 500)];
    assert_eq!(differences(&committed, &committed), "");
    assert_eq!(differences(&committed, &[table("SOL", 1_000), table("tokens", 900)]).lines().count(), 1);
}
