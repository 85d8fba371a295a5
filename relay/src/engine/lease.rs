//! The lease with its fencing token: only one runner at a time may write.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::changes::Changes;
use super::store::leases::{self, LEASE_MS};
use super::{Engine, EngineError, Progress};

/// For how long a lease that was taken or renewed need not be renewed, in milliseconds by the runner's clock. Whatever that clock
/// does, nothing can be written without the fencing token.
const FRESH_MS: i64 = LEASE_MS / 6;

/// A lease held by this runner. Every write requires it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    holder: String,
    fencing_token: i64,
}

impl Lease {
    /// The token that differs as soon as another runner has held the lease.
    pub(super) fn fencing_token(&self) -> i64 {
        self.fencing_token
    }
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Acquires or renews the lease. Returns [`Progress::Busy`] if another runner holds it.
    pub(super) async fn take_lease(&self) -> Result<Result<Lease, Progress>, EngineError> {
        let holder = &self.config.holder;
        if let Some((fencing_token, _)) = self.fresh_lease.get().filter(|_| self.is_lease_fresh()) {
            return Ok(Ok(Lease { holder: holder.clone(), fencing_token }));
        }
        let now = self.clock.now_ms();
        self.fresh_lease.set(None);
        if let Some(fencing_token) = leases::take(&self.database, holder).await? {
            self.fresh_lease.set(Some((fencing_token, now)));
            return Ok(Ok(Lease { holder: holder.clone(), fencing_token }));
        }
        let (holder, retry_after_ms) = leases::current(&self.database).await?;
        Ok(Err(Progress::Busy { holder, retry_after_ms }))
    }

    /// Extends the lease before the next piece of work.
    ///
    /// # Errors
    /// [`EngineError::LeaseLost`] if another runner has taken over.
    pub(super) async fn renew(&self, lease: &Lease) -> Result<(), EngineError> {
        if self.is_lease_fresh() {
            return Ok(());
        }
        let now = self.clock.now_ms();
        self.fresh_lease.set(None);
        if leases::renew(&self.database, &lease.holder, lease.fencing_token).await? {
            self.fresh_lease.set(Some((lease.fencing_token, now)));
            Ok(())
        } else {
            Err(EngineError::LeaseLost)
        }
    }

    /// Whether the lease was taken or renewed a moment ago.
    fn is_lease_fresh(&self) -> bool {
        let age = self.fresh_lease.get().and_then(|(_, since)| self.clock.now_ms().checked_sub(since));
        age.is_some_and(|age| (0..FRESH_MS).contains(&age))
    }

    /// Releases the lease.
    pub(super) async fn release(&self, lease: &Lease) -> Result<(), EngineError> {
        self.fresh_lease.set(None);
        Ok(leases::release(&self.database, &lease.holder, lease.fencing_token).await?)
    }

    /// Writes `changes` in one transaction if no other runner has taken over, then emits their events.
    pub(super) async fn commit(&self, lease: &Lease, changes: Changes) -> Result<(), EngineError> {
        let (statements, events) = changes.into_parts();
        let mut all = Vec::with_capacity(statements.len().saturating_add(2));
        all.push(leases::require(&lease.holder, lease.fencing_token));
        all.extend(statements);
        all.push(leases::clear_preconditions());
        // After an error, the next call finds out whether the lease is still held.
        let fresh_lease = self.fresh_lease.take();
        self.database.batch(all).await?;
        self.fresh_lease.set(fresh_lease);
        for event in &events {
            self.events.event(event);
        }
        Ok(())
    }
}
