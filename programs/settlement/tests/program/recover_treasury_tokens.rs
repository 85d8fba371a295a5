//! `recover_treasury_tokens`: tokens that somebody sent to the treasury's address and that are not the network's.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::{AccountMeta, Pubkey};
use settlement::client::{
    TOKEN_2022_ID, TokenAsset, accept_admin_ix, close_network_ix, close_token_network_ix, propose_admin_ix,
    recover_treasury_tokens_ix, withdraw_surplus_tokens_ix,
};
use settlement::error::SettlementError;
use settlement::events::TokensRecovered;
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_sdk_ids::compute_budget;
use solana_signer::Signer;
use solana_transaction::TransactionError;
use spl_token_2022_interface::extension::{ExtensionType, transfer_hook};

use crate::common::{
    DECIMALS, Extension, ProgramFixture, Role, TOKEN, TokenFixture, TokenProgram, TransactionOutcome,
    assert_only_authorized, assert_refused, program_accounts,
};

fn recover(fixture: &mut ProgramFixture, asset: &TokenAsset, from: Pubkey, to: Pubkey) -> TransactionOutcome {
    let admin = fixture.admin.insecure_clone();
    fixture.send(&[recover_treasury_tokens_ix(admin.pubkey(), fixture.network, asset, from, to)], &[&admin])
}

/// 5 tokens of a new mint in an account of the treasury, and an account of the admin for them.
fn stray_tokens(fixture: &mut ProgramFixture, program: TokenProgram) -> (TokenAsset, Pubkey, Pubkey) {
    let asset = fixture.create_mint(program, DECIMALS, &[]);
    let (treasury, admin) = (fixture.treasury, fixture.admin.pubkey());
    let from = fixture.create_associated_account(&treasury, &asset);
    fixture.mint_to(&asset, &from, 5 * TOKEN);
    (asset, from, fixture.create_associated_account(&admin, &asset))
}

#[test]
fn the_admin_gets_all_tokens_of_any_mint() {
    for program in TokenProgram::ALL {
        let sol = ProgramFixture::on_runtime(program.runtime(), |_| {});
        let tokens = TokenFixture::new(program).into_fixture();
        for mut fixture in [sol, tokens] {
            let (asset, from, to) = stray_tokens(&mut fixture, program);
            let before = program_accounts(&fixture);
            let meta = recover(&mut fixture, &asset, from, to).expect("the tokens are recovered");
            assert_eq!(
                fixture.event(&meta, TokensRecovered::decode_cpi),
                TokensRecovered {
                    network: fixture.network,
                    by: fixture.admin.pubkey(),
                    mint: asset.mint,
                    from,
                    to,
                    amount: 5 * TOKEN,
                }
            );
            assert_eq!((fixture.token_balance(&from), fixture.token_balance(&to)), (0, 5 * TOKEN));
            // They are none of the network's funds, so its history doesn't have them.
            assert!(program_accounts(&fixture) == before);
            assert_refused(recover(&mut fixture, &asset, from, to), SettlementError::NothingToRecover);
        }
    }
}

/// The hook is a program that accepts everything. Without it among the accounts, Token-2022 can't call it.
#[test]
fn tokens_whose_mint_has_a_transfer_hook_are_recovered_with_the_accounts_of_the_hook() {
    const HOOK: Extension = (ExtensionType::TransferHook, |mint, issuer| {
        transfer_hook::instruction::initialize(&TOKEN_2022_ID, mint, Some(*issuer), Some(compute_budget::ID))
            .expect("the instruction is valid")
    });
    let mut fixture = ProgramFixture::on_runtime(TokenProgram::Token2022.runtime(), |_| {});
    let asset = fixture.create_mint(TokenProgram::Token2022, DECIMALS, &[HOOK]);
    let (treasury, admin) = (fixture.treasury, fixture.admin.insecure_clone());
    let from = fixture.create_associated_account(&treasury, &asset);
    fixture.mint_to(&asset, &from, TOKEN);
    let to = fixture.create_associated_account(&admin.pubkey(), &asset);

    let failed = recover(&mut fixture, &asset, from, to).expect_err("the hook's program is missing");
    assert_eq!(failed.err, TransactionError::InstructionError(0, InstructionError::MissingAccount));
    let mut ix = recover_treasury_tokens_ix(admin.pubkey(), fixture.network, &asset, from, to);
    // A hook can need further accounts.
    for account in [compute_budget::ID, Pubkey::new_unique()] {
        ix.accounts.push(AccountMeta::new_readonly(account, false));
    }
    fixture.send(&[ix], &[&admin]).expect("the tokens are recovered");
    assert_eq!((fixture.token_balance(&from), fixture.token_balance(&to)), (0, TOKEN));
}

/// Somebody can open a second account of the treasury for the network's own mint.
#[test]
fn tokens_of_the_networks_mint_outside_the_vault_are_recovered() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (asset, treasury, vault) = (fixture.asset, fixture.treasury, fixture.vault);
        let second = fixture.create_token_account(&treasury, &asset);
        fixture.mint_to(&asset, &second, 7);
        recover(&mut fixture, &asset, second, vault).expect("the tokens are recovered");
        assert_eq!(fixture.vault_balance(), 1_000 * TOKEN + 7);
    }
}

#[test]
fn the_vault_cannot_be_emptied() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (asset, vault, admin) = (fixture.asset, fixture.vault, fixture.admin.pubkey());
        let payee = fixture.register_payee("node");
        fixture.credit(&[(payee.node.wallet, 1_000 * TOKEN)]);
        let to = fixture.create_associated_account(&admin, &asset);
        assert_refused(recover(&mut fixture, &asset, vault, to), SettlementError::NotRecoverable);
        assert_eq!((fixture.vault_balance(), fixture.token_balance(&to)), (1_000 * TOKEN, 0));
    }
}

#[test]
fn only_the_admin_can_recover_tokens_also_while_paused() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let (asset, from, to) = stray_tokens(&mut fixture, TokenProgram::PToken);
    let network = fixture.network;
    let ix = |key| recover_treasury_tokens_ix(key, network, &asset, from, to);
    assert_only_authorized(&mut fixture, &node, &[Role::Admin], ix);
    fixture.pause();
    recover(&mut fixture, &asset, from, to).expect("the tokens are recovered");
}

#[test]
fn accounts_of_anybody_else_are_out_of_reach() {
    let mut fixture = ProgramFixture::new();
    let (asset, from, to) = stray_tokens(&mut fixture, TokenProgram::PToken);
    let (victim, admin, network) = (Pubkey::new_unique(), fixture.admin.insecure_clone(), fixture.network);
    let victims = fixture.create_associated_account(&victim, &asset);
    fixture.mint_to(&asset, &victims, TOKEN);
    // The token program compares the owner.
    let failed = recover(&mut fixture, &asset, victims, to).expect_err("the account is the victim's");
    let owner_mismatch = TransactionError::InstructionError(0, InstructionError::Custom(4));
    assert_eq!(failed.err, owner_mismatch, "{}", failed.meta.pretty_logs());
    // The admin of another network has no authority over this one's treasury, not even with the other's.
    let args = fixture.network_args("other");
    fixture.create_network(args).expect("the network is created");
    let other = fixture.network_address("other");
    let mut ix = recover_treasury_tokens_ix(admin.pubkey(), other, &asset, from, to);
    ix.accounts[2].pubkey = fixture.treasury;
    assert_refused(fixture.send(&[ix], &[&admin]), ErrorCode::ConstraintSeeds);
    let failed = fixture
        .send(&[recover_treasury_tokens_ix(admin.pubkey(), other, &asset, from, to)], &[&admin])
        .expect_err("the account is this treasury's");
    assert_eq!(failed.err, owner_mismatch, "{}", failed.meta.pretty_logs());
    assert_eq!((fixture.token_balance(&victims), fixture.token_balance(&from)), (TOKEN, 5 * TOKEN));
    assert_eq!(network, fixture.network);
}

#[test]
fn a_wrong_token_program_or_account_is_refused() {
    let mut fixture = ProgramFixture::new();
    let (asset, from, to) = stray_tokens(&mut fixture, TokenProgram::PToken);
    let wrong_program = TokenAsset { token_program: Pubkey::new_unique(), ..asset };
    assert_refused(recover(&mut fixture, &wrong_program, from, to), SettlementError::InvalidTokenProgram);
    let other_program = TokenAsset { token_program: TokenProgram::Token2022.id(), ..asset };
    assert_refused(recover(&mut fixture, &other_program, from, to), SettlementError::InvalidTokenAccount);
    let no_mint = TokenAsset { mint: Pubkey::new_unique(), ..asset };
    assert_refused(recover(&mut fixture, &no_mint, from, to), SettlementError::InvalidMint);
    let treasury = fixture.treasury;
    assert_refused(recover(&mut fixture, &asset, treasury, to), SettlementError::InvalidTokenAccount);
}

#[test]
fn after_the_network_was_closed_its_last_admin_recovers_tokens() {
    let mut fixture = ProgramFixture::new();
    let (asset, from, _) = stray_tokens(&mut fixture, TokenProgram::PToken);
    let (first, last, network) = (fixture.admin.insecure_clone(), Keypair::new(), fixture.network);
    let replace = [propose_admin_ix(first.pubkey(), network, last.pubkey()), accept_admin_ix(last.pubkey(), network)];
    fixture.send(&replace, &[&first, &last]).expect("the admin is replaced");
    let close = close_network_ix(last.pubkey(), network, last.pubkey());
    fixture.send(&[close], &[&last]).expect("the network is closed");

    let to = fixture.create_associated_account(&last.pubkey(), &asset);
    assert_refused(recover(&mut fixture, &asset, from, to), SettlementError::Unauthorized);
    fixture.admin = last;
    recover(&mut fixture, &asset, from, to).expect("the tokens are recovered");
    assert_eq!(fixture.token_balance(&to), 5 * TOKEN);
}

#[test]
fn after_the_network_was_closed_nothing_at_the_vaults_address_is_trapped() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (asset, admin, network) = (fixture.asset, fixture.admin.insecure_clone(), fixture.network);
        let (treasury, vault) = (fixture.treasury, fixture.vault);
        let to = fixture.create_associated_account(&admin.pubkey(), &asset);
        let empty = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, 1_000 * TOKEN);
        let close = close_token_network_ix(admin.pubkey(), network, &asset, None, admin.pubkey());
        fixture.send(&[empty, close], &[&admin]).expect("the network is closed");
        // Somebody opens the account again.
        assert_eq!(fixture.create_associated_account(&treasury, &asset), vault);
        fixture.mint_to(&asset, &vault, 7);
        recover(&mut fixture, &asset, vault, to).expect("the tokens are recovered");
        assert_eq!((fixture.vault_balance(), fixture.token_balance(&to)), (0, 1_000 * TOKEN + 7));
    }
}
