//! The history: whoever has all events that moved a network's funds, in order, arrives at the hash and the count in its
//! treasury, and nobody does with any others.

use anchor_lang::event::EVENT_IX_TAG_LE;
use anchor_lang::prelude::Pubkey;
use anchor_lang::{Discriminator, Event};
use litesvm::types::TransactionMetadata;
use settlement::client::{RegisterNodeArgs, payout_tokens_ix};
use settlement::client::{
    claim_set_aside_ix, close_network_ix, close_token_network_ix, payout_ix, recover_lamports_ix,
    recover_treasury_tokens_ix, reopen_node_ix, set_aside_ix, set_destination_ix, set_threshold_ix, sweep_rent_ix,
    top_up_rent_ix, withdraw_ix, withdraw_surplus_ix, withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
use settlement::events::{
    BatchSettled, Funded, LamportsRecovered, NetworkClosed, NodeClosed, PaidOut, PendingSetAside, RentSwept,
    RentToppedUp, SurplusWithdrawn, Withdrawn,
};
use settlement::history;
use settlement::state::{NodeWallet, Treasury};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{DECIMALS, ProgramFixture, SOL, TOKEN, TokenFixture, TokenProgram, runtime};

/// The events that enter the history, besides [`BatchSettled`] and [`PaidOut`].
const RECORDED: [&[u8]; 8] = [
    Funded::DISCRIMINATOR,
    LamportsRecovered::DISCRIMINATOR,
    NodeClosed::DISCRIMINATOR,
    PendingSetAside::DISCRIMINATOR,
    RentSwept::DISCRIMINATOR,
    RentToppedUp::DISCRIMINATOR,
    SurplusWithdrawn::DISCRIMINATOR,
    Withdrawn::DISCRIMINATOR,
];

/// The recorded events of a transaction, as an indexer finds them: discriminator and fields.
fn recorded(meta: &TransactionMetadata) -> Vec<Vec<u8>> {
    let batches = BatchSettled::from_logs(&meta.logs).into_iter().map(|event| event.data());
    let calls = meta.inner_instructions.iter().flatten().filter_map(|inner| {
        let event = inner.instruction.data.strip_prefix(EVENT_IX_TAG_LE)?;
        let has_paid = PaidOut::decode_cpi(&inner.instruction.data).is_some_and(|event| event.paid > 0);
        (has_paid || RECORDED.iter().any(|discriminator| event.starts_with(discriminator))).then(|| event.to_vec())
    });
    let all: Vec<_> = batches.chain(calls).collect();
    assert!(all.len() <= 1, "the order of several events in a transaction is not the test's subject");
    all
}

/// The hash and the count after these events.
fn replay(events: &[Vec<u8>]) -> ([u8; 32], u64) {
    let hash = events.iter().fold([0; 32], |hash, event| history::extend(&hash, event));
    (hash, events.len() as u64)
}

fn found(fixture: &ProgramFixture) -> ([u8; 32], u64) {
    let treasury = fixture.treasury_state();
    (treasury.history_hash, treasury.history_count)
}

/// Sends an instruction and checks that the history grew by exactly the events that an indexer finds.
#[track_caller]
fn send(
    fixture: &mut ProgramFixture,
    events: &mut Vec<Vec<u8>>,
    ix: Instruction,
    signers: &[&Keypair],
    recorded_events: usize,
) {
    let meta =
        fixture.send(&[ix], signers).unwrap_or_else(|failed| panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()));
    let new = recorded(&meta);
    assert_eq!(new.len(), recorded_events);
    events.extend(new);
    assert_eq!(found(fixture), replay(events));
}

/// Asserts that leaving out, repeating, altering or swapping any of the events leads elsewhere.
fn assert_complete(events: &[Vec<u8>], expected: ([u8; 32], u64)) {
    assert_eq!(replay(events), expected);
    for at in 0..events.len() {
        let mut without = events.to_vec();
        without.remove(at);
        assert_ne!(replay(&without), expected);
        assert_ne!(replay(&without).0, expected.0);
        let mut twice = events.to_vec();
        twice.insert(at, events[at].clone());
        assert_ne!(replay(&twice).0, expected.0);
        for byte in 0..events[at].len() {
            let mut altered = events.to_vec();
            altered[at][byte] ^= 1;
            assert_ne!(replay(&altered).0, expected.0);
        }
        let mut longer = events.to_vec();
        longer[at].push(0);
        assert_ne!(replay(&longer).0, expected.0);
        for other in at + 1..events.len() {
            let mut swapped = events.to_vec();
            swapped.swap(at, other);
            assert_eq!(swapped == events, events[at] == events[other]);
            assert_ne!(replay(&swapped).0, expected.0);
        }
    }
}

#[test]
fn the_history_begins_with_zeros_and_is_a_chain_of_sha_256() {
    let mut fixture = ProgramFixture::without_network(runtime());
    let args = fixture.network_args("test");
    fixture.create_network(args).expect("the network is created");
    assert_eq!(found(&fixture), ([0; 32], 0));
    // Computed by another implementation.
    let first = history::extend(&[0; 32], b"first");
    assert_eq!(hex::encode(first), "3db4b4eb1df29e1585bc017b9194e30e583d7dbe9e2a7513a58442c6d4ac96bc");
    let second = history::extend(&first, b"second");
    assert_eq!(hex::encode(second), "de1e86981ce97f7ca334a50ce77d42ace7c020d4c3d4dd9aa6185f4fd8bf40a0");
}

#[test]
fn the_events_of_a_busy_sol_network_and_no_others_reproduce_its_history() {
    let mut fixture = ProgramFixture::without_network(runtime());
    let args = fixture.network_args("test");
    fixture.create_network(args).expect("the network is created");
    let (admin, settler) = (fixture.admin.insecure_clone(), fixture.settler.insecure_clone());
    let (network, payer) = (fixture.network, fixture.payer.pubkey());
    let mut events = vec![];
    let fund = settlement::client::fund_ix(payer, network, admin.pubkey(), 100 * SOL);
    send(&mut fixture, &mut events, fund, &[], 1);
    let nodes = fixture.register_nodes(4);
    assert_eq!(found(&fixture), replay(&events), "a registration moves no funds");
    let owner = |i: usize| nodes[i].owner.insecure_clone();
    let header = |id| settlement::client::BatchHeader { batch_id: id, records_root: [id as u8; 32] };

    let credits: Vec<_> = nodes.iter().map(|node| (node.wallet, 2 * SOL)).collect();
    let credit = |id, credits: &[_]| settlement::client::credit_ix(settler.pubkey(), network, header(id), credits);
    send(&mut fixture, &mut events, credit(1, &credits), &[&settler], 1);
    // A batch that does nothing enters the history as well: it has a sequence number.
    send(&mut fixture, &mut events, credit(2, &credits), &[&settler], 1);
    let settle = settlement::client::settle_ix(settler.pubkey(), network, header(3), &[nodes[0].entry(3 * SOL)]);
    send(&mut fixture, &mut events, settle, &[&settler], 1);
    // A payout does if it pays.
    let pairs: Vec<_> = nodes[1..3].iter().map(|node| (node.wallet, node.destination)).collect();
    send(&mut fixture, &mut events, payout_ix(network, &pairs[..1]), &[], 1);
    send(&mut fixture, &mut events, payout_ix(network, &pairs[..1]), &[], 0);
    send(&mut fixture, &mut events, payout_ix(network, &pairs), &[], 1);
    let withdraw = withdraw_ix(owner(3).pubkey(), network, nodes[3].id, nodes[3].destination, Some(SOL));
    send(&mut fixture, &mut events, withdraw, &[&owner(3)], 1);
    let surplus = withdraw_surplus_ix(admin.pubkey(), network, Pubkey::new_unique(), SOL);
    send(&mut fixture, &mut events, surplus, &[&admin], 1);
    // Settings don't.
    let set = set_destination_ix(owner(1).pubkey(), network, nodes[1].id, Pubkey::new_unique());
    send(&mut fixture, &mut events, set, &[&owner(1)], 0);
    let set = set_threshold_ix(owner(1).pubkey(), network, nodes[1].id, 5 * SOL);
    send(&mut fixture, &mut events, set, &[&owner(1)], 0);
    let close = settlement::client::close_node_ix(admin.pubkey(), network, nodes[2].id, owner(2).pubkey());
    send(&mut fixture, &mut events, close, &[&admin], 1);
    let args = RegisterNodeArgs { node_id: nodes[2].id, owner: owner(2).pubkey(), destination: None, threshold: None };
    send(&mut fixture, &mut events, reopen_node_ix(settler.pubkey(), payer, network, args), &[&settler], 0);
    fixture.airdrop(&nodes[1].wallet, SOL);
    send(&mut fixture, &mut events, sweep_rent_ix(network, &[nodes[1].wallet]), &[], 1);
    fixture.take_lamports(&nodes[3].wallet, 5);
    send(&mut fixture, &mut events, top_up_rent_ix(settler.pubkey(), network, &[nodes[3].wallet]), &[&settler], 1);
    fixture.pause();
    fixture.unpause();
    let (program, saved) = (fixture.deploy_program(), nodes[0].destination);
    let pending = settlement::client::credit_ix(settler.pubkey(), network, header(4), &[(nodes[0].wallet, 5 * SOL)]);
    send(&mut fixture, &mut events, pending, &[&settler], 1);
    fixture.edit_account(&nodes[0].wallet, |wallet: &mut NodeWallet| wallet.destination = program);
    let aside = set_aside_ix(admin.pubkey(), network, nodes[0].id, owner(0).pubkey(), program);
    send(&mut fixture, &mut events, aside, &[&admin], 1);
    // The lamports have left the network.
    let claim = claim_set_aside_ix(owner(0).pubkey(), network, nodes[0].id, saved);
    send(&mut fixture, &mut events, claim, &[&owner(0)], 0);
    let asset = fixture.create_mint(TokenProgram::PToken, DECIMALS, &[]);
    let treasury = fixture.treasury;
    let (from, to) =
        (fixture.create_associated_account(&treasury, &asset), fixture.create_token_account(&payer, &asset));
    fixture.mint_to(&asset, &from, TOKEN);
    let recover = recover_treasury_tokens_ix(admin.pubkey(), network, &asset, from, to);
    send(&mut fixture, &mut events, recover, &[&admin], 0);
    let withdraw = withdraw_ix(owner(3).pubkey(), network, nodes[3].id, nodes[3].destination, None);
    send(&mut fixture, &mut events, withdraw, &[&owner(3)], 1);
    let expected = found(&fixture);
    assert_complete(&events, expected);

    // The last event of the network has the final values.
    let meta = fixture.send(&[close_network_ix(admin.pubkey(), network, payer)], &[&admin]);
    let event = fixture.event(&meta.expect("the network is closed"), NetworkClosed::decode_cpi);
    assert_eq!((event.history_hash, event.history_count), expected);
}

#[test]
fn the_events_of_a_busy_token_network_and_no_others_reproduce_its_history() {
    for program in TokenProgram::ALL {
        let fixture = ProgramFixture::without_network(program.runtime());
        let mut fixture = fixture;
        let asset = fixture.create_mint(program, DECIMALS, &[]);
        let mut fixture = TokenFixture::in_fixture(fixture, asset, |_| {});
        assert_eq!(found(&fixture), ([0; 32], 0));
        let (admin, settler) = (fixture.admin.insecure_clone(), fixture.settler.insecure_clone());
        let (network, payer) = (fixture.network, fixture.payer.pubkey());
        let from = fixture.create_associated_account(&payer, &asset);
        fixture.mint_to(&asset, &from, 100 * TOKEN);
        let mut events = vec![];
        let fund = settlement::client::fund_tokens_ix(payer, from, network, admin.pubkey(), &asset, 100 * TOKEN);
        send(&mut fixture, &mut events, fund, &[], 1);
        let payees = fixture.register_payees(3);
        let header = |id| settlement::client::BatchHeader { batch_id: id, records_root: [id as u8; 32] };
        let credits: Vec<_> = payees.iter().map(|payee| (payee.node.wallet, 2 * TOKEN)).collect();
        let credit = settlement::client::credit_ix(settler.pubkey(), network, header(1), &credits);
        send(&mut fixture, &mut events, credit, &[&settler], 1);
        let entries = [payees[0].entry(3 * TOKEN)];
        let settle = settlement::client::settle_tokens_ix(settler.pubkey(), network, &asset, header(2), &entries);
        send(&mut fixture, &mut events, settle, &[&settler], 1);
        let payout = payout_tokens_ix(network, &asset, &[payees[1].payout_entry()]);
        send(&mut fixture, &mut events, payout.clone(), &[], 1);
        send(&mut fixture, &mut events, payout, &[], 0);
        let (owner, id, to) = (payees[2].node.owner.insecure_clone(), payees[2].node.id, payees[2].account);
        let withdraw = withdraw_tokens_ix(owner.pubkey(), network, &asset, id, to, None);
        send(&mut fixture, &mut events, withdraw, &[&owner], 1);
        let close = settlement::client::close_node_ix(owner.pubkey(), network, id, owner.pubkey());
        send(&mut fixture, &mut events, close, &[&owner], 1);
        let own = fixture.create_associated_account(&admin.pubkey(), &asset);
        let surplus = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, own, 93 * TOKEN);
        send(&mut fixture, &mut events, surplus, &[&admin], 1);
        fixture.airdrop(&payees[0].node.wallet, SOL);
        send(&mut fixture, &mut events, sweep_rent_ix(network, &[payees[0].node.wallet]), &[], 1);
        let recover = recover_lamports_ix(admin.pubkey(), network, payer);
        send(&mut fixture, &mut events, recover, &[&admin], 1);
        let expected = found(&fixture);
        assert_complete(&events, expected);

        let meta = fixture.send(&[close_token_network_ix(admin.pubkey(), network, &asset, None, payer)], &[&admin]);
        let event = fixture.event(&meta.expect("the network is closed"), NetworkClosed::decode_cpi);
        assert_eq!((event.history_hash, event.history_count), expected);
    }
}

/// A log can be truncated by the runtime. A missing batch shows in the history.
#[test]
fn several_events_of_one_transaction_enter_in_the_order_of_its_instructions() {
    let mut fixture = ProgramFixture::new();
    let (hash, count) = found(&fixture);
    let (settler, network) = (fixture.settler.insecure_clone(), fixture.network);
    let node = fixture.register_node("node");
    let header = settlement::client::BatchHeader { batch_id: 1, records_root: [0; 32] };
    let credit = settlement::client::credit_ix(settler.pubkey(), network, header, &[(node.wallet, 2 * SOL)]);
    let payout = payout_ix(network, &[(node.wallet, node.destination)]);
    let settle = settlement::client::settle_ix(settler.pubkey(), network, header, &[node.entry(3 * SOL)]);
    let meta = fixture.send(&[credit, payout, settle], &[&settler]).expect("all are applied");
    let batches = BatchSettled::from_logs(&meta.logs);
    let paid_out = fixture.event(&meta, PaidOut::decode_cpi);
    let events = [batches[0].data(), paid_out.data(), batches[1].data()];
    let expected = events.iter().fold(hash, |hash, event| history::extend(&hash, event));
    assert_eq!(found(&fixture), (expected, count + 3));
}

/// docs/HISTORY.md specifies the hash, with these values.
#[test]
fn the_published_vectors_are_reproduced() {
    const PAGE: &str = include_str!("../../../../docs/HISTORY.md");
    let network = Pubkey::new_from_array([1; 32]);
    let funder = Pubkey::new_from_array([2; 32]);
    let funded = Funded { network, funder, amount: 5_000_000_000, funded_total: 5_000_000_000 };
    let batch = BatchSettled {
        network,
        batch_id: 7,
        sequence: 1,
        records_root: [3; 32],
        n: 2,
        credited: 300,
        paid: 100,
        credit_skips: 0,
        payout_skips: 2,
        reasons: vec![18],
    };
    let rows: Vec<_> =
        PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix("` |")?.split_once(" | `")).collect();
    let published = |what: &str| {
        let row = rows.iter().filter(|(name, _)| name.starts_with(what)).map(|(_, value)| (*value).to_owned());
        row.collect::<Vec<_>>()
    };
    let events = [funded.data(), batch.data()];
    assert_eq!(published("event bytes"), events.each_ref().map(hex::encode));
    let first = history::extend(&[0; 32], &events[0]);
    let both = history::extend(&first, &events[1]);
    assert_eq!(published("hash after"), [hex::encode(first), hex::encode(both)]);
    // The page names the places of both values in an account.
    assert!(PAGE.contains("offset 272 of the account's data") && PAGE.contains("offset 304)"));
    assert_eq!(8 + core::mem::offset_of!(Treasury, history_hash), 272);
    assert_eq!(8 + core::mem::offset_of!(Treasury, history_count), 304);
    // Every recorded event is listed.
    let always = RECORDED.len() + 1;
    assert_eq!(PAGE.lines().filter(|line| line.ends_with("| always |")).count(), always);
}
