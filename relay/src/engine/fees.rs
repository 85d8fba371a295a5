//! What the transactions of a settlement may cost.
//!
//! The first attempt of a batch pays a low percentile of recent priority fees, and every further one at least twice as much as the
//! one before. Fees are limited for each transaction and for each settlement. What the settler or the limit cannot pay for is
//! not planned, in the order of age: the oldest rewards are paid first.

use futures_util::future::try_join3;
use settlement::state::NodeWallet;
use solana_pubkey::Pubkey;

use crate::chain::{AccountData, Chain, Commitment};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::{Budget, SIGNATURE_FEE_LAMPORTS};

use super::hold::HoldReason;
use super::store::fees;
use super::store::settlements::OpenSettlement;
use super::{Engine, EngineError};

/// The percentile of recent priority fees to pay, by attempt: low at first, higher after each attempt that did not land.
const PERCENTILES: [usize; 4] = [25, 50, 75, 100];

/// The least that the second attempt pays, in micro-lamports per compute unit, even if nobody has paid anything recently. For a full
/// credit, this is a fifth of a lamport.
const FIRST_STEP: u64 = 10_000;

/// The prices of a settlement's next attempts, and what is left to pay for them.
#[derive(Clone, Debug)]
pub(super) struct Fees {
    /// Recently paid priority fees, ascending, in micro-lamports per compute unit.
    recent: Vec<u64>,
    max_compute_unit_price: u64,
    max_priority_fee_lamports: u64,
    /// What the settlement may still spend, in lamports; `None` for any amount.
    left: Option<u64>,
}

impl Fees {
    /// Sets the price of attempt `number`, of which the one before had the price `previous`, and takes its fee from what is left.
    /// `None` if not even its signature can be paid.
    pub(super) fn priced(&mut self, budget: Budget, number: u32, previous: Option<u64>) -> Option<Budget> {
        let priority = match self.left {
            None => self.max_priority_fee_lamports,
            Some(left) => left.checked_sub(SIGNATURE_FEE_LAMPORTS)?.min(self.max_priority_fee_lamports),
        };
        let wanted = self.price(number, previous).min(self.max_compute_unit_price);
        let budget = Budget { compute_unit_price: wanted, ..budget }.with_priority_fee_up_to(priority);
        let fee = budget.priority_fee_lamports().saturating_add(SIGNATURE_FEE_LAMPORTS);
        self.left = self.left.map(|left| left.saturating_sub(fee));
        Some(budget)
    }

    /// The price of attempt `number` in micro-lamports per compute unit, regardless of limits.
    fn price(&self, number: u32, previous: Option<u64>) -> u64 {
        let step = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        let percentile = PERCENTILES.get(step).copied().unwrap_or(100);
        let last = self.recent.len().saturating_sub(1);
        let recent = self.recent.get(last.saturating_mul(percentile) / 100).copied().unwrap_or(0);
        let raised = previous.map_or(0, |previous| previous.saturating_mul(2).max(FIRST_STEP));
        recent.max(raised)
    }
}

/// What keeps a settlement from paying for more transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// The settler's lamports.
    Payer,
    /// The limit on the settlement's fees.
    Limit,
}

impl Shortage {
    /// Why what cannot be paid for is held.
    pub(super) fn hold_reason(self) -> HoldReason {
        match self {
            Self::Payer => HoldReason::PayerShort,
            Self::Limit => HoldReason::FeeLimit,
        }
    }
}

/// The settler's account, which pays fees and rent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payer {
    /// Its balance.
    pub(super) lamports: u64,
    /// What must stay in it, in lamports.
    pub(super) minimum: u64,
    /// The rent of a new wallet account, in lamports.
    pub(super) rent: u64,
}

/// What a new wallet account costs, of which `rent` is the rent. Several nodes share a transaction, so that a signature each covers
/// the fees of registering and paying them.
fn cost_of_registration(rent: u64) -> u64 {
    rent.saturating_add(SIGNATURE_FEE_LAMPORTS)
}

/// What the settlement can pay for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Affordable {
    /// The number of further batches.
    pub(super) batches: usize,
    /// Why there are no more.
    pub(super) shortage: Shortage,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Reads the prices for the next attempts of settlement `settlement_id`; `None` stands for one that is yet to be opened. They are
    /// those of transactions that write the accounts in `written`, treasury and settler.
    pub(super) async fn fees(&self, settlement_id: Option<i64>, written: &[Pubkey]) -> Result<Fees, EngineError> {
        let left = match self.max_fees_lamports.get() {
            None => None,
            Some(max) => {
                let committed = fees::committed(&self.database, settlement_id, SIGNATURE_FEE_LAMPORTS).await?;
                Some(max.saturating_sub(committed.fees()))
            }
        };
        Ok(Fees {
            recent: self.recent_fees(written).await?,
            max_compute_unit_price: self.config.max_compute_unit_price,
            max_priority_fee_lamports: self.config.max_priority_fee_lamports,
            left,
        })
    }

    /// How many batches more than it has planned settlement `settlement_id` can pay for; `None` stands for one that is yet to be
    /// opened. The count is not too low only if no batch is open, because the payer's balance may already be less by the cost
    /// of open ones. It is exact if it is also below `wanted`. `dearest` is the budget of a full batch, and `new_nodes` the
    /// number of wallet accounts to be created beside those of open batches.
    pub(super) async fn affordable_batches(
        &self,
        settlement_id: Option<i64>,
        payer: Payer,
        dearest: Budget,
        (wanted, new_nodes): (usize, u64),
    ) -> Result<Affordable, EngineError> {
        let committed = fees::committed(&self.database, settlement_id, SIGNATURE_FEE_LAMPORTS).await?;
        let registrations = committed.registrations.saturating_add(new_nodes);
        let of_payer = payer
            .lamports
            .saturating_sub(payer.minimum)
            .saturating_sub(committed.live)
            .saturating_sub(registrations.saturating_mul(cost_of_registration(payer.rent)));
        let of_limit = self.max_fees_lamports.get().map_or(u64::MAX, |max| max.saturating_sub(committed.fees()));
        let shortage = if of_limit < of_payer { Shortage::Limit } else { Shortage::Payer };
        let batches_at = |fee: u64| {
            let all = of_payer.min(of_limit) / fee.max(1);
            usize::try_from(all.saturating_sub(committed.unpriced_batches)).unwrap_or(usize::MAX)
        };
        let fee_of = |priority: u64| SIGNATURE_FEE_LAMPORTS.saturating_add(priority);
        let at_most = batches_at(fee_of(self.config.max_priority_fee_lamports));
        if at_most >= wanted {
            return Ok(Affordable { batches: at_most, shortage });
        }
        // Not for all at the highest fee: what do they cost now?
        let current = self
            .fees(settlement_id, &[])
            .await?
            .priced(dearest, 1, None)
            .map_or(0, |budget| budget.priority_fee_lamports());
        Ok(Affordable { batches: batches_at(fee_of(current)), shortage })
    }

    /// How many wallet accounts more than it has planned the settlement can create, and the lamports that `wanted` of them cost
    /// the settler beyond what it holds.
    pub(super) async fn affordable_registrations(
        &self,
        open: &OpenSettlement,
        wanted: usize,
    ) -> Result<(usize, u64), EngineError> {
        let committed = fees::committed(&self.database, Some(open.id), SIGNATURE_FEE_LAMPORTS).await?;
        let settler = [self.signer.address()];
        let (read, minimum, rent) = try_join3(
            self.chain.accounts(&settler, AccountData::Omitted, Commitment::Confirmed, 0),
            self.chain.minimum_balance(0),
            self.chain.minimum_balance(NodeWallet::SIZE as u64),
        )
        .await?;
        let lamports = read.accounts.first().and_then(Option::as_ref).map_or(0, |account| account.lamports);
        let each = cost_of_registration(rent);
        let available = lamports.saturating_sub(minimum);
        let left = (available / each.max(1)).saturating_sub(committed.registrations);
        let all = committed.registrations.saturating_add(wanted as u64).saturating_mul(each);
        Ok((usize::try_from(left).unwrap_or(usize::MAX).min(wanted), all.saturating_sub(available)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fees(recent: Vec<u64>, left: Option<u64>) -> Fees {
        Fees { recent, max_compute_unit_price: 1_000_000, max_priority_fee_lamports: 10_000, left }
    }

    const BUDGET: Budget = Budget { compute_unit_limit: 100_000, loaded_accounts_data_limit: 1, compute_unit_price: 0 };

    fn price(fees: &mut Fees, number: u32, previous: Option<u64>) -> Option<u64> {
        fees.priced(BUDGET, number, previous).map(|budget| budget.compute_unit_price)
    }

    #[test]
    fn the_price_starts_low_and_rises_with_every_attempt_also_from_zero() {
        let recent: Vec<u64> = (0..=100).map(|percent| percent * 100).collect();
        let mut prices = Vec::new();
        for number in 1..=4 {
            prices.push(price(&mut fees(recent.clone(), None), number, prices.last().copied()).unwrap());
        }
        assert_eq!(prices, [2_500, 10_000, 20_000, 40_000]);
        assert_eq!(price(&mut fees(vec![30_000; 5], None), 2, Some(1)), Some(30_000));
        for recent in [vec![], vec![0; 10]] {
            assert_eq!(price(&mut fees(recent.clone(), None), 1, None), Some(0));
            assert_eq!(price(&mut fees(recent, None), 2, Some(0)), Some(FIRST_STEP));
        }
    }

    #[test]
    fn no_transaction_costs_more_than_its_limit_and_no_settlement_more_than_its_own() {
        let mut unlimited = fees(vec![u64::MAX], None);
        let budget = unlimited.priced(BUDGET, 1, None).unwrap();
        assert_eq!(budget.priority_fee_lamports(), 10_000);
        let cheap = Fees { max_compute_unit_price: 7, ..unlimited };
        assert_eq!(price(&mut cheap.clone(), 9, Some(1 << 40)), Some(7));

        let mut limited = fees(vec![1_000_000], Some(2 * SIGNATURE_FEE_LAMPORTS + 10_300));
        let mut next = || limited.priced(BUDGET, 1, None).map(|budget| budget.priority_fee_lamports());
        assert_eq!([next(), next(), next()], [Some(10_000), Some(300), None]);
    }
}
