//! While nothing can be settled, waiting leaves no trace in the ledger.

use settlement::client::{accept_admin_ix, propose_admin_ix};
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use williw_relay::engine::Progress;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

fn with_a_paused_network() -> EngineFixture {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1_000_000);
    fixture.pause();
    fixture
}

#[test]
fn a_network_that_stays_paused_ends_one_settlement_however_long_a_relay_watches() {
    let fixture = with_a_paused_network();
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    let reason = fixture.settle_with(&engine).unwrap().pop().flatten().expect("the settlement fails");
    for _ in 0..20 {
        fixture.advance_time(60_000);
        let progress = block_on(engine.advance(TRIGGER)).unwrap();
        assert_eq!(progress, Progress::Blocked { settlement_id: 1, reason: reason.clone() });
    }
    // Not even another process opens one.
    assert_eq!(fixture.settle(), [Some(reason)]);
    assert_eq!(fixture.settlements().len(), 1);
    assert_eq!(fixture.chain.sends.get(), 0, "nothing was sent");

    fixture.unpause();
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_000);
}

#[test]
fn a_blocked_relay_holds_no_lease() {
    let fixture = with_a_paused_network();
    let (one, other) =
        (fixture.engine(&fixture.database, &fixture.chain), fixture.engine(&fixture.database, &fixture.chain));
    fixture.settle_with(&one).unwrap();
    for engine in [&one, &other, &one] {
        let progress = block_on(engine.advance(TRIGGER)).unwrap();
        assert!(matches!(progress, Progress::Blocked { .. }), "{progress:?}");
    }
}

#[test]
fn another_reason_is_recorded_by_another_settlement() {
    let fixture = with_a_paused_network();
    fixture.settle();
    let next = Keypair::new();
    fixture.chain.svm.borrow_mut().airdrop(&next.pubkey(), 1_000_000_000).unwrap();
    fixture.execute_as_admin(propose_admin_ix(fixture.admin.pubkey(), fixture.network, next.pubkey()));
    fixture.execute_as(&next, accept_admin_ix(next.pubkey(), fixture.network));
    for _ in 0..3 {
        let reason = fixture.settle().pop().flatten().expect("nothing can be settled");
        assert!(reason.contains("NETWORK_ADMIN"), "{reason}");
    }
    assert_eq!(fixture.settlements().len(), 2);
}

#[test]
fn a_network_that_is_paused_during_a_settlement_ends_it_and_at_most_one_more() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1_000_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    fixture.pause();
    for _ in 0..5 {
        assert!(fixture.settle_with(&engine).unwrap().pop().flatten().is_some(), "the settlement fails");
        fixture.advance_time(60_000);
    }
    assert!(fixture.settlements().len() <= 2, "{:?}", fixture.settlements());
    fixture.unpause();
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_000);
}
