//! The settlement state machine.
//!
//! A settlement goes through six steps: validate → sync → plan → simulate → submit → reconcile. [`Engine::advance`]
//! does a bounded piece of it and returns; all that it knows between two calls is in the ledger, so that a crash at
//! any point is continued by whoever calls next. It must never send bytes whose signature is not stored, never sign
//! a batch again while an earlier attempt may still land, and never write without holding the lease.

mod attempt;
mod changes;
mod config;
mod drive;
mod error;
mod follow;
mod hold;
mod lease;
mod plan;
mod prepare;
mod reconcile;
mod split;
mod step;
pub(crate) mod store;
mod submit;
mod sync;
mod validate;
mod verdict;

pub use attempt::AttemptState;
pub use config::{EngineConfig, FormatChoice};
pub use error::EngineError;
pub use hold::HoldReason;
pub use step::Step;

use settlement::client::{network_address, treasury_address};
use solana_pubkey::Pubkey;

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use changes::Changes;
use lease::Lease;

/// The five sides of the world that a settlement touches.
pub struct EngineParts<D, C, S, K, E> {
    /// The ledger.
    pub database: D,
    /// The cluster.
    pub chain: C,
    /// The settler's key.
    pub signer: S,
    /// The time.
    pub clock: K,
    /// Who watches.
    pub events: E,
}

/// Settles one network's rewards.
pub struct Engine<D, C, S, K, E> {
    database: D,
    chain: C,
    signer: S,
    clock: K,
    events: E,
    config: EngineConfig,
    network: Pubkey,
    treasury: Pubkey,
}

/// Who asks for a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger<'a> {
    /// Its name in the ledger: `cron`, `api`, `cli`, …
    pub name: &'a str,
    /// Whether rewards that the last settlement had to hold back are tried again now rather than after
    /// [`HOLD_RETRY_MS`].
    pub retry_held: bool,
}

/// The result of [`Engine::advance`]. It says whether a settlement is open, so that callers need not keep track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No settlement is open and there is nothing to settle; nothing was sent or written.
    Idle,
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

/// Rewards that were held back (no address, a cap, an empty treasury) are tried again after this long.
pub const HOLD_RETRY_MS: i64 = 10 * 60 * 1000;

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// An engine for the network that `config` names.
    pub fn new(parts: EngineParts<D, C, S, K, E>, config: EngineConfig) -> Self {
        let network = network_address(&config.network);
        Self {
            database: parts.database,
            chain: parts.chain,
            signer: parts.signer,
            clock: parts.clock,
            events: parts.events,
            treasury: treasury_address(&network),
            network,
            config,
        }
    }

    /// Does the next piece of the open settlement, or opens one when there is something to settle.
    ///
    /// # Errors
    /// [`EngineError`]: whatever was not finished stays as the ledger has it, and the next call goes on from there.
    pub async fn advance(&self, trigger: Trigger<'_>) -> Result<Progress, EngineError> {
        let lease = match self.take_lease().await? {
            Ok(lease) => lease,
            Err(busy) => return Ok(busy),
        };
        let Some(open) = store::settlements::open(&self.database).await? else {
            return self.open_settlement(&lease, trigger).await;
        };
        match self.step(&lease, &open).await {
            Ok(progress) => {
                if matches!(progress, Progress::Finished { .. }) {
                    self.release(&lease).await?;
                }
                Ok(progress)
            }
            // With batches under way it stays open: they are followed to their ends whatever happens.
            Err(EngineError::Rejected(reason)) if !store::batches::any_open(&self.database, open.id).await? => {
                let mut changes = Changes::for_settlement(&open, self.clock.now_ms());
                changes.fail_settlement(&reason);
                self.commit(&lease, changes).await?;
                self.release(&lease).await?;
                Ok(Progress::Finished { settlement_id: open.id, failure: Some(reason) })
            }
            Err(error) => {
                self.note_error(&lease, &open, &error).await?;
                Err(error)
            }
        }
    }

    /// Gives the lease back, so that another runner need not wait for its end. For a clean stop between two calls
    /// of [`Engine::advance`].
    ///
    /// # Errors
    /// When the ledger cannot be reached; the lease then ends by itself.
    pub async fn stop(&self) -> Result<(), EngineError> {
        Ok(store::leases::release_all_of(&self.database, &self.config.holder).await?)
    }

    async fn open_settlement(&self, lease: &Lease, trigger: Trigger<'_>) -> Result<Progress, EngineError> {
        let now = self.clock.now_ms();
        if !store::settlements::has_work(&self.database, trigger.retry_held, HOLD_RETRY_MS, now).await? {
            self.release(lease).await?;
            return Ok(Progress::Idle);
        }
        self.commit(lease, Changes::opening(trigger.name, now)).await?;
        Ok(Progress::Opened)
    }

    async fn step(&self, lease: &Lease, open: &store::settlements::OpenSettlement) -> Result<Progress, EngineError> {
        match open.step {
            Step::Validate => self.validate(lease, open).await,
            Step::Sync => self.sync(lease, open).await,
            Step::Plan => self.plan(lease, open).await,
            Step::Simulate => self.simulate(lease, open).await,
            Step::Submit => self.submit(lease, open).await,
            Step::Reconcile => self.reconcile(lease, open).await,
        }
    }

    /// Writes the error of an unfinished settlement where its status is read; once, not at every retry.
    async fn note_error(
        &self,
        lease: &Lease,
        open: &store::settlements::OpenSettlement,
        error: &EngineError,
    ) -> Result<(), EngineError> {
        let text = error.to_string();
        // Without the ledger or the lease there is nowhere to write.
        if matches!(error, EngineError::Ledger(_) | EngineError::LeaseLost) || open.error.as_deref() == Some(&text) {
            return Ok(());
        }
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        changes.warn(text.clone());
        changes.push(store::settlements::set_error(open.id, Some(&text), self.clock.now_ms()));
        self.commit(lease, changes).await
    }
}
