//! An RPC node that loses answers, refuses and answers nonsense now and then delays a settlement, and pays nobody
//! twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use williw_tests::faults::{Fault, FaultyRpc};
use williw_tests::sample::NodeKind;
use williw_tests::settlements::wake_until_idle;

use crate::fixture::{OrFail, SETTLEMENT_DEADLINE, World, localnet, nodes};

#[test]
fn lost_answers_to_sends_pay_nobody_twice() {
    let faults = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&faults);
    // Every send reaches the chain, and its answer is lost; every other question for a status goes wrong.
    let rpc = FaultyRpc::start(localnet().url(), move |method, _| match method {
        "sendTransaction" => {
            counted.fetch_add(1, Ordering::SeqCst);
            Fault::AnswerLost
        }
        "getSignatureStatuses" if counted.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) => Fault::Refused,
        _ => Fault::None,
    })
    .or_fail();
    let mut world = World::new("lost-answers");
    world.edge.stop();
    world.edge.start_again_with(|options| options.rpc_url = rpc.url()).or_fail();
    let mut all = nodes(NodeKind::Paid, world.tariff, 40);
    world.load(&mut all);
    wake_until_idle(&mut world.edge, SETTLEMENT_DEADLINE, |edge| edge.fire_cron()).or_fail();
    for node in &mut all {
        node.expect_settlement(world.tariff);
    }
    assert!(faults.load(Ordering::SeqCst) > 2, "the faults were not in the way");
    world.assert_books_agree(&all);
}
