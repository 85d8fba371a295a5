//! One runner at a time: the lease with its fencing token.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::changes::Changes;
use super::store::leases;
use super::{Engine, EngineError, Progress};

/// Longer than one call of `advance` takes even with slow answers (it is renewed by each), short enough that a
/// crashed runner's successor does not wait long.
const LEASE_MS: i64 = 20_000;

/// The right to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    holder: String,
    fencing_token: i64,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Takes the lease, or renews it; [`Progress::Busy`] when another runner has it.
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

    /// Gives the lease back.
    pub(super) async fn release(&self, lease: &Lease) -> Result<(), EngineError> {
        Ok(leases::release(&self.database, &lease.holder, lease.fencing_token).await?)
    }

    /// Writes `changes` in one transaction, and only while the lease is held; then tells who watches.
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
