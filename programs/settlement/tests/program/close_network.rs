//! `close_network`: a network that owes nothing ends for good, and its lamports return.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    close_network_ix, close_token_network_ix, event_authority, withdraw_ix, withdraw_surplus_tokens_ix,
};
use settlement::error::SettlementError;
use settlement::events::NetworkClosed;
use settlement::state::{ClosedNetwork, Network, NodeWallet, Treasury};
use solana_sdk_ids::{incinerator, system_program};
use solana_signer::Signer;

use crate::common::{
    ExpectedError, Node, ProgramFixture, Role, SOL, TOKEN, TokenFixture, TokenProgram, TransactionOutcome,
    all_instructions, assert_address_in_use, assert_only_authorized, assert_refused, program_accounts,
};

fn close(fixture: &mut ProgramFixture, to: Pubkey) -> TransactionOutcome {
    let admin = fixture.admin.insecure_clone();
    fixture.send(&[close_network_ix(admin.pubkey(), fixture.network, to)], &[&admin])
}

fn close_token(fixture: &mut TokenFixture, tokens: Option<Pubkey>, to: Pubkey) -> TransactionOutcome {
    let admin = fixture.admin.insecure_clone();
    let ix = close_token_network_ix(admin.pubkey(), fixture.network, &fixture.asset, tokens, to);
    fixture.send(&[ix], &[&admin])
}

/// A network whose only node was paid all that it earned.
fn settled_network() -> (ProgramFixture, Node) {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.settle(&[node.entry(3 * SOL)]);
    (fixture, node)
}

#[test]
fn all_lamports_go_to_the_destination_and_a_small_account_remains() {
    let (mut fixture, node) = settled_network();
    let (network, treasury, to) = (fixture.network, fixture.treasury, Pubkey::new_unique());
    let kept = fixture.rent(ClosedNetwork::SIZE);
    let lamports = fixture.lamports(&network) + fixture.lamports(&treasury) - kept;
    let wallet = fixture.svm.get_account(&node.wallet);
    let before = fixture.treasury_state();

    let meta = close(&mut fixture, to).expect("the network is closed");

    assert_eq!(
        fixture.event(&meta, NetworkClosed::decode_cpi),
        NetworkClosed {
            network,
            by: fixture.admin.pubkey(),
            destination: to,
            lamports,
            tokens: 0,
            total: 3 * SOL,
            history_hash: before.history_hash,
            history_count: before.history_count,
        }
    );
    assert_eq!(lamports, 97 * SOL + fixture.rent(Treasury::SIZE) + fixture.rent(Network::SIZE) - kept);
    assert_eq!(fixture.lamports(&to), lamports);
    assert!(fixture.svm.get_account(&treasury).is_none_or(|account| account == solana_account::Account::default()));
    let account = fixture.svm.get_account(&network).expect("the account remains");
    assert_eq!((account.lamports, account.owner, account.data.len()), (kept, settlement::ID, 48));
    assert_eq!(
        ClosedNetwork::decode(&account.data),
        Ok(ClosedNetwork { admin: fixture.admin.pubkey(), treasury_bump: before.bump, _padding: [0; 7] })
    );
    // The nodes' accounts stay until they are swept.
    assert_eq!(fixture.svm.get_account(&node.wallet), wallet);
}

#[test]
fn a_network_that_owes_one_lamport_cannot_be_closed() {
    let (mut fixture, node) = settled_network();
    fixture.credit(&[(node.wallet, 3 * SOL + 1)]);
    let (before, to) = (program_accounts(&fixture), Pubkey::new_unique());
    assert_refused(close(&mut fixture, to), SettlementError::NodesOwed);
    assert!(program_accounts(&fixture) == before);
    let withdraw = withdraw_ix(node.owner.pubkey(), fixture.network, node.id, node.destination, None);
    fixture.send(&[withdraw], &[&node.owner]).expect("the withdrawal succeeds");
    close(&mut fixture, to).expect("the network is closed");
}

#[test]
fn only_the_admin_of_an_unpaused_network_can_close_it() {
    let (mut fixture, node) = settled_network();
    let (network, to) = (fixture.network, Pubkey::new_unique());
    assert_only_authorized(&mut fixture, &node, &[Role::Admin], |key| close_network_ix(key, network, to));
    fixture.pause();
    assert_refused(close(&mut fixture, to), SettlementError::Paused);
    fixture.unpause();
    close(&mut fixture, to).expect("the network is closed");
}

#[test]
fn a_destination_that_cannot_be_paid_is_refused() {
    let (mut fixture, node) = settled_network();
    let program = fixture.deploy_program();
    for to in [fixture.treasury, fixture.network, node.wallet, program, incinerator::ID, event_authority()] {
        assert_refused(close(&mut fixture, to), SettlementError::DestinationNotPayable);
    }
    for to in [system_program::ID, settlement::ID] {
        assert_refused(close(&mut fixture, to), ErrorCode::ConstraintMut);
    }
    let admin = fixture.admin.pubkey();
    close(&mut fixture, admin).expect("the network is closed");
}

#[test]
fn inconsistent_totals_or_an_unknown_asset_are_refused() {
    let (mut fixture, _) = settled_network();
    let (treasury, to) = (fixture.treasury, Pubkey::new_unique());
    fixture.edit_account(&treasury, |t: &mut Treasury| t.paid_total += 1);
    assert_refused(close(&mut fixture, to), SettlementError::InconsistentTotals);
    fixture.edit_account(&treasury, |t: &mut Treasury| {
        t.paid_total -= 1;
        t.asset_kind = 3;
    });
    assert_refused(close(&mut fixture, to), SettlementError::UnsupportedAsset);
}

/// Were its address free, lifetime totals could be paid a second time.
#[test]
fn a_closed_network_cannot_be_created_again() {
    let (mut fixture, _) = settled_network();
    close(&mut fixture, Pubkey::new_unique()).expect("the network is closed");
    let (network, treasury) = (fixture.network, fixture.treasury);
    let args = fixture.network_args("test");
    assert_address_in_use(fixture.create_network(args));
    // Nor if a stranger sends lamports to its addresses.
    fixture.airdrop(&network, SOL);
    fixture.airdrop(&treasury, SOL);
    assert_address_in_use(fixture.create_network(args));
    let other = fixture.network_args("other");
    fixture.create_network(other).expect("another name can be used");
}

#[test]
fn no_instruction_works_in_a_closed_network() {
    // Those that are about another network, or about what is left of this one.
    let others =
        ["create_network", "recover_treasury_tokens", "recover_node_tokens", "claim_set_aside", "sweep_closed_network"];
    let mut tried = 0;
    for mut case in all_instructions().into_iter().filter(|case| !others.contains(&case.name)) {
        // As if all nodes had been paid.
        let treasury = case.fixture.treasury;
        case.fixture.edit_account(&treasury, |treasury: &mut Treasury| {
            treasury.version = Treasury::VERSION;
            treasury.paused = 0;
            treasury.paid_total = treasury.credited_total;
        });
        close(&mut case.fixture, Pubkey::new_unique()).expect("the network is closed");
        let before = program_accounts(&case.fixture);
        let ix = case.ix.clone();
        // Whichever of the two accounts comes first.
        let why: ExpectedError = match case.name {
            "credit" | "settle" | "payout" | "close_network" | "migrate_treasury" => {
                ErrorCode::AccountOwnedByWrongProgram.into()
            }
            _ => ErrorCode::AccountDiscriminatorMismatch.into(),
        };
        println!("{}", case.name);
        assert_refused(case.send(ix), why);
        assert!(program_accounts(&case.fixture) == before, "{}", case.name);
        tried += 1;
    }
    assert_eq!(tried, all_instructions().len() - others.len());
}

/// A token network whose only node was paid, and whose vault is empty.
fn settled_token_network(program: TokenProgram) -> TokenFixture {
    let mut fixture = TokenFixture::new(program);
    let payee = fixture.register_payee("node");
    fixture.settle(&[payee.entry(5 * TOKEN)]);
    let (admin, asset) = (fixture.admin.insecure_clone(), fixture.asset);
    let to = fixture.create_associated_account(&admin.pubkey(), &asset);
    let ix = withdraw_surplus_tokens_ix(admin.pubkey(), fixture.network, &asset, to, 995 * TOKEN);
    fixture.send(&[ix], &[&admin]).expect("the surplus is withdrawn");
    fixture
}

#[test]
fn the_vault_of_a_token_network_is_closed_as_well() {
    for program in TokenProgram::ALL {
        let mut fixture = settled_token_network(program);
        let (network, treasury, vault, to) = (fixture.network, fixture.treasury, fixture.vault, Pubkey::new_unique());
        let held: u64 = [network, treasury, vault].iter().map(|address| fixture.lamports(address)).sum();
        let meta = close_token(&mut fixture, None, to).expect("the network is closed");
        let kept = fixture.rent(ClosedNetwork::SIZE);
        assert_eq!(fixture.lamports(&to), held - kept);
        let event = fixture.event(&meta, NetworkClosed::decode_cpi);
        assert_eq!((event.total, event.lamports), (5 * TOKEN, held - kept));
        assert_eq!((fixture.lamports(&vault), fixture.lamports(&treasury)), (0, 0));
        assert_eq!(fixture.lamports(&network), kept);
    }
}

#[test]
fn a_vault_with_tokens_keeps_its_network_open() {
    for program in TokenProgram::ALL {
        let mut fixture = settled_token_network(program);
        let (asset, vault, to) = (fixture.asset, fixture.vault, Pubkey::new_unique());
        // Anybody can send tokens at any time, so closing moves them. The account must be able to receive them.
        fixture.mint_to(&asset, &vault, 7);
        let before = program_accounts(&fixture);
        assert_refused(close_token(&mut fixture, None, to), SettlementError::VaultNotEmpty);
        let (admin, other) = (fixture.admin.pubkey(), fixture.create_mint(program, 6, &[]));
        let wrong_mint = fixture.create_associated_account(&admin, &other);
        let frozen = fixture.create_token_account(&admin, &asset);
        fixture.freeze(&asset, &frozen);
        let bad = [
            (vault, SettlementError::DestinationNotPayable),
            (wrong_mint, SettlementError::TokenAccountWrongMint),
            (frozen, SettlementError::TokenAccountFrozen),
            (admin, SettlementError::InvalidTokenAccount),
        ];
        for (tokens, why) in bad {
            assert_refused(close_token(&mut fixture, Some(tokens), to), why);
        }
        assert!(program_accounts(&fixture) == before);
        let own = fixture.create_associated_account(&admin, &asset);
        let had = fixture.token_balance(&own);
        let meta = close_token(&mut fixture, Some(own), to).expect("the network is closed");
        assert_eq!(fixture.event(&meta, NetworkClosed::decode_cpi).tokens, 7);
        assert_eq!((fixture.token_balance(&own), fixture.lamports(&vault)), (had + 7, 0));
    }
}

#[test]
fn a_token_network_that_owes_one_unit_cannot_be_closed() {
    let mut fixture = TokenFixture::new(TokenProgram::PToken);
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, 1)]);
    assert_refused(close_token(&mut fixture, None, Pubkey::new_unique()), SettlementError::NodesOwed);
}

#[test]
fn the_accounts_of_another_asset_are_refused() {
    let mut fixture = settled_token_network(TokenProgram::PToken);
    let (admin, network, to) = (fixture.admin.insecure_clone(), fixture.network, Pubkey::new_unique());
    let without = close_network_ix(admin.pubkey(), network, to);
    assert_refused(fixture.send(&[without], &[&admin]), SettlementError::AssetAccountsMismatch);
    // Another empty account of the treasury instead of the vault.
    let (asset, treasury) = (fixture.asset, fixture.treasury);
    let second = fixture.create_token_account(&treasury, &asset);
    let mut ix = close_token_network_ix(admin.pubkey(), network, &asset, None, to);
    ix.accounts[4].pubkey = second;
    assert_refused(fixture.send(&[ix], &[&admin]), SettlementError::InvalidTreasuryTokenAccount);

    let (mut fixture, _) = settled_network();
    let asset = fixture.create_mint(TokenProgram::PToken, 6, &[]);
    let treasury = fixture.treasury;
    fixture.create_associated_account(&treasury, &asset);
    let admin = fixture.admin.insecure_clone();
    let ix = close_token_network_ix(admin.pubkey(), fixture.network, &asset, None, to);
    assert_refused(fixture.send(&[ix], &[&admin]), SettlementError::AssetAccountsMismatch);
}

#[test]
fn open_nodes_with_nothing_pending_do_not_keep_a_network_open() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(3);
    close(&mut fixture, Pubkey::new_unique()).expect("the network is closed");
    for node in &nodes {
        assert_eq!(fixture.lamports(&node.wallet), fixture.rent(NodeWallet::SIZE));
    }
}
