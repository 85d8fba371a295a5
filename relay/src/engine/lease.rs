//! The lease with its fencing token: only one runner at a time may write.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::changes::Changes;
use super::store::leases;
use super::{Engine, EngineError, Progress};

/// How long a lease lasts. Every call of `advance` renews it, so it must outlast one call even with slow responses; and
/// it must be short, because the successor of a crashed runner waits for it to expire.
pub(super) const LEASE_MS: i64 = 20_000;

/// A lease held by this runner. Every write requires it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    holder: String,
    fencing_token: i64,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Acquires or renews the lease. Returns [`Progress::Busy`] if another runner holds it.
    pub(super) async fn take_lease(&self) -> Result<Result<Lease, Progress>, EngineError> {
        let now = self.clock.now_ms();
        let holder = &self.config.holder;
        if let Some(fencing_token) = leases::take(&self.database, holder, now, now.saturating_add(LEASE_MS)).await? {
            return Ok(Ok(Lease { holder: holder.clone(), fencing_token }));
        }
        let (holder, expires_at) = leases::current(&self.database).await?;
        let retry_after_ms = u64::try_from(expires_at.saturating_sub(now)).unwrap_or(0);
        Ok(Err(Progress::Busy { holder, retry_after_ms }))
    }

    /// Releases the lease.
    pub(super) async fn release(&self, lease: &Lease) -> Result<(), EngineError> {
        Ok(leases::release(&self.database, &lease.holder, lease.fencing_token).await?)
    }

    /// Writes `changes` in one transaction if the lease is still held, then emits their events.
    pub(super) async fn commit(&self, lease: &Lease, changes: Changes) -> Result<(), EngineError> {
        let (statements, events) = changes.into_parts();
        let mut all = Vec::with_capacity(statements.len().saturating_add(2));
        all.push(leases::require(&lease.holder, lease.fencing_token, self.clock.now_ms()));
        all.extend(statements);
        all.push(leases::clear_preconditions());
        self.database.batch(all).await?;
        for event in &events {
            self.events.event(event);
        }
        Ok(())
    }
}
