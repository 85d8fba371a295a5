//! `review resolve --all`: the nodes that are held for a reason, page by page.

use std::fmt;

use serde::Serialize;
use serde_json::json;
use williw_relay::clock::SystemClock;
use williw_relay::engine::{Asset, Excess, MAX_NODES_AT_ONCE, Resolution, Reviewer};
use williw_relay::ledger::{Actor, reviews};
use williw_relay::types::{Lamports, NodeId};

use crate::arguments::audit::ResolveArguments;
use crate::environment::Cluster;
use crate::error::CliError;
use crate::ledger::Ledger;
use crate::output::{Output, format_amount};
use crate::shutdown::Shutdown;

use super::{NOT_WRITTEN, RECORDED};

/// Shows what a resolution of all nodes records, and records it with `--yes`.
pub(super) async fn resolve(
    reviewer: &Reviewer<Ledger, Cluster, SystemClock>,
    arguments: &ResolveArguments,
    resolution: Resolution,
    shutdown: &Shutdown,
    output: &Output,
) -> Result<(), CliError> {
    let asset = Asset::of_ledger(&reviewer.database).await?;
    let outcome = if arguments.yes { RECORDED } else { NOT_WRITTEN };
    let mut summary = Summary { outcome, ..Summary::default() };
    let mut after: Option<NodeId> = None;
    loop {
        let page = reviews::page(&reviewer.database, &arguments.reason, after.as_ref(), MAX_NODES_AT_ONCE).await?;
        let Some(last) = page.last() else { break };
        if shutdown.is_requested() {
            let done = summary.nodes.saturating_add(summary.refused);
            return Err(CliError::Interrupted(format!(
                "interrupted after {done} nodes: repeat the command for the others"
            )));
        }
        let reviewed = match arguments.yes {
            true => reviewer.resolve_all(&Actor::command_line(), &page, resolution).await?,
            false => reviewer.examine_all(&page, resolution).await?,
        };
        for (node_id, reviewed) in page.iter().zip(reviewed) {
            match reviewed {
                Ok(excess) => {
                    summary.add(&excess);
                    let document = json!({"outcome": outcome, "excess": excess, "warning": excess.warning()});
                    output.result(&document, &Line { excess: &excess, asset: asset.as_ref() })?;
                }
                Err(refused) => {
                    summary.refused = summary.refused.saturating_add(1);
                    let document = json!({"outcome": "refused", "node_id": node_id, "message": refused.to_string()});
                    output.result(&document, &format!("{node_id}  refused: {refused}"))?;
                }
            }
        }
        after = Some(last.clone());
    }
    output.result(&json!({ "summary": summary }), &summary)?;
    match summary.refused {
        0 => Ok(()),
        nodes => Err(CliError::BooksDisagree { nodes }),
    }
}

/// What was done with all nodes.
#[derive(Default, Serialize)]
struct Summary {
    outcome: &'static str,
    /// The nodes that were resolved, or would be.
    nodes: u64,
    refused: u64,
    #[serde(serialize_with = "as_text")]
    counted_as_credited_lamports: u128,
    #[serde(serialize_with = "as_text")]
    excess_lamports: u128,
    #[serde(serialize_with = "as_text")]
    paid_again_lamports: u128,
}

fn as_text<S: serde::Serializer>(amount: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

impl Summary {
    fn add(&mut self, excess: &Excess) {
        let add = |sum: &mut u128, amount: Lamports| *sum = sum.saturating_add(amount.get().into());
        self.nodes = self.nodes.saturating_add(1);
        add(&mut self.counted_as_credited_lamports, excess.counted_as_credited_lamports);
        add(&mut self.excess_lamports, excess.excess_lamports);
        add(&mut self.paid_again_lamports, excess.paid_again_lamports);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} nodes, {} refused; in base units: {} count as credited, {} are recorded as corrections",
            self.nodes, self.refused, self.counted_as_credited_lamports, self.excess_lamports
        )?;
        if self.excess_lamports > 0 {
            write!(f, " (rewards that are imported later are PAID AGAIN: import all of them first)")?;
        }
        if self.paid_again_lamports > 0 {
            write!(f, ", {} are PAID TWICE, if the chain has credited them for the rewards", self.paid_again_lamports)?;
        }
        match self.outcome {
            RECORDED => write!(f, "\nrecorded; the next run continues from the chain's totals"),
            _ => write!(f, "\nnothing was written: repeat the command with --yes to record it"),
        }
    }
}

/// What is done with one node.
struct Line<'a> {
    excess: &'a Excess,
    asset: Option<&'a Asset>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |amount| format_amount(amount, self.asset);
        let Excess { node_id, credited_lamports, signed_lamports, counted_as_credited_lamports, .. } = self.excess;
        write!(
            f,
            "{node_id}  credited on the chain {}, signed by this ledger {}, counts as credited {}",
            amount(*credited_lamports),
            amount(*signed_lamports),
            amount(*counted_as_credited_lamports)
        )?;
        if let Some(reward_id) = &self.excess.reward_id {
            write!(f, ", correction {} as reward {reward_id}", amount(self.excess.excess_lamports))?;
        }
        if !self.excess.paid_again_lamports.is_zero() {
            write!(f, ", maybe PAID TWICE {}", amount(self.excess.paid_again_lamports))?;
        }
        Ok(())
    }
}
