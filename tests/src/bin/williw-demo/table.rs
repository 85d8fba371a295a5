//! The table: where each node's money is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use williw_tests::audit::Statement;
use williw_tests::sample::{Expected, SampleNode};

/// Characters of a signature that tell it apart at a glance; below the table it stands in full.
const SHORT_SIGNATURE: usize = 8;

/// The table of `nodes`, with what the chain says of each.
pub fn balances(nodes: &[(SampleNode, Statement)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["node", "wallet account", "earned", "credited", "paid", "signature", "state"]);
    for column in [2, 3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (node, statement) in nodes {
        let earned = statement.ledger.earned.unwrap_or_default();
        table.add_row([
            node.id.clone(),
            statement.chain.wallet.clone().unwrap_or_else(|| "-".to_owned()),
            grouped(earned),
            grouped(statement.chain.credited),
            grouped(statement.chain.paid),
            statement.ledger.signature.as_deref().map_or_else(|| "-".to_owned(), short),
            state(earned, statement),
        ]);
    }
    format!("{table}\namounts in lamports (1 SOL = 1 000 000 000)")
}

/// Every transaction of the table in full, with how many of its nodes it served.
pub fn signatures(nodes: &[(SampleNode, Statement)]) -> String {
    let mut served: BTreeMap<&str, usize> = BTreeMap::new();
    for signature in nodes.iter().filter_map(|(_, statement)| statement.ledger.signature.as_deref()) {
        *served.entry(signature).or_default() += 1;
    }
    served.iter().fold(String::new(), |mut text, (signature, count)| {
        let _ = writeln!(text, "  {signature}  {count} nodes");
        text
    })
}

/// Whether everyone who should be paid is, in a sentence.
pub fn sum(nodes: &[SampleNode]) -> String {
    let total = |amount: fn(&Expected) -> u64| grouped(nodes.iter().map(|node| amount(&node.expected)).sum());
    format!(
        "{} nodes: {} lamports earned, {} credited, {} paid; the same on the chain, in D1 and over HTTP",
        nodes.len(),
        total(|it| it.earned),
        total(|it| it.credited),
        total(|it| it.paid)
    )
}

fn state(earned: u64, statement: &Statement) -> String {
    let (credited, paid) = (statement.chain.credited, statement.chain.paid);
    let reason = || statement.hold_reason().map_or_else(String::new, |reason| format!(": {reason}"));
    if credited < earned {
        format!("waiting{}", reason())
    } else if paid < credited {
        statement.hold_reason().map_or_else(|| "held: below threshold".to_owned(), |reason| format!("held: {reason}"))
    } else {
        "paid".to_owned()
    }
}

fn short(signature: &str) -> String {
    let head: String = signature.chars().take(SHORT_SIGNATURE).collect();
    format!("{head}…")
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        let all = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "999", "1 000", "1 234 567"]);
    }
}
