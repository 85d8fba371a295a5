//! The `review` command: resolves differences between the ledger and the chain that the relay cannot decide.

mod bulk;

use std::fmt;

use serde_json::json;
use williw_relay::audit::{self, BatchSigner, NodeHistory, Reconciler, WalletRow};
use williw_relay::clock::SystemClock;
use williw_relay::engine::{Asset, Excess, Resolution, ReviewError, Reviewer};
use williw_relay::ledger::reviews::{self, NodeUnderReview, UnknownCredits};
use williw_relay::ledger::{Actor, LedgerError};

use crate::arguments::ConnectionArguments;
use crate::arguments::audit::{AcceptUnknownArguments, ResolveArguments, ShowArguments};
use crate::environment::{self, Cluster};
use crate::error::CliError;
use crate::ledger::{self, IfMissing, Ledger};
use crate::output::{Output, format_amount, format_time, unit};
use crate::shutdown::Shutdown;
use crate::table::Table;

use super::run::lease_holder;

/// Lists the nodes that need a review.
pub(crate) async fn list(connection: &ConnectionArguments, output: &Output) -> Result<(), CliError> {
    let database = ledger::open(connection, IfMissing::Fail)?;
    let asset = Asset::of_ledger(&database).await?;
    let nodes = reviews::list(&database).await?;
    let omitted = reviews::count(&database).await?.saturating_sub(nodes.len() as u64);
    let unknown = reviews::unknown_credits(&database).await.map_err(LedgerError::from)?;
    let document = json!({"reviews": nodes, "omitted": omitted, "unknown_credits": unknown});
    let mut text = listing(&nodes, omitted, asset.as_ref());
    if !unknown.unknown_lamports.is_zero() {
        text.push_str(&format!("\n{}", UnknownText(&unknown, asset.as_ref())));
    }
    output.result(&document, &text)
}

/// Accepts what the treasury has credited to wallet accounts that this ledger does not know.
pub(crate) async fn accept_unknown(
    connection: &ConnectionArguments,
    arguments: &AcceptUnknownArguments,
    output: &Output,
) -> Result<(), CliError> {
    let reviewer = reviewer(connection)?;
    // A signal lets it finish, so that it leaves no lease.
    let _shutdown = Shutdown::listen()?;
    reviewer.accept_unknown(&Actor::command_line(), arguments.amount).await?;
    let asset = Asset::of_ledger(&reviewer.database).await?;
    let amount = format_amount(arguments.amount, asset.as_ref());
    output.result(
        &json!({"outcome": "accepted", "lamports": arguments.amount}),
        &format!("accepted: {amount} credited to unknown wallet accounts; the next run creates wallet accounts again"),
    )
}

/// Connects to the cluster and the ledger.
fn reviewer(connection: &ConnectionArguments) -> Result<Reviewer<Ledger, Cluster, SystemClock>, CliError> {
    Ok(Reviewer {
        chain: environment::cluster(connection)?,
        network: environment::network(connection)?,
        database: ledger::open(connection, IfMissing::Fail)?,
        clock: SystemClock,
        holder: lease_holder()?,
    })
}

struct UnknownText<'a>(&'a UnknownCredits, Option<&'a Asset>);

impl fmt::Display for UnknownText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |amount| format_amount(amount, self.1);
        write!(
            f,
            "the treasury has credited {} in total, {} of it to wallet accounts as this ledger knows them and {} accepted: {} is \
             unknown, and no wallet account is created until it is found or accepted ({} base units)",
            amount(self.0.credited_lamports),
            amount(self.0.known_lamports),
            amount(self.0.accepted_lamports),
            amount(self.0.unknown_lamports),
            self.0.unknown_lamports
        )
    }
}

/// The text of the list, of which `omitted` nodes were left out.
fn listing(nodes: &[NodeUnderReview], omitted: u64, asset: Option<&Asset>) -> String {
    if nodes.is_empty() {
        return "no node needs a review".to_owned();
    }
    let mut lines: Vec<String> = nodes.iter().map(|node| NodeLine(node, asset).to_string()).collect();
    if omitted > 0 {
        lines.push(format!("and {omitted} more: resolve these first, and list again"));
    }
    lines.join("\n")
}

/// Shows everything that ledger and chain know about a node.
pub(crate) async fn show(
    connection: &ConnectionArguments,
    arguments: &ShowArguments,
    output: &Output,
) -> Result<(), CliError> {
    let chain = environment::cluster(connection)?;
    let network = environment::network(connection)?;
    let database = ledger::open(connection, IfMissing::Fail)?;
    let reconciler = Reconciler { chain: &chain, network, database: &database };
    let row = reconciler.node(&arguments.node).await?;
    let wallet = row.wallet_address.as_deref().and_then(|address| address.parse().ok());
    let history = audit::node_history(&database, &chain, &network.address(), &arguments.node, wallet.as_ref()).await?;
    let reviewer =
        Reviewer { chain: &chain, network, database: &database, clock: SystemClock, holder: lease_holder()? };
    let mut choices = Vec::with_capacity(Resolution::ALL.len());
    for resolution in Resolution::ALL {
        choices.push(match reviewer.examine(&arguments.node, *resolution).await {
            Ok(excess) => Ok(excess),
            Err(ReviewError::Engine(error)) => return Err(error.into()),
            Err(refused) => Err(refused.to_string()),
        });
    }
    let refused = choices.iter().find_map(|choice| choice.as_ref().err());
    let excesses: Vec<&Excess> = choices.iter().filter_map(|choice| choice.as_ref().ok()).collect();
    let warnings: Vec<_> = excesses.iter().map(|excess| excess.warning()).collect();
    let document = json!({
        "node": row, "history": history, "resolutions": excesses, "warnings": warnings, "refused": refused,
    });
    let asset = Asset::of_ledger(&database).await?;
    let asset = asset.as_ref();
    output.result(&document, &Dossier { row: &row, history: &history, excesses: &excesses, asset, refused })
}

/// The outcome of a resolution with `--yes`, and without.
const RECORDED: &str = "recorded";
const NOT_WRITTEN: &str = "not written";

/// Shows what a resolution records, and records it with `--yes`.
pub(crate) async fn resolve(
    connection: &ConnectionArguments,
    arguments: &ResolveArguments,
    output: &Output,
) -> Result<(), CliError> {
    let reviewer = reviewer(connection)?;
    // A signal lets it finish, so that it leaves no lease.
    let shutdown = Shutdown::listen()?;
    let resolution = if arguments.resolution.pay_on_top { Resolution::PayOnTop } else { Resolution::AcceptChain };
    // Either a node or --all is given.
    let Some(node) = &arguments.node else {
        return bulk::resolve(&reviewer, arguments, resolution, &shutdown, output).await;
    };
    let (outcome, excess) = if arguments.yes {
        (RECORDED, reviewer.resolve(&Actor::command_line(), node, resolution).await?)
    } else {
        (NOT_WRITTEN, reviewer.examine(node, resolution).await?)
    };
    let asset = Asset::of_ledger(&reviewer.database).await?;
    let text = Resolved { excess: &excess, asset: asset.as_ref(), written: arguments.yes };
    output.result(&json!({"outcome": outcome, "excess": excess, "warning": excess.warning()}), &text)
}

struct NodeLine<'a>(&'a NodeUnderReview, Option<&'a Asset>);

impl fmt::Display for NodeLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NodeUnderReview { node_id, reason, credited_lamports, signed_lamports, confirmed_lamports, .. } = self.0;
        write!(
            f,
            "{node_id}  {reason}  credited on the chain {}, signed by this ledger {}, confirmed in it {}",
            format_amount(*credited_lamports, self.1),
            format_amount(*signed_lamports, self.1),
            format_amount(*confirmed_lamports, self.1)
        )
    }
}

struct Resolved<'a> {
    excess: &'a Excess,
    asset: Option<&'a Asset>,
    written: bool,
}

impl fmt::Display for Resolved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Excess { node_id, wallet_address, credited_lamports, signed_lamports, slot, .. } = self.excess;
        writeln!(f, "node {node_id}")?;
        let amount = |amount| format_amount(amount, self.asset);
        writeln!(f, "  wallet account         {wallet_address} (finalized slot {slot})")?;
        writeln!(f, "  credited on-chain      {}", amount(*credited_lamports))?;
        writeln!(f, "  signed by this ledger  {}", amount(*signed_lamports))?;
        write_effect(f, self.excess, self.asset)?;
        if self.written {
            write!(f, "recorded; the next run continues from the chain's total")
        } else {
            write!(f, "nothing was written: repeat the command with --yes to record it")
        }
    }
}

/// Writes what a resolution does with the excess.
fn write_effect(f: &mut fmt::Formatter<'_>, excess: &Excess, asset: Option<&Asset>) -> fmt::Result {
    let Excess {
        signed_unconfirmed_lamports,
        counted_as_credited_lamports,
        paid_again_lamports,
        excess_lamports,
        reward_id,
        ..
    } = excess;
    if !signed_unconfirmed_lamports.is_zero() {
        let amount = format_amount(*signed_unconfirmed_lamports, asset);
        writeln!(f, "  counts as credited     {amount} of the rewards, which this ledger has signed for")?;
    }
    if !counted_as_credited_lamports.is_zero() {
        let amount = format_amount(*counted_as_credited_lamports, asset);
        writeln!(
            f,
            "  counts as credited     {amount} of the rewards; not paid, if the chain has credited it for something else"
        )?;
    }
    if let Some(reward_id) = reward_id {
        writeln!(f, "  correction             {} as reward {reward_id}", format_amount(*excess_lamports, asset))?;
    }
    if let Some(warning) = excess.warning() {
        writeln!(f, "  WARNING: {warning}")?;
    }
    if !paid_again_lamports.is_zero() {
        let amount = format_amount(*paid_again_lamports, asset);
        writeln!(
            f,
            "  WARNING                {amount} of the rewards is PAID TWICE, if the chain has credited it for them"
        )?;
    }
    Ok(())
}

struct Dossier<'a> {
    row: &'a WalletRow,
    history: &'a NodeHistory,
    excesses: &'a [&'a Excess],
    asset: Option<&'a Asset>,
    refused: Option<&'a String>,
}

impl fmt::Display for Dossier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, history, excesses, asset, refused } = self;
        let or_none = |text: Option<&String>| text.cloned().unwrap_or_else(|| "none".to_owned());
        writeln!(f, "node {}", row.ledger.node_id)?;
        writeln!(f, "  owner           {}", or_none(row.ledger.owner.as_ref()))?;
        writeln!(
            f,
            "  wallet account  {} ({}, finalized slot {})",
            or_none(row.wallet_address.as_ref()),
            row.state,
            row.slot
        )?;
        let (chain, mirror) = (row.chain.as_ref(), row.ledger.mirror.as_ref());
        let amount = |amount: Option<u64>| amount.map_or_else(|| "-".to_owned(), |amount| amount.to_string());
        let mut totals = Table::new(&[unit(*asset).heading, "#LEDGER", "#COPY", "#CHAIN"]);
        let mut line = |name: &str, ledger: Option<u64>, copy: Option<u64>, chain: Option<u64>| {
            totals.row([name.to_owned(), amount(ledger), amount(copy), amount(chain)]);
        };
        line("earned", Some(row.ledger.earned), None, None);
        line("confirmed", Some(row.ledger.confirmed), None, None);
        line("signed", Some(row.ledger.signed), None, None);
        line("credited", None, mirror.map(|mirror| mirror.credited), chain.map(|chain| chain.credited));
        line("paid", None, mirror.map(|mirror| mirror.paid), chain.map(|chain| chain.paid));
        line("pending", None, None, chain.map(|chain| chain.pending));
        line(unit(*asset).balance, None, mirror.map(|mirror| mirror.lamports), chain.map(|chain| chain.lamports));
        line("threshold", None, mirror.map(|mirror| mirror.threshold), chain.map(|chain| chain.threshold));
        writeln!(f, "{totals}")?;
        if !row.findings.is_empty() {
            writeln!(f)?;
            let mut table = Table::new(&["DIFFERENCE", "#AMOUNT"]);
            for finding in &row.findings {
                table.row([finding.cause.to_string(), finding.amount.to_string()]);
            }
            writeln!(f, "{table}")?;
        }
        let mut table = Table::new(&["REWARD", "KIND", "STATUS", "PERIOD", "#AMOUNT", "#TOTAL"]);
        for reward in &history.rewards {
            table.row([
                reward.id.clone(),
                reward.kind.clone(),
                reward.status.clone(),
                reward.period.clone(),
                reward.amount_lamports.to_string(),
                reward.node_total_lamports.to_string(),
            ]);
        }
        writeln!(f, "\n{table}")?;
        let mut table = Table::new(&["#BATCH", "#CREDITED UP TO", "", "SIGNED BY", "#SLOT", "TRANSACTION"]);
        for batch in &history.batches {
            table.row([
                batch.batch_sequence.to_string(),
                batch.target.to_string(),
                if batch.credited { "" } else { "skipped" }.to_owned(),
                match batch.signer {
                    BatchSigner::ThisLedger => "this ledger",
                    BatchSigner::Rebuilt => "unknown (rebuilt)",
                    BatchSigner::SomebodyElse => "SOMEBODY ELSE",
                }
                .to_owned(),
                batch.slot.to_string(),
                batch.signature.clone(),
            ]);
        }
        writeln!(f, "\n{table}")?;
        if history.without_log > 0 {
            writeln!(f, "of {} more transactions, the RPC node does not have the log", history.without_log)?;
        }
        if history.has_unexamined {
            writeln!(f, "older transactions than the last {} were not examined", history.examined)?;
        }
        if !history.audit.is_empty() {
            let mut table = Table::new(&["AUDIT LOG", "ACTOR", "ACTION", "DETAILS"]);
            for entry in &history.audit {
                table.row([
                    format_time(entry.at),
                    entry.actor.clone(),
                    entry.action.clone(),
                    entry.details.to_string(),
                ]);
            }
            writeln!(f, "\n{table}")?;
        }
        for excess in *excesses {
            let option = match excess.resolution {
                Resolution::AcceptChain => "--accept-chain",
                Resolution::PayOnTop => "--pay-on-top",
            };
            writeln!(f, "\nwilliw-relay review resolve {} {option}", row.ledger.node_id)?;
            write_effect(f, excess, *asset)?;
        }
        match refused {
            Some(reason) => write!(f, "\n{reason}"),
            None => write!(f, "\nnothing was written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use williw_relay::types::Lamports;

    use super::*;

    #[test]
    fn a_list_says_how_many_nodes_it_leaves_out() {
        let node = NodeUnderReview {
            node_id: "a".parse().unwrap(),
            reason: "chain_above_ledger".to_owned(),
            wallet_address: None,
            credited_lamports: Lamports::ZERO,
            signed_lamports: Lamports::ZERO,
            confirmed_lamports: Lamports::ZERO,
            slot: None,
        };
        assert_eq!(listing(&[], 0, None), "no node needs a review");
        let nodes = [node];
        assert!(listing(&nodes, 3, None).ends_with("\nand 3 more: resolve these first, and list again"));
        assert!(!listing(&nodes, 0, None).contains("more"));
    }
}
