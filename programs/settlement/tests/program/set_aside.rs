//! `set_aside`: what a node is owed leaves the network for its owner, if its destination can't be paid.

use anchor_lang::Event;
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    SettleEntry, TOKEN_2022_ID, claim_address, claim_set_aside_ix, close_network_ix, close_node_ix,
    close_token_network_ix, recover_node_tokens_ix, set_aside_ix, set_aside_tokens_ix, set_destination_ix,
    sweep_closed_network_ix,
};
use settlement::error::SettlementError;
use settlement::events::PendingSetAside;
use settlement::history;
use settlement::state::{ClosedNetwork, Network, NodeWallet, Treasury};
use solana_account::Account;
use solana_keypair::Keypair;
use solana_sdk_ids::{bpf_loader_upgradeable, system_program};
use solana_signer::Signer;
use spl_token_2022_interface::extension::{ExtensionType, memo_transfer};
use spl_token_2022_interface::instruction::{AuthorityType, close_account, reallocate, set_authority};

use crate::common::{
    DECIMALS, Node, Payee, ProgramFixture, Role, SOL, TOKEN, TokenFixture, TokenProgram, TransactionOutcome,
    assert_only_authorized, assert_refused,
};

fn set_aside(fixture: &mut ProgramFixture, node: &Node) -> TransactionOutcome {
    let (admin, destination) = (fixture.admin.insecure_clone(), fixture.wallet_state(node).destination);
    let ix = set_aside_ix(admin.pubkey(), fixture.network, node.id, node.owner.pubkey(), destination);
    fixture.send(&[ix], &[&admin])
}

/// A node with these lamports pending, whose destination can't be paid.
fn unpayable_node(lamports: u64) -> (ProgramFixture, Node) {
    let mut fixture = ProgramFixture::new();
    let mut node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, lamports)]);
    // As if the owner had deployed a program at the address of the destination.
    node.destination = fixture.deploy_program();
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.destination = node.destination);
    (fixture, node)
}

#[test]
fn lamports_move_to_the_claim_address_and_count_as_paid() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    let claim = claim_address(&node.wallet);
    let (wallet, treasury) = (fixture.wallet_state(&node), fixture.treasury_state());
    let surplus = fixture.surplus();
    let meta = set_aside(&mut fixture, &node).expect("the amount is set aside");
    assert_eq!(
        fixture.event(&meta, PendingSetAside::decode_cpi),
        PendingSetAside {
            network: fixture.network,
            node_wallet: node.wallet,
            owner: node.owner.pubkey(),
            by: fixture.admin.pubkey(),
            claim,
            amount: 3 * SOL,
            paid_total: 3 * SOL,
        }
    );
    assert_eq!((fixture.lamports(&claim), fixture.wallet_lamports(&node), fixture.surplus()), (3 * SOL, 0, surplus));
    assert_eq!(fixture.wallet_state(&node), NodeWallet { paid_total: 3 * SOL, oldest_unpaid_at: 0, ..wallet });
    let after = fixture.treasury_state();
    let Treasury { history_hash, history_count, .. } = after;
    assert_eq!(after, Treasury { paid_total: 3 * SOL, history_hash, history_count, ..treasury });
    assert_eq!(history_count, treasury.history_count + 1);
    // A lifetime total is not paid again.
    assert_eq!(fixture.settle(&[node.entry(3 * SOL)]).event.credited, 0);
    assert_refused(set_aside(&mut fixture, &node), SettlementError::NothingPending);
}

/// One owner can't keep a node or a network from being closed.
#[test]
fn a_single_pending_lamport_does_not_keep_a_network_open() {
    let (mut fixture, node) = unpayable_node(1);
    let (admin, network) = (fixture.admin.insecure_clone(), fixture.network);
    let close = close_node_ix(admin.pubkey(), network, node.id, node.owner.pubkey());
    assert_refused(fixture.send(std::slice::from_ref(&close), &[&admin]), SettlementError::PendingNotZero);
    let close_network = close_network_ix(admin.pubkey(), network, admin.pubkey());
    assert_refused(fixture.send(std::slice::from_ref(&close_network), &[&admin]), SettlementError::NodesOwed);
    // An account with one lamport can't exist. Anybody can fund the claim first.
    assert_refused(set_aside(&mut fixture, &node), SettlementError::DestinationNotRentExempt);
    let claim = claim_address(&node.wallet);
    let minimum = fixture.rent(0);
    fixture.airdrop(&claim, minimum);
    set_aside(&mut fixture, &node).expect("the amount is set aside");
    assert_eq!(fixture.lamports(&claim), minimum + 1);
    fixture.send(&[close, close_network], &[&admin]).expect("the node and the network are closed");
}

/// A kind of destination, and what turns that of a node into it.
type SolCase = (&'static str, fn(&mut ProgramFixture, &Node));

const PAYABLE: [SolCase; 4] = [
    ("does not exist", |_, _| {}),
    ("has less than its rent", |fixture, node| fixture.airdrop(&node.destination, 1)),
    ("has data", |fixture, node| place(fixture, node, system_program::ID, 80)),
    ("belongs to another program", |fixture, node| place(fixture, node, Pubkey::new_unique(), 500)),
];

const UNPAYABLE: [SolCase; 3] = [
    ("is a program", |fixture, node| {
        place(fixture, node, bpf_loader_upgradeable::ID, 0);
        let mut account = fixture.svm.get_account(&node.destination).expect("the account exists");
        // A program whose bytes have been closed.
        (account.data, account.executable) = ([&[2, 0, 0, 0][..], &[7; 32]].concat(), true);
        fixture.set_account(&node.destination, account);
    }),
    ("is a node's wallet", |fixture, node| place(fixture, node, settlement::ID, NodeWallet::SIZE)),
    ("is an empty account of the program", |fixture, node| place(fixture, node, settlement::ID, 0)),
];

/// Writes an account at the node's destination.
fn place(fixture: &mut ProgramFixture, node: &Node, owner: Pubkey, len: usize) {
    let account = Account { lamports: SOL, data: vec![0; len], owner, ..Account::default() };
    fixture.set_account(&node.destination, account);
}

/// What turns the destination of a payee into one of a kind.
type TokenCase = (&'static str, fn(&mut TokenFixture, &Payee));

const PAYABLE_TOKENS: [TokenCase; 4] = [
    ("is the owner's", |_, _| {}),
    // Anybody can create it again.
    ("is the default and was closed", |fixture, payee| {
        close_token_account(fixture, &payee.node.owner, &payee.account);
    }),
    // Not the owner's doing, and can be thawed.
    ("is frozen", |fixture, payee| {
        let asset = fixture.asset;
        fixture.freeze(&asset, &payee.account);
    }),
    ("was set by the owner and belongs to somebody else", |fixture, payee| {
        let (asset, owner) = (fixture.asset, payee.node.owner.insecure_clone());
        let to = fixture.create_associated_account(&Pubkey::new_unique(), &asset);
        let ix = set_destination_ix(owner.pubkey(), fixture.network, payee.node.id, to);
        fixture.send(&[ix], &[&owner]).expect("the destination is set");
    }),
];

const UNPAYABLE_TOKENS: [TokenCase; 2] = [
    ("was set by the owner and closed", close_destination),
    ("is the default and was given away", |fixture, payee| {
        // Associated accounts of Token-2022 can't be given away.
        if fixture.asset.token_program == TOKEN_2022_ID {
            return close_destination(fixture, payee);
        }
        let (program, owner) = (fixture.asset.token_program, payee.node.owner.insecure_clone());
        let (to, kind) = (Pubkey::new_unique(), AuthorityType::AccountOwner);
        let ix = set_authority(&program, &payee.account, Some(&to), kind, &owner.pubkey(), &[]);
        fixture.send(&[ix.expect("the instruction is valid")], &[&owner]).expect("the account is given away");
    }),
];

/// Sets another token account of the owner as the destination and closes it.
fn close_destination(fixture: &mut TokenFixture, payee: &Payee) {
    let (asset, owner) = (fixture.asset, payee.node.owner.insecure_clone());
    let account = fixture.create_token_account(&owner.pubkey(), &asset);
    let ix = set_destination_ix(owner.pubkey(), fixture.network, payee.node.id, account);
    fixture.send(&[ix], &[&owner]).expect("the destination is set");
    close_token_account(fixture, &owner, &account);
}

fn close_token_account(fixture: &mut TokenFixture, owner: &Keypair, account: &Pubkey) {
    let close = close_account(&fixture.asset.token_program, account, &owner.pubkey(), &owner.pubkey(), &[]);
    fixture.send(&[close.expect("the instruction is valid")], &[owner]).expect("the token account is closed");
}

#[test]
fn an_amount_is_set_aside_only_if_the_destination_cannot_be_paid() {
    for (cases, is_set_aside) in [(&PAYABLE[..], false), (&UNPAYABLE[..], true)] {
        for (what, prepare) in cases {
            let mut fixture = ProgramFixture::new();
            let node = fixture.register_node("node");
            fixture.credit(&[(node.wallet, 3 * SOL)]);
            prepare(&mut fixture, &node);
            let outcome = set_aside(&mut fixture, &node);
            if is_set_aside {
                assert!(outcome.is_ok(), "the destination {what}: {outcome:?}");
            } else {
                assert_refused(outcome, SettlementError::DestinationPayable);
            }
            let (held, pending) = if is_set_aside { (3 * SOL, 0) } else { (0, 3 * SOL) };
            assert_eq!(fixture.lamports(&claim_address(&node.wallet)), held, "the destination {what}");
            assert_eq!(fixture.wallet_state(&node).pending(), pending, "the destination {what}");
        }
    }
    for program in TokenProgram::ALL {
        for (cases, is_set_aside) in [(&PAYABLE_TOKENS[..], false), (&UNPAYABLE_TOKENS[..], true)] {
            for (what, prepare) in cases {
                let mut fixture = TokenFixture::new(program);
                let payee = fixture.register_payee("node");
                fixture.credit(&[(payee.node.wallet, 5 * TOKEN)]);
                let asset = fixture.asset;
                let held = fixture.create_associated_account(&payee.node.wallet, &asset);
                prepare(&mut fixture, &payee);
                let outcome = set_aside_tokens(&mut fixture, &payee, held);
                if is_set_aside {
                    assert!(outcome.is_ok(), "{program:?}, the destination {what}: {outcome:?}");
                } else {
                    assert_refused(outcome, SettlementError::DestinationPayable);
                }
                let amounts = if is_set_aside { (5 * TOKEN, 0) } else { (0, 5 * TOKEN) };
                assert_eq!((fixture.token_balance(&held), fixture.owed()), amounts, "the destination {what}");
            }
        }
    }
}

/// An owner of Token-2022 can require memos, which the program does not send.
#[test]
fn tokens_are_set_aside_while_the_destination_requires_memos() {
    let mut fixture = TokenFixture::new(TokenProgram::Token2022);
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, 5 * TOKEN)]);
    let (asset, owner, payer) = (fixture.asset, payee.node.owner.insecure_clone(), fixture.payer.pubkey());
    let (program, key, account) = (asset.token_program, owner.pubkey(), payee.account);
    let held = fixture.create_associated_account(&payee.node.wallet, &asset);
    let grow = reallocate(&program, &account, &payer, &key, &[], &[ExtensionType::MemoTransfer]);
    let require = memo_transfer::instruction::enable_required_transfer_memos(&program, &account, &key, &[]);
    let instructions = [grow, require].map(|ix| ix.expect("the instruction is valid"));
    fixture.send(&instructions, &[&owner]).expect("memos are required");
    set_aside_tokens(&mut fixture, &payee, held).expect("the tokens are set aside");
    assert_eq!((fixture.token_balance(&held), fixture.owed()), (5 * TOKEN, 0));
}

#[test]
fn one_unpayable_node_does_not_keep_a_network_from_closing() {
    for (what, prepare) in UNPAYABLE {
        let mut fixture = ProgramFixture::new();
        let [good, bad] = ["good", "bad"].map(|name| fixture.register_node(name));
        prepare(&mut fixture, &bad);
        fixture.settle(&[good.entry(2 * SOL), bad.entry(3 * SOL)]);
        let (admin, network) = (fixture.admin.insecure_clone(), fixture.network);
        let destination = Pubkey::new_unique();
        let close = close_network_ix(admin.pubkey(), network, destination);
        assert_refused(fixture.send(std::slice::from_ref(&close), &[&admin]), SettlementError::NodesOwed);
        set_aside(&mut fixture, &bad).expect("the amount is set aside");
        fixture.send(&[close], &[&admin]).expect("the network is closed");
        let claim = claim_address(&bad.wallet);
        let sweep = sweep_closed_network_ix(network, admin.pubkey(), &[good.wallet, bad.wallet, claim]);
        fixture.send(&[sweep], &[]).expect("the network is swept");
        assert_eq!((fixture.lamports(&bad.wallet), fixture.lamports(&claim)), (0, 3 * SOL), "the destination {what}");

        let to = Pubkey::new_unique();
        let ix = claim_set_aside_ix(bad.owner.pubkey(), network, bad.id, to);
        fixture.send(&[ix], &[&bad.owner]).expect("the claim is paid");
        assert_eq!((fixture.lamports(&to), fixture.lamports(&claim)), (3 * SOL, 0), "the destination {what}");
        // The rest of the 100 SOL went to the admin's destination.
        let rents = fixture.rent(Network::SIZE) + fixture.rent(Treasury::SIZE) - fixture.rent(ClosedNetwork::SIZE);
        assert_eq!(fixture.lamports(&destination), 95 * SOL + rents, "the destination {what}");
    }
    for program in TokenProgram::ALL {
        for (what, prepare) in UNPAYABLE_TOKENS {
            let mut fixture = TokenFixture::new(program);
            let [good, bad] = ["good", "bad"].map(|name| fixture.register_payee(name));
            let (asset, admin, network) = (fixture.asset, fixture.admin.insecure_clone(), fixture.network);
            prepare(&mut fixture, &bad);
            fixture.settle(&[good.entry(2 * TOKEN), bad.entry(5 * TOKEN)]);
            let rest = fixture.create_associated_account(&admin.pubkey(), &asset);
            let close = close_token_network_ix(admin.pubkey(), network, &asset, Some(rest), admin.pubkey());
            assert_refused(fixture.send(std::slice::from_ref(&close), &[&admin]), SettlementError::NodesOwed);
            let held = fixture.create_associated_account(&bad.node.wallet, &asset);
            set_aside_tokens(&mut fixture, &bad, held).expect("the tokens are set aside");
            fixture.send(&[close], &[&admin]).expect("the network is closed");
            let sweep = sweep_closed_network_ix(network, admin.pubkey(), &[good.node.wallet, bad.node.wallet]);
            fixture.send(&[sweep], &[]).expect("the network is swept");
            assert_eq!(fixture.token_balance(&rest), 993 * TOKEN, "{program:?}, the destination {what}");

            let owner = bad.node.owner;
            let to = fixture.create_token_account(&owner.pubkey(), &asset);
            let ix = recover_node_tokens_ix(owner.pubkey(), network, bad.node.id, &asset, held, to);
            fixture.send(&[ix], &[&owner]).expect("the tokens are recovered");
            let balances = (fixture.token_balance(&held), fixture.token_balance(&to));
            assert_eq!(balances, (0, 5 * TOKEN), "{program:?}, the destination {what}");
        }
    }
}

#[test]
fn another_destination_or_claim_address_than_the_nodes_is_refused() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    let other = fixture.register_node("other");
    let admin = fixture.admin.insecure_clone();
    let (network, id, owner) = (fixture.network, node.id, node.owner.pubkey());
    let program = fixture.deploy_program();
    for wrong in [program, owner, fixture.treasury] {
        let ix = set_aside_ix(admin.pubkey(), network, id, owner, wrong);
        assert_refused(fixture.send(&[ix], &[&admin]), SettlementError::DestinationMismatch);
    }
    const CLAIM_AT: usize = 6;
    let good = set_aside_ix(admin.pubkey(), network, id, owner, node.destination);
    assert_eq!(good.accounts[CLAIM_AT].pubkey, claim_address(&node.wallet));
    for wrong in [claim_address(&other.wallet), admin.pubkey(), owner, node.wallet] {
        let mut ix = good.clone();
        ix.accounts[CLAIM_AT].pubkey = wrong;
        assert_refused(fixture.send(&[ix], &[&admin]), ErrorCode::ConstraintSeeds);
    }
    assert_eq!(fixture.wallet_state(&node).pending(), 3 * SOL);
    fixture.send(&[good], &[&admin]).expect("the amount is set aside");
}

#[test]
fn the_event_enters_the_history() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    let Treasury { history_hash, history_count, .. } = fixture.treasury_state();
    let meta = set_aside(&mut fixture, &node).expect("the amount is set aside");
    let event = fixture.event(&meta, PendingSetAside::decode_cpi);
    let after = fixture.treasury_state();
    assert_eq!(after.history_hash, history::extend(&history_hash, &event.data()));
    assert_eq!(after.history_count, history_count + 1);
}

#[test]
fn what_is_credited_later_can_be_set_aside_or_paid_as_well() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    set_aside(&mut fixture, &node).expect("the amount is set aside");
    // Less than a new account would need.
    fixture.credit(&[(node.wallet, 3 * SOL + 1)]);
    let meta = set_aside(&mut fixture, &node).expect("the amount is set aside");
    let event = fixture.event(&meta, PendingSetAside::decode_cpi);
    assert_eq!((event.amount, event.paid_total), (1, 3 * SOL + 1));
    assert_eq!(fixture.lamports(&claim_address(&node.wallet)), 3 * SOL + 1);
    let to = Pubkey::new_unique();
    let ix = set_destination_ix(node.owner.pubkey(), fixture.network, node.id, to);
    fixture.send(&[ix], &[&node.owner]).expect("the destination is set");
    let entry = SettleEntry { destination: to, ..node.entry(5 * SOL) };
    fixture.settle(&[entry]);
    assert_eq!(fixture.lamports(&to), 2 * SOL - 1);
}

#[test]
fn only_the_admin_of_an_unpaused_network_can_set_aside() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    let (network, id, owner, to) = (fixture.network, node.id, node.owner.pubkey(), node.destination);
    assert_only_authorized(&mut fixture, &node, &[Role::Admin], |key| set_aside_ix(key, network, id, owner, to));
    fixture.pause();
    assert_refused(set_aside(&mut fixture, &node), SettlementError::Paused);
    fixture.unpause();
    set_aside(&mut fixture, &node).expect("the amount is set aside");
}

#[test]
fn inconsistent_totals_are_refused() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.paid_total = 3 * SOL + 1);
    let destination = node.destination;
    let admin = fixture.admin.insecure_clone();
    let ix = set_aside_ix(admin.pubkey(), fixture.network, node.id, node.owner.pubkey(), destination);
    assert_refused(fixture.send(&[ix], &[&admin]), SettlementError::InconsistentTotals);
}

#[test]
fn a_wallet_that_is_short_after_a_rise_keeps_its_floor() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    fixture.take_lamports(&node.wallet, 1);
    assert_refused(set_aside(&mut fixture, &node), SettlementError::WalletNotRentExempt);
    fixture.airdrop(&node.wallet, 1);
    set_aside(&mut fixture, &node).expect("the amount is set aside");
}

fn set_aside_tokens(fixture: &mut TokenFixture, payee: &Payee, to: Pubkey) -> TransactionOutcome {
    let admin = fixture.admin.insecure_clone();
    let (node, destination) = (&payee.node, fixture.wallet_state(&payee.node).destination);
    let (network, asset) = (fixture.network, fixture.asset);
    let ix = set_aside_tokens_ix(admin.pubkey(), network, &asset, node.id, node.owner.pubkey(), destination, to);
    fixture.send(&[ix], &[&admin])
}

/// A node with 5 tokens pending whose owner closed the destination.
fn closed_destination(program: TokenProgram) -> (TokenFixture, Payee) {
    let mut fixture = TokenFixture::new(program);
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, 5 * TOKEN)]);
    close_destination(&mut fixture, &payee);
    (fixture, payee)
}

#[test]
fn the_owner_recovers_tokens_that_were_set_aside() {
    for program in TokenProgram::ALL {
        let (mut fixture, payee) = closed_destination(program);
        let (asset, network, owner) = (fixture.asset, fixture.network, payee.node.owner.insecure_clone());
        let held = fixture.create_associated_account(&payee.node.wallet, &asset);
        let meta = set_aside_tokens(&mut fixture, &payee, held).expect("the tokens are set aside");
        let event = fixture.event(&meta, PendingSetAside::decode_cpi);
        assert_eq!((event.claim, event.amount, event.paid_total), (held, 5 * TOKEN, 5 * TOKEN));
        assert_eq!(
            (fixture.token_balance(&held), fixture.vault_balance(), fixture.owed()),
            (5 * TOKEN, 995 * TOKEN, 0)
        );
        assert_eq!(fixture.treasury_state().token_balance, 995 * TOKEN);
        let to = fixture.create_associated_account(&owner.pubkey(), &asset);
        let ix = recover_node_tokens_ix(owner.pubkey(), network, payee.node.id, &asset, held, to);
        fixture.send(&[ix], &[&owner]).expect("the tokens are recovered");
        assert_eq!(fixture.token_balance(&to), 5 * TOKEN);
    }
}

#[test]
fn tokens_are_set_aside_only_at_the_wallets_address() {
    for program in TokenProgram::ALL {
        let (mut fixture, payee) = closed_destination(program);
        let (asset, admin, vault) = (fixture.asset, fixture.admin.pubkey(), fixture.vault);
        let other = fixture.register_node("other");
        let others = [
            fixture.create_associated_account(&admin, &asset),
            fixture.create_associated_account(&other.wallet, &asset),
            fixture.create_token_account(&payee.node.owner.pubkey(), &asset),
            vault,
            Pubkey::new_unique(),
        ];
        for to in others {
            assert_refused(set_aside_tokens(&mut fixture, &payee, to), SettlementError::InvalidClaim);
        }
        let wrong_mint = fixture.create_mint(program, DECIMALS, &[]);
        let wrong_mint = fixture.create_associated_account(&payee.node.wallet, &wrong_mint);
        assert_refused(set_aside_tokens(&mut fixture, &payee, wrong_mint), SettlementError::TokenAccountWrongMint);
        let held = fixture.create_associated_account(&payee.node.wallet, &asset);
        fixture.freeze(&asset, &held);
        assert_refused(set_aside_tokens(&mut fixture, &payee, held), SettlementError::TokenAccountFrozen);
        fixture.thaw(&asset, &held);
        fixture.freeze(&asset, &vault);
        assert_refused(set_aside_tokens(&mut fixture, &payee, held), SettlementError::TreasuryFrozen);
        fixture.thaw(&asset, &vault);
        assert_eq!((fixture.vault_balance(), fixture.owed()), (1_000 * TOKEN, 5 * TOKEN));
        set_aside_tokens(&mut fixture, &payee, held).expect("the tokens are set aside");
        assert_refused(set_aside_tokens(&mut fixture, &payee, held), SettlementError::NothingPending);
    }
}
