//! Step 6: writes the effects of finalized batches to the ledger and compares the ledger with the chain.

use std::collections::BTreeMap;

use settlement::events::BatchSettled;
use settlement::state::NodeWallet;
use solana_pubkey::Pubkey;

use crate::chain::{AccountData, Chain, Commitment, ExecutedTransaction, MAX_ACCOUNTS_PER_READ};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::BatchKind;
use crate::types::NodeId;

use super::changes::Changes;
use super::lease::Lease;
use super::store::attempts::{self, AttemptTransition};
use super::store::batches::{self, Batch, BatchTransition, Entry, EntryResult};
use super::store::settlements::{self, OpenSettlement, SettlementSums};
use super::store::wallets::{TreasuryReading, WalletReading, WalletTotals};
use super::store::{rewards, wallets};
use super::text::plural;
use super::track::{InFlight, Tracking};
use super::{BatchState, Engine, EngineError, EntryOutcome, Progress};

/// The wallets of a batch's entries, as read from the finalized chain.
pub(super) struct WalletsRead {
    /// The lowest slot of the reads.
    pub(super) slot: u64,
    /// Each entry's wallet and its balance in lamports, in the order of the entries; `None` where no wallet exists.
    pub(super) wallets: Vec<Option<(NodeWallet, u64)>>,
}

/// The skip reason of an entry when the log of the transaction that skipped it is missing or truncated.
const REASON_NOT_KEPT: &str = "skipped (reason unknown: the RPC node does not have the transaction's log)";

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Reads the wallets of `entries` from the finalized chain.
    pub(super) async fn read_wallets(&self, entries: &[Entry]) -> Result<WalletsRead, EngineError> {
        let addresses: Vec<Pubkey> = entries.iter().map(|entry| entry.wallet).collect();
        let mut read = WalletsRead { slot: u64::MAX, wallets: Vec::with_capacity(entries.len()) };
        for chunk in addresses.chunks(MAX_ACCOUNTS_PER_READ) {
            let accounts = self.chain.accounts(chunk, AccountData::Full, Commitment::Finalized).await?;
            read.slot = read.slot.min(accounts.slot);
            read.wallets.extend(accounts.accounts.into_iter().map(|account| {
                let account = account.filter(|account| account.owner == settlement::ID)?;
                Some((NodeWallet::decode(&account.data).ok()?, account.lamports))
            }));
        }
        Ok(read)
    }

    /// Closes a batch as confirmed: writes the results of its entries, its rewards, wallets and sums in one transaction.
    /// `slot` is the slot of the finalized attempt, if known. Returns [`Tracking::Unchanged`], and writes nothing, while
    /// the RPC node has not reached that slot.
    pub(super) async fn close_batch(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        InFlight { batch, attempt, signed }: &InFlight,
        slot: Option<u64>,
    ) -> Result<Tracking, EngineError> {
        let entries = batches::entries(&self.database, batch.id).await?;
        let read = self.read_wallets(&entries).await?;
        if slot.is_some_and(|slot| read.slot < slot) {
            return Ok(Tracking::Unchanged);
        }
        let executed = self.chain.transaction(&signed.signature).await?;
        let now = self.clock.now_ms();
        let signature = signed.signature.to_string();
        let fee = executed.as_ref().map(|executed| executed.fee_lamports);
        let event = executed.as_ref().and_then(|executed| self.event_of(batch, entries.len(), executed));
        let effect = BatchEffect::of(batch, &entries, &read, event);

        let mut changes = Changes::for_settlement(open, now);
        changes.push(batches::require_unchanged(batch));
        changes.extend(attempts::transition(attempt, AttemptTransition::Finalized { slot, fee_lamports: fee }, now));
        changes.push(batches::transition(batch.id, BatchTransition::Confirmed { signature: &signature }, now));
        changes.push(batches::set_results(batch.id, &effect.results));
        changes.extend(wallets::upsert(&readings(&entries, read), now));
        if batch.kind == BatchKind::Register {
            changes.info(format!(
                "batch {} confirmed: {} created",
                batch.id,
                plural(effect.succeeded, "wallet account")
            ));
        } else {
            changes.push(wallets::set_signature(&effect.touched, &signature));
            changes.push(wallets::set_holds(effect.payout_holds));
            changes.extend(rewards::close_batch(batch.id, &signature, &effect.returned, now));
            changes.info(format!(
                "batch {} confirmed: {} of {} credited; {} credited, {} paid out",
                batch.id,
                effect.succeeded,
                plural(entries.len(), "node"),
                plural(effect.credited, "lamport"),
                plural(effect.paid, "lamport")
            ));
        }
        let sums = SettlementSums { credited: effect.credited, paid: effect.paid, fees: fee.unwrap_or(0) };
        changes.push(settlements::add_sums(open.id, sums, now));
        self.commit(lease, changes).await?;
        Ok(Tracking::Advanced)
    }

    /// The event of a batch of `entries` entries, from the log of its transaction. `None` if the RPC node has not kept the
    /// log, or the cluster has truncated it.
    fn event_of(&self, batch: &Batch, entries: usize, executed: &ExecutedTransaction) -> Option<BatchSettled> {
        BatchSettled::from_logs(&executed.log_messages).into_iter().find(|event| {
            event.network == self.network
                && u64::try_from(batch.id) == Ok(event.batch_id)
                && usize::from(event.n) == entries
        })
    }

    /// Compares the ledger with the chain and closes the settlement.
    pub(super) async fn reconcile(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        let read = self.chain.accounts(&[self.treasury], AccountData::Full, Commitment::Finalized).await?;
        let (treasury, lamports) = self.decode_treasury(read.accounts.first().and_then(Option::as_ref))?;
        let now = self.clock.now_ms();
        let reading = TreasuryReading { address: self.treasury, lamports, slot: read.slot, treasury };
        let mut changes = Changes::for_settlement(open, now);
        changes.push(settlements::require_step(open.id, open.step));
        changes.push(wallets::upsert_treasury(&reading, now));
        let mirrored = wallets::credited_sum(&self.database).await?;
        let credited_total = reading.treasury.credited_total;
        if mirrored == credited_total {
            changes.info(format!("ledger and chain agree: {} credited in total", plural(mirrored, "lamport")));
        } else {
            changes.warn(format!(
                "the treasury has credited {} in total, but the wallets in this ledger add up to {mirrored}: \
                 some wallets are missing from this ledger or were not read recently",
                plural(credited_total, "lamport")
            ));
        }
        let counts = batches::counts(&self.database, open.id).await?;
        let count = |state: BatchState| counts.get(&state).copied().unwrap_or(0);
        changes.info(format!(
            "payment batches: {} confirmed, {} failed, {} in review",
            count(BatchState::Confirmed),
            count(BatchState::Failed),
            count(BatchState::Review)
        ));
        let failure = batches::failure(&self.database, open.id).await?;
        match &failure {
            None => changes.finish_settlement(),
            Some(reason) => changes.fail_settlement(reason),
        }
        self.commit(lease, changes).await?;
        Ok(Progress::Finished { settlement_id: open.id, failure })
    }
}

fn readings(entries: &[Entry], read: WalletsRead) -> Vec<WalletReading> {
    entries
        .iter()
        .zip(read.wallets)
        .filter_map(|(entry, wallet)| {
            let (wallet, lamports) = wallet?;
            Some(WalletReading {
                node_id: entry.node_id.clone(),
                address: entry.wallet,
                lamports,
                slot: read.slot,
                wallet,
            })
        })
        .collect()
}

/// The effect of a batch. The wallets show which entries took effect; the program's event gives the reasons for those
/// that did not.
struct BatchEffect<'a> {
    /// The result of each entry, in the order of the entries.
    results: Vec<EntryResult>,
    /// The number of entries that were credited or whose wallets were created.
    succeeded: usize,
    /// In lamports.
    credited: u64,
    /// In lamports.
    paid: u64,
    /// Nodes that were credited or paid.
    touched: Vec<&'a NodeId>,
    /// Each node's payout hold reason; `None` clears an earlier one.
    payout_holds: Vec<(&'a NodeId, Option<String>)>,
    /// Nodes that were not credited, with the hold reason of their rewards.
    returned: BTreeMap<NodeId, String>,
}

impl<'a> BatchEffect<'a> {
    fn of(batch: &Batch, entries: &'a [Entry], read: &WalletsRead, event: Option<BatchSettled>) -> Self {
        let mut effect = Self {
            results: Vec::with_capacity(entries.len()),
            succeeded: 0,
            credited: 0,
            paid: 0,
            touched: Vec::new(),
            payout_holds: Vec::new(),
            returned: BTreeMap::new(),
        };
        for (position, (entry, wallet)) in entries.iter().zip(&read.wallets).enumerate() {
            let totals = wallet.as_ref().map(|(wallet, _)| WalletTotals::of(wallet));
            if batch.kind == BatchKind::Register {
                let outcome = if totals.is_some() { EntryOutcome::Registered } else { EntryOutcome::Skipped };
                effect.succeeded = effect.succeeded.saturating_add(usize::from(totals.is_some()));
                effect.results.push(EntryResult::without_skips(outcome));
                continue;
            }
            let now = totals.unwrap_or(entry.before);
            let reached = now.credited >= entry.target;
            let reason = |known: Option<settlement::rules::SkipReason>| {
                known.map_or_else(|| REASON_NOT_KEPT.to_owned(), |reason| reason.as_str().to_owned())
            };
            let credit_skip =
                (!reached).then(|| reason(event.as_ref().and_then(|event| event.credit_skip_reason(position))));
            let payout_skip = match &event {
                Some(event) => event.payout_skip_reason(position).map(|reason| reason.as_str().to_owned()),
                // A settle batch holds only due payouts, so lamports that are still pending after it were not paid.
                None => {
                    (batch.kind == BatchKind::Settle && now.credited > now.paid).then(|| REASON_NOT_KEPT.to_owned())
                }
            };
            if let Some(reason) = &credit_skip {
                effect.returned.insert(entry.node_id.clone(), reason.clone());
            } else {
                effect.succeeded = effect.succeeded.saturating_add(1);
                // A credit batch attempts no payout, so the hold reason from planning stays.
                if batch.kind == BatchKind::Settle {
                    effect.payout_holds.push((&entry.node_id, payout_skip.clone()));
                }
            }
            let newly_credited = now.credited.saturating_sub(entry.before.credited);
            let newly_paid = now.paid.saturating_sub(entry.before.paid);
            if newly_credited > 0 || newly_paid > 0 {
                effect.touched.push(&entry.node_id);
            }
            effect.credited = effect.credited.saturating_add(newly_credited);
            effect.paid = effect.paid.saturating_add(newly_paid);
            let outcome = if reached { EntryOutcome::Credited } else { EntryOutcome::Skipped };
            effect.results.push(EntryResult { outcome, credit_skip, payout_skip });
        }
        // The event counts this transaction only, the wallets may also reflect others: the event takes precedence.
        if let Some(event) = event {
            effect.credited = event.credited;
            effect.paid = event.paid;
        }
        effect
    }
}
