//! Which nodes are worth the rent of a wallet account now: those that the settlement can credit.

use std::collections::BTreeMap;

use settlement::rules::credit::CreditedWallet;

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::Format;

use super::super::hold::HoldReason;
use super::super::lease::Lease;
use super::super::store::settlement_nodes::{self, ChosenNode};
use super::super::store::settlements::OpenSettlement;
use super::super::{Engine, EngineError};
use super::allowed;

/// Nodes without a wallet account.
pub(in crate::engine) struct Newcomers {
    /// Those of which the settlement can credit at least a part of their rewards, in the order of age.
    pub(in crate::engine) creditable: Vec<ChosenNode>,
    /// The others, and why.
    pub(in crate::engine) held: Vec<(ChosenNode, HoldReason)>,
    /// The transaction format to use.
    pub(in crate::engine) format: Format,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Finds out which of `nodes`, whose wallet accounts are missing, the network's limits and its treasury let be credited in
    /// this settlement, once it has credited those whose rewards are older. `last_batch_id` is the last batch in the ledger.
    pub(in crate::engine) async fn newcomers(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        nodes: Vec<ChosenNode>,
        last_batch_id: i64,
    ) -> Result<Newcomers, EngineError> {
        let planned = self.planned_credit(open, last_batch_id).await?;
        let limits = self.limits(lease, Some(open.id), planned, self.clock.now_ms()).await?;
        let cap = limits.per_node_cap.min(limits.per_batch_cap);
        let mut claims = settlement_nodes::claims(&self.database, &nodes, cap).await?;
        let mut found = Newcomers { creditable: Vec::new(), held: Vec::new(), format: limits.format };
        for node in nodes {
            let claim = claims.remove(&node.node_id).unwrap_or_default();
            // Nothing was ever credited to it, and its balance will be its rent.
            let wallet = CreditedWallet { credited_total: 0, lamports: 0 };
            match allowed(wallet, claim.earned, &limits, claim.older) {
                (0, Some(reason)) => found.held.push((node, reason)),
                _ => found.creditable.push(node),
            }
        }
        Ok(found)
    }
}

impl Newcomers {
    /// How many nodes are held, by their reason.
    pub(in crate::engine) fn held_by_reason(&self) -> BTreeMap<String, usize> {
        let mut by_reason = BTreeMap::new();
        for (_, reason) in &self.held {
            *by_reason.entry(reason.to_string()).or_default() += 1;
        }
        by_reason
    }
}
