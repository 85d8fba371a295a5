//! Mints with a transfer fee (Token-2022).
//!
//! The gross amount leaves the sender's account and the net amount arrives. The fee, the difference,
//! is withheld in the recipient's account. The totals reflect the treasury's balance: `fund` counts
//! net amounts, and everything that leaves the treasury counts gross.

use anchor_lang::prelude::Pubkey;
use settlement::client::{close_token_network_ix, fund_tokens_ix, withdraw_surplus_tokens_ix, withdraw_tokens_ix};
use settlement::error::SettlementError;
use settlement::events::{Funded, NetworkClosed, SurplusWithdrawn, Withdrawn};
use settlement::rules::SkipReason;
use solana_instruction::error::InstructionError;
use solana_signer::Signer;
use solana_transaction::TransactionError;
use spl_token_2022_interface::error::TokenError;
use spl_token_2022_interface::extension::transfer_fee::TransferFeeAmount;
use spl_token_2022_interface::extension::transfer_fee::instruction::{
    harvest_withheld_tokens_to_mint, initialize_transfer_fee_config,
};
use spl_token_2022_interface::extension::{BaseStateWithExtensions, ExtensionType, StateWithExtensions};
use spl_token_2022_interface::state::Account;

use crate::common::{Extension, Payee, TOKEN, TRANSFER_FEE, TokenFixture, TokenProgram, assert_refused, skip_reasons};

/// A fee of 100%.
const WHOLE_FEE: Extension = (ExtensionType::TransferFeeConfig, |mint, issuer| {
    initialize_transfer_fee_config(&TokenProgram::Token2022.id(), mint, Some(issuer), Some(issuer), 10_000, u64::MAX)
        .expect("the instruction is valid")
});

/// 2.5% of an amount, rounded up as Token-2022 does.
fn fee(gross: u64) -> u64 {
    gross.div_ceil(40)
}

/// The (usable, withheld) base units in a token account.
fn balances(fixture: &TokenFixture, account: &Pubkey) -> (u64, u64) {
    let account = fixture.svm.get_account(account).expect("the token account exists");
    let account = StateWithExtensions::<Account>::unpack(&account.data).expect("a valid token account");
    let withheld = account.get_extension::<TransferFeeAmount>().expect("the account has withheld fees").withheld_amount;
    (account.base.amount, u64::from(withheld))
}

fn fixture() -> TokenFixture {
    TokenFixture::with_args(TokenProgram::Token2022, &[TRANSFER_FEE], |_| {})
}

#[test]
fn funding_counts_the_net_amount_that_the_treasury_receives() {
    let mut fixture = fixture();
    // `TokenFixture` funded 1,000 tokens.
    assert_eq!(balances(&fixture, &fixture.vault), (975 * TOKEN, 25 * TOKEN));
    assert_eq!(fixture.treasury_state().funded_total, 975 * TOKEN);
    assert_eq!(fixture.treasury_state().token_balance, 975 * TOKEN);

    let (payer, asset) = (fixture.payer.pubkey(), fixture.asset);
    let from = fixture.create_associated_account(&payer, &asset);
    fixture.mint_to(&asset, &from, 41);
    let ix = fund_tokens_ix(payer, from, fixture.network, fixture.admin.pubkey(), &asset, 41);
    let meta = fixture.send(&[ix], &[]).expect("the treasury is funded");
    // 41 left the sender, 39 arrived, 2 are withheld.
    assert_eq!(fee(41), 2);
    assert_eq!(balances(&fixture, &from), (0, 0));
    assert_eq!(balances(&fixture, &fixture.vault), (975 * TOKEN + 39, 25 * TOKEN + 2));
    assert_eq!(
        fixture.event(&meta, Funded::decode_cpi),
        Funded { network: fixture.network, funder: payer, amount: 39, funded_total: 975 * TOKEN + 39 }
    );
    assert_eq!(fixture.treasury_state().token_balance, 975 * TOKEN + 39);
}

#[test]
fn withheld_fees_do_not_back_credits() {
    let mut fixture = fixture();
    let payees = fixture.register_payees(2);
    let batch = fixture.credit(&[(payees[0].node.wallet, 975 * TOKEN), (payees[1].node.wallet, 1)]);
    assert_eq!(skip_reasons(&batch.event), [(1, Some(SkipReason::TreasuryShort), None)]);
    assert_eq!(batch.event.credited, 975 * TOKEN);
}

#[test]
fn a_node_is_paid_its_total_gross_and_receives_net() {
    let mut fixture = fixture();
    let payees = fixture.register_payees(3);
    let earned = [10 * TOKEN, TOKEN + 1, TOKEN + 39];
    let gross: u64 = earned.iter().sum();

    let entries: Vec<_> = payees.iter().zip(earned).map(|(payee, total)| payee.entry(total)).collect();
    let batch = fixture.settle(&entries);
    // The event, the wallets and the vault count gross.
    assert_eq!((batch.event.credited, batch.event.paid), (gross, gross));
    for (payee, earned) in payees.iter().zip(earned) {
        let wallet = fixture.wallet_state(&payee.node);
        assert_eq!((wallet.credited_total, wallet.paid_total), (earned, earned));
        // The node can use the net amount; the fee is withheld.
        assert_eq!(balances(&fixture, &payee.account), (earned - fee(earned), fee(earned)));
    }
    assert_eq!(fixture.vault_balance(), 975 * TOKEN - gross);
    let treasury = fixture.treasury_state();
    assert_eq!((treasury.credited_total, treasury.paid_total), (gross, gross));
    assert_eq!(treasury.token_balance, 975 * TOKEN - gross);

    // Totals are gross, so the fee is not made up for later.
    let again = fixture.settle(&entries);
    assert_eq!((again.event.credited, again.event.paid), (0, 0));

    let credits: Vec<_> = payees.iter().zip(earned).map(|(payee, total)| (payee.node.wallet, 2 * total)).collect();
    fixture.credit(&credits);
    let pairs: Vec<_> = payees.iter().map(Payee::payout_entry).collect();
    assert_eq!(fixture.payout(&pairs).paid, gross);
    for (payee, earned) in payees.iter().zip(earned) {
        assert_eq!(balances(&fixture, &payee.account), (2 * (earned - fee(earned)), 2 * fee(earned)));
    }
    assert_eq!((fixture.vault_balance(), fixture.owed()), (975 * TOKEN - 2 * gross, 0));
    assert_eq!(fixture.treasury_state().token_balance, fixture.vault_balance());
}

#[test]
fn a_withdrawal_counts_gross_and_pays_net() {
    let mut fixture = fixture();
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, TOKEN - 1)]);
    let owner = payee.node.owner.insecure_clone();
    let ix = withdraw_tokens_ix(owner.pubkey(), fixture.network, &fixture.asset, payee.node.id, payee.account, None);
    let meta = fixture.send(&[ix], &[&owner]).expect("the withdrawal succeeds");
    let event = fixture.event(&meta, Withdrawn::decode_cpi);
    assert_eq!((event.amount, event.paid_total), (TOKEN - 1, TOKEN - 1));
    assert_eq!(balances(&fixture, &payee.account), (TOKEN - 1 - fee(TOKEN - 1), fee(TOKEN - 1)));
    assert_eq!(fixture.vault_balance(), 974 * TOKEN + 1);
    assert_eq!(fixture.treasury_state().token_balance, 974 * TOKEN + 1);
}

#[test]
fn surplus_is_withdrawn_gross_and_liabilities_stay_covered() {
    let mut fixture = fixture();
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, 75 * TOKEN)]);
    let admin = fixture.admin.insecure_clone();
    let (network, asset) = (fixture.network, fixture.asset);
    let to = fixture.create_associated_account(&admin.pubkey(), &asset);
    let ix = |amount| withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, amount);
    assert_refused(fixture.send(&[ix(900 * TOKEN + 1)], &[&admin]), SettlementError::AmountAboveSurplus);
    let meta = fixture.send(&[ix(900 * TOKEN)], &[&admin]).expect("the withdrawal succeeds");
    assert_eq!(fixture.event(&meta, SurplusWithdrawn::decode_cpi).amount, 900 * TOKEN);
    assert_eq!(balances(&fixture, &to), (900 * TOKEN - fee(900 * TOKEN), fee(900 * TOKEN)));
    assert_eq!((fixture.vault_balance(), fixture.owed()), (75 * TOKEN, 75 * TOKEN));
    assert_eq!(fixture.settle(&[payee.entry(0)]).event.paid, 75 * TOKEN);
    assert_eq!((fixture.vault_balance(), fixture.owed()), (0, 0));
}

#[test]
fn a_full_transfer_fee_keeps_the_totals_exact() {
    let mut fixture = TokenFixture::with_args(TokenProgram::Token2022, &[WHOLE_FEE], |_| {});
    // Everything that was funded is withheld, so nothing can be credited.
    assert_eq!(balances(&fixture, &fixture.vault), (0, 1_000 * TOKEN));
    assert_eq!(fixture.treasury_state().funded_total, 0);
    let (asset, vault) = (fixture.asset, fixture.vault);
    let payee = fixture.register_payee("node");
    let batch = fixture.settle(&[payee.entry(TOKEN)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);

    // Minting costs no fee. The next batch that reads the vault counts the tokens.
    fixture.mint_to(&asset, &vault, 2 * TOKEN);
    fixture.payout(&[payee.payout_entry()]);
    let batch = fixture.settle(&[payee.entry(TOKEN)]);
    assert_eq!((batch.event.credited, batch.event.paid), (TOKEN, TOKEN));
    assert_eq!(balances(&fixture, &payee.account), (0, TOKEN));
    assert_eq!((fixture.vault_balance(), fixture.owed()), (TOKEN, 0));
}

/// The token program keeps an account with withheld fees open. Anybody can move them to the mint.
#[test]
fn withheld_fees_do_not_keep_a_network_open() {
    let mut fixture = fixture();
    let (admin, network, asset, vault) =
        (fixture.admin.insecure_clone(), fixture.network, fixture.asset, fixture.vault);
    let to = fixture.create_associated_account(&admin.pubkey(), &asset);
    assert_eq!(balances(&fixture, &vault), (975 * TOKEN, 25 * TOKEN));
    let close = close_token_network_ix(admin.pubkey(), network, &asset, Some(to), admin.pubkey());
    let failed = fixture.send(std::slice::from_ref(&close), &[&admin]).expect_err("fees are withheld");
    let withheld = InstructionError::Custom(TokenError::AccountHasWithheldTransferFees as u32);
    assert_eq!(failed.err, TransactionError::InstructionError(0, withheld), "{}", failed.meta.pretty_logs());

    let harvest = harvest_withheld_tokens_to_mint(&asset.token_program, &asset.mint, &[&vault]);
    let meta =
        fixture.send(&[harvest.expect("the instruction is valid"), close], &[&admin]).expect("the network is closed");
    assert_eq!(fixture.event(&meta, NetworkClosed::decode_cpi).tokens, 975 * TOKEN);
    assert_eq!(balances(&fixture, &to).0, 975 * TOKEN - fee(975 * TOKEN));
    assert_eq!(fixture.lamports(&vault), 0);
}
