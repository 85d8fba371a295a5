//! Attempts whose fate cannot be told.

use crate::support::{NodeSpec, Scenario};

#[test]
fn a_batch_whose_wallets_reached_their_totals_is_closed_even_without_a_status() {
    let scenario = Scenario::new(&[NodeSpec::payable("a")]);
    scenario.reward("a", 1);
    scenario.settle();
    scenario.reward("a", 2_000_000);
    scenario.chain.forget_statuses.set(true);
    assert_eq!(scenario.settle(), [None]);
    assert_eq!(scenario.wallet("a").unwrap().paid_total, 2_000_001);
    let confirmed = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM rewards WHERE status = 'confirmed'";
    assert_eq!(scenario.count(confirmed), 2);
    let attempts =
        "SELECT CAST(COUNT(*) AS TEXT) AS value FROM attempts WHERE batch_id = (SELECT MAX(id) FROM batches)";
    assert_eq!(scenario.count(attempts), 1, "it was not signed again");
}

#[test]
fn an_attempt_of_unknown_fate_is_never_signed_again_and_goes_to_a_person() {
    use settlement::client::{BatchHeader, credit_ix, node_wallet_address};
    use solana_signer::Signer as _;

    let scenario = Scenario::new(&[NodeSpec::payable("a"), NodeSpec::payable("b")]);
    for node in ["a", "b"] {
        scenario.reward(node, 1);
    }
    scenario.settle();
    for node in ["a", "b"] {
        scenario.reward(node, 10);
    }
    // The relay's own bytes are lost for good; someone else with the key credits one of the two wallets meanwhile.
    scenario.chain.lose_sends.set(1_000);
    let engine = scenario.engine(&scenario.database, &scenario.chain);
    let trigger = williw_relay::engine::Trigger { name: "test", retry_held: false };
    let sent = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM attempts WHERE state = 'sent'";
    while scenario.count(sent) == 0 {
        crate::support::block_on(engine.advance(trigger)).unwrap();
    }
    let wallet =
        node_wallet_address(&scenario.network, &"a".parse::<williw_relay::types::NodeId>().unwrap().on_chain());
    let header = BatchHeader { batch_id: 99, records_root: [0; 32] };
    scenario.by(&scenario.settler, credit_ix(scenario.settler.pubkey(), scenario.network, header, &[(wallet, 11)]));
    assert_eq!(scenario.run_engine(&engine).unwrap(), [None]);

    let last = "SELECT state AS value FROM attempts WHERE batch_id = (SELECT MAX(id) FROM batches)";
    assert_eq!(scenario.column(last), [Some("review".to_owned())]);
    assert_eq!(
        scenario.column("SELECT state AS value FROM batches ORDER BY id DESC LIMIT 1"),
        [Some("review".to_owned())]
    );
    assert_eq!(scenario.wallet("b").unwrap().credited_total, 1, "nothing was paid on a guess");
    // Later rewards of these nodes wait behind it.
    scenario.chain.lose_sends.set(0);
    scenario.reward("b", 5);
    scenario.settle();
    assert_eq!(scenario.wallet("b").unwrap().credited_total, 1);
    let hold = "SELECT hold_reason AS value FROM rewards ORDER BY sequence DESC LIMIT 1";
    assert_eq!(scenario.column(hold), [Some("earlier_batch_open".to_owned())]);
}

#[test]
fn what_the_chain_has_credited_is_confirmed_even_when_the_ledger_never_heard_of_it() {
    use settlement::client::{BatchHeader, credit_ix, node_wallet_address};
    use solana_signer::Signer as _;

    let scenario = Scenario::new(&[NodeSpec::payable("a")]);
    scenario.reward("a", 1);
    scenario.settle();
    scenario.reward("a", 10);
    let wallet =
        node_wallet_address(&scenario.network, &"a".parse::<williw_relay::types::NodeId>().unwrap().on_chain());
    let header = BatchHeader { batch_id: 99, records_root: [0; 32] };
    scenario.by(&scenario.settler, credit_ix(scenario.settler.pubkey(), scenario.network, header, &[(wallet, 11)]));
    let sends = scenario.chain.sends.get();
    assert_eq!(scenario.settle(), [None]);
    assert_eq!(scenario.chain.sends.get(), sends, "there was nothing left to send");
    let confirmed = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM rewards WHERE status = 'confirmed'";
    assert_eq!(scenario.count(confirmed), 2);
}

#[test]
fn a_total_that_the_ledger_does_not_know_is_not_paid_on() {
    use settlement::client::{BatchHeader, credit_ix, node_wallet_address};
    use solana_signer::Signer as _;

    let scenario = Scenario::new(&[NodeSpec::payable("a")]);
    scenario.reward("a", 1);
    scenario.settle();
    let wallet =
        node_wallet_address(&scenario.network, &"a".parse::<williw_relay::types::NodeId>().unwrap().on_chain());
    let header = BatchHeader { batch_id: 99, records_root: [0; 32] };
    scenario.by(&scenario.settler, credit_ix(scenario.settler.pubkey(), scenario.network, header, &[(wallet, 7)]));
    scenario.reward("a", 10);
    scenario.settle();
    assert_eq!(scenario.wallet("a").unwrap().credited_total, 7);
    let hold = "SELECT hold_reason AS value FROM rewards ORDER BY sequence DESC LIMIT 1";
    assert_eq!(scenario.column(hold), [Some("total_mismatch".to_owned())]);
}
