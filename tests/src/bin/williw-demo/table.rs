//! The tables of balances and transactions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use williw_tests::balances::NodeBalances;
use williw_tests::sample_nodes::{ExpectedBalance, SampleNode};

/// Length of the signature prefix in the balance table. The transaction table lists full signatures.
const SHORT_SIGNATURE: usize = 8;

/// Formats the balances of `nodes`. Credited and paid amounts are those on the chain.
pub(crate) fn balances(nodes: &[(SampleNode, NodeBalances)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["node", "wallet account", "earned", "credited", "paid", "signature", "state"]);
    for column in [2, 3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (node, balances) in nodes {
        let earned = balances.ledger.earned.unwrap_or_default();
        table.add_row([
            node.id.clone(),
            balances.chain.wallet.clone().unwrap_or_else(|| "-".to_owned()),
            grouped(earned),
            grouped(balances.chain.credited),
            grouped(balances.chain.paid),
            balances.ledger.signature.as_deref().map_or_else(|| "-".to_owned(), short),
            state(earned, balances),
        ]);
    }
    format!("{table}\nAmounts in lamports (1 SOL = 1,000,000,000 lamports)")
}

/// Formats the full signatures of all transactions in the balance table, each with its number of nodes.
pub(crate) fn transactions(nodes: &[(SampleNode, NodeBalances)]) -> String {
    let mut node_counts: BTreeMap<&str, usize> = BTreeMap::new();
    for signature in nodes.iter().filter_map(|(_, balances)| balances.ledger.signature.as_deref()) {
        *node_counts.entry(signature).or_default() += 1;
    }
    node_counts.iter().fold(String::new(), |mut text, (signature, count)| {
        let nodes = if *count == 1 { "node" } else { "nodes" };
        let _ = writeln!(text, "  {signature}  {count} {nodes}");
        text
    })
}

/// Formats the verified totals of all nodes.
pub(crate) fn summary(nodes: &[SampleNode]) -> String {
    let total = |amount: fn(&ExpectedBalance) -> u64| grouped(nodes.iter().map(|node| amount(&node.expected)).sum());
    format!(
        "{} nodes: {} lamports earned, {} credited, {} paid; verified on the chain, in D1 and over HTTP",
        nodes.len(),
        total(|it| it.earned),
        total(|it| it.credited),
        total(|it| it.paid)
    )
}

fn state(earned: u64, balances: &NodeBalances) -> String {
    let (credited, paid) = (balances.chain.credited, balances.chain.paid);
    if credited < earned {
        balances.hold_reason().map_or_else(|| "pending".to_owned(), |reason| format!("pending: {reason}"))
    } else if paid < credited {
        balances.hold_reason().map_or_else(|| "held: below threshold".to_owned(), |reason| format!("held: {reason}"))
    } else {
        "paid".to_owned()
    }
}

fn short(signature: &str) -> String {
    let head: String = signature.chars().take(SHORT_SIGNATURE).collect();
    format!("{head}…")
}

/// Formats a number with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let formatted = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(formatted, ["0", "999", "1,000", "1,234,567"]);
    }
}
