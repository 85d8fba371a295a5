//! Nodes and payouts are held only for reasons that hold.

use serde_json::Value;

use crate::cluster::Asset;
use crate::faults::Faults;
use crate::scenario::{Actors, Node, Unpayable};
use crate::world::World;

use super::{Checker, Rule, position, signed};

/// The entries of `holds` with a reason: the position of the node, and the reason.
fn reasons(world: &World, holds: &str) -> Vec<(usize, String)> {
    let holds: Value = serde_json::from_str(holds).expect("the holds are JSON");
    let reason = |hold: &Value| {
        let node = hold["node_id"].as_str().expect("a node id");
        Some((position(world, node), hold["hold"].as_str()?.to_owned()))
    };
    holds.as_array().into_iter().flatten().filter_map(reason).collect()
}

impl Checker {
    /// Rewards or payouts are held for reasons that hold.
    pub(super) fn holds_are_true(&self, world: &World, what: &str, holds: &str) {
        for (index, reason) in reasons(world, holds) {
            let node = &world.nodes()[index];
            let promise = || format!("{what} of {} are held for a reason that does not hold: {reason}", node.id);
            match reason.as_str() {
                "chain_above_ledger" => {
                    let is_true = self.is_above_ledger(world, node, index);
                    world.check(Rule::DisagreementsAreTrue, is_true, promise);
                }
                "unknown_credits" => world.check(Rule::DisagreementsAreTrue, self.restored, promise),
                "chain_below_ledger" | "total_mismatch" => world.check(Rule::DisagreementsAreTrue, false, promise),
                reason => world.check(Rule::HoldsAreTrue, may_hold(world, node, reason), promise),
            }
        }
    }

    /// Whether the chain has credited more than the ledger has signed, which only another history of the ledger can have done.
    pub(super) fn is_above_ledger(&self, world: &World, node: &Node, index: usize) -> bool {
        let cluster = world.cluster.borrow();
        self.restored && cluster.blocks[cluster.tip].totals[index].credited > signed(world, node.id.as_str())
    }
}

/// Whether something in this run can be the reason.
fn may_hold(world: &World, node: &Node, reason: &str) -> bool {
    let scenario = &world.scenario;
    let Actors { owners, closing, settler, suspensions, rent, treasury, issuer, .. } = scenario.actors;
    let (is_token, may_lie) = (scenario.asset != Asset::Sol, scenario.urls.liar().is_some());
    // Until its colon, if it has one.
    match reason.split(':').next().unwrap_or_default() {
        "no_address" => !node.has_address,
        "node_suspended" => suspensions || node.unpayable == Some(Unpayable::Suspended),
        "node_closed" | "invalid_wallet" => closing,
        "registration_failed" => scenario.faults != Faults::NONE || scenario.actors != Actors::default(),
        // What the settler and a destination hold at the moment is believed to a single node.
        "payer_short" => settler || rent || may_lie,
        "treasury_short" => treasury || scenario.treasury.is_some(),
        "wallet_short" => rent,
        "destination_not_rent_exempt" => !is_token && (rent || node.funds.contains(&0) || may_lie),
        "destination_executable" | "destination_reserved" | "destination_is_program_account" => !is_token && owners,
        "destination_mismatch" => owners,
        "token_account_invalid" => is_token && (owners || node.funds.contains(&0) || may_lie),
        "token_account_frozen" | "treasury_frozen" => is_token && (issuer || may_lie),
        "token_account_wrong_owner" => is_token && (owners || may_lie),
        "token_account_needs_memo" => is_token && owners,
        "not_landed" | "per_node_cap" | "per_batch_cap" | "window_limit" | "not_due" | "nothing_to_credit" => true,
        "skipped (reason unknown" => !scenario.keeps_logs(),
        // What the settler lacks is not the fault of a node.
        "evicted" => !["InsufficientFundsForFee", "AccountNotFound", "{\"account_index\":0}"]
            .iter()
            .any(|fault| reason.contains(fault)),
        _ => false,
    }
}
