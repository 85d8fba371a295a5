//! An RPC node that drops responses and connections delays a settlement but never causes a double payment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use williw_tests::faults::{Fault, FaultyRpc};
use williw_tests::sample_nodes::NodeKind;

use crate::fixture::{NetworkFixture, OrFail, localnet, nodes, seed};

#[test]
fn lost_responses_to_sent_transactions_never_pay_twice() {
    let lost = Arc::new(AtomicUsize::new(0));
    let (counter, random) = (Arc::clone(&lost), Mutex::new(fastrand::Rng::with_seed(seed(3))));
    // Every transaction reaches the chain, but the responses to two of three are lost. One in forty other requests
    // fails; with a higher rate, the relay's exponential backoff could exceed the deadline by chance.
    let rpc = FaultyRpc::start(localnet().url(), move |method, _| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        match method {
            "sendTransaction" if random.u8(0..3) > 0 => {
                counter.fetch_add(1, Ordering::SeqCst);
                Fault::DropResponse
            }
            "sendTransaction" => Fault::Forward,
            _ if random.u8(0..40) == 0 => Fault::CloseConnection,
            _ => Fault::Forward,
        }
    })
    .or_fail();
    let mut network = NetworkFixture::new("lost-responses");
    network.worker.stop();
    network.worker.restart_with(|options| options.rpc_url = rpc.url()).or_fail();
    let mut all = nodes(NodeKind::Paid, network.parameters, 70);
    network.register_and_report(&mut all);
    network.run_cron_until_idle();
    assert!(lost.load(Ordering::SeqCst) > 0, "no response was lost");
    network.assert_settled(&mut all);
}
