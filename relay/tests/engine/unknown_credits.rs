//! A ledger that does not know all wallet accounts creates none, because one of them may be the node's at another address.

use solana_signer::Signer as _;
use williw_relay::database::{Database as _, Statement};
use williw_relay::engine::{EngineError, NetworkRef, ReviewError};
use williw_relay::ledger::{Actor, reviews};
use williw_relay::types::Lamports;

use crate::support::{EngineFixture, NodeSpec, block_on};

const UNKNOWN: &str = "unknown_credits";

/// Two nodes that were paid, and a ledger that was restored without the payments and has another address for the first node.
fn restored() -> EngineFixture {
    let nodes = [NodeSpec::payable("a"), NodeSpec::payable("b")];
    let mut fixture = EngineFixture::new(&nodes);
    fixture.grant("a", 1_500_000);
    fixture.grant("b", 2_500_000);
    assert_eq!(fixture.settle(), [None]);
    let [_, b] = nodes;
    fixture.lose_ledger(&[NodeSpec::payable("a"), b]);
    fixture.chain.produce_block();
    fixture
}

fn unknown(fixture: &EngineFixture) -> u64 {
    block_on(reviews::unknown_credits(&fixture.database)).unwrap().unknown_lamports.get()
}

fn accept(fixture: &EngineFixture, amount: u64) -> Result<(), ReviewError> {
    let reviewer = fixture.reviewer(&fixture.database, &fixture.chain);
    block_on(reviewer.accept_unknown(&Actor::command_line(), Lamports::new(amount).unwrap()))
}

fn listed(fixture: &EngineFixture) -> Vec<(String, String)> {
    let nodes = block_on(reviews::list(&fixture.database)).unwrap();
    nodes.into_iter().map(|node| (node.node_id.to_string(), node.reason)).collect()
}

#[test]
fn a_node_whose_address_a_restored_ledger_has_lost_is_not_paid_a_second_time_at_another_one() {
    let fixture = restored();
    // It is reported again, and the owner has registered another address.
    fixture.grant("a", 1_500_000);
    fixture.settle();
    assert_eq!(fixture.wallet("a"), None, "no wallet account is created");
    assert_eq!(fixture.treasury_state().credited_total, 4_000_000);
    assert_eq!(listed(&fixture), [("a".to_owned(), UNKNOWN.to_owned())]);
    assert_eq!(unknown(&fixture), 4_000_000, "the other node's account was not read yet");
    // Nor later.
    fixture.settle();
    assert_eq!(fixture.treasury_state().credited_total, 4_000_000);

    // What is known is not unknown.
    fixture.grant("b", 2_500_000);
    fixture.settle();
    assert_eq!(unknown(&fixture), 1_500_000);
}

#[test]
fn wallet_accounts_are_created_again_once_exactly_what_is_unknown_was_accepted() {
    let fixture = restored();
    fixture.grant("a", 700);
    fixture.grant("b", 2_500_000);
    fixture.settle();
    let not_unknown = |amount: u64| {
        let of = |lamports| Lamports::new(lamports).unwrap();
        Err(ReviewError::NotUnknown { amount: of(amount), unknown: of(unknown(&fixture)) })
    };
    for wrong in [0, 1_499_999, 1_500_001] {
        assert_eq!(accept(&fixture, wrong), not_unknown(wrong));
    }
    assert_eq!(accept(&fixture, 1_500_000), Ok(()));
    assert_eq!((unknown(&fixture), accept(&fixture, 1_500_000)), (0, not_unknown(1_500_000)), "not twice");
    assert_eq!(accept(&fixture, 0), not_unknown(0));
    let entries = block_on(
        fixture.database.query(Statement::new("SELECT details FROM audit_log WHERE action = 'review.accept_unknown'")),
    );
    let details: Vec<String> = entries.unwrap().iter().map(|row| row.get("details").unwrap()).collect();
    assert_eq!(details, [r#"{"lamports":"1500000"}"#]);

    fixture.settle();
    assert_eq!(fixture.wallet("a").unwrap().credited_total, 700);
    assert_eq!(fixture.balance("a").hold_reason, None);
    // What is credited elsewhere afterwards is unknown again.
    fixture.register(&NodeSpec::payable("c"));
    fixture.credit_nobody(1);
    fixture.grant("c", 5);
    fixture.settle();
    assert_eq!((unknown(&fixture), fixture.wallet("c")), (1, None));
}

#[test]
fn what_was_accepted_and_turns_out_to_be_known_hides_nothing_later() {
    let fixture = restored();
    fixture.grant("a", 700);
    fixture.settle();
    // The other node's account was only not read yet.
    assert_eq!(accept(&fixture, 4_000_000), Ok(()));
    fixture.grant("b", 2_500_000);
    fixture.settle();
    assert_eq!(unknown(&fixture), 0);
    fixture.credit_nobody(1);
    fixture.register(&NodeSpec::payable("c"));
    fixture.grant("c", 5);
    fixture.settle();
    assert_eq!((unknown(&fixture), fixture.wallet("c")), (1, None));
}

#[test]
fn what_a_node_once_claimed_is_accepted_only_if_the_chain_says_so_now() {
    let fixture = restored();
    fixture.grant("a", 700);
    fixture.grant("b", 2_500_000);
    fixture.settle();
    // As if a node had lied to the last settlement.
    let raise = "UPDATE treasury SET credited_total_lamports = credited_total_lamports + 1000";
    block_on(fixture.database.query(Statement::new(raise))).unwrap();
    assert_eq!(unknown(&fixture), 1_501_000);
    assert!(
        matches!(accept(&fixture, 1_501_000), Err(ReviewError::NotUnknown { unknown, .. }) if unknown.get() == 1_500_000)
    );
    assert_eq!(accept(&fixture, 1_500_000), Ok(()));
    // Nor for another network.
    let mut reviewer = fixture.reviewer(&fixture.database, &fixture.chain);
    reviewer.network = NetworkRef::new(fixture.network_ref.id, fixture.settler.pubkey(), None);
    let other = block_on(reviewer.accept_unknown(&Actor::command_line(), Lamports::new(1_000).unwrap()));
    let Err(ReviewError::Engine(EngineError::Rejected(reason))) = other else { panic!("{other:?}") };
    assert!(reason.contains("bound to network"), "{reason}");
}

#[test]
fn a_ledger_that_knows_all_wallet_accounts_never_waits_for_anybody() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    for name in ["a", "b", "c"] {
        if name != "a" {
            fixture.register(&NodeSpec::payable(name));
        }
        fixture.grant(name, 1_500_000);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!((unknown(&fixture), listed(&fixture)), (0, Vec::new()));
        assert_eq!(fixture.wallet(name).unwrap().paid_total, 1_500_000);
    }
    assert_eq!(block_on(reviews::count(&fixture.database)), Ok(0));
}
