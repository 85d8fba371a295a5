//! A ledger that was lost, rebuilt from the chain.

use settlement::client::{BatchHeader, credit_ix, payout_ix, set_threshold_ix, withdraw_ix};
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use williw_relay::audit::{BatchSigner, RebuildError, Rebuilder, Rebuilt, Repair, node_history};
use williw_relay::chain::History as _;
use williw_relay::engine::{HOLD_RETRY_MS, HoldReason, Resolution};
use williw_relay::ledger::{Actor, reviews};
use williw_relay::metrics::LedgerReading;
use williw_relay::transaction::BatchKind;
use williw_relay::types::RewardStatus;

use crate::support::{Batch, EngineFixture, NodeSpec, block_on, node_id};

const REWARDS: [(&str, u64); 5] = [("a", 1_500_000), ("b", 20), ("a", 10), ("b", 2_000_000), ("a", 7)];

/// A network with a history of many kinds of events, and the owners of its nodes `a` and `b`.
fn fixture() -> (EngineFixture, [Keypair; 2]) {
    let owners = [Keypair::new(), Keypair::new()];
    let fixture = EngineFixture::new(&specs(&owners));
    for (node, amount) in &REWARDS[..2] {
        fixture.grant(node, *amount);
    }
    assert_eq!(fixture.settle(), [None]);
    let (key, network) = (owners[0].pubkey(), fixture.network);
    fixture.fund(3_000_000);
    fixture.pause();
    fixture.unpause();
    for (node, amount) in &REWARDS[2..] {
        fixture.grant(node, *amount);
    }
    assert_eq!(fixture.settle(), [None]);
    fixture.execute_as(&owners[0], withdraw_ix(key, network, node_id("a").on_chain(), key, Some(4)));
    fixture.execute_as(&owners[0], set_threshold_ix(key, network, node_id("a").on_chain(), 9_000_000));
    // It pays nothing, and is no part of the history.
    let (wallet, destination) = (fixture.wallet_address("a"), key);
    fixture.execute_as(&owners[1], payout_ix(network, &[(wallet, destination)]));
    fixture.chain.produce_block();
    fixture.chain.signatures_per_page.set(3);
    (fixture, owners)
}

fn specs(owners: &[Keypair; 2]) -> Vec<NodeSpec> {
    let spec = |(name, owner): (&str, &Keypair)| NodeSpec {
        name: name.to_owned(),
        address: Some(owner.pubkey()),
        funds: 1_000_000_000,
    };
    ["a", "b"].into_iter().zip(owners).map(spec).collect()
}

fn rebuild(fixture: &EngineFixture) -> Result<Rebuilt, RebuildError> {
    fixture.chain.finalize();
    let rebuilder = Rebuilder { database: &fixture.database, chain: &fixture.chain, network: fixture.network_ref };
    let actor = Actor::command_line();
    block_on(rebuilder.run(&Repair { actor: &actor, clock: &*fixture.clock, holder: "rebuilder", stop: &|| false }))
}

#[test]
fn batches_transactions_and_wallets_are_what_they_were() {
    let (mut fixture, owners) = fixture();
    let paid = [BatchKind::Credit, BatchKind::Settle].map(|kind| fixture.batches_of_kind(kind));
    let outcome = |fixture: &EngineFixture| {
        let balance = |node| {
            let balance = fixture.balance(node);
            (balance.wallet_address, balance.credited_lamports, balance.last_signature)
        };
        [balance("a"), balance("b")]
    };
    let before = outcome(&fixture);
    fixture.lose_ledger(&specs(&owners));

    let rebuilt = rebuild(&fixture).unwrap();
    assert_eq!(rebuilt.events, fixture.treasury_state().history_count);
    assert_eq!((rebuilt.wallets, rebuilt.entries_of_unknown_nodes, rebuilt.credited_elsewhere), (2, 0, 0));
    assert_eq!(outcome(&fixture), before);
    assert_eq!(fixture.balance("a").threshold_lamports.get(), 9_000_000, "as on the chain");
    for (kind, before) in [BatchKind::Credit, BatchKind::Settle].into_iter().zip(paid) {
        let after = fixture.batches_of_kind(kind);
        let of = |batches: &[Batch]| {
            let of = |batch: &Batch| {
                (batch.state, batch.format, batch.entry_count, batch.records_root.clone(), batch.signature.clone())
            };
            batches.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(of(&after), of(&before));
    }
    let wallet = fixture.wallet_address("a");
    let history =
        block_on(node_history(&fixture.database, &fixture.chain, &fixture.network, &node_id("a"), Some(&wallet)));
    let signers: Vec<_> = history.unwrap().batches.iter().map(|batch| batch.signer).collect();
    assert!(!signers.is_empty() && signers.iter().all(|signer| *signer == BatchSigner::Rebuilt), "{signers:?}");
    assert_eq!(fixture.audit_entries("rebuild"), 1);
    let metrics = block_on(LedgerReading::read(&fixture.database)).unwrap();
    let closed = fixture.settlements().iter().filter(|settlement| settlement.finished_at.is_some()).count() as u64;
    assert_eq!((metrics.settlements_done, closed), (1, 1), "the rebuilt settlement counts, as its fees do");
    assert_eq!(metrics.fees_lamports, fixture.settlements()[0].fees_lamports.get());
    assert_eq!(rebuild(&fixture), Err(RebuildError::NotEmpty));
}

#[test]
fn a_run_after_the_rewards_were_imported_again_pays_nothing_twice() {
    let (mut fixture, owners) = fixture();
    let totals = |fixture: &EngineFixture| {
        ["a", "b"].map(|node| fixture.wallet(node).map(|wallet| (wallet.credited_total, wallet.paid_total)).unwrap())
    };
    let before = totals(&fixture);
    fixture.lose_ledger(&specs(&owners));
    rebuild(&fixture).unwrap();
    for (node, amount) in REWARDS {
        fixture.grant(node, amount);
    }
    // Earned since.
    fixture.grant("b", 3_000_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(totals(&fixture), before, "nothing is decided without a person");
    let held = block_on(reviews::list(&fixture.database)).unwrap();
    assert_eq!(held.iter().map(|node| node.node_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 0);

    let reviewer = fixture.reviewer(&fixture.database, &fixture.chain);
    let nodes = block_on(reviews::page(&fixture.database, HoldReason::CHAIN_ABOVE_LEDGER, None, 10)).unwrap();
    assert_eq!(nodes, ["a", "b"].map(node_id));
    let resolved = block_on(reviewer.resolve_all(&Actor::operator(), &nodes, Resolution::AcceptChain)).unwrap();
    let excesses = resolved.into_iter().map(|resolved| resolved.unwrap().excess_lamports.get());
    assert_eq!(excesses.collect::<Vec<_>>(), [0, 0], "the rewards explain the chain's totals");
    assert_eq!(fixture.audit_entries("review.accept"), 2);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    fixture.settle();
    let [(a, _), (b, b_paid)] = before;
    assert_eq!(totals(&fixture)[0].0, a);
    assert_eq!(totals(&fixture)[1], (b + 3_000_000, b_paid + 3_000_000));
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), REWARDS.len() + 1);
}

#[test]
fn a_history_with_a_missing_altered_or_reordered_event_is_refused_and_nothing_is_written() {
    let (mut fixture, owners) = fixture();
    fixture.lose_ledger(&specs(&owners));
    let expected = fixture.treasury_state().history_count;
    let complete = fixture.chain.history.borrow().clone();
    let position = |text: &str| {
        let logs_it = |(_, recorded): &&(_, williw_relay::chain::RecordedTransaction)| {
            recorded.log_messages.iter().any(|line| line.contains(text))
        };
        let found = complete.iter().find(logs_it).expect("a transaction");
        complete.iter().position(|other| other.0 == found.0).expect("a position")
    };
    let (first_fund, withdrawal) = (position("Instruction: Fund"), position("Instruction: Withdraw"));

    fixture.chain.history.borrow_mut().remove(withdrawal);
    assert_eq!(rebuild(&fixture), Err(RebuildError::Incomplete { found: expected - 1, expected }));

    *fixture.chain.history.borrow_mut() = complete.clone();
    for instruction in &mut fixture.chain.history.borrow_mut()[withdrawal].1.instructions {
        if instruction.is_inner && instruction.program == settlement::ID {
            *instruction.data.last_mut().unwrap() ^= 1;
        }
    }
    assert_eq!(rebuild(&fixture), Err(RebuildError::Altered));

    *fixture.chain.history.borrow_mut() = complete.clone();
    fixture.chain.history.borrow_mut().swap(first_fund, withdrawal);
    assert_eq!(rebuild(&fixture), Err(RebuildError::Altered));

    *fixture.chain.history.borrow_mut() = complete.clone();
    let of_batch = fixture
        .chain
        .history
        .borrow()
        .iter()
        .position(|(_, recorded)| recorded.log_messages.iter().any(|line| line.starts_with("Program data: ")));
    fixture.chain.history.borrow_mut()[of_batch.unwrap()].1.log_messages.clear();
    assert_eq!(rebuild(&fixture), Err(RebuildError::NoTransaction(complete[of_batch.unwrap()].0)));

    assert_eq!(fixture.batches(), []);
    assert_eq!((fixture.audit_entries("rebuild"), fixture.balance("a").credited_lamports.get()), (0, 0));
    *fixture.chain.history.borrow_mut() = complete;
    let rebuilt = rebuild(&fixture).unwrap();
    assert_eq!((rebuilt.events, rebuilt.wallets, rebuilt.entries_of_unknown_nodes), (expected, 2, 0));
    assert_eq!(fixture.balance("a").credited_lamports.get(), 1_500_017);
}

#[test]
fn a_ledger_without_nodes_or_with_a_settlement_is_not_rebuilt() {
    let (mut fixture, owners) = fixture();
    assert_eq!(rebuild(&fixture), Err(RebuildError::NotEmpty));
    fixture.lose_ledger(&[]);
    assert_eq!(rebuild(&fixture), Err(RebuildError::NoNodes));

    // Of a node that is not registered, the entries are left out, and counted.
    fixture.register(&specs(&owners)[1]);
    let rebuilt = rebuild(&fixture).unwrap();
    assert_eq!((rebuilt.wallets, rebuilt.credited_elsewhere), (1, 1_500_017));
    // Each of the two settlements has registered or credited both nodes once.
    assert_eq!((rebuilt.entries, rebuilt.entries_of_unknown_nodes), (2, 2), "{rebuilt:?}");
    assert_eq!(fixture.balance("b").credited_lamports.get(), 2_000_020);
}

#[test]
fn batches_with_a_number_that_was_used_before_are_counted_and_left_out() {
    let (mut fixture, owners) = fixture();
    let wallet = fixture.wallet("b").unwrap().credited_total;
    fixture.credit_outside_the_engine(&[("b", wallet + 1)]);
    fixture.credit_outside_the_engine(&[("b", wallet + 2)]);
    fixture.lose_ledger(&specs(&owners));
    let rebuilt = rebuild(&fixture).unwrap();
    assert_eq!((rebuilt.batches_with_used_numbers, rebuilt.batches_with_foreign_numbers), (1, 0));
    assert_eq!(rebuilt.entries_of_unknown_nodes, 0);
    // What the wallets show is complete, although a batch is not.
    assert_eq!((rebuilt.wallets, rebuilt.credited_elsewhere), (2, 0));
    assert_eq!(fixture.balance("b").credited_lamports.get(), wallet + 2);
}

#[test]
fn batches_with_a_number_that_no_ledger_gives_are_counted_and_left_out() {
    let (mut fixture, owners) = fixture();
    let total = fixture.wallet("b").unwrap().credited_total;
    let wallet = fixture.wallet_address("b");
    for (batch_id, total) in [(1 << 53, total + 1), (u64::MAX, total + 2)] {
        let (settler, header) = (fixture.settler.pubkey(), BatchHeader { batch_id, records_root: [0; 32] });
        fixture.execute_as(&fixture.settler, credit_ix(settler, fixture.network, header, &[(wallet, total)]));
    }
    let paying = |fixture: &EngineFixture| {
        [BatchKind::Credit, BatchKind::Settle].map(|kind| fixture.batches_of_kind(kind).len())
    };
    let before = paying(&fixture);
    fixture.lose_ledger(&specs(&owners));
    let rebuilt = rebuild(&fixture).unwrap();
    assert_eq!((rebuilt.batches_with_foreign_numbers, rebuilt.batches_with_used_numbers), (2, 0));
    assert_eq!(paying(&fixture), before, "those of the ledger");
}

#[test]
fn what_is_written_is_what_was_proven() {
    let (mut fixture, owners) = fixture();
    fixture.lose_ledger(&specs(&owners));
    fixture.chain.finalize();
    let treasury = fixture.treasury;
    let mut transactions = 0;
    let mut before = None;
    while let Some(page) =
        Some(block_on(fixture.chain.signatures_of(&treasury, before.as_ref())).unwrap()).filter(|page| !page.is_empty())
    {
        before = page.last().map(|one| one.signature);
        transactions += page.iter().filter(|one| one.succeeded).count() as u64;
    }
    // The first pass reads the truth.
    fixture.chain.unforged.set(transactions);
    assert_eq!(rebuild(&fixture), Err(RebuildError::Inconsistent));
    assert_eq!(fixture.batches(), []);
    // The lease was released, and the ledger is bound to nothing.
    fixture.chain.unforged.set(u64::MAX);
    assert!(rebuild(&fixture).is_ok());
}

#[test]
fn a_due_payout_of_a_node_without_imported_rewards_is_listed_for_review() {
    let (mut fixture, owners) = fixture();
    let total = fixture.wallet("b").unwrap().credited_total;
    fixture.credit_outside_the_engine(&[("b", total + 2_000_000)]);
    fixture.lose_ledger(&specs(&owners));
    rebuild(&fixture).unwrap();
    assert_eq!(fixture.settle(), [None]);
    let listed = block_on(reviews::list(&fixture.database)).unwrap();
    let listed: Vec<_> = listed.iter().map(|node| (node.node_id.as_str(), node.reason.as_str())).collect();
    assert_eq!(listed, [("b", "chain_above_ledger")]);
    assert_eq!(block_on(reviews::count(&fixture.database)), Ok(1));
    fixture.assert_holds_counted();

    // It stays listed, once, when it is tried again.
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(block_on(reviews::count(&fixture.database)), Ok(1));
    let reviewer = fixture.reviewer(&fixture.database, &fixture.chain);
    block_on(reviewer.resolve(&Actor::operator(), &node_id("b"), Resolution::AcceptChain)).unwrap();
    assert_eq!(fixture.settle(), [None]);
    let wallet = fixture.wallet("b").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (total + 2_000_000, total + 2_000_000));
    assert_eq!(block_on(reviews::count(&fixture.database)), Ok(0));
    fixture.assert_holds_counted();
}
