//! The treasury's token account, which strangers may send tokens to at any time.

use settlement::client::{
    associated_token_address, fund_tokens_ix, treasury_token_address, withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
use settlement::error::SettlementError;
use settlement::rules::SkipReason;
use solana_instruction::error::InstructionError;
use solana_signer::Signer;
use solana_transaction::TransactionError;

use crate::common::{DECIMALS, Outcome, TOKEN, TokenProgram, TokenWorld, World, assert_refused, reasons};

/// SPL Token's errors, which Token-2022 shares.
const OWNER_MISMATCH: u32 = 4;
const ACCOUNT_FROZEN: u32 = 17;

#[track_caller]
fn assert_token_program_refused(outcome: Outcome, code: u32) {
    let failed = outcome.expect_err("refused");
    let expected = TransactionError::InstructionError(0, InstructionError::Custom(code));
    assert_eq!(failed.err, expected, "{}", failed.meta.pretty_logs());
}

#[test]
fn a_vault_that_was_opened_and_filled_before_is_taken_over_with_its_tokens() {
    for program in TokenProgram::ALL {
        for filled in [0, 5 * TOKEN] {
            let mut world = World::bare(program.runtime());
            let asset = world.mint(program, DECIMALS, &[]);
            let vault = treasury_token_address(&world.network, &asset);
            let treasury = world.treasury;
            assert_eq!(world.associated(&treasury, &asset), vault);
            world.mint_to(&asset, &vault, filled);

            let mut world = TokenWorld::of(world, asset, |_| {});
            let treasury = world.treasury_state();
            assert_eq!((treasury.token_account, treasury.token_balance), (vault, filled));
            assert_eq!(treasury.funded_total, 0, "nobody funded it");
            let payee = world.payee("node");
            let batch = world.settle(&[payee.entry(5 * TOKEN)]);
            assert_eq!(batch.event.paid, filled);
            assert_eq!(world.tokens(&payee.account), filled);
        }
    }
}

#[test]
fn lamports_at_the_vaults_address_do_not_prevent_a_network() {
    for program in TokenProgram::ALL {
        let mut world = World::bare(program.runtime());
        let asset = world.mint(program, DECIMALS, &[]);
        let vault = treasury_token_address(&world.network, &asset);
        world.give(&vault, 1);
        let mut world = TokenWorld::of(world, asset, |_| {});
        world.fund(TOKEN);
        assert_eq!(world.vault_tokens(), TOKEN);
    }
}

/// An instruction that takes the vault and so finds out what lies in it.
#[derive(Clone, Copy, Debug)]
enum Refresh {
    Fund,
    Settle,
    Payout,
    Withdraw,
    WithdrawSurplus,
}

#[test]
fn tokens_sent_to_the_vault_are_credited_once_an_instruction_has_seen_them() {
    let refreshes = [Refresh::Fund, Refresh::Settle, Refresh::Payout, Refresh::Withdraw, Refresh::WithdrawSurplus];
    for program in TokenProgram::ALL {
        for refresh in refreshes {
            let mut world = TokenWorld::new(program);
            let (network, asset, vault) = (world.network, world.asset, world.vault);
            let payees = world.payees(2);
            world.credit(&[(payees[0].node.wallet, 2 * TOKEN), (payees[1].node.wallet, 998 * TOKEN)]);
            world.mint_to(&asset, &vault, 5 * TOKEN);

            // Not seen yet: `credit` takes no vault.
            let more = [(payees[0].node.wallet, 6 * TOKEN)];
            let batch = world.credit(&more);
            assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);
            assert_eq!(world.treasury_state().token_balance, 1_000 * TOKEN);

            match refresh {
                Refresh::Fund => world.fund(1),
                Refresh::Settle => drop(world.settle(&[payees[0].entry(0)])),
                Refresh::Payout => drop(world.payout(&[payees[0].pair()])),
                Refresh::Withdraw => {
                    let owner = payees[0].node.owner.insecure_clone();
                    let (id, to) = (payees[0].node.id, payees[0].account);
                    let ix = withdraw_tokens_ix(owner.pubkey(), network, &asset, id, to, Some(1));
                    world.send(&[ix], &[&owner]).expect("withdrawn");
                }
                Refresh::WithdrawSurplus => {
                    let admin = world.admin.insecure_clone();
                    let to = world.associated(&admin.pubkey(), &asset);
                    let ix = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, 1);
                    world.send(&[ix], &[&admin]).expect("withdrawn");
                }
            }
            assert_eq!(world.treasury_state().token_balance, world.vault_tokens(), "{refresh:?}");
            let batch = world.credit(&more);
            assert_eq!(batch.event.credited, 4 * TOKEN, "{program:?} {refresh:?}");
            assert!(world.vault_tokens() >= world.owed());
        }
    }
}

/// Even where nothing is due, a batch that takes the vault finds out what lies in it.
#[test]
fn a_payout_of_nothing_counts_the_vault() {
    for program in TokenProgram::ALL {
        let mut world = TokenWorld::new(program);
        let (asset, vault) = (world.asset, world.vault);
        let payee = world.payee("node");
        world.mint_to(&asset, &vault, 7);
        assert_eq!(world.payout(&[payee.pair()]).paid, 0);
        assert_eq!(world.treasury_state().token_balance, 1_000 * TOKEN + 7);
    }
}

#[test]
fn only_the_funders_own_tokens_fund() {
    for program in TokenProgram::ALL {
        let mut world = TokenWorld::new(program);
        let (network, asset, payer) = (world.network, world.asset, world.payer.pubkey());
        let victim = world.payee("victim");
        world.settle(&[victim.entry(5 * TOKEN)]);
        // Another's tokens, and the vault's own.
        for from in [victim.account, world.vault] {
            let ix = fund_tokens_ix(payer, from, network, &asset, TOKEN);
            assert_token_program_refused(world.send(&[ix], &[]), OWNER_MISMATCH);
        }
        assert_eq!((world.vault_tokens(), world.tokens(&victim.account)), (995 * TOKEN, 5 * TOKEN));
        assert_eq!(world.treasury_state().funded_total, 1_000 * TOKEN);
    }
}

#[test]
fn a_frozen_vault_takes_no_funds_and_gives_no_surplus() {
    for program in TokenProgram::ALL {
        let mut world = TokenWorld::new(program);
        let (network, asset, vault, payer) = (world.network, world.asset, world.vault, world.payer.pubkey());
        let admin = world.admin.insecure_clone();
        let to = world.associated(&admin.pubkey(), &asset);
        let from = world.associated(&payer, &asset);
        world.mint_to(&asset, &from, TOKEN);
        world.freeze(&asset, &vault);
        let fund = fund_tokens_ix(payer, from, network, &asset, TOKEN);
        assert_token_program_refused(world.send(&[fund], &[]), ACCOUNT_FROZEN);
        let withdraw = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, 1);
        assert_refused(world.send(&[withdraw], &[&admin]), SettlementError::TreasuryFrozen);
    }
}

#[test]
fn surplus_goes_to_sound_token_accounts_only() {
    for program in TokenProgram::ALL {
        let mut world = TokenWorld::new(program);
        let (network, asset, vault) = (world.network, world.asset, world.vault);
        let admin = world.admin.insecure_clone();
        let owner = admin.pubkey();
        let frozen = world.token_account(&owner, &asset);
        world.freeze(&asset, &frozen);
        let other = world.mint(program, DECIMALS, &[]);
        let other = world.associated(&owner, &other);
        let cases = [
            (vault, SettlementError::DestinationNotPayable),
            (frozen, SettlementError::TokenAccountFrozen),
            (other, SettlementError::TokenAccountWrongMint),
            (owner, SettlementError::InvalidTokenAccount),
            (associated_token_address(&owner, &asset), SettlementError::InvalidTokenAccount),
        ];
        for (to, why) in cases {
            let ix = withdraw_surplus_tokens_ix(owner, network, &asset, to, TOKEN);
            assert_refused(world.send(&[ix], &[&admin]), why);
        }
        // Anybody's will do: the admin says where.
        let anybodys = world.payee("anybody").account;
        let ix = withdraw_surplus_tokens_ix(owner, network, &asset, anybodys, TOKEN);
        world.send(&[ix], &[&admin]).expect("withdrawn");
        assert_eq!((world.tokens(&anybodys), world.vault_tokens()), (TOKEN, 999 * TOKEN));
    }
}
