//! What a settlement can pay for, found out before it sends anything, and the order of its work that follows.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::changes::Changes;
use super::fees::Shortage;
use super::lease::Lease;
use super::plan::Limits;
use super::store::settlement_nodes::{self, Demand};
use super::store::settlements::OpenSettlement;
use super::text::plural;
use super::{Engine, EngineError};

/// In which order the nodes of a settlement are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// There is enough for all, and all have wallet accounts: each piece is paid while the next one is read.
    PieceByPiece,
    /// There is enough for all. Batches that create wallet accounts are planned before anything is paid, because only then the
    /// treasury's total tells whether it has credited unknown ones. Who has a wallet account is paid while they land.
    AfterRegistrations,
    /// There may not be enough for all: nobody is paid before it is known what all of them need, so that the oldest rewards are
    /// paid first.
    ByAge,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Finds out in which order the nodes that are still to be planned are served, while no payment is planned yet. Warns if
    /// there is not enough for all.
    pub(super) async fn order(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        changes: &mut Changes,
    ) -> Result<Order, EngineError> {
        if let Some(order) = self.known(lease, open).order {
            return Ok(order);
        }
        let demand = settlement_nodes::demand(&self.database).await?;
        let order = match self.limits(lease, Some(open.id), demand, 0, self.clock.now_ms()).await {
            Ok(limits) => {
                self.warn_of_shortages(demand, &limits, changes)?;
                order_of(demand, &limits)
            }
            // If it is still so, the plan ends the settlement for this reason.
            Err(EngineError::Rejected(_)) => Order::ByAge,
            Err(error) => return Err(error),
        };
        self.remember(lease, open, |known| {
            known.order = Some(order);
            known.closed_slot = Some(0);
        });
        Ok(order)
    }

    fn warn_of_shortages(&self, demand: Demand, limits: &Limits, changes: &mut Changes) -> Result<(), EngineError> {
        let unit = self.asset()?.unit();
        let owed = u64::try_from(demand.owed).unwrap_or(u64::MAX);
        let mut warn = |shortage: String| changes.warn(format!("{shortage}; the oldest rewards are paid first"));
        if limits.treasury_left < owed {
            let missing = plural(owed.saturating_sub(limits.treasury_left), unit);
            warn(format!(
                "the treasury can credit {} of the {} that are pending: fund it with {missing}",
                limits.treasury_left,
                plural(owed, unit)
            ));
        }
        if limits.window_left < owed {
            warn(format!(
                "the outflow window allows {} of the {} that are pending now, and more with time",
                limits.window_left,
                plural(owed, unit)
            ));
        }
        let (affordable, least) = (limits.affordable.batches, demand.nodes.div_ceil(limits.most_entries()));
        if affordable < least {
            let who = match limits.affordable.shortage {
                Shortage::Payer => "the settler's lamports pay",
                Shortage::Limit => "the limit on fees allows",
            };
            let remedy = match limits.affordable.shortage {
                Shortage::Payer => ": send it SOL",
                Shortage::Limit => "",
            };
            let what = plural(affordable, "transaction");
            warn(format!("{who} for {what} of at least {least}{remedy}"));
        }
        Ok(())
    }
}

fn order_of(demand: Demand, limits: &Limits) -> Order {
    let creditable = limits.treasury_left.min(limits.window_left).min(limits.total_left);
    if demand.owed > u128::from(creditable) || limits.affordable.batches < limits.wanted_batches {
        Order::ByAge
    } else if demand.new_nodes > 0 {
        Order::AfterRegistrations
    } else {
        Order::PieceByPiece
    }
}
