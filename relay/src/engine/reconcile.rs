//! Step 6: what the chain did is written back, and ledger and chain are compared.

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
use super::store::attempts::{self, Attempt, StoredTransaction};
use super::store::batches::{self, Batch, Entry, Outcome};
use super::store::settlements::{self, OpenSettlement};
use super::store::wallets::WalletReading;
use super::store::{rewards, wallets};
use super::{AttemptState, Engine, EngineError, Progress};

/// The wallets of a batch's entries, in their order, with their lamports.
pub(super) struct WalletsRead {
    /// The oldest slot of the readings.
    pub(super) slot: u64,
    pub(super) wallets: Vec<Option<(NodeWallet, u64)>>,
}

/// Said of an entry that was not credited when the node does not keep the transaction's details.
const REASON_NOT_KEPT: &str = "skipped (the RPC node keeps no transaction history to tell why)";

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Reads the wallets of `entries` in the rooted chain.
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

    /// Writes back what a finalized attempt did: entries, rewards, wallets and sums, in one transaction. Whether it
    /// was written: not while the node that answers is behind the attempt's slot.
    pub(super) async fn close_batch(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        batch: &Batch,
        attempt: &Attempt,
        signed: &StoredTransaction,
        slot: Option<u64>,
    ) -> Result<bool, EngineError> {
        let entries = batches::entries(&self.database, batch.id).await?;
        let read = self.read_wallets(&entries).await?;
        if slot.is_some_and(|slot| read.slot < slot) {
            return Ok(false);
        }
        let executed = self.chain.transaction(&signed.signature).await?;
        let now = self.clock.now_ms();
        let signature = signed.signature.to_string();
        let fee = executed.as_ref().map(|executed| executed.fee_lamports);
        let effect = Effect::of(batch, &entries, &read, executed.as_ref());

        let mut changes = Changes::for_settlement(open, now);
        changes.push(batches::require_open(batch));
        changes.extend(attempts::set_state(attempt, AttemptState::Finalized, slot, fee, None, now));
        changes.push(batches::set_state(batch.id, "confirmed", Some(&signature), None, now));
        changes.push(batches::set_outcomes(batch.id, &effect.outcomes));
        changes.extend(wallets::upsert(&readings(&entries, read), now));
        if batch.kind == BatchKind::Register {
            changes.info(format!("batch {}: {} wallet accounts opened", batch.id, effect.done));
        } else {
            changes.push(wallets::set_signature(&effect.touched, &signature));
            changes.push(wallets::set_holds(effect.payout_holds));
            changes.extend(rewards::close_batch(batch.id, &signature, &effect.returned, now));
            changes.info(format!(
                "batch {} is final: {} of {} nodes credited with {} lamports, {} lamports paid out",
                batch.id,
                effect.done,
                entries.len(),
                effect.credited,
                effect.paid
            ));
        }
        changes.push(settlements::add_sums(open.id, effect.credited, effect.paid, fee.unwrap_or(0), now));
        self.commit(lease, changes).await?;
        Ok(true)
    }

    /// Compares the ledger with the chain once more, and closes the settlement.
    pub(super) async fn reconcile(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        let read = self.chain.accounts(&[self.treasury], AccountData::Full, Commitment::Finalized).await?;
        let (treasury, balance) = self.decode_treasury(read.accounts.first().and_then(Option::as_ref))?;
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        changes.push(settlements::require_step(open.id, open.step));
        changes.push(wallets::upsert_treasury(&self.treasury, balance, &treasury, read.slot, now));
        let mirrored = wallets::credited_sum(&self.database).await?;
        if mirrored == treasury.credited_total {
            changes.info(format!("ledger and chain agree: {mirrored} lamports credited in all"));
        } else {
            changes.warn(format!(
                "the treasury has credited {} lamports in all, the wallets in this ledger {mirrored}: \
                 some wallets are not in this ledger, or have not been read since",
                treasury.credited_total
            ));
        }
        let counts = batches::counts(&self.database, open.id).await?;
        let count = |state: &str| counts.get(state).copied().unwrap_or(0);
        changes.info(format!(
            "{} batches final, {} given up, {} waiting for a person",
            count("confirmed"),
            count("failed"),
            count("review")
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

/// What a batch did, entry by entry. The wallets say whether; the event says why not.
struct Effect<'a> {
    outcomes: Vec<Outcome>,
    /// Entries that were credited, or wallets that were opened.
    done: usize,
    credited: u64,
    paid: u64,
    /// Nodes that were credited or paid.
    touched: Vec<&'a NodeId>,
    /// Why each node's payout is held, or that it no longer is.
    payout_holds: Vec<(&'a NodeId, Option<String>)>,
    /// Why the rewards of nodes that were not credited go back.
    returned: BTreeMap<NodeId, String>,
}

impl<'a> Effect<'a> {
    fn of(batch: &Batch, entries: &'a [Entry], read: &WalletsRead, executed: Option<&ExecutedTransaction>) -> Self {
        let event = executed.and_then(|executed| {
            executed.inner_instruction_data.iter().find_map(|data| BatchSettled::decode_cpi(data))
        });
        let mut effect = Self {
            outcomes: Vec::with_capacity(entries.len()),
            done: 0,
            credited: 0,
            paid: 0,
            touched: Vec::new(),
            payout_holds: Vec::new(),
            returned: BTreeMap::new(),
        };
        for (position, (entry, wallet)) in entries.iter().zip(&read.wallets).enumerate() {
            let totals = wallet.as_ref().map(|(wallet, _)| (wallet.credited_total, wallet.paid_total));
            let (credited, paid) = totals.unwrap_or((entry.credited_before, entry.paid_before));
            if batch.kind == BatchKind::Register {
                let outcome = if totals.is_some() { "registered" } else { "skipped" };
                effect.done = effect.done.saturating_add(usize::from(totals.is_some()));
                effect.outcomes.push(Outcome { outcome, credit_skip: None, payout_skip: None });
                continue;
            }
            let reached = credited >= entry.target;
            let reason = |known: Option<settlement::rules::SkipReason>| {
                known.map_or_else(|| REASON_NOT_KEPT.to_owned(), |reason| reason.as_str().to_owned())
            };
            let credit_skip =
                (!reached).then(|| reason(event.as_ref().and_then(|event| event.credit_skip_reason(position))));
            let payout_skip = match &event {
                Some(event) => event.payout_skip_reason(position).map(|reason| reason.as_str().to_owned()),
                // Only what was due goes into a settle batch: what is pending after it was not paid.
                None => (batch.kind == BatchKind::Settle && credited > paid).then(|| REASON_NOT_KEPT.to_owned()),
            };
            if let Some(reason) = &credit_skip {
                effect.returned.insert(entry.node_id.clone(), reason.clone());
            } else {
                effect.done = effect.done.saturating_add(1);
                // A credit does not try to pay: why it could not stays as it was planned.
                if batch.kind == BatchKind::Settle {
                    effect.payout_holds.push((&entry.node_id, payout_skip.clone()));
                }
            }
            if credited > entry.credited_before || paid > entry.paid_before {
                effect.touched.push(&entry.node_id);
            }
            effect.credited = effect.credited.saturating_add(credited.saturating_sub(entry.credited_before));
            effect.paid = effect.paid.saturating_add(paid.saturating_sub(entry.paid_before));
            let outcome = if reached { "credited" } else { "skipped" };
            effect.outcomes.push(Outcome { outcome, credit_skip, payout_skip });
        }
        // The event counts what this transaction did, the wallets what all did: the event is the better witness.
        if let Some(event) = event {
            effect.credited = event.credited;
            effect.paid = event.paid;
        }
        effect
    }
}
