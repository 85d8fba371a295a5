//! What ended the latest settlement before it could send anything is looked at again before another one is opened.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::BatchKind;

use super::lease::Lease;
use super::simulate::{Failure, failure_of};
use super::store::batches;
use super::store::settlements::RefusedSettlement;
use super::{Engine, EngineError, Step};

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Whether a new settlement would end for the same reason as the latest one. Writes nothing.
    pub(super) async fn is_still_refused(
        &self,
        lease: &Lease,
        refused: &RefusedSettlement,
    ) -> Result<bool, EngineError> {
        let checked = match self.check_service().await {
            Ok(service) => {
                self.set_asset(service.asset);
                match refused.step {
                    Step::Plan => self.check_means(lease).await,
                    Step::Reconcile => return self.still_fails(lease, refused).await,
                    _ => Ok(()),
                }
            }
            Err(error) => Err(error),
        };
        match checked {
            Err(EngineError::Rejected(reason)) => Ok(reason == refused.reason),
            Err(error) => Err(error),
            Ok(()) => Ok(false),
        }
    }

    /// Whether the batches of a settlement that no transaction could carry out fail for the same reason if they are simulated
    /// again. One of each kind is: what fails every batch does not depend on its nodes.
    async fn still_fails(&self, lease: &Lease, refused: &RefusedSettlement) -> Result<bool, EngineError> {
        let mut failed = batches::failed_for(&self.database, refused.id, &refused.reason).await?;
        // Whether wallet accounts can be created is no reason to pay nobody else: a new settlement holds their nodes.
        failed.retain(|batch| batch.kind != BatchKind::Register);
        let simulations = match self.simulate_all(lease, failed.iter().collect()).await {
            Ok(simulations) => simulations,
            Err(error) if error.is_transient() => return Err(error),
            // What has changed is for a new settlement to find out.
            Err(_) => return Ok(false),
        };
        Ok(failed.iter().any(|batch| {
            let error = simulations.get(&batch.id).and_then(|simulation| simulation.error.as_ref());
            let failure = error.map(|error| failure_of(batch.kind, error));
            matches!(failure, Some(Failure::Everything(reason)) if reason == refused.reason)
        }))
    }
}
