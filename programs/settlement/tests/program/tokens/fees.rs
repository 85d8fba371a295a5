//! Mints that take a fee of each transfer (Token-2022).
//!
//! Gross is what leaves an account, net is what arrives, and the fee between them lies withheld in
//! the account it arrived in. The books are kept in what the treasury holds: `fund` counts net,
//! everything that leaves counts gross.

use anchor_lang::prelude::Pubkey;
use settlement::client::{fund_tokens_ix, withdraw_surplus_tokens_ix, withdraw_tokens_ix};
use settlement::error::SettlementError;
use settlement::events::{Funded, SurplusWithdrawn, Withdrawn};
use settlement::rules::SkipReason;
use solana_signer::Signer;
use spl_token_2022_interface::extension::transfer_fee::TransferFeeAmount;
use spl_token_2022_interface::extension::transfer_fee::instruction::initialize_transfer_fee_config;
use spl_token_2022_interface::extension::{BaseStateWithExtensions, ExtensionType, StateWithExtensions};
use spl_token_2022_interface::state::Account;

use crate::common::{Extension, Payee, TOKEN, TokenProgram, TokenWorld, assert_refused, reasons};

/// 2.5 %, without an upper bound.
const FEE: Extension = (ExtensionType::TransferFeeConfig, |mint, issuer| {
    initialize_transfer_fee_config(&TokenProgram::Token2022.id(), mint, Some(issuer), Some(issuer), 250, u64::MAX)
        .expect("built")
});
/// Everything.
const WHOLE_FEE: Extension = (ExtensionType::TransferFeeConfig, |mint, issuer| {
    initialize_transfer_fee_config(&TokenProgram::Token2022.id(), mint, Some(issuer), Some(issuer), 10_000, u64::MAX)
        .expect("built")
});

/// What 2.5 % of an amount is: Token-2022 rounds up.
fn fee(gross: u64) -> u64 {
    gross.div_ceil(40)
}

/// (usable, withheld) base units in a token account.
fn holding(world: &TokenWorld, account: &Pubkey) -> (u64, u64) {
    let account = world.svm.get_account(account).expect("a token account");
    let account = StateWithExtensions::<Account>::unpack(&account.data).expect("a token account");
    let withheld = account.get_extension::<TransferFeeAmount>().expect("a fee").withheld_amount;
    (account.base.amount, u64::from(withheld))
}

fn world() -> TokenWorld {
    TokenWorld::with(TokenProgram::Token2022, &[FEE], |_| {})
}

#[test]
fn funds_count_net_for_the_treasury_holds_no_more() {
    let mut world = world();
    // `TokenWorld` sent 1,000 tokens.
    assert_eq!(holding(&world, &world.vault), (975 * TOKEN, 25 * TOKEN));
    assert_eq!(world.treasury_state().funded_total, 975 * TOKEN);
    assert_eq!(world.treasury_state().token_balance, 975 * TOKEN);

    let (payer, asset) = (world.payer.pubkey(), world.asset);
    let from = world.associated(&payer, &asset);
    world.mint_to(&asset, &from, 41);
    let ix = fund_tokens_ix(payer, from, world.network, &asset, 41);
    let meta = world.send(&[ix], &[]).expect("funded");
    // The sender is 41 poorer, 39 arrived, 2 are withheld.
    assert_eq!(fee(41), 2);
    assert_eq!(holding(&world, &from), (0, 0));
    assert_eq!(holding(&world, &world.vault), (975 * TOKEN + 39, 25 * TOKEN + 2));
    assert_eq!(
        world.event(&meta, Funded::decode_cpi),
        Funded { network: world.network, funder: payer, amount: 39, funded_total: 975 * TOKEN + 39 }
    );
    assert_eq!(world.treasury_state().token_balance, 975 * TOKEN + 39);
}

#[test]
fn withheld_fees_back_no_credit() {
    let mut world = world();
    let payees = world.payees(2);
    let batch = world.credit(&[(payees[0].node.wallet, 975 * TOKEN), (payees[1].node.wallet, 1)]);
    assert_eq!(reasons(&batch.event), [(1, Some(SkipReason::TreasuryShort), None)]);
    assert_eq!(batch.event.credited, 975 * TOKEN);
}

#[test]
fn a_node_is_paid_its_total_gross_and_receives_net() {
    let mut world = world();
    let payees = world.payees(3);
    let earned = [10 * TOKEN, TOKEN + 1, TOKEN + 39];
    let gross: u64 = earned.iter().sum();

    let entries: Vec<_> = payees.iter().zip(earned).map(|(payee, total)| payee.entry(total)).collect();
    let batch = world.settle(&entries);
    // Gross: credited, paid, in the event, in the wallets and off the vault.
    assert_eq!((batch.event.credited, batch.event.paid), (gross, gross));
    for (payee, earned) in payees.iter().zip(earned) {
        let wallet = world.wallet_state(&payee.node);
        assert_eq!((wallet.credited_total, wallet.paid_total), (earned, earned));
        // Net: what the node can use. The fee: withheld beside it.
        assert_eq!(holding(&world, &payee.account), (earned - fee(earned), fee(earned)));
    }
    assert_eq!(world.vault_tokens(), 975 * TOKEN - gross);
    let treasury = world.treasury_state();
    assert_eq!((treasury.credited_total, treasury.paid_total), (gross, gross));
    assert_eq!(treasury.token_balance, 975 * TOKEN - gross);

    // The difference to a total is taken before the fee: nothing makes up for it later.
    let again = world.settle(&entries);
    assert_eq!((again.event.credited, again.event.paid), (0, 0));

    let credits: Vec<_> = payees.iter().zip(earned).map(|(payee, total)| (payee.node.wallet, 2 * total)).collect();
    world.credit(&credits);
    let pairs: Vec<_> = payees.iter().map(Payee::pair).collect();
    assert_eq!(world.payout(&pairs).paid, gross);
    for (payee, earned) in payees.iter().zip(earned) {
        assert_eq!(holding(&world, &payee.account), (2 * (earned - fee(earned)), 2 * fee(earned)));
    }
    assert_eq!((world.vault_tokens(), world.owed()), (975 * TOKEN - 2 * gross, 0));
    assert_eq!(world.treasury_state().token_balance, world.vault_tokens());
}

#[test]
fn a_withdrawal_counts_gross_and_pays_net() {
    let mut world = world();
    let payee = world.payee("node");
    world.credit(&[(payee.node.wallet, TOKEN - 1)]);
    let owner = payee.node.owner.insecure_clone();
    let ix = withdraw_tokens_ix(owner.pubkey(), world.network, &world.asset, payee.node.id, payee.account, None);
    let meta = world.send(&[ix], &[&owner]).expect("withdrawn");
    let event = world.event(&meta, Withdrawn::decode_cpi);
    assert_eq!((event.amount, event.paid_total), (TOKEN - 1, TOKEN - 1));
    assert_eq!(holding(&world, &payee.account), (TOKEN - 1 - fee(TOKEN - 1), fee(TOKEN - 1)));
    assert_eq!(world.vault_tokens(), 974 * TOKEN + 1);
    assert_eq!(world.treasury_state().token_balance, 974 * TOKEN + 1);
}

#[test]
fn surplus_is_taken_gross_and_leaves_what_is_owed() {
    let mut world = world();
    let payee = world.payee("node");
    world.credit(&[(payee.node.wallet, 75 * TOKEN)]);
    let admin = world.admin.insecure_clone();
    let (network, asset) = (world.network, world.asset);
    let to = world.associated(&admin.pubkey(), &asset);
    let ix = |amount| withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, amount);
    assert_refused(world.send(&[ix(900 * TOKEN + 1)], &[&admin]), SettlementError::AmountAboveSurplus);
    let meta = world.send(&[ix(900 * TOKEN)], &[&admin]).expect("withdrawn");
    assert_eq!(world.event(&meta, SurplusWithdrawn::decode_cpi).amount, 900 * TOKEN);
    assert_eq!(holding(&world, &to), (900 * TOKEN - fee(900 * TOKEN), fee(900 * TOKEN)));
    assert_eq!((world.vault_tokens(), world.owed()), (75 * TOKEN, 75 * TOKEN));
    assert_eq!(world.settle(&[payee.entry(0)]).event.paid, 75 * TOKEN);
    assert_eq!((world.vault_tokens(), world.owed()), (0, 0));
}

#[test]
fn a_fee_of_everything_leaves_the_books_exact() {
    let mut world = TokenWorld::with(TokenProgram::Token2022, &[WHOLE_FEE], |_| {});
    // All that was sent is withheld: there are no funds to credit.
    assert_eq!(holding(&world, &world.vault), (0, 1_000 * TOKEN));
    assert_eq!(world.treasury_state().funded_total, 0);
    let (asset, vault) = (world.asset, world.vault);
    let payee = world.payee("node");
    let batch = world.settle(&[payee.entry(TOKEN)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);

    // Minted there, which costs no fee, and counted by the next batch that pays.
    world.mint_to(&asset, &vault, 2 * TOKEN);
    world.payout(&[payee.pair()]);
    let batch = world.settle(&[payee.entry(TOKEN)]);
    assert_eq!((batch.event.credited, batch.event.paid), (TOKEN, TOKEN));
    assert_eq!(holding(&world, &payee.account), (0, TOKEN));
    assert_eq!((world.vault_tokens(), world.owed()), (TOKEN, 0));
}
