//! The ledger's copies, its comparison with the chain, and receipts, in networks that pay in tokens.

use settlement::state::NodeWallet;
use williw_relay::audit::{Cause, Rebuilder, Reconciler, Reconciliation, Repair, issue, verify};
use williw_relay::chain::JsonRpc;
use williw_relay::clock::ManualClock;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::engine::{Asset, Resolution, ReviewError};
use williw_relay::ledger::Actor;
use williw_relay::ledger::nodes;
use williw_relay::types::{NewNode, RewardStatus};

use crate::support::{EngineFixture, NodeSpec, RpcNode, TREASURY_FUNDS, TokenFixture, TokenProgram, block_on, node_id};

/// Two nodes with 30 and 20 base units each, which are credited and not yet due.
fn credited() -> TokenFixture {
    let fixture = TokenFixture::new(TokenProgram::PToken, &[NodeSpec::payable("a"), NodeSpec::payable("b")]);
    fixture.grant("a", 30);
    fixture.grant("b", 20);
    assert_eq!(fixture.settle(), [None]);
    fixture
}

fn wallet_rent(fixture: &EngineFixture) -> u64 {
    fixture.chain.svm.borrow().minimum_balance_for_rent_exemption(NodeWallet::SIZE)
}

/// The result of a comparison, and the findings of all nodes.
fn compare(fixture: &EngineFixture, repair: bool) -> (Reconciliation, Vec<(Cause, u64)>) {
    let reconciler = Reconciler { database: &fixture.database, chain: &fixture.chain, network: fixture.network_ref };
    let actor = Actor::command_line();
    let repair =
        repair.then_some(Repair { actor: &actor, clock: &*fixture.clock, holder: "reconciler", stop: &|| false });
    let mut findings = Vec::new();
    let found = block_on(reconciler.run::<ManualClock>(repair.as_ref(), |row| {
        findings.extend(row.findings.iter().map(|finding| (finding.cause, finding.amount)));
    }));
    (found.unwrap(), findings)
}

#[test]
fn credits_of_tokens_are_closed_without_reading_wallets_whose_lamports_they_do_not_move() {
    let fixture = credited();
    let rent = wallet_rent(&fixture);
    let copy = |node| {
        let balance = fixture.balance(node);
        (balance.sol_balance_lamports.get(), balance.pending_rewards_lamports.get())
    };
    assert_eq!(["a", "b"].map(copy), [(rent, 30), (rent, 20)]);

    fixture.grant("a", 5);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    // Whoever reads the wallet account from now on sees another balance.
    fixture.chain.svm.borrow_mut().airdrop(&fixture.wallet_address("a"), 7).unwrap();
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(copy("a"), (rent, 35), "the credit went as planned, so that the wallet was not read");
    assert_eq!(fixture.wallet("a").unwrap().credited_total, 35);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 3);

    let (found, findings) = compare(&fixture, false);
    assert_eq!(findings, [(Cause::BalanceChanged, 7), (Cause::ExcessLamports, 7)]);
    assert_eq!((found.disagreements, found.credited, found.mirrored), (0, 55, 55));
}

#[test]
fn books_in_tokens_agree_to_the_base_unit() {
    let fixture = credited();
    fixture.grant("a", 2_000_000);
    assert_eq!(fixture.settle(), [None]);
    let (found, findings) = compare(&fixture, false);
    assert_eq!((findings, found.disagreements), (vec![], 0));
    assert_eq!((found.credited, found.paid, found.pending), (2_000_050, 2_000_030, 20));
    assert_eq!(found.treasury.lamports, fixture.balance_of(&fixture.treasury));
    assert_eq!((found.treasury.liabilities, found.treasury.surplus), (20, TREASURY_FUNDS - 2_000_050));

    let held = fixture.mirrored_treasury_balance();
    assert_eq!(held, TREASURY_FUNDS - 2_000_030, "what it holds of the network's asset");
    compare(&fixture, true);
    assert_eq!(fixture.mirrored_treasury_balance(), held, "also once it was repaired");
}

#[test]
fn receipts_in_tokens_hold_for_credits_and_payouts() {
    let fixture = credited();
    fixture.grant("a", 2_000_000);
    assert_eq!(fixture.settle(), [None]);
    for reward in fixture.reward_ids() {
        let receipt = block_on(issue(&fixture.database, &fixture.chain, &fixture.network_ref, &reward)).unwrap();
        let verified = block_on(verify(&receipt, &JsonRpc::new(RpcNode(&fixture.chain)))).unwrap();
        assert_eq!(verified.asset, Some(Asset::Tokens { mint: fixture.mint, decimals: 6 }));
        assert_eq!(verified.reward_id, reward);
    }
}

#[test]
fn a_review_names_base_units_and_not_lamports() {
    let fixture = credited();
    let reviewer = fixture.reviewer(&fixture.database, &fixture.chain);
    let refused = block_on(reviewer.examine(&node_id("a"), Resolution::PayOnTop)).unwrap_err();
    assert!(matches!(refused, ReviewError::NothingToResolve { .. }), "{refused:?}");
    assert!(refused.to_string().contains("credited 30 base units"), "{refused}");
}

#[test]
fn a_rebuilt_ledger_is_bound_to_the_tokens_of_its_network() {
    let fixture = credited();
    let asset = Some(Asset::Tokens { mint: fixture.mint, decimals: 6 });
    let database = SqliteDatabase::open(std::path::Path::new(":memory:")).unwrap();
    for node in ["a", "b"] {
        let registered = block_on(nodes::get(&fixture.database, &node_id(node))).unwrap();
        let new = NewNode { id: node_id(node), address: registered.address, public_key: None, capabilities: None };
        block_on(nodes::register(&database, &*fixture.clock, &Actor::command_line(), new)).unwrap();
    }
    assert_eq!(block_on(Asset::of_ledger(&database)).unwrap(), None);
    let rebuilder = Rebuilder { database: &database, chain: &fixture.chain, network: fixture.network_ref };
    let actor = Actor::command_line();
    let repair = Repair { actor: &actor, clock: &*fixture.clock, holder: "rebuilder", stop: &|| false };
    let rebuilt = block_on(rebuilder.run(&repair)).unwrap();
    assert_eq!((rebuilt.batches, rebuilt.wallets, rebuilt.reconciliation.credited), (1, 2, 50));
    assert_eq!(block_on(Asset::of_ledger(&database)).unwrap(), asset);
}
