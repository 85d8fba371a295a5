//! Finding the transaction that credited a node.
//!
//! A reward names the transaction whose event credited it. Usually that is the attempt that was just finalized. If that
//! attempt found the node already credited, it was an earlier one, whose status the RPC node had not known.

use std::collections::BTreeMap;

use settlement::events::BatchSettled;
use solana_signature::Signature;

use crate::chain::{Chain, ChainError, ExecutedTransaction};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::types::NodeId;

use super::changes::Changes;
use super::lease::Lease;
use super::store::attempts;
use super::store::batches::{self, Entry};
use super::text::plural;
use super::{Engine, EngineError};

/// The maximum number of transactions that one call of `advance` looks up, each for all the nodes that it has credited: more than
/// a call can have batches, and far fewer than a Worker may make requests. Rewards whose transaction is not found are confirmed
/// without naming one.
const MAX_LOOKUPS: usize = 100;

/// The transactions that one call of `advance` has looked up.
#[derive(Default)]
pub(super) struct Lookups {
    found: BTreeMap<Signature, Option<(Vec<Entry>, BatchSettled)>>,
    /// The number of nodes for which none was found, and the first of them.
    unnamed: Option<(usize, NodeId)>,
}

impl Lookups {
    /// Counts a node whose rewards name no transaction.
    pub(super) fn add_unnamed(&mut self, node_id: &NodeId) {
        let (count, _) = self.unnamed.get_or_insert_with(|| (0, node_id.clone()));
        *count = count.saturating_add(1);
    }

    /// Logs the nodes for which no transaction was found, in one line however many they are.
    pub(super) fn log(&self, changes: &mut Changes) {
        if let Some((count, first)) = &self.unnamed {
            changes.warn(format!(
                "{} credited on the chain by transactions that the RPC node does not show with their logs, or that are too many to \
                 be looked up at once, the first of them {first}: their rewards name no transaction",
                plural(*count, "node")
            ));
        }
    }
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// The event of batch `batch_id` with `entries` entries, from the log of its transaction. `None` if the RPC node has not
    /// kept the log, or the cluster has truncated it.
    pub(super) fn event_of(&self, batch_id: i64, entries: u64, executed: &ExecutedTransaction) -> Option<BatchSettled> {
        BatchSettled::from_logs(&executed.log_messages).into_iter().find(|event| {
            event.network == self.network
                && u64::try_from(batch_id) == Ok(event.batch_id)
                && u64::from(event.n) == entries
        })
    }

    /// The signature of the latest of this ledger's transactions that brought a node to `total`, which confirms rewards of it.
    /// `None` if none can be shown, see [`Lookups::log`].
    ///
    /// # Errors
    /// A transient error of the RPC node, which is asked again later, or one of the ledger.
    pub(super) async fn crediting_signature(
        &self,
        lease: &Lease,
        node_id: &NodeId,
        total: u64,
        lookups: &mut Lookups,
    ) -> Result<Option<String>, EngineError> {
        for (batch_id, signature) in attempts::signatures_for(&self.database, node_id).await? {
            if !lookups.found.contains_key(&signature) {
                if lookups.found.len() >= MAX_LOOKUPS {
                    break;
                }
                self.renew(lease).await?;
                let found = self.look_up(batch_id, &signature).await?;
                lookups.found.insert(signature, found);
            }
            let Some(Some((entries, event))) = lookups.found.get(&signature) else { continue };
            // A transaction with a lower target credited earlier rewards, or an earlier part.
            let position = entries.iter().position(|entry| entry.node_id == *node_id && entry.target >= total);
            if position.is_some_and(|position| has_credited(event, position)) {
                return Ok(Some(signature.to_string()));
            }
        }
        lookups.add_unnamed(node_id);
        Ok(None)
    }

    async fn look_up(
        &self,
        batch_id: i64,
        signature: &Signature,
    ) -> Result<Option<(Vec<Entry>, BatchSettled)>, EngineError> {
        let executed = match self.chain.transaction(signature).await {
            Ok(executed) => executed,
            Err(error) if error.is_transient() => return Err(error.into()),
            // Only the name of the transaction is missing then, which must not stop a settlement.
            Err(ChainError::NodesDisagree(_) | ChainError::InvalidResponse(_) | ChainError::ErrorResponse { .. }) => {
                None
            }
            Err(error) => return Err(error.into()),
        };
        let Some(executed) = executed else { return Ok(None) };
        let entries = batches::entries(&self.database, batch_id).await?;
        let event = self.event_of(batch_id, entries.len() as u64, &executed);
        Ok(event.map(|event| (entries, event)))
    }
}

/// Whether the event's transaction credited the entry at `position`.
pub(super) fn has_credited(event: &BatchSettled, position: usize) -> bool {
    u32::try_from(position).ok().and_then(|bit| event.credit_skips.checked_shr(bit)).is_some_and(|bits| bits & 1 == 0)
}
