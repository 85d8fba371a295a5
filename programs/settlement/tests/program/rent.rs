//! Rent: whatever happens to the rate, everything that nodes earned is paid, and no lamport is lost or trapped.

use anchor_lang::prelude::Pubkey;
use settlement::client::{
    SettleEntry, close_network_ix, close_node_ix, credit_ix, payout_ix, settle_ix, sweep_closed_network_ix,
    sweep_rent_ix, top_up_rent_ix, withdraw_ix,
};
use settlement::error::SettlementError;
use settlement::events::{BatchSettled, PaidOut};
use settlement::rules::SkipReason;
use settlement::state::{ClosedNode, NodeWallet, Treasury};
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_rent::Rent;
use solana_sdk_ids::system_program;
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, SOL, assert_refused, header, program_accounts, skip_reasons};

/// The rates to which the clusters' rate falls step by step, in lamports per byte.
const RATES: [u64; 6] = [6_960, 6_333, 5_080, 2_575, 1_322, 696];

/// Down the schedule and up again, with steps of every size.
fn down_and_up() -> impl Iterator<Item = u64> {
    let steep = [6_960, 696, 6_960, 1_322, 6_333, 696, 5_080];
    RATES.into_iter().chain(RATES.into_iter().rev()).chain(steep)
}

fn settle(fixture: &ProgramFixture, entries: &[SettleEntry]) -> Instruction {
    settle_ix(fixture.settler.pubkey(), fixture.network, header(1), entries)
}

fn payout(fixture: &ProgramFixture, nodes: &[&Node]) -> Instruction {
    let pairs: Vec<_> = nodes.iter().map(|node| (node.wallet, node.destination)).collect();
    payout_ix(fixture.network, &pairs)
}

/// Lamports that the network's accounts, its nodes and the given destinations hold in sum.
fn total(fixture: &ProgramFixture, others: &[Pubkey]) -> u64 {
    let own = program_accounts(fixture).values().map(|account| account.lamports).sum::<u64>();
    own + others.iter().map(|address| fixture.lamports(address)).sum::<u64>()
}

#[test]
fn every_rate_of_the_schedule_in_one_life_of_a_network_pays_everything_and_traps_nothing() {
    let mut fixture = ProgramFixture::new();
    let (settler, admin) = (fixture.settler.insecure_clone(), fixture.admin.insecure_clone());
    let (network, treasury) = (fixture.network, fixture.treasury);
    // One node is paid at once, one never reaches its threshold, one joins at every rate, and one leaves.
    let mut nodes = vec![fixture.register_node("paid"), fixture.register_node("saves")];
    let mut earned = vec![0, 0];
    let rest = Pubkey::new_unique();
    let mut joined = 0;
    let sum = |fixture: &ProgramFixture, nodes: &[Node]| {
        let mut others: Vec<_> = nodes.iter().map(|node| node.destination).collect();
        others.push(rest);
        total(fixture, &others)
    };
    let mut in_network = sum(&fixture, &nodes);

    for (step, rate) in down_and_up().enumerate() {
        let before = fixture.svm.get_sysvar::<Rent>().lamports_per_byte;
        fixture.set_rent_rate(rate);
        let accounts: Vec<_> = nodes.iter().map(|node| node.wallet).collect();
        if rate < before {
            let ix = sweep_rent_ix(network, &accounts);
            fixture.apply_by_simd_0392(ix, &[]);
            // Now each account holds exactly its minimum and what is pending.
            for node in &nodes {
                let account = fixture.svm.get_account(&node.wallet).expect("the account exists");
                let pending = NodeWallet::decode(&account.data).map_or(0, |wallet| wallet.pending());
                assert!(account.lamports <= fixture.rent(account.data.len()) + pending, "at {rate}");
            }
        } else if rate > before && fixture.wallet_state(&nodes[1]).pending() > 0 {
            let ix = top_up_rent_ix(settler.pubkey(), network, &accounts);
            fixture.apply_by_simd_0392(ix, &[&settler]);
            assert!(fixture.wallet_lamports(&nodes[1]) >= fixture.wallet_state(&nodes[1]).pending(), "at {rate}");
        }
        assert_eq!(sum(&fixture, &nodes), in_network, "a change of the rate moves lamports within the network");

        // A node joins. The payer's rent comes from outside.
        let node = fixture.register_node(&format!("joins-{step}"));
        in_network += fixture.lamports(&node.wallet);
        nodes.push(node);
        earned.push(0);
        joined += 1;

        // The first is paid, the second earns a little, the newest is paid once.
        earned[0] += SOL;
        earned[1] += SOL / 100;
        let newest = nodes.len() - 1;
        earned[newest] = 2 * SOL;
        let entries: Vec<_> = [0, 1, newest].map(|i| nodes[i].entry(earned[i])).into();
        let ix = settle(&fixture, &entries);
        let meta = fixture.apply_by_simd_0392(ix, &[&settler]);
        let event = fixture.batch_event(&meta);
        assert_eq!((event.credited, event.credit_skips), (3 * SOL + SOL / 100, 0), "at {rate}");
        // Wallets below the new minimum are paid by the next step at the latest: no pending amount waits for ever.
        if event.payout_skips != 0 {
            let wallets: Vec<_> = nodes.iter().map(|node| node.wallet).collect();
            let ix = top_up_rent_ix(settler.pubkey(), network, &wallets);
            fixture.apply_by_simd_0392(ix, &[&settler]);
            let ix = settle(&fixture, &entries);
            let meta = fixture.apply_by_simd_0392(ix, &[&settler]);
            assert_eq!(fixture.batch_event(&meta).payout_skips, 0, "at {rate}");
        }
        assert_eq!(fixture.lamports(&nodes[0].destination), earned[0], "at {rate}");
        assert_eq!(fixture.lamports(&nodes[newest].destination), 2 * SOL, "at {rate}");
        assert_eq!(fixture.wallet_state(&nodes[1]).pending(), earned[1], "at {rate}");
        assert_eq!(sum(&fixture, &nodes), in_network, "at {rate}");

        // Every other node leaves again.
        if step % 2 == 0 {
            let owner = nodes[newest].owner.insecure_clone();
            let ix = close_node_ix(owner.pubkey(), network, nodes[newest].id, owner.pubkey());
            fixture.apply_by_simd_0392(ix, &[&owner]);
            assert_eq!(sum(&fixture, &nodes), in_network, "at {rate}");
        }
    }
    assert_eq!(joined, down_and_up().count());

    // The end: the last pending amount is withdrawn, and everything else returns to the admin.
    let saver = nodes[1].owner.insecure_clone();
    let ix = withdraw_ix(saver.pubkey(), network, nodes[1].id, nodes[1].destination, None);
    fixture.apply_by_simd_0392(ix, &[&saver]);
    assert_eq!(fixture.lamports(&nodes[1].destination), earned[1]);
    let ix = close_network_ix(admin.pubkey(), network, rest);
    fixture.apply_by_simd_0392(ix, &[&admin]);
    let had = fixture.lamports(&admin.pubkey());
    for chunk in nodes.chunks(10) {
        let wallets: Vec<_> = chunk.iter().map(|node| node.wallet).collect();
        let ix = sweep_closed_network_ix(network, admin.pubkey(), &wallets);
        fixture.apply_by_simd_0392(ix, &[]);
    }
    let swept = fixture.lamports(&admin.pubkey()) - had;
    assert_eq!(sum(&fixture, &nodes) + swept, in_network);
    let left = program_accounts(&fixture);
    assert_eq!(left.keys().collect::<Vec<_>>(), [&network], "only the closed network remains");
    assert_eq!(fixture.lamports(&treasury), 0);
    let paid: u64 = nodes.iter().map(|node| fixture.lamports(&node.destination)).sum();
    assert_eq!(paid, earned.iter().sum::<u64>());
    assert_eq!(fixture.lamports(&rest) + swept + paid + fixture.lamports(&network), in_network);
}

/// At half of the rate: a node with 2 SOL due and one with half a SOL pending.
fn before_a_rise() -> (ProgramFixture, [Node; 2]) {
    let mut fixture = ProgramFixture::new();
    fixture.set_rent_rate(3_480);
    let nodes = ["due", "small"].map(|name| fixture.register_node(name));
    fixture.credit(&[(nodes[0].wallet, 2 * SOL), (nodes[1].wallet, SOL / 2)]);
    (fixture, nodes)
}

#[test]
fn after_a_rise_credits_of_any_amount_are_made() {
    let (mut fixture, nodes) = before_a_rise();
    let new = fixture.register_node("new");
    fixture.set_rent_rate(6_960);
    let settler = fixture.settler.insecure_clone();
    let entries = [(nodes[0].wallet, 2 * SOL + 1), (nodes[1].wallet, SOL / 2 + 1), (new.wallet, 1)];
    let ix = credit_ix(settler.pubkey(), fixture.network, header(1), &entries);
    let meta = fixture.apply_by_simd_0392(ix, &[&settler]);
    let event = fixture.batch_event(&meta);
    assert_eq!((event.credited, event.credit_skips), (3, 0));
    assert!(fixture.lamports(&new.wallet) < fixture.rent(NodeWallet::SIZE));
    assert_eq!(fixture.wallet_state(&new).pending(), 1);
}

#[test]
fn after_a_rise_a_wallet_keeps_its_floor_until_it_is_topped_up() {
    let (mut fixture, [due, small]) = before_a_rise();
    fixture.set_rent_rate(6_960);
    let settler = fixture.settler.insecure_clone();
    let missing = fixture.rent(NodeWallet::SIZE) / 2;
    // All of the pending amount would leave less than the new minimum. Nobody else is affected.
    let other = fixture.register_node("other");
    let ix = settle(&fixture, &[due.entry(2 * SOL), other.entry(SOL)]);
    let meta = fixture.apply_by_simd_0392(ix, &[&settler]);
    let event = fixture.batch_event(&meta);
    assert_eq!(skip_reasons(&event), [(0, Some(SkipReason::NothingToCredit), Some(SkipReason::WalletShort))]);
    assert_eq!(fixture.lamports(&other.destination), SOL);
    let meta = { fixture.send(&[payout(&fixture, &[&due])], &[]) }.expect("the payout is applied");
    let event = fixture.event(&meta, PaidOut::decode_cpi);
    assert_eq!((event.paid, event.skip_reason(0)), (0, Some(SkipReason::WalletShort)));
    let withdraw = |fixture: &ProgramFixture, node: &Node, amount| {
        withdraw_ix(node.owner.pubkey(), fixture.network, node.id, node.destination, amount)
    };
    let all = withdraw(&fixture, &due, None);
    assert_refused(fixture.send(&[all], &[&due.owner]), SettlementError::WalletNotRentExempt);
    // The owner can withdraw all but what the minimum has risen by.
    let above = withdraw(&fixture, &due, Some(2 * SOL - missing + 1));
    assert_refused(fixture.send(&[above], &[&due.owner]), SettlementError::WalletNotRentExempt);
    let most = withdraw(&fixture, &due, Some(2 * SOL - missing));
    fixture.apply_by_simd_0392(most, &[&due.owner]);
    assert_eq!(fixture.lamports(&due.wallet), fixture.rent(NodeWallet::SIZE));
    assert_eq!(fixture.wallet_state(&due).pending(), missing);

    // The top-up, or lamports from anybody, make the rest payable.
    let ix = top_up_rent_ix(settler.pubkey(), fixture.network, &[due.wallet, small.wallet]);
    fixture.apply_by_simd_0392(ix, &[&settler]);
    let rest = withdraw(&fixture, &due, None);
    fixture.apply_by_simd_0392(rest, &[&due.owner]);
    let rest = withdraw(&fixture, &small, None);
    fixture.apply_by_simd_0392(rest, &[&small.owner]);
    assert_eq!((fixture.lamports(&due.destination), fixture.lamports(&small.destination)), (2 * SOL, SOL / 2));
}

/// What an instruction credits may leave again, even if the wallet is below its minimum before and after.
#[test]
fn after_a_rise_a_wallet_below_its_minimum_pays_what_the_same_batch_credits() {
    let mut fixture = ProgramFixture::new();
    fixture.set_rent_rate(696);
    let nodes = fixture.register_nodes(3);
    fixture.set_rent_rate(6_960);
    let settler = fixture.settler.insecure_clone();
    let before: Vec<_> = nodes.iter().map(|node| fixture.lamports(&node.wallet)).collect();
    let entries: Vec<_> = nodes.iter().map(|node| node.entry(2 * SOL)).collect();
    let ix = settle(&fixture, &entries);
    let meta = fixture.apply_by_simd_0392(ix, &[&settler]);
    let event: BatchSettled = fixture.batch_event(&meta);
    assert_eq!((event.credited, event.paid, event.payout_skips), (6 * SOL, 6 * SOL, 0));
    let after: Vec<_> = nodes.iter().map(|node| fixture.lamports(&node.wallet)).collect();
    assert_eq!(after, before);
}

#[test]
fn a_destination_that_exists_can_always_be_paid() {
    const NONCE: usize = 80;
    for kind in ["settle", "payout", "withdraw"] {
        let mut fixture = ProgramFixture::with_args(|args| args.default_threshold = 1);
        let nodes = fixture.register_nodes(4);
        let settler = fixture.settler.insecure_clone();
        // Below the minimum of their size: without data, a durable nonce, and of another program.
        let existing = [(0, system_program::ID), (NONCE, system_program::ID), (1_000, Pubkey::new_unique())];
        for (node, (len, owner)) in nodes.iter().zip(existing) {
            let account = Account { lamports: 3, data: vec![1; len], owner, ..Account::default() };
            fixture.set_account(&node.destination, account);
        }
        let held = [3, 3, 3, 0];
        let (missing, network) = (Some(SkipReason::DestinationNotRentExempt), fixture.network);
        let credits: Vec<_> = nodes.iter().map(|node| (node.wallet, 7)).collect();
        let refs: Vec<_> = nodes.iter().collect();
        match kind {
            "settle" => {
                let entries: Vec<_> = nodes.iter().map(|node| node.entry(7)).collect();
                let ix = settle(&fixture, &entries);
                let meta = fixture.apply_by_simd_0392(ix, &[&settler]);
                assert_eq!(skip_reasons(&fixture.batch_event(&meta)), [(3, None, missing)]);
            }
            "payout" => {
                fixture.credit(&credits);
                let ix = payout(&fixture, &refs);
                let meta = fixture.apply_by_simd_0392(ix, &[]);
                let event = fixture.event(&meta, PaidOut::decode_cpi);
                assert_eq!((event.skips, event.skip_reason(3)), (0b1000, missing));
            }
            _ => {
                fixture.credit(&credits);
                for node in &nodes[..3] {
                    let ix = withdraw_ix(node.owner.pubkey(), network, node.id, node.destination, None);
                    fixture.apply_by_simd_0392(ix, &[&node.owner]);
                }
                let node = &nodes[3];
                let ix = withdraw_ix(node.owner.pubkey(), network, node.id, node.destination, None);
                assert_refused(fixture.send(&[ix], &[&node.owner]), SettlementError::DestinationNotRentExempt);
            }
        }
        for (node, held) in nodes.iter().zip(held) {
            let paid = if held > 0 { 7 } else { 0 };
            assert_eq!(fixture.lamports(&node.destination), held + paid, "{kind}");
            assert_eq!(fixture.wallet_state(node).pending(), 7 - paid, "{kind}");
        }
    }
}

#[test]
fn after_a_rise_a_node_can_be_closed_and_keeps_what_it_has() {
    for (rate, keeps_all) in [(5_080, false), (696, true)] {
        let mut fixture = ProgramFixture::new();
        fixture.set_rent_rate(rate);
        let node = fixture.register_node("node");
        fixture.settle(&[node.entry(2 * SOL)]);
        let before = fixture.lamports(&node.wallet);
        fixture.set_rent_rate(6_960);
        let surplus = fixture.lamports(&fixture.treasury);
        let ix = close_node_ix(node.owner.pubkey(), fixture.network, node.id, node.owner.pubkey());
        fixture.apply_by_simd_0392(ix, &[&node.owner]);
        let kept = if keeps_all { before } else { before.min(fixture.rent(ClosedNode::SIZE)) };
        assert_eq!(keeps_all, before < fixture.rent(ClosedNode::SIZE));
        assert_eq!(fixture.lamports(&node.wallet), kept);
        assert_eq!(fixture.lamports(&fixture.treasury), surplus + before - kept);
        let account = fixture.svm.get_account(&node.wallet).expect("the account remains");
        assert_eq!(ClosedNode::decode(&account.data).map(|closed| closed.total), Ok(2 * SOL));
    }
}

/// The program reads the rate from the Rent sysvar, which used to have a number of years beside it: 2, then 1. The
/// floating-point number can be any.
#[test]
fn every_form_of_the_rent_sysvar_gives_the_same_results() {
    for (rate, years) in [(6_960u64, 1.0f64), (3_480, 2.0), (4_640, 1.5), (13_920, 0.5), (1_740, 4.0)] {
        let mut fixture = ProgramFixture::with_args(|args| args.default_threshold = 1_000);
        let mut rent: Rent = fixture.svm.get_sysvar();
        #[expect(deprecated, reason = "clusters still have the field")]
        {
            rent.lamports_per_byte = rate;
            rent.exemption_threshold = years.to_le_bytes();
        }
        fixture.svm.set_sysvar(&rent);
        let (treasury_minimum, empty_minimum) = (512 * 6_960, 128 * 6_960);
        assert_eq!((fixture.rent(Treasury::SIZE), fixture.rent(0)), (treasury_minimum, empty_minimum));
        let nodes = fixture.register_nodes(3);
        assert_eq!(fixture.lamports(&nodes[0].wallet), 328 * 6_960, "{years}");
        let what = format!("{rate} for {years} years");

        // The treasury keeps exactly its minimum.
        let set_surplus = |fixture: &mut ProgramFixture, lamports: u64| {
            let mut account = fixture.svm.get_account(&fixture.treasury).expect("the treasury exists");
            account.lamports = treasury_minimum + lamports;
            let treasury = fixture.treasury;
            fixture.set_account(&treasury, account);
        };
        set_surplus(&mut fixture, 5);
        let batch = fixture.credit(&[(nodes[0].wallet, 6)]);
        assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)], "{what}");
        assert_eq!(fixture.credit(&[(nodes[0].wallet, 5)]).event.credited, 5, "{what}");
        assert_eq!(fixture.lamports(&fixture.treasury), treasury_minimum, "{what}");

        // A new destination needs its minimum, in a settle and in a payout.
        set_surplus(&mut fixture, SOL);
        let missing = Some(SkipReason::DestinationNotRentExempt);
        let batch = fixture.settle(&[nodes[1].entry(empty_minimum - 1), nodes[2].entry(empty_minimum)]);
        assert_eq!(skip_reasons(&batch.event), [(0, None, missing)], "{what}");
        let meta = { fixture.send(&[payout(&fixture, &[&nodes[1]])], &[]) }.expect("the payout is applied");
        assert_eq!(fixture.event(&meta, PaidOut::decode_cpi).skip_reason(0), missing, "{what}");
        fixture.credit(&[(nodes[1].wallet, empty_minimum)]);
        let meta = { fixture.send(&[payout(&fixture, &[&nodes[1]])], &[]) }.expect("the payout is applied");
        assert_eq!(fixture.event(&meta, PaidOut::decode_cpi).paid, empty_minimum, "{what}");

        // A wallet keeps its minimum.
        fixture.credit(&[(nodes[2].wallet, empty_minimum + 2_000)]);
        fixture.take_lamports(&nodes[2].wallet, 1);
        let meta = { fixture.send(&[payout(&fixture, &[&nodes[2]])], &[]) }.expect("the payout is applied");
        let event = fixture.event(&meta, PaidOut::decode_cpi);
        assert_eq!(event.skip_reason(0), Some(SkipReason::WalletShort), "{what}");
        fixture.airdrop(&nodes[2].wallet, 1);
        let meta = { fixture.send(&[payout(&fixture, &[&nodes[2]])], &[]) }.expect("the payout is applied");
        assert_eq!(fixture.event(&meta, PaidOut::decode_cpi).paid, 2_000, "{what}");
        assert_eq!(fixture.lamports(&nodes[2].wallet), 328 * 6_960, "{what}");
    }
}

/// Lamports that anybody sends to a node's account return to the treasury, whatever the node is owed.
#[test]
fn a_stranger_can_make_every_wallet_payable() {
    let (mut fixture, [due, _]) = before_a_rise();
    fixture.set_rent_rate(6_960);
    let stranger = Keypair::new();
    let missing = fixture.rent(NodeWallet::SIZE) / 2;
    fixture.airdrop(&stranger.pubkey(), SOL);
    let gift = solana_system_interface::instruction::transfer(&stranger.pubkey(), &due.wallet, missing);
    let pay = payout(&fixture, &[&due]);
    let meta = fixture.send(&[gift, pay], &[&stranger]).expect("the payout is applied");
    assert_eq!(fixture.event(&meta, PaidOut::decode_cpi).paid, 2 * SOL);
}
