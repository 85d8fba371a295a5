//! An RPC node that loses answers and refuses questions now and then delays a settlement, and pays nobody twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use williw_tests::faults::{Fault, FaultyRpc};
use williw_tests::sample::NodeKind;
use williw_tests::settlements::wake_until_idle;

use crate::fixture::{OrFail, SETTLEMENT_DEADLINE, World, localnet, nodes, seed};

#[test]
fn lost_answers_to_sends_pay_nobody_twice() {
    let lost = Arc::new(AtomicUsize::new(0));
    let (lost_here, random) = (Arc::clone(&lost), Mutex::new(fastrand::Rng::with_seed(seed(3))));
    // Of three sends that reach the chain, two answers are lost; of forty other questions, one is refused: more often,
    // and the waits between tries, which double, outlast the deadline by chance.
    let rpc = FaultyRpc::start(localnet().url(), move |method, _| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        match method {
            "sendTransaction" if random.u8(0..3) > 0 => {
                lost_here.fetch_add(1, Ordering::SeqCst);
                Fault::AnswerLost
            }
            "sendTransaction" => Fault::None,
            _ if random.u8(0..40) == 0 => Fault::Refused,
            _ => Fault::None,
        }
    })
    .or_fail();
    let mut world = World::new("lost-answers");
    world.edge.stop();
    world.edge.start_again_with(|options| options.rpc_url = rpc.url()).or_fail();
    let mut all = nodes(NodeKind::Paid, world.tariff, 70);
    world.load(&mut all);
    wake_until_idle(&mut world.edge, SETTLEMENT_DEADLINE, |edge| edge.fire_cron()).or_fail();
    for node in &mut all {
        node.expect_settlement(world.tariff);
    }
    assert!(lost.load(Ordering::SeqCst) > 0, "no answer was lost");
    world.assert_books_agree(&all);
}
