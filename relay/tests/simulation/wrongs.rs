//! What must not happen is noticed: a checker that never objects would pass every seed.

use std::rc::Rc;

use settlement::client::{BatchHeader, credit_ix};
use solana_signature::Signature;
use solana_signer::Signer as _;
use williw_relay::database::Statement;

use crate::faults::Faults;
use crate::random::{Random, Stream};
use crate::run::run_with;
use crate::scenario::{Actors, Scenario, Urls};
use crate::world::World;

/// What a run in which nothing else goes wrong says about `wrong`, which happens `at_ms` after the start.
fn objection(at_ms: i64, wrong: impl FnOnce(&World) + 'static) -> String {
    let seed = 1;
    let of_seed = Scenario::of(&mut Random::of(seed, Stream::Scenario));
    let mut scenario = Scenario { faults: Faults::NONE, actors: Actors::default(), urls: Urls::One, ..of_seed };
    scenario.last_caps = [u64::MAX; 2];
    scenario.treasury = None;
    for node in &mut scenario.nodes {
        (node.has_address, node.unpayable) = (true, None);
    }
    scenario.act_ms = i64::from(u32::MAX);
    scenario.parameters.per_node_cap = Some(u64::MAX);
    scenario.parameters.per_batch_cap = Some(u64::MAX);
    scenario.parameters.window_limit = Some(u64::MAX);
    let outcome = run_with(scenario, seed, true, |world| world.schedule_effect(at_ms, wrong));
    outcome.violation.unwrap_or_else(|| panic!("nobody objects:\n{}", outcome.story))
}

#[test]
fn a_credit_that_the_ledger_has_not_signed_is_noticed() {
    let objection = objection(12_000, |world| {
        let earned = world.checker.borrow().earned.clone();
        let entries: Vec<_> = world.nodes().iter().map(|node| node.wallet).zip(earned).collect();
        let entries: Vec<_> = entries.into_iter().map(|(wallet, earned)| (wallet, earned + 1)).collect();
        let header = BatchHeader { batch_id: 99, records_root: [0; 32] };
        let settler = world.keys.settler.pubkey();
        world.submit("thief", "Credit", credit_ix(settler, world.keys.network().address(), header, &entries));
    });
    assert!(objection.contains("is credited"), "{objection}");
}

#[test]
fn a_transaction_that_is_sent_before_it_is_stored_is_noticed() {
    let objection = objection(5_000, |world| {
        let checker = world.checker.borrow();
        checker.sent(world, &Signature::from([7; 64]));
    });
    assert!(objection.contains("was sent before its signature was stored"), "{objection}");
}

#[test]
fn a_reward_that_is_confirmed_without_a_credit_is_noticed() {
    const SQL: &str = "UPDATE rewards SET status = 'confirmed', distributed_at = 1";
    let objection = objection(1, |world| {
        let confirm = vec![Statement::new(SQL)];
        world.ledger.run(confirm.clone()).expect("the rewards are confirmed");
        let process = crate::agenda::ProcessId { relay: 0, incarnation: 1 };
        world.checker.borrow_mut().written(world, process, &confirm);
    });
    assert!(objection.contains("is confirmed, but 0 is credited"), "{objection}");
}

#[test]
fn lamports_that_come_from_nowhere_are_noticed() {
    let objection = objection(2_000, |world| {
        let mut cluster = world.cluster.borrow_mut();
        let tip = cluster.tip;
        let mut state = cluster.blocks[tip].state.borrow().clone();
        let mut account = state.get_account(&world.nodes()[0].owner).expect("the owner's account exists");
        account.lamports += 5;
        state.set_account(world.nodes()[0].owner, account).expect("the account is written");
        cluster.blocks[tip].state = Rc::new(std::cell::RefCell::new(state));
    });
    assert!(objection.contains("lamports after") || objection.contains("has received"), "{objection}");
}

#[test]
fn a_ledger_that_makes_no_progress_is_noticed() {
    let objection = objection(1, |world| {
        for node in world.nodes() {
            const SQL: &str = "DELETE FROM payables WHERE node_id = ?1";
            world.ledger.run(vec![Statement::new(SQL).bind(&node.id)]).expect("the node is forgotten");
        }
    });
    assert!(objection.contains("not everything was settled"), "{objection}");
}
