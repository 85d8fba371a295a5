//! The `reconcile` command: compares every wallet, the treasury and the ledger.

use std::fmt;
use std::io::{self, Write};

use serde_json::json;
use williw_relay::audit::{Cause, Finding, Reconciler, Reconciliation, Repair, WalletRow};
use williw_relay::clock::SystemClock;
use williw_relay::engine::Asset;
use williw_relay::ledger::Actor;

use crate::arguments::ConnectionArguments;
use crate::arguments::audit::ReconcileArguments;
use crate::environment;
use crate::error::CliError;
use crate::ledger::{self, IfMissing};
use crate::output::{Output, unit};
use crate::patient::{LeaseKeeper, Patient};
use crate::shutdown::Shutdown;
use crate::table::Table;

use super::run::lease_holder;

/// The maximum number of nodes that are listed, so that a report stays readable and in memory. CSV lists all.
const MAX_LISTED: usize = 1_000;

const CSV_HEADINGS: &str = "node_id,owner,wallet_address,state,earned,confirmed,signed,credited,paid,pending,wallet_lamports,\
                            mirrored_credited,mirrored_paid,slot,causes,disagrees";

/// Stands for the treasury instead of a node id, which has no parentheses.
const TREASURY: &str = "(treasury)";

/// Compares ledger and chain.
pub(crate) async fn reconcile(
    connection: &ConnectionArguments,
    arguments: &ReconcileArguments,
    output: &Output,
) -> Result<(), CliError> {
    let cluster = environment::cluster(connection)?;
    let network = environment::network(connection)?;
    let database = ledger::open(connection, IfMissing::Fail)?;
    let asset = Asset::of_ledger(&database).await?;
    let (actor, holder) = (Actor::command_line(), lease_holder()?);
    // A comparison without a repair holds no lease, so that a signal may end it at any point.
    let shutdown = if arguments.repair { Shutdown::listen()? } else { Shutdown::never() };
    let keeper = LeaseKeeper { database: &database, holder: &holder, shutdown: &shutdown };
    let reconciler = Reconciler { chain: Patient::keeping(cluster, keeper), network, database: &database };
    let stop = || shutdown.is_requested();
    let repair = Repair { actor: &actor, clock: &SystemClock, holder: &holder, stop: &stop };
    let repair = arguments.repair.then_some(repair);
    let (mut listed, mut omitted) = (Vec::new(), 0_u64);
    let mut csv = if arguments.csv { Some(Csv::new()) } else { None };
    let compared = reconciler
        .run(repair.as_ref(), |row| match &mut csv {
            Some(csv) => csv.write(row),
            None if row.findings.is_empty() => {}
            None if listed.len() < MAX_LISTED => listed.push(row.clone()),
            None => omitted = omitted.saturating_add(1),
        })
        .await;
    let found = shutdown.instead_of_error(compared.map_err(CliError::from))?;
    match csv {
        Some(mut csv) => {
            csv.line(&treasury_cells(&found).join(","));
            csv.finish()?;
        }
        None => {
            let document = json!({"summary": found, "nodes": listed, "nodes_omitted": omitted});
            output.result(&document, &Report { found: &found, listed: &listed, omitted, asset: asset.as_ref() })?;
        }
    }
    if found.disagreements > 0 {
        return Err(CliError::NotReconciled { disagreements: found.disagreements });
    }
    Ok(())
}

/// Rows for an accountant. None of the texts needs to be quoted.
struct Csv {
    failure: Option<io::Error>,
}

impl Csv {
    fn new() -> Self {
        let mut csv = Self { failure: None };
        csv.line(CSV_HEADINGS);
        csv
    }

    fn line(&mut self, line: &str) {
        if self.failure.is_none() {
            self.failure = writeln!(io::stdout(), "{line}").err();
        }
    }

    fn write(&mut self, row: &WalletRow) {
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let amount = |amount: Option<u64>| amount.map(|amount| amount.to_string()).unwrap_or_default();
        let (ledger, chain, mirror) = (&row.ledger, row.chain.as_ref(), row.ledger.mirror.as_ref());
        let causes: Vec<&str> = row.findings.iter().map(|finding| finding.cause.as_str()).collect();
        let disagrees = row.findings.iter().any(|finding| finding.cause.is_disagreement());
        let cells = [
            ledger.node_id.to_string(),
            text(ledger.owner.as_ref()),
            text(row.wallet_address.as_ref()),
            row.state.to_string(),
            ledger.earned.to_string(),
            ledger.confirmed.to_string(),
            ledger.signed.to_string(),
            amount(chain.map(|chain| chain.credited)),
            amount(chain.map(|chain| chain.paid)),
            amount(chain.map(|chain| chain.pending)),
            amount(chain.map(|chain| chain.lamports)),
            amount(mirror.map(|mirror| mirror.credited)),
            amount(mirror.map(|mirror| mirror.paid)),
            row.slot.to_string(),
            causes.join(" "),
            if disagrees { "yes" } else { "no" }.to_owned(),
        ];
        self.line(&cells.join(","));
    }

    fn finish(self) -> Result<(), CliError> {
        match self.failure {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CliError::Internal(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }
}

/// The last row of the CSV: the treasury, whose differences concern no single node.
fn treasury_cells(found: &Reconciliation) -> [String; 16] {
    let treasury = &found.treasury;
    let causes: Vec<&str> = found.of_treasury.iter().map(|finding| finding.cause.as_str()).collect();
    let disagrees = found.of_treasury.iter().any(|finding| finding.cause.is_disagreement());
    [
        TREASURY.to_owned(),
        String::new(),
        treasury.address.clone(),
        String::new(),
        found.earned.to_string(),
        found.confirmed.to_string(),
        String::new(),
        treasury.credited.to_string(),
        treasury.paid.to_string(),
        treasury.liabilities.to_string(),
        treasury.lamports.to_string(),
        found.mirrored.to_string(),
        String::new(),
        treasury.slot.to_string(),
        causes.join(" "),
        if disagrees { "yes" } else { "no" }.to_owned(),
    ]
}

struct Report<'a> {
    found: &'a Reconciliation,
    listed: &'a [WalletRow],
    omitted: u64,
    asset: Option<&'a Asset>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, listed, omitted, asset } = self;
        let unit = unit(*asset);
        let mut table = Table::new(&["NODE", "CAUSE", "#AMOUNT", "", "#CREDITED", "#SIGNED", "#CONFIRMED"]);
        let mark = |cause: Cause| if cause.is_disagreement() { "disagrees" } else { "" }.to_owned();
        let amount = |finding: &Finding| if finding.amount == 0 { String::new() } else { finding.amount.to_string() };
        for row in *listed {
            for finding in &row.findings {
                let credited = row.chain.as_ref().map_or_else(|| "-".to_owned(), |chain| chain.credited.to_string());
                table.row([
                    row.ledger.node_id.to_string(),
                    finding.cause.to_string(),
                    amount(finding),
                    mark(finding.cause),
                    credited,
                    row.ledger.signed.to_string(),
                    row.ledger.confirmed.to_string(),
                ]);
            }
        }
        for finding in &found.of_treasury {
            table.row([TREASURY.to_owned(), finding.cause.to_string(), amount(finding), mark(finding.cause)]);
        }
        if !table.is_empty() {
            writeln!(f, "{table}")?;
        }
        if *omitted > 0 {
            writeln!(f, "and {omitted} more nodes: use --csv for all of them")?;
        }
        let mut sums = Table::new(&[unit.heading, "#LEDGER", "#WALLETS", "#TREASURY"]);
        let dash = || "-".to_owned();
        let treasury = &found.treasury;
        sums.row(["earned".to_owned(), found.earned.to_string(), dash(), dash()]);
        sums.row(["confirmed".to_owned(), found.confirmed.to_string(), dash(), dash()]);
        sums.row([
            "credited".to_owned(),
            found.mirrored.to_string(),
            found.credited.to_string(),
            treasury.credited.to_string(),
        ]);
        sums.row(["paid".to_owned(), dash(), found.paid.to_string(), treasury.paid.to_string()]);
        sums.row(["pending".to_owned(), dash(), found.pending.to_string(), treasury.liabilities.to_string()]);
        sums.row([unit.balance.to_owned(), dash(), found.wallet_lamports.to_string(), treasury.lamports.to_string()]);
        sums.row(["surplus".to_owned(), dash(), dash(), treasury.surplus.to_string()]);
        writeln!(f, "{sums}")?;
        if found.moved {
            writeln!(
                f,
                "the treasury was used while the wallets were read, so the sums are compared with both of its states"
            )?;
        }
        if found.repaired > 0 {
            writeln!(f, "repaired {} of the ledger's copies of wallet accounts", found.repaired)?;
        }
        write!(
            f,
            "{} nodes, {} wallet accounts, {} disagreements, finalized slot {}",
            found.nodes, found.wallets, found.disagreements, treasury.slot
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_csv_says_where_the_treasury_disagrees() {
        let mut found = Reconciliation::default();
        found.treasury.credited = 7;
        let cells = treasury_cells(&found);
        assert_eq!((cells.first().unwrap().as_str(), cells.last().unwrap().as_str()), (TREASURY, "no"));
        found.of_treasury.push(Finding { cause: Cause::CreditedElsewhere, amount: 7 });
        let cells = treasury_cells(&found);
        let headings: Vec<&str> = CSV_HEADINGS.split(',').collect();
        assert_eq!(headings.len(), cells.len());
        let of = |heading: &str| cells.iter().zip(&headings).find(|(_, known)| **known == heading).unwrap().0.as_str();
        assert_eq!((of("credited"), of("causes"), of("disagrees")), ("7", "credited_elsewhere", "yes"));
    }
}
