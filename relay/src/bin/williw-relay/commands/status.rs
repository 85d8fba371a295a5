//! The `status` command: shows a settlement and the balance of a node.

use std::fmt;

use serde_json::json;
use williw_relay::engine::{Asset, AttemptState};
use williw_relay::ledger::{balances, settlements};
use williw_relay::types::{AttemptStatus, NodeWalletBalance, SettlementStatus};

use crate::arguments::{ConnectionArguments, StatusArguments};
use crate::error::CliError;
use crate::ledger::{self, IfMissing};
use crate::output::{Output, format_amount, format_sol, format_time};

/// Prints the settlement and, if requested, the node's balance.
pub(crate) async fn status(
    connection: &ConnectionArguments,
    arguments: &StatusArguments,
    output: &Output,
) -> Result<(), CliError> {
    let database = ledger::open(connection, IfMissing::Fail)?;
    let settlement = match arguments.settlement {
        Some(id) => Some(settlements::get(&database, id).await?),
        None => settlements::latest(&database).await?,
    };
    let balance = match &arguments.node {
        Some(node_id) => Some(balances::balance(&database, node_id).await?),
        None => None,
    };
    let asset = Asset::of_ledger(&database).await?;
    let text = Status { settlement: settlement.as_ref(), balance: balance.as_ref(), asset: asset.as_ref() };
    let asset = asset.map(|asset| asset.to_string());
    output.result(&json!({"settlement": settlement, "node": balance, "asset": asset}), &text)
}

struct Status<'a> {
    settlement: Option<&'a SettlementStatus>,
    balance: Option<&'a NodeWalletBalance>,
    asset: Option<&'a Asset>,
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.settlement {
            None => write!(f, "no settlement yet")?,
            Some(settlement) => {
                write!(f, "{}", Summary { settlement, asset: self.asset })?;
                write_batches(f, settlement)?;
                write_log(f, settlement)?;
            }
        }
        self.balance.map_or(Ok(()), |balance| write_balance(f, balance, self.asset))
    }
}

/// A summary of a settlement.
pub(crate) struct Summary<'a> {
    pub(crate) settlement: &'a SettlementStatus,
    /// What the network pays in; `None` if the ledger does not know it yet.
    pub(crate) asset: Option<&'a Asset>,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settlement, asset } = self;
        let SettlementStatus { id, state, step, started_at, finished_at, batch_count, .. } = settlement;
        match finished_at {
            Some(finished_at) => {
                let tenths = finished_at.saturating_sub(*started_at) / 100;
                writeln!(
                    f,
                    "settlement {id}: {state} in {}.{} s, started {}",
                    tenths / 10,
                    tenths % 10,
                    format_time(*started_at)
                )?;
            }
            None => writeln!(f, "settlement {id}: {state} in step {step}, started {}", format_time(*started_at))?,
        }
        writeln!(f, "  credited  {}", format_amount(settlement.credited_lamports, *asset))?;
        writeln!(f, "  paid out  {}", format_amount(settlement.paid_lamports, *asset))?;
        writeln!(f, "  fees      {}", format_sol(settlement.fees_lamports))?;
        write!(f, "  batches   {batch_count}")?;
        settlement.error.as_ref().map_or(Ok(()), |error| write!(f, "\n  error     {error}"))
    }
}

fn write_batches(f: &mut fmt::Formatter<'_>, settlement: &SettlementStatus) -> fmt::Result {
    write_omitted(f, settlement.batch_count, settlement.batches.len(), "batches")?;
    for batch in &settlement.batches {
        write!(f, "\n    {:<6} {:<8} nodes: {:<4} {:<9}", batch.id, batch.kind, batch.entry_count, batch.state)?;
        match &batch.signature {
            Some(signature) => write!(f, "  {signature}")?,
            None => write!(f, "  attempts: {}", batch.attempts.len())?,
        }
        if let Some(reason) = &batch.reason {
            write!(f, "  {reason}")?;
        }
        batch.attempts.iter().filter(|attempt| is_open(attempt)).try_for_each(|attempt| write_attempt(f, attempt))?;
    }
    Ok(())
}

/// Whether the attempt may still have an effect. A state that this version does not know may be one of these.
fn is_open(attempt: &AttemptStatus) -> bool {
    attempt.state.parse::<AttemptState>().map_or(true, |state| !state.is_final())
}

fn write_attempt(f: &mut fmt::Formatter<'_>, attempt: &AttemptStatus) -> fmt::Result {
    let AttemptStatus { number, state, signature, .. } = attempt;
    let signature = signature.as_deref().unwrap_or("not signed");
    write!(f, "\n           attempt {number}  {state:<8}  {signature}")
}

fn write_log(f: &mut fmt::Formatter<'_>, settlement: &SettlementStatus) -> fmt::Result {
    write!(f, "\n  log")?;
    write_omitted(f, settlement.step_count, settlement.steps.len(), "lines")?;
    for line in &settlement.steps {
        write!(f, "\n    {} {:<9} {:<5} {}", format_time(line.at), line.step, line.level, line.message)?;
    }
    Ok(())
}

fn write_omitted(f: &mut fmt::Formatter<'_>, total: u64, shown: usize, what: &str) -> fmt::Result {
    match total.saturating_sub(shown as u64) {
        0 => Ok(()),
        omitted => write!(f, "\n    (earlier {what} omitted: {omitted})"),
    }
}

fn write_balance(f: &mut fmt::Formatter<'_>, balance: &NodeWalletBalance, asset: Option<&Asset>) -> fmt::Result {
    let amount = |amount| format_amount(amount, asset);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    write!(f, "\nnode {}", balance.node_id)?;
    write!(f, "\n  address         {}", or_none(balance.address.map(|address| address.to_string())))?;
    write!(f, "\n  wallet account  {}", or_none(balance.wallet_address.map(|address| address.to_string())))?;
    write!(f, "\n  earned          {}", amount(balance.earned_lamports))?;
    write!(f, "\n  credited        {}", amount(balance.credited_lamports))?;
    write!(f, "\n  paid out        {}", amount(balance.total_rewards_distributed_lamports))?;
    write!(f, "\n  uncredited      {}", amount(balance.unsettled_lamports))?;
    write!(f, "\n  pending payout  {}", amount(balance.pending_rewards_lamports))?;
    if !balance.over_credited_lamports.is_zero() {
        write!(
            f,
            "\n  over-credited   {} (credited on-chain in excess of the rewards in this ledger)",
            amount(balance.over_credited_lamports)
        )?;
    }
    if let Some(reason) = &balance.hold_reason {
        write!(f, "\n  on hold         {reason}")?;
    }
    write!(f, "\n  last signature  {}", or_none(balance.last_signature.clone()))?;
    write!(f, "\n  last updated    {}", balance.last_updated_at.map_or_else(|| "never".to_owned(), format_time))
}
