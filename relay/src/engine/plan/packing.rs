//! Packing a plan with lookup tables: nodes in the same table share transactions.

use std::collections::BTreeMap;

use solana_pubkey::Pubkey;

use crate::chain::{Account, Chain};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::{BatchKind, Format, Lookups};
use crate::types::NodeId;

use super::super::lease::Lease;
use super::super::{Engine, EngineError};
use super::{Limits, NodeRewards, Plan, plan};

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// The plan for `nodes`, with as many of them in a transaction as lookup tables allow.
    pub(super) async fn packed_plan(
        &self,
        lease: &Lease,
        nodes: Vec<NodeRewards<'_>>,
        destinations: &BTreeMap<Pubkey, Option<Account>>,
        limits: &Limits,
    ) -> Result<Plan, EngineError> {
        let lookups = match limits.format {
            Format::V0 => {
                let wallets = nodes.iter().flat_map(|node| [node.wallet.address, node.wallet.destination]);
                self.lookups(lease, wallets).await?
            }
            Format::V1 => Lookups::default(),
        };
        if lookups.is_empty() {
            return Ok(plan(nodes, destinations, limits, &|_, _| false));
        }
        let instructions = self.batch_instructions()?;
        let fits = |kind, entries: &[_]| instructions.fits(kind, entries, &lookups);
        let mut by_table = nodes.clone();
        by_table.sort_by_key(|node| {
            lookups.table_of(&node.wallet.address).map_or((true, None), |table| (false, Some(table)))
        });
        let by_age = plan(nodes, destinations, limits, &fits);
        Ok(denser(by_age, plan(by_table, destinations, limits, &fits)))
    }
}

/// The better of two plans. One that serves the nodes in another order than by their age must give every node that is
/// planned in the order of age exactly the same. It is better if it does so with fewer batches, or serves more nodes.
pub(super) fn denser(by_age: Plan, other: Plan) -> Plan {
    let is_better = {
        let (first, served) = (by_age.served(), other.served());
        let is_as_good = first.iter().all(|(node, what)| served.get(node) == Some(what));
        is_as_good && (served.len() > first.len() || other.batches.len() < by_age.batches.len())
    };
    if is_better { other } else { by_age }
}

impl Plan {
    /// What each planned node gets: the kind of its batch, and its target.
    fn served(&self) -> BTreeMap<&NodeId, (BatchKind, u64)> {
        let entries = self.batches.iter().flat_map(|batch| batch.entries.iter().map(move |entry| (batch.kind, entry)));
        entries.map(|(kind, entry)| (&entry.node_id, (kind, entry.target))).collect()
    }
}
