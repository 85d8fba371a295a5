//! The `review` command: resolves differences between the ledger and the chain that the relay cannot decide.

use std::fmt;

use serde_json::json;
use williw_relay::clock::SystemClock;
use williw_relay::engine::{Asset, Excess, Reviewer};
use williw_relay::ledger::Actor;
use williw_relay::ledger::reviews::{self, NodeUnderReview};

use crate::arguments::{AcceptArguments, ConnectionArguments};
use crate::environment;
use crate::error::CliError;
use crate::ledger::{self, IfMissing};
use crate::output::{Output, format_amount};

use super::run::lease_holder;

/// Lists the nodes that need a review.
pub(crate) async fn list(connection: &ConnectionArguments, output: &Output) -> Result<(), CliError> {
    let database = ledger::open(connection, IfMissing::Fail)?;
    let asset = Asset::of_ledger(&database).await?;
    let nodes = reviews::list(&database).await?;
    let text = match nodes.as_slice() {
        [] => "no node needs a review".to_owned(),
        nodes => nodes.iter().map(|node| NodeLine(node, asset.as_ref()).to_string()).collect::<Vec<_>>().join("\n"),
    };
    output.result(&json!({"reviews": nodes}), &text)
}

/// Shows what accepting the chain's total of a node records, and records it with `--yes`.
pub(crate) async fn accept(
    connection: &ConnectionArguments,
    arguments: &AcceptArguments,
    output: &Output,
) -> Result<(), CliError> {
    let reviewer = Reviewer {
        chain: environment::cluster(connection)?,
        network: environment::network(connection)?,
        database: ledger::open(connection, IfMissing::Fail)?,
        clock: SystemClock,
        holder: lease_holder()?,
    };
    let (outcome, excess) = if arguments.yes {
        ("accepted", reviewer.accept(&Actor::command_line(), &arguments.node).await?)
    } else {
        ("not written", reviewer.examine(&arguments.node).await?)
    };
    let asset = Asset::of_ledger(&reviewer.database).await?;
    let text = Acceptance { excess: &excess, asset: asset.as_ref(), written: arguments.yes };
    output.result(&json!({"outcome": outcome, "excess": excess}), &text)
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

struct Acceptance<'a> {
    excess: &'a Excess,
    asset: Option<&'a Asset>,
    written: bool,
}

impl fmt::Display for Acceptance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Excess { node_id, wallet_address, credited_lamports, covered_lamports, excess_lamports, reward_id, slot } =
            self.excess;
        writeln!(f, "node {node_id}")?;
        writeln!(f, "  wallet account      {wallet_address} (finalized slot {slot})")?;
        writeln!(f, "  credited on-chain   {}", format_amount(*credited_lamports, self.asset))?;
        writeln!(f, "  covered by rewards  {}", format_amount(*covered_lamports, self.asset))?;
        writeln!(f, "  in excess           {}", format_amount(*excess_lamports, self.asset))?;
        let reward = format!("the confirmed reward {reward_id} of kind 'correction' over the excess");
        if self.written {
            write!(f, "recorded {reward}; the next run continues from the chain's total")
        } else {
            write!(f, "would record {reward}; nothing was written: repeat the command with --yes to record it")
        }
    }
}
