//! Step 6: compares the ledger with the chain and closes the settlement.

use crate::chain::{AccountData, Chain, Commitment};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::changes::Changes;
use super::lease::Lease;
use super::store::settlements::{self, OpenSettlement};
use super::store::wallets::TreasuryReading;
use super::store::{batches, payables, settlement_nodes, wallets};
use super::text::plural;
use super::{BatchState, Engine, EngineError, Progress};

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Compares the ledger with the chain and closes the settlement.
    pub(super) async fn reconcile(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        let min_slot = settlement_nodes::last_slot(&self.database).await?;
        let read = self.chain.accounts(&[self.treasury], AccountData::Full, Commitment::Finalized, min_slot).await?;
        let (treasury, lamports) = self.decode_treasury(read.accounts.first().and_then(Option::as_ref))?;
        let now = self.clock.now_ms();
        let asset = self.asset()?;
        let balance = asset.held(&treasury, lamports);
        let reading = TreasuryReading { address: self.treasury, balance, slot: read.slot, treasury };
        let mut changes = Changes::for_settlement(open, now);
        changes.push(settlements::require_step(open.id, open.step));
        changes.push(wallets::upsert_treasury(&reading, now));
        changes.push(wallets::lower_accepted());
        let mirrored = wallets::credited_sum(&self.database).await?;
        let credited_total = reading.treasury.credited_total;
        if mirrored == credited_total {
            changes.info(format!("ledger and chain agree: {} credited in total", plural(mirrored, asset.unit())));
        } else {
            changes.warn(format!(
                "the treasury has credited {} in total, but the wallets in this ledger add up to {mirrored}: \
                 some wallets are missing from this ledger or were not read recently",
                plural(credited_total, asset.unit())
            ));
        }
        let counts = batches::counts(&self.database, open.id).await?;
        let count = |state: BatchState| counts.get(&state).copied().unwrap_or(0);
        changes.info(format!(
            "payment batches: {} confirmed, {} failed, {} superseded",
            count(BatchState::Confirmed),
            count(BatchState::Failed),
            count(BatchState::Superseded)
        ));
        let failure = batches::failure(&self.database, open.id).await?;
        changes.extend([
            payables::recount(),
            payables::forget_holds(),
            wallets::forget_holds(),
            settlement_nodes::clear(),
        ]);
        match &failure {
            None => changes.finish_settlement(),
            Some(reason) => changes.fail_settlement(reason),
        }
        self.commit(lease, changes).await?;
        Ok(Progress::Finished { settlement_id: open.id, failure })
    }
}
