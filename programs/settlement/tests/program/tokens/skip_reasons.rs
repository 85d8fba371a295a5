//! The reasons not to pay a due amount in tokens. In a batch, only that entry is skipped; a withdrawal,
//! which is a single payment, is refused.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{SettleEntry, TokenAsset, payout_tokens_ix, settle_tokens_ix, withdraw_tokens_ix};
use settlement::error::SettlementError;
use settlement::rules::SkipReason;
use settlement::state::{DestinationSource, NodeWallet};
use solana_sdk_ids::system_program;
use solana_signer::Signer;
use spl_token_2022_interface::extension::{ExtensionType, memo_transfer};
use spl_token_2022_interface::instruction as token;

use super::HEADER;
use crate::common::{DECIMALS, ExpectedError, Payee, TOKEN, TokenFixture, TokenProgram, assert_refused, skip_reasons};

/// The numbers of accounts of `settle` and `payout` before those of the entries.
const BEFORE_SETTLE: usize = 6;
const BEFORE_PAYOUT: usize = 7;

/// An account that cannot be paid.
struct BadAccount {
    description: &'static str,
    account: Pubkey,
    is_writable: bool,
    skip: SkipReason,
    error: ExpectedError,
}

/// Every kind of account that cannot be paid, with the expected skip reason and error.
fn bad_accounts(fixture: &mut TokenFixture, program: TokenProgram, payee: &Payee) -> Vec<BadAccount> {
    let asset = fixture.asset;
    let owner = payee.node.owner.insecure_clone();
    let mut bad = Vec::new();
    let mut add = |description, account, skip: SkipReason, error: SettlementError| {
        bad.push(BadAccount { description, account, is_writable: true, skip, error: error.into() });
    };

    let (invalid, invalid_error) = (SkipReason::TokenAccountInvalid, SettlementError::InvalidTokenAccount);
    let closed = fixture.create_token_account(&owner.pubkey(), &asset);
    let close = token::close_account(&asset.token_program, &closed, &fixture.payer.pubkey(), &owner.pubkey(), &[]);
    fixture.send(&[close.expect("the instruction is valid")], &[&owner]).expect("the account is closed");
    add("closed", closed, invalid, invalid_error);
    add("nonexistent", Pubkey::new_unique(), invalid, invalid_error);
    add("the owner's own address", owner.pubkey(), invalid, invalid_error);
    add("the wallet account", payee.node.wallet, invalid, invalid_error);
    add("the mint", asset.mint, invalid, invalid_error);
    add("the token program", asset.token_program, invalid, invalid_error);
    add("the system program", system_program::ID, invalid, invalid_error);
    add("the treasury", fixture.treasury, invalid, invalid_error);

    let genuine = fixture.svm.get_account(&payee.account).expect("the token account exists");
    add("not initialized", fixture.place_account(asset.token_program, vec![0; 165]), invalid, invalid_error);
    add("the size of a multisig", fixture.place_account(asset.token_program, vec![1; 355]), invalid, invalid_error);
    add("empty", fixture.place_account(asset.token_program, vec![]), invalid, invalid_error);
    add(
        "one byte short",
        fixture.place_account(asset.token_program, genuine.data[..164].to_vec()),
        invalid,
        invalid_error,
    );
    add("of an unrelated program", fixture.place_account(Pubkey::new_unique(), genuine.data), invalid, invalid_error);
    let other_program = if program == TokenProgram::Token2022 { TokenProgram::PToken } else { TokenProgram::Token2022 };
    let elsewhere = fixture.create_mint(other_program, DECIMALS, &[]);
    let elsewhere = fixture.create_associated_account(&owner.pubkey(), &elsewhere);
    add("of the other token program", elsewhere, invalid, invalid_error);

    let other_mint = fixture.create_mint(program, DECIMALS, &[]);
    let other_mint = fixture.create_associated_account(&owner.pubkey(), &other_mint);
    add("of another mint", other_mint, SkipReason::TokenAccountWrongMint, SettlementError::TokenAccountWrongMint);

    let (wrong_owner, wrong_owner_error) =
        (SkipReason::TokenAccountWrongOwner, SettlementError::TokenAccountWrongOwner);
    let stranger = fixture.create_associated_account(&Pubkey::new_unique(), &asset);
    add("a stranger's", stranger, wrong_owner, wrong_owner_error);
    let changed_owner = fixture.create_token_account(&owner.pubkey(), &asset);
    let change = token::set_authority(
        &asset.token_program,
        &changed_owner,
        Some(&Pubkey::new_unique()),
        token::AuthorityType::AccountOwner,
        &owner.pubkey(),
        &[],
    );
    fixture.send(&[change.expect("the instruction is valid")], &[&owner]).expect("the owner is changed");
    add("with a changed owner", changed_owner, wrong_owner, wrong_owner_error);

    let vault = fixture.vault;
    add("the vault", vault, SkipReason::DestinationIsProgramAccount, SettlementError::DestinationNotPayable);

    let frozen = fixture.create_token_account(&owner.pubkey(), &asset);
    fixture.freeze(&asset, &frozen);
    add("frozen", frozen, SkipReason::TokenAccountFrozen, SettlementError::TokenAccountFrozen);

    if program == TokenProgram::Token2022 {
        let memo = create_memo_account(fixture, payee, &asset);
        add("with required memos", memo, SkipReason::TokenAccountNeedsMemo, SettlementError::TokenAccountNeedsMemo);
    }

    bad.push(BadAccount {
        description: "not writable",
        account: fixture.create_token_account(&owner.pubkey(), &asset),
        is_writable: false,
        skip: SkipReason::DestinationNotWritable,
        error: ErrorCode::ConstraintMut.into(),
    });
    bad
}

/// Creates a token account of the payee's owner that requires memos.
fn create_memo_account(fixture: &mut TokenFixture, payee: &Payee, asset: &TokenAsset) -> Pubkey {
    let owner = payee.node.owner.insecure_clone();
    let account = fixture.create_token_account(&owner.pubkey(), asset);
    let (program, payer) = (asset.token_program, fixture.payer.pubkey());
    let kinds = [ExtensionType::MemoTransfer];
    let grow =
        token::reallocate(&program, &account, &payer, &owner.pubkey(), &[], &kinds).expect("the instruction is valid");
    let demand = memo_transfer::instruction::enable_required_transfer_memos(&program, &account, &owner.pubkey(), &[]);
    fixture.send(&[grow, demand.expect("the instruction is valid")], &[&owner]).expect("memos are required");
    account
}

/// Writes a destination into the payee's wallet, as if it were the owner's default. No instruction stores most of these,
/// but some may become bad later.
fn name_destination(fixture: &mut TokenFixture, payee: &Payee, destination: Pubkey) {
    fixture.edit_account(&payee.node.wallet, |wallet: &mut NodeWallet| wallet.destination = destination);
}

#[test]
fn only_a_bad_token_account_is_skipped_at_any_position() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (settler, network, asset) = (fixture.settler.pubkey(), fixture.network, fixture.asset);
        let good = fixture.register_payees(3);
        let bad_node = fixture.register_payee("bad");
        let mut total = 0;
        for bad in bad_accounts(&mut fixture, program, &bad_node) {
            let data = |fixture: &TokenFixture| fixture.svm.get_account(&bad.account).map(|account| account.data);
            let before = data(&fixture);
            name_destination(&mut fixture, &bad_node, bad.account);
            for place in 0..=good.len() {
                total += TOKEN;
                let mut entries: Vec<_> = good.iter().map(|payee| payee.entry(total)).collect();
                let mut entry = bad_node.entry(total);
                entry.destination = bad.account;
                entries.insert(place, entry);
                let mut ix = settle_tokens_ix(settler, network, &asset, HEADER, &entries);
                ix.accounts[BEFORE_SETTLE + 2 * place + 1].is_writable = bad.is_writable;
                let batch = fixture.apply_batch(ix);
                assert_eq!(
                    skip_reasons(&batch.event),
                    [(place, None, Some(bad.skip))],
                    "{program:?}: {}",
                    bad.description
                );
                assert_eq!((batch.event.credited, batch.event.paid), (4 * TOKEN, 3 * TOKEN));

                total += TOKEN;
                let credits: Vec<_> = good.iter().chain([&bad_node]).map(|payee| (payee.node.wallet, total)).collect();
                fixture.credit(&credits);
                let mut pairs: Vec<_> = good.iter().map(Payee::payout_entry).collect();
                pairs.insert(place, (bad_node.node.wallet, bad.account));
                let mut ix = payout_tokens_ix(network, &asset, &pairs);
                ix.accounts[BEFORE_PAYOUT + 2 * place + 1].is_writable = bad.is_writable;
                let event = fixture.apply_payout(ix);
                assert_eq!(event.skips, 1 << place, "{program:?}: {}", bad.description);
                assert_eq!((event.skip_reason(place), event.reasons.len()), (Some(bad.skip), 1), "{}", bad.description);
                assert_eq!(event.paid, 3 * TOKEN);

                for payee in &good {
                    assert_eq!(fixture.token_balance(&payee.account), total);
                }
            }
            let wallet: NodeWallet = fixture.wallet_state(&bad_node.node);
            assert_eq!((wallet.paid_total, wallet.credited_total), (0, total), "the earnings stay pending");
            if ![fixture.vault, fixture.treasury, bad_node.node.wallet].contains(&bad.account) {
                assert_eq!(data(&fixture), before, "{}", bad.description);
            }
        }
        // With a valid account, everything is paid.
        name_destination(&mut fixture, &bad_node, bad_node.account);
        let pending = fixture.wallet_state(&bad_node.node).pending();
        assert_eq!(fixture.payout(&[bad_node.payout_entry()]).paid, pending);
        assert_eq!(fixture.token_balance(&bad_node.account), pending);
    }
}

#[test]
fn a_withdrawal_to_a_bad_token_account_is_refused_with_its_own_error() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (network, asset) = (fixture.network, fixture.asset);
        let payee = fixture.register_payee("bad");
        let owner = payee.node.owner.insecure_clone();
        fixture.credit(&[(payee.node.wallet, TOKEN)]);
        for bad in bad_accounts(&mut fixture, program, &payee) {
            name_destination(&mut fixture, &payee, bad.account);
            let mut ix = withdraw_tokens_ix(owner.pubkey(), network, &asset, payee.node.id, bad.account, None);
            ix.accounts[4].is_writable = bad.is_writable;
            // Anchor requires a writable account before the rules apply, and the runtime makes builtins
            // read-only.
            let is_reserved = bad.account == system_program::ID;
            let error = if is_reserved { ErrorCode::ConstraintMut.into() } else { bad.error };
            assert_refused(fixture.send(&[ix], &[&owner]), error);
            assert_eq!(fixture.wallet_state(&payee.node).pending(), TOKEN, "{}", bad.description);
        }
        assert_eq!(fixture.vault_balance(), 1_000 * TOKEN);
    }
}

/// A transfer from the vault to itself would succeed. No instruction accepts the vault as a destination, but the program
/// checks it nevertheless, whoever is said to have chosen it.
#[test]
fn a_node_that_names_the_vault_is_not_paid_into_it() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (network, asset, vault) = (fixture.network, fixture.asset, fixture.vault);
        let good = fixture.register_payee("good");
        let node = fixture.register_node("node");
        fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| {
            wallet.destination = vault;
            wallet.destination_source = DestinationSource::Owner.into();
        });
        let entry = SettleEntry { wallet: node.wallet, destination: vault, target: TOKEN };
        let why = Some(SkipReason::DestinationIsProgramAccount);
        let event = fixture.settle(&[entry, good.entry(TOKEN)]).event;
        assert_eq!(skip_reasons(&event), [(0, None, why)]);
        let event = fixture.payout(&[(node.wallet, vault)]);
        assert_eq!((event.paid, event.skip_reason(0)), (0, why));
        let ix = withdraw_tokens_ix(node.owner.pubkey(), network, &asset, node.id, vault, None);
        assert_refused(fixture.send(&[ix], &[&node.owner]), SettlementError::DestinationNotPayable);
        assert_eq!((fixture.vault_balance(), fixture.owed()), (999 * TOKEN, TOKEN));
    }
}

#[test]
fn a_frozen_vault_pays_nobody_until_it_is_thawed() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (network, asset, vault) = (fixture.network, fixture.asset, fixture.vault);
        let payees = fixture.register_payees(3);
        fixture.freeze(&asset, &vault);
        let entries: Vec<_> = payees.iter().map(|payee| payee.entry(TOKEN)).collect();
        let pairs: Vec<_> = payees.iter().map(Payee::payout_entry).collect();
        let frozen = Some(SkipReason::TreasuryFrozen);

        let batch = fixture.settle(&entries);
        assert_eq!(skip_reasons(&batch.event), [(0, None, frozen), (1, None, frozen), (2, None, frozen)]);
        assert_eq!((batch.event.credited, batch.event.paid), (3 * TOKEN, 0));
        let event = fixture.payout(&pairs);
        assert_eq!((event.skips, event.paid, event.skip_reason(2)), (0b111, 0, frozen));
        let owner = payees[0].node.owner.insecure_clone();
        let withdraw = withdraw_tokens_ix(owner.pubkey(), network, &asset, payees[0].node.id, payees[0].account, None);
        assert_refused(fixture.send(std::slice::from_ref(&withdraw), &[&owner]), SettlementError::TreasuryFrozen);

        fixture.thaw(&asset, &vault);
        fixture.send(&[withdraw], &[&owner]).expect("the withdrawal succeeds");
        let event = fixture.payout(&pairs);
        assert_eq!((event.paid, event.skip_reason(0)), (2 * TOKEN, Some(SkipReason::NotDue)));
        assert_eq!((fixture.vault_balance(), fixture.owed()), (997 * TOKEN, 0));
    }
}

/// The program never lets the vault fall below the liabilities, so the test removes tokens directly.
#[test]
fn a_vault_that_lost_tokens_still_pays_the_entries_it_can_cover() {
    for program in TokenProgram::ALL {
        for place in 0..3 {
            let mut fixture = TokenFixture::new(program);
            let (network, asset, vault) = (fixture.network, fixture.asset, fixture.vault);
            let mut payees = fixture.register_payees(2);
            payees.insert(place, fixture.register_payee("largest"));
            let earned = |i| if i == place { 5 * TOKEN } else { TOKEN };
            let credits: Vec<_> = payees.iter().enumerate().map(|(i, payee)| (payee.node.wallet, earned(i))).collect();
            fixture.credit(&credits);
            let mut account = fixture.svm.get_account(&vault).expect("the vault exists");
            account.data[64..72].copy_from_slice(&(4 * TOKEN).to_le_bytes());
            fixture.set_account(&vault, account);

            let short = Some(SkipReason::TreasuryTokensShort);
            let settle: Vec<_> = payees.iter().map(|payee| payee.entry(0)).collect();
            let event = fixture.settle(&settle).event;
            assert_eq!((event.payout_skips, event.payout_skip_reason(place)), (1 << place, short), "{program:?}");
            assert_eq!((event.paid, fixture.vault_balance()), (2 * TOKEN, 2 * TOKEN));
            let event = fixture.payout(&[payees[place].payout_entry()]);
            assert_eq!((event.paid, event.skip_reason(0)), (0, short));
            let owner = payees[place].node.owner.insecure_clone();
            let (id, to) = (payees[place].node.id, payees[place].account);
            let ix = |amount| withdraw_tokens_ix(owner.pubkey(), network, &asset, id, to, amount);
            assert_refused(fixture.send(&[ix(None)], &[&owner]), SettlementError::TreasuryTokensShort);
            fixture.send(&[ix(Some(2 * TOKEN))], &[&owner]).expect("the rest can be withdrawn");
            assert_eq!((fixture.vault_balance(), fixture.owed()), (0, 3 * TOKEN));
            // Nothing is credited while the vault does not cover the liabilities.
            let event = fixture.credit(&[(payees[place].node.wallet, 6 * TOKEN)]).event;
            assert_eq!(event.credit_skip_reason(0), Some(SkipReason::TreasuryShort));
        }
    }
}
