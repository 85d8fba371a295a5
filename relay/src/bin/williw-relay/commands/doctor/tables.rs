//! Checks of the lookup tables that the ledger knows. Without them, transactions are smaller, and nothing else: no finding is an error.

use solana_pubkey::Pubkey;
use williw_relay::chain::Chain as _;
use williw_relay::lookup_tables::{Fault, ListedTable, TableError, TableKeeper, TableState};

use crate::environment::Cluster;

use super::LedgerFacts;
use super::report::Report;

/// The name of this check.
const TABLES: &str = "tables";

pub(super) async fn check(chain: &Cluster, network: Pubkey, settler: Pubkey, facts: &LedgerFacts, report: &mut Report) {
    let Some(database) = &facts.database else { return };
    // A ledger that has never settled has no tables. That of another key has none that this one could use.
    if facts.binding.is_empty() || report.has_error("binding") || report.has_error("keypair") {
        return;
    }
    let found = async {
        let keeper = TableKeeper::new(database, chain, network, settler, "doctor".to_owned()).await?;
        Ok::<_, TableError>((keeper.list().await?, keeper.unconcluded().await?))
    };
    let (tables, unconcluded) = match found.await {
        Ok(found) => found,
        Err(error) => {
            return report.warning(
                TABLES,
                error.to_string(),
                "settlements go on without lookup tables, for higher fees",
            );
        }
    };
    if let Some(table) = unconcluded {
        report.warning(
            TABLES,
            format!("a transaction on lookup table {table} was recorded, and its end is not known"),
            "repeat 'williw-relay tables extend' or 'tables close': it finds out first",
        );
    }
    let (mut usable, mut addresses) = (0_usize, 0_usize);
    for table in &tables {
        if check_table(table, report) {
            usable = usable.saturating_add(1);
            addresses = addresses.saturating_add(table.addresses);
        }
    }
    if usable > 0 && chain.agreeing_nodes() < 2 {
        report.warning(
            TABLES,
            format!("{usable} lookup table(s) are not used, because only one RPC node says what they hold"),
            "add a second URL to SOLANA_RPC_URL",
        );
    } else if usable > 0 {
        report
            .ok(TABLES, format!("{usable} lookup table(s) with {addresses} addresses are as recorded and can be used"));
    }
}

/// Checks one table. Returns whether settlements can use it.
fn check_table(table: &ListedTable, report: &mut Report) -> bool {
    let ListedTable { address, state, addresses, slots_left, fault, .. } = table;
    let close = format!(
        "'williw-relay tables close {address}' returns its rent; then 'tables extend' puts its addresses elsewhere"
    );
    match (state, fault) {
        (_, Some(fault)) => {
            let action = match fault {
                Fault::OtherAuthority => "close it with the key that it belongs to, and extend others".to_owned(),
                Fault::Missing | Fault::Deactivated | Fault::OtherAddress(_) => close,
            };
            report.warning(TABLES, format!("lookup table {address} is not used: {fault}"), action);
        }
        (TableState::Rejected, None) => {
            let message =
                format!("lookup table {address} is not used: it differed from the ledger when it was written");
            report.warning(TABLES, message, close);
        }
        (TableState::Closing, None) if *slots_left > 0 => {
            report.ok(TABLES, format!("lookup table {address} can be closed in {slots_left} slots"));
        }
        (TableState::Closing, None) => report.warning(
            TABLES,
            format!("lookup table {address} is deactivated, and its rent was not returned"),
            "run 'williw-relay tables close'",
        ),
        (TableState::Open, None) if *slots_left > 0 => report
            .ok(TABLES, format!("lookup table {address} with {addresses} addresses can be used in {slots_left} slots")),
        (TableState::Open, None) => return true,
        // Of these, the recorded transaction tells.
        (TableState::Opening | TableState::Closed, None) => {}
    }
    false
}
