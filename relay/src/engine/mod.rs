//! The settlement state machine.
//!
//! A settlement goes through the steps validate → sync → plan → submit → reconcile. While it is planned, piece by piece, the
//! pieces before are simulated, signed, sent and tracked. Each call of [`Engine::advance`] does a bounded amount of work and
//! returns. All state between two calls is in the ledger, so the
//! next caller resumes after a crash at any point. The engine never sends a transaction whose signature is not stored,
//! never signs a batch again while an earlier attempt may still land, and never writes without holding the lease.

mod advance_batches;
mod asset;
mod books;
mod build;
mod changes;
mod close;
mod close_credits;
mod config;
mod error;
mod fees;
mod hold;
mod known;
mod lease;
mod open_batch;
mod outlook;
mod overdue;
mod pipeline;
mod plan;
mod read;
mod reconcile;
mod refused;
mod repeated;
mod review;
mod signatures;
mod simulate;
mod split;
mod states;
mod step;
pub(crate) mod store;
mod submit;
mod sync;
mod text;
mod track;
mod validate;

pub use asset::{Asset, UnknownAsset};
pub use config::{EngineConfig, FormatChoice, NetworkRef};
pub use error::EngineError;
pub use hold::HoldReason;
pub use overdue::ATTEMPT_OVERDUE_MS;
pub use review::{Excess, MAX_NODES_AT_ONCE, Resolution, ReviewError, Reviewed, Reviewer};
pub use states::{AttemptState, BatchState, EntryOutcome, NodeState, SettlementState};
pub use step::Step;

use std::cell::{Cell, OnceCell};

use settlement::client::treasury_address;
use solana_pubkey::Pubkey;

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::Format;

use changes::Changes;
use lease::Lease;
use store::settlement_nodes::{self, HeldNodes};
use store::{payables, wallets};

/// The implementations of the five traits that an [`Engine`] runs on.
pub struct EngineParts<D, C, S, K, E> {
    /// The ledger, with all migrations applied.
    pub database: D,
    /// The cluster that the network is on.
    pub chain: C,
    /// Signs with the settler's key.
    pub signer: S,
    /// The source of the current time.
    pub clock: K,
    /// Receives progress events.
    pub events: E,
}

/// Settles the rewards of one network.
pub struct Engine<D, C, S, K, E> {
    database: D,
    chain: C,
    signer: S,
    clock: K,
    events: E,
    config: EngineConfig,
    network: Pubkey,
    treasury: Pubkey,
    /// Whether this process has checked that the RPC node belongs to the ledger's cluster, since a request last failed.
    cluster_checked: Cell<bool>,
    /// The fencing token of the lease, and when it was last taken or renewed.
    fresh_lease: Cell<Option<(i64, i64)>>,
    /// What this process knows about the settlement in progress.
    known: Cell<known::Known>,
    /// The transaction format of a settlement, by its number.
    format: Cell<Option<(i64, Format)>>,
    /// The highest sum of a settlement's fees, in lamports.
    max_fees_lamports: Cell<Option<u64>>,
    /// The asset that the network pays in, once it is known.
    asset: OnceCell<Asset>,
    /// What is wrong with lookup tables, as far as this process has found out.
    lookup_problems: build::LookupProblems,
}

/// What requests a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger<'a> {
    /// The trigger's name in the ledger: `cron`, `api`, `cli`, …
    pub name: &'a str,
    /// Whether to retry what is held now instead of [`HOLD_RETRY_MS`] to [`MAX_HOLD_RETRY_MS`] after it was held.
    pub retry_held: bool,
}

/// The result of [`Engine::advance`]. It says whether a settlement is open, so that callers need not keep track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No settlement is open and there is nothing to settle; nothing was sent or written.
    Idle,
    /// There is something to settle, but what ended the latest settlement before it could send anything has not changed: the
    /// network is paused, the key is not the settler's, no transaction can be paid for, the program rejects every one, … No
    /// settlement was opened, so that waiting leaves no trace in the ledger. Call again after a while.
    Blocked {
        /// The number of the settlement that failed for this reason.
        settlement_id: i64,
        /// Why nothing can be settled, and what to do about it.
        reason: String,
    },
    /// Another runner holds the lease. Whether a settlement is open was not read.
    Busy {
        /// The name of the runner that holds the lease.
        holder: String,
        /// Milliseconds until the lease expires.
        retry_after_ms: u64,
    },
    /// A settlement was opened for this call's [`Trigger`]. Call again at once.
    Opened,
    /// A settlement that was already open has advanced and is still open. Call again after the delay.
    Continue {
        /// The delay in milliseconds; 0 means at once.
        after_ms: u64,
    },
    /// The open settlement was closed; none is open now.
    Finished {
        /// The settlement's number in the ledger.
        settlement_id: i64,
        /// Why the settlement failed; `None` on success.
        failure: Option<String>,
    },
}

/// After how many milliseconds a settlement tries again what an earlier one has held, at the earliest (an empty treasury, …).
pub const HOLD_RETRY_MS: i64 = 10 * 60 * 1000;

/// After how many milliseconds it tries again what lasts until somebody does something about it (no address, …), at the latest.
/// Until then, it waits for as long as it was held for that reason.
pub const MAX_HOLD_RETRY_MS: i64 = 24 * 60 * 60 * 1000;

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Creates an engine for the network named in `config`.
    pub fn new(parts: EngineParts<D, C, S, K, E>, config: EngineConfig) -> Self {
        let network = config.network.address();
        Self {
            database: parts.database,
            chain: parts.chain,
            signer: parts.signer,
            clock: parts.clock,
            events: parts.events,
            treasury: treasury_address(&network),
            network,
            cluster_checked: Cell::new(false),
            fresh_lease: Cell::new(None),
            known: Cell::default(),
            format: Cell::new(None),
            max_fees_lamports: Cell::new(config.max_fees_lamports),
            config,
            asset: OnceCell::new(),
            lookup_problems: build::LookupProblems::default(),
        }
    }

    /// Advances the open settlement, or opens one if there is something to settle.
    ///
    /// # Errors
    /// [`EngineError`]. Unfinished work stays in the ledger, and the next call resumes it. The lease is kept; call
    /// [`Engine::stop`] before a longer pause.
    pub async fn advance(&self, trigger: Trigger<'_>) -> Result<Progress, EngineError> {
        // Most calls find nothing to do, and need no lease to find that out.
        let held = if trigger.retry_held { HeldNodes::All } else { HeldNodes::Due };
        if !store::settlements::is_open_or_has_work(&self.database, self.clock.now_ms(), held).await? {
            return Ok(Progress::Idle);
        }
        let lease = match self.take_lease().await? {
            Ok(lease) => lease,
            Err(busy) => return Ok(busy),
        };
        let Some(open) = store::settlements::open(&self.database).await? else {
            return self.open_settlement(&lease, trigger).await;
        };
        match self.checked_step(&lease, &open).await {
            Ok(progress) => {
                if matches!(progress, Progress::Finished { .. }) {
                    self.release(&lease).await?;
                }
                Ok(progress)
            }
            Err(EngineError::Rejected(reason)) => self.give_up(&lease, &open, reason).await,
            Err(error) => {
                // Behind the same URL, a node of another cluster may answer from now on.
                if matches!(error, EngineError::Chain(_)) {
                    self.cluster_checked.set(false);
                }
                self.record_error(&lease, &open, &error).await?;
                Err(error)
            }
        }
    }

    /// Limits the fees of each settlement from now on, in lamports, instead of by [`EngineConfig::max_fees_lamports`].
    pub fn limit_fees(&self, max_lamports: Option<u64>) {
        self.max_fees_lamports.set(max_lamports);
    }

    /// Releases the lease so that another runner need not wait for it to expire. Call this for a clean stop between
    /// two calls of [`Engine::advance`].
    ///
    /// # Errors
    /// [`EngineError::Ledger`] if the ledger is unavailable; the lease then expires on its own.
    pub async fn stop(&self) -> Result<(), EngineError> {
        self.fresh_lease.set(None);
        Ok(store::leases::release_held_by(&self.database, &self.config.holder).await?)
    }

    /// Closes a settlement that cannot proceed as failed. While it has batches in flight it stays open: each of them is
    /// tracked to its end, once the reason is gone.
    async fn give_up(
        &self,
        lease: &Lease,
        open: &store::settlements::OpenSettlement,
        reason: String,
    ) -> Result<Progress, EngineError> {
        let now = self.clock.now_ms();
        // On another cluster, nothing is known about its batches.
        if self.cluster_checked.get() {
            let mut changes = Changes::for_settlement(open, now);
            changes.extend(store::batches::abandon(open.id, &reason, now));
            self.commit(lease, changes).await?;
        }
        if store::batches::any_open(&self.database, open.id).await? {
            let error = EngineError::Rejected(reason);
            self.record_error(lease, open, &error).await?;
            return Err(error);
        }
        let mut changes = Changes::for_settlement(open, now);
        changes.extend([
            payables::recount(),
            payables::forget_holds(),
            wallets::forget_holds(),
            settlement_nodes::clear(),
        ]);
        changes.fail_settlement(&reason);
        self.commit(lease, changes).await?;
        self.release(lease).await?;
        Ok(Progress::Finished { settlement_id: open.id, failure: Some(reason) })
    }

    async fn open_settlement(&self, lease: &Lease, trigger: Trigger<'_>) -> Result<Progress, EngineError> {
        let now = self.clock.now_ms();
        let held = if trigger.retry_held { HeldNodes::All } else { HeldNodes::Due };
        let work = store::settlements::work(&self.database, now, held).await?;
        if !work.exists {
            self.release(lease).await?;
            return Ok(Progress::Idle);
        }
        if let Some(refused) = work.refused
            && self.is_still_refused(lease, &refused).await?
        {
            self.release(lease).await?;
            return Ok(Progress::Blocked { settlement_id: refused.id, reason: refused.reason });
        }
        let mut changes = Changes::opening(trigger.name, now);
        changes.push(settlement_nodes::choose(self.config.max_nodes, now, held));
        self.commit(lease, changes).await?;
        Ok(Progress::Opened)
    }

    /// As [`Engine::step`], once the RPC node is known to belong to the ledger's cluster. A settlement can have been opened
    /// by a process that was connected to another node.
    async fn checked_step(
        &self,
        lease: &Lease,
        open: &store::settlements::OpenSettlement,
    ) -> Result<Progress, EngineError> {
        if !self.cluster_checked.get() {
            let binding = validate::check_binding(&self.database, &self.chain, &self.network).await?;
            if let Some(asset) = binding.asset {
                self.set_asset(asset);
            }
            self.cluster_checked.set(true);
            self.renew(lease).await?;
        }
        self.step(lease, open).await
    }

    fn set_asset(&self, asset: Asset) {
        // It never changes: validate compares it with the network's.
        self.asset.get_or_init(|| asset);
    }

    /// The asset that the network pays in, to which the first step of the first settlement binds the ledger.
    fn asset(&self) -> Result<&Asset, EngineError> {
        self.asset.get().ok_or_else(|| {
            EngineError::Rejected(
                "the ledger does not say in which asset the network pays: another version has opened this settlement"
                    .to_owned(),
            )
        })
    }

    async fn step(&self, lease: &Lease, open: &store::settlements::OpenSettlement) -> Result<Progress, EngineError> {
        match open.step {
            Step::Validate => self.validate(lease, open).await,
            Step::Sync => self.sync(lease, open).await,
            Step::Plan | Step::Simulate | Step::Submit => self.advance_payments(lease, open).await,
            Step::Reconcile => self.reconcile(lease, open).await,
        }
    }

    /// Stores the error of an unfinished settlement for its status. A repeated error is stored once, also if its numbers differ: a
    /// node that lags names another slot in every answer. One that alternates with others is logged at growing distances.
    async fn record_error(
        &self,
        lease: &Lease,
        open: &store::settlements::OpenSettlement,
        error: &EngineError,
    ) -> Result<(), EngineError> {
        let text = error.to_string();
        // Without the ledger or the lease, nothing can be written.
        if matches!(error, EngineError::Ledger(_) | EngineError::LeaseLost)
            || open.error.as_deref().is_some_and(|stored| text::differ_only_in_numbers(stored, &text))
        {
            return Ok(());
        }
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        for warning in self.not_repeated(open, vec![text.clone()]).await? {
            changes.warn(warning);
        }
        changes.push(store::settlements::set_error(open.id, Some(&text), self.clock.now_ms()));
        self.commit(lease, changes).await
    }
}
