//! `recover_node_tokens`: tokens that somebody sent to the address of a node's wallet belong to the node's owner.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    TokenAsset, close_network_ix, node_id, node_wallet_address, recover_node_tokens_ix, recover_treasury_tokens_ix,
};
use settlement::error::SettlementError;
use settlement::events::TokensRecovered;
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction::TransactionError;

use crate::common::{
    DECIMALS, Node, ProgramFixture, Role, TOKEN, TokenFixture, TokenProgram, TransactionOutcome, assert_refused,
    program_accounts,
};

fn recover(
    fixture: &mut ProgramFixture,
    node: &Node,
    asset: &TokenAsset,
    from: Pubkey,
    to: Pubkey,
) -> TransactionOutcome {
    let ix = recover_node_tokens_ix(node.owner.pubkey(), fixture.network, node.id, asset, from, to);
    fixture.send(&[ix], &[&node.owner])
}

/// 5 tokens in an account of `wallet`, and an account of the owner for them.
fn tokens_at(fixture: &mut ProgramFixture, asset: &TokenAsset, wallet: &Pubkey, owner: &Pubkey) -> (Pubkey, Pubkey) {
    let from = fixture.create_associated_account(wallet, asset);
    fixture.mint_to(asset, &from, 5 * TOKEN);
    (from, fixture.create_associated_account(owner, asset))
}

#[test]
fn the_owner_gets_all_tokens_of_any_mint() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let node = fixture.register_node("node");
        let foreign = fixture.create_mint(program, DECIMALS, &[]);
        for asset in [foreign, { fixture.asset }] {
            let (from, to) = tokens_at(&mut fixture, &asset, &node.wallet, &node.owner.pubkey());
            let before = program_accounts(&fixture);
            let meta = recover(&mut fixture, &node, &asset, from, to).expect("the tokens are recovered");
            assert_eq!(
                fixture.event(&meta, TokensRecovered::decode_cpi),
                TokensRecovered {
                    network: fixture.network,
                    by: node.owner.pubkey(),
                    mint: asset.mint,
                    from,
                    to,
                    amount: 5 * TOKEN,
                }
            );
            assert_eq!((fixture.token_balance(&from), fixture.token_balance(&to)), (0, 5 * TOKEN));
            assert!(program_accounts(&fixture) == before);
            assert_refused(recover(&mut fixture, &node, &asset, from, to), SettlementError::NothingToRecover);
        }
        assert_eq!(fixture.vault_balance(), 1_000 * TOKEN);
    }
}

#[test]
fn tokens_are_not_recovered_into_the_account_that_holds_them() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let asset = fixture.create_mint(TokenProgram::PToken, DECIMALS, &[]);
    let (from, _) = tokens_at(&mut fixture, &asset, &node.wallet, &node.owner.pubkey());
    assert_refused(recover(&mut fixture, &node, &asset, from, from), SettlementError::NothingToRecover);
}

/// In any state of the node and the network: the address belongs to the owner for ever.
#[test]
fn tokens_are_recovered_whatever_became_of_the_node_and_its_network() {
    let mut fixture = ProgramFixture::new();
    let asset = fixture.create_mint(TokenProgram::PToken, DECIMALS, &[]);
    let owner = Keypair::new();
    let wallet = node_wallet_address(&fixture.network, &node_id("node"), &owner.pubkey());
    let node = Node { id: node_id("node"), destination: owner.pubkey(), wallet, owner };
    type Event = fn(&mut ProgramFixture, &Node);
    let states: [Event; 5] = [
        |_, _| {},
        |fixture, node| {
            let owner = node.owner.pubkey();
            assert_eq!(fixture.register_node_with("node", |args| args.owner = owner).wallet, node.wallet);
        },
        |fixture, _| fixture.pause(),
        |fixture, node| {
            fixture.unpause();
            fixture.close_node(node).expect("the node is closed");
        },
        |fixture, _| {
            let admin = fixture.admin.insecure_clone();
            let ix = close_network_ix(admin.pubkey(), fixture.network, admin.pubkey());
            fixture.send(&[ix], &[&admin]).expect("the network is closed");
        },
    ];
    for (state, change) in states.into_iter().enumerate() {
        change(&mut fixture, &node);
        let (from, to) = tokens_at(&mut fixture, &asset, &node.wallet, &node.owner.pubkey());
        recover(&mut fixture, &node, &asset, from, to).expect("the tokens are recovered");
        assert_eq!(fixture.token_balance(&to), (state as u64 + 1) * 5 * TOKEN);
    }
}

#[test]
fn nobody_but_the_owner_can_recover_them() {
    let mut fixture = ProgramFixture::new();
    let (node, other) = (fixture.register_node("node"), fixture.register_node("other"));
    let asset = fixture.create_mint(TokenProgram::PToken, DECIMALS, &[]);
    let (from, to) = tokens_at(&mut fixture, &asset, &node.wallet, &node.owner.pubkey());
    let network = fixture.network;
    let owner_mismatch = TransactionError::InstructionError(0, InstructionError::Custom(4));
    let mut keys: Vec<_> =
        [Role::Admin, Role::Settler, Role::Guardian, Role::Stranger].map(|role| role.key(&fixture, &node)).into();
    keys.push(other.owner.insecure_clone());
    for key in keys {
        // With the node's address, and with the signer's own for the same node id.
        let own = recover_node_tokens_ix(key.pubkey(), network, node.id, &asset, from, to);
        let mut named = own.clone();
        named.accounts[2].pubkey = node.wallet;
        assert_refused(fixture.send(&[named], &[&key]), ErrorCode::ConstraintSeeds);
        let failed = fixture.send(&[own], &[&key]).expect_err("the tokens are not at this key's address");
        assert_eq!(failed.err, owner_mismatch, "{}", failed.meta.pretty_logs());
    }
    let admin = fixture.admin.insecure_clone();
    let ix = recover_treasury_tokens_ix(admin.pubkey(), network, &asset, from, to);
    let failed = fixture.send(&[ix], &[&admin]).expect_err("the tokens are not the treasury's");
    assert_eq!(failed.err, owner_mismatch, "{}", failed.meta.pretty_logs());
    let mut unsigned = recover_node_tokens_ix(node.owner.pubkey(), network, node.id, &asset, from, to);
    unsigned.accounts[0].is_signer = false;
    assert_refused(fixture.send(&[unsigned], &[]), ErrorCode::AccountNotSigner);
    assert_eq!(fixture.token_balance(&from), 5 * TOKEN);
}
