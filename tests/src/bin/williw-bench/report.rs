//! The report: Markdown tables with the versions above them.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use williw_relay::transaction::{BatchKind, Format, capacity};

use crate::engine::Rate;
use crate::on_chain::Measurement;
use crate::size::Size;
use crate::versions::Version;

/// Marks of the section that the program's own tests write and check (`programs/settlement/tests/program/costs`).
const COSTS_BEGIN: &str = "<!-- costs:begin -->\n";
const COSTS_END: &str = "<!-- costs:end -->\n";

/// The section of a page that the program's own tests keep, marks included; empty when the page has none.
pub fn costs_section(page: &str) -> &str {
    let begin = page.find(COSTS_BEGIN);
    let end = page.find(COSTS_END).map(|at| at.saturating_add(COSTS_END.len()));
    begin.zip(end).and_then(|(begin, end)| page.get(begin..end)).unwrap_or_default()
}

/// The whole of `docs/BENCHMARKS.md`, with the section of [`costs_section`] as it was.
pub fn markdown(versions: &[Version], measured: &[Measurement], costs: &str, rate: &Rate, sizes: &[Size]) -> String {
    let mut text =
        String::from("# Benchmarks\n\nWritten by `make bench`: run it again rather than edit this page.\n\n");
    let section = |text: &mut String, title: &str, words: &str, table: &Table| {
        let _ = writeln!(text, "## {title}\n\n{words}\n\n{table}\n");
    };
    section(
        &mut text,
        "Versions",
        "What was measured, and with what.",
        &table(&["part", "version"], versions.iter().map(|(name, version)| vec![name.clone(), version.clone()])),
    );
    section(
        &mut text,
        "Recipients per transaction",
        "The most that one transaction of the relay's holds, each recipient with accounts of its own.",
        &capacities(),
    );
    section(
        &mut text,
        "Cost on the chain",
        "One v1 transaction with one signature (5,000 lamports) and no priority fee. Every recipient of `settle` and \
         of the transfers is an address that had no account before.",
        &table(
            &["transaction", "recipients", "CU", "CU per recipient", "bytes", "fee per recipient (lamports)"],
            measured.iter().map(|it| {
                vec![
                    it.subject.name().to_owned(),
                    it.recipients.to_string(),
                    it.compute_units.to_string(),
                    per_recipient(it.compute_units, it.recipients),
                    it.bytes.to_string(),
                    per_recipient(it.fee_lamports, it.recipients),
                ]
            }),
        ),
    );
    if !costs.is_empty() {
        let _ = writeln!(text, "{costs}");
    }
    section(
        &mut text,
        "Through the engine",
        &rate.conditions(),
        &table(&["phase", "rewards", "seconds", "rewards per second"], rate.rows()),
    );
    section(
        &mut text,
        "Sizes",
        "As built for release; gzip at its best.",
        &table(
            &["part", "bytes", "gzipped"],
            sizes.iter().map(|size| {
                let gzipped = size.gzipped.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
                vec![size.name.to_owned(), size.bytes.to_string(), gzipped]
            }),
        ),
    );
    text
}

fn capacities() -> Table {
    let kinds = [BatchKind::Register, BatchKind::Credit, BatchKind::Settle];
    table(
        &["instruction", "v0", "v1"],
        kinds.iter().map(|kind| {
            vec![kind.to_string(), capacity(*kind, Format::V0).to_string(), capacity(*kind, Format::V1).to_string()]
        }),
    )
}

fn per_recipient(amount: u64, recipients: usize) -> String {
    // A count of at most 60: nothing is lost on the way to f64, and nothing is paid by it.
    format!("{:.1}", amount as f64 / recipients as f64)
}

/// A table in Markdown; every column but the first is aligned right.
fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_the_programs_tests_outlives_the_page() {
        let costs = format!("{COSTS_BEGIN}## Costs\n{COSTS_END}");
        let page = markdown(&[], &[], &costs, &Rate::default(), &[]);
        assert_eq!(costs_section(&page), costs);
        assert_eq!(costs_section(&markdown(&[], &[], "", &Rate::default(), &[])), "");
    }
}
