//! The treasury's token account, to which strangers can send tokens at any time.

use settlement::client::{
    associated_token_address, fund_tokens_ix, treasury_token_address, withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
use settlement::error::SettlementError;
use settlement::rules::SkipReason;
use solana_instruction::error::InstructionError;
use solana_signer::Signer;
use solana_transaction::TransactionError;

use crate::common::{
    DECIMALS, ProgramFixture, TOKEN, TokenFixture, TokenProgram, TransactionOutcome, assert_refused, skip_reasons,
};

/// Error codes of SPL Token and Token-2022.
const OWNER_MISMATCH: u32 = 4;
const ACCOUNT_FROZEN: u32 = 17;

#[track_caller]
fn assert_token_program_refused(outcome: TransactionOutcome, code: u32) {
    let failed = outcome.expect_err("the transaction should have been refused");
    let expected = TransactionError::InstructionError(0, InstructionError::Custom(code));
    assert_eq!(failed.err, expected, "{}", failed.meta.pretty_logs());
}

#[test]
fn an_existing_vault_is_adopted_with_its_tokens() {
    for program in TokenProgram::ALL {
        for filled in [0, 5 * TOKEN] {
            let mut fixture = ProgramFixture::without_network(program.runtime());
            let asset = fixture.create_mint(program, DECIMALS, &[]);
            let vault = treasury_token_address(&fixture.network, &asset);
            let treasury = fixture.treasury;
            assert_eq!(fixture.create_associated_account(&treasury, &asset), vault);
            fixture.mint_to(&asset, &vault, filled);

            let mut fixture = TokenFixture::in_fixture(fixture, asset, |_| {});
            let treasury = fixture.treasury_state();
            assert_eq!((treasury.token_account, treasury.token_balance), (vault, filled));
            assert_eq!(treasury.funded_total, 0, "tokens sent before are not counted as funded");
            let payee = fixture.register_payee("node");
            let batch = fixture.settle(&[payee.entry(5 * TOKEN)]);
            assert_eq!(batch.event.paid, filled);
            assert_eq!(fixture.token_balance(&payee.account), filled);
        }
    }
}

#[test]
fn lamports_at_the_vault_address_do_not_prevent_a_network() {
    for program in TokenProgram::ALL {
        let mut fixture = ProgramFixture::without_network(program.runtime());
        let asset = fixture.create_mint(program, DECIMALS, &[]);
        let vault = treasury_token_address(&fixture.network, &asset);
        fixture.airdrop(&vault, 1);
        let mut fixture = TokenFixture::in_fixture(fixture, asset, |_| {});
        fixture.fund(TOKEN);
        assert_eq!(fixture.vault_balance(), TOKEN);
    }
}

/// The instructions that read the vault, and so update the treasury's token balance.
#[derive(Clone, Copy, Debug)]
enum BalanceUpdate {
    Fund,
    Settle,
    Payout,
    Withdraw,
    WithdrawSurplus,
}

#[test]
fn tokens_sent_to_the_vault_can_be_credited_after_the_next_instruction_that_reads_it() {
    let updates = [
        BalanceUpdate::Fund,
        BalanceUpdate::Settle,
        BalanceUpdate::Payout,
        BalanceUpdate::Withdraw,
        BalanceUpdate::WithdrawSurplus,
    ];
    for program in TokenProgram::ALL {
        for update in updates {
            let mut fixture = TokenFixture::new(program);
            let (network, asset, vault) = (fixture.network, fixture.asset, fixture.vault);
            let payees = fixture.register_payees(2);
            fixture.credit(&[(payees[0].node.wallet, 2 * TOKEN), (payees[1].node.wallet, 998 * TOKEN)]);
            fixture.mint_to(&asset, &vault, 5 * TOKEN);

            // Not counted yet: `credit` does not read the vault.
            let more = [(payees[0].node.wallet, 6 * TOKEN)];
            let batch = fixture.credit(&more);
            assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);
            assert_eq!(fixture.treasury_state().token_balance, 1_000 * TOKEN);

            match update {
                BalanceUpdate::Fund => fixture.fund(1),
                BalanceUpdate::Settle => drop(fixture.settle(&[payees[0].entry(0)])),
                BalanceUpdate::Payout => drop(fixture.payout(&[payees[0].payout_entry()])),
                BalanceUpdate::Withdraw => {
                    let owner = payees[0].node.owner.insecure_clone();
                    let (id, to) = (payees[0].node.id, payees[0].account);
                    let ix = withdraw_tokens_ix(owner.pubkey(), network, &asset, id, to, Some(1));
                    fixture.send(&[ix], &[&owner]).expect("the withdrawal succeeds");
                }
                BalanceUpdate::WithdrawSurplus => {
                    let admin = fixture.admin.insecure_clone();
                    let to = fixture.create_associated_account(&admin.pubkey(), &asset);
                    let ix = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, 1);
                    fixture.send(&[ix], &[&admin]).expect("the withdrawal succeeds");
                }
            }
            assert_eq!(fixture.treasury_state().token_balance, fixture.vault_balance(), "{update:?}");
            let batch = fixture.credit(&more);
            assert_eq!(batch.event.credited, 4 * TOKEN, "{program:?} {update:?}");
            assert!(fixture.vault_balance() >= fixture.owed());
        }
    }
}

/// A batch that reads the vault updates the token balance even if nothing is due.
#[test]
fn a_payout_without_due_amounts_updates_the_token_balance() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (asset, vault) = (fixture.asset, fixture.vault);
        let payee = fixture.register_payee("node");
        fixture.mint_to(&asset, &vault, 7);
        assert_eq!(fixture.payout(&[payee.payout_entry()]).paid, 0);
        assert_eq!(fixture.treasury_state().token_balance, 1_000 * TOKEN + 7);
    }
}

#[test]
fn a_funder_can_only_use_its_own_tokens() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (network, asset, payer) = (fixture.network, fixture.asset, fixture.payer.pubkey());
        let victim = fixture.register_payee("victim");
        fixture.settle(&[victim.entry(5 * TOKEN)]);
        // Someone else's tokens, and the vault's own.
        for from in [victim.account, fixture.vault] {
            let ix = fund_tokens_ix(payer, from, network, fixture.admin.pubkey(), &asset, TOKEN);
            assert_token_program_refused(fixture.send(&[ix], &[]), OWNER_MISMATCH);
        }
        assert_eq!((fixture.vault_balance(), fixture.token_balance(&victim.account)), (995 * TOKEN, 5 * TOKEN));
        assert_eq!(fixture.treasury_state().funded_total, 1_000 * TOKEN);
    }
}

#[test]
fn a_frozen_vault_accepts_no_funds_and_releases_no_surplus() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (network, asset, vault, payer) = (fixture.network, fixture.asset, fixture.vault, fixture.payer.pubkey());
        let admin = fixture.admin.insecure_clone();
        let to = fixture.create_associated_account(&admin.pubkey(), &asset);
        let from = fixture.create_associated_account(&payer, &asset);
        fixture.mint_to(&asset, &from, TOKEN);
        fixture.freeze(&asset, &vault);
        let fund = fund_tokens_ix(payer, from, network, fixture.admin.pubkey(), &asset, TOKEN);
        assert_token_program_refused(fixture.send(&[fund], &[]), ACCOUNT_FROZEN);
        let withdraw = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, 1);
        assert_refused(fixture.send(&[withdraw], &[&admin]), SettlementError::TreasuryFrozen);
    }
}

#[test]
fn surplus_goes_only_to_valid_token_accounts() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (network, asset, vault) = (fixture.network, fixture.asset, fixture.vault);
        let admin = fixture.admin.insecure_clone();
        let owner = admin.pubkey();
        let frozen = fixture.create_token_account(&owner, &asset);
        fixture.freeze(&asset, &frozen);
        let other = fixture.create_mint(program, DECIMALS, &[]);
        let other = fixture.create_associated_account(&owner, &other);
        let cases = [
            (vault, SettlementError::DestinationNotPayable),
            (frozen, SettlementError::TokenAccountFrozen),
            (other, SettlementError::TokenAccountWrongMint),
            (owner, SettlementError::InvalidTokenAccount),
            (associated_token_address(&owner, &asset), SettlementError::InvalidTokenAccount),
        ];
        for (to, why) in cases {
            let ix = withdraw_surplus_tokens_ix(owner, network, &asset, to, TOKEN);
            assert_refused(fixture.send(&[ix], &[&admin]), why);
        }
        // The admin may choose anyone's token account.
        let anyones = fixture.register_payee("anyone").account;
        let ix = withdraw_surplus_tokens_ix(owner, network, &asset, anyones, TOKEN);
        fixture.send(&[ix], &[&admin]).expect("the withdrawal succeeds");
        assert_eq!((fixture.token_balance(&anyones), fixture.vault_balance()), (TOKEN, 999 * TOKEN));
    }
}
