//! What keeps a due payout in tokens away: in a batch it skips that one entry, wherever it stands;
//! in a withdrawal, which is about one payment, it is an error.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{SettleEntry, TokenAsset, payout_tokens_ix, settle_tokens_ix, withdraw_tokens_ix};
use settlement::error::SettlementError;
use settlement::rules::SkipReason;
use settlement::state::NodeWallet;
use solana_sdk_ids::system_program;
use solana_signer::Signer;
use spl_token_2022_interface::extension::{ExtensionType, memo_transfer};
use spl_token_2022_interface::instruction as token;

use super::HEADER;
use crate::common::{DECIMALS, Payee, Refused, TOKEN, TokenProgram, TokenWorld, assert_refused, reasons};

/// Accounts of `settle` and of `payout` before those of the entries.
const BEFORE_SETTLE: usize = 7;
const BEFORE_PAYOUT: usize = 6;

/// Something that a payout can't go to.
struct Bad {
    what: &'static str,
    account: Pubkey,
    is_writable: bool,
    skip: SkipReason,
    error: Refused,
}

/// Every account that could stand in place of a good one, each with why it is not paid.
fn bad_accounts(world: &mut TokenWorld, program: TokenProgram, payee: &Payee) -> Vec<Bad> {
    let asset = world.asset;
    let owner = payee.node.owner.insecure_clone();
    let mut bad = Vec::new();
    let mut add = |what, account, skip: SkipReason, error: SettlementError| {
        bad.push(Bad { what, account, is_writable: true, skip, error: error.into() });
    };

    let (invalid, invalid_error) = (SkipReason::TokenAccountInvalid, SettlementError::InvalidTokenAccount);
    let closed = world.token_account(&owner.pubkey(), &asset);
    let close = token::close_account(&asset.token_program, &closed, &world.payer.pubkey(), &owner.pubkey(), &[]);
    world.send(&[close.expect("built")], &[&owner]).expect("closed");
    add("closed", closed, invalid, invalid_error);
    add("never opened", Pubkey::new_unique(), invalid, invalid_error);
    add("the destination itself", owner.pubkey(), invalid, invalid_error);
    add("the wallet account", payee.node.wallet, invalid, invalid_error);
    add("the mint", asset.mint, invalid, invalid_error);
    add("the token program", asset.token_program, invalid, invalid_error);
    add("the system program", system_program::ID, invalid, invalid_error);
    add("the treasury", world.treasury, invalid, invalid_error);

    let genuine = world.svm.get_account(&payee.account).expect("a token account");
    add("not initialized", world.place(asset.token_program, vec![0; 165]), invalid, invalid_error);
    add("as long as a multisig", world.place(asset.token_program, vec![1; 355]), invalid, invalid_error);
    add("empty", world.place(asset.token_program, vec![]), invalid, invalid_error);
    add("one byte short", world.place(asset.token_program, genuine.data[..164].to_vec()), invalid, invalid_error);
    add("of nobody's program", world.place(Pubkey::new_unique(), genuine.data), invalid, invalid_error);
    let other_program = if program == TokenProgram::Token2022 { TokenProgram::PToken } else { TokenProgram::Token2022 };
    let elsewhere = world.mint(other_program, DECIMALS, &[]);
    let elsewhere = world.associated(&owner.pubkey(), &elsewhere);
    add("of the other token program", elsewhere, invalid, invalid_error);

    let other_mint = world.mint(program, DECIMALS, &[]);
    let other_mint = world.associated(&owner.pubkey(), &other_mint);
    add("of another mint", other_mint, SkipReason::TokenAccountWrongMint, SettlementError::TokenAccountWrongMint);

    let (wrong_owner, wrong_owner_error) =
        (SkipReason::TokenAccountWrongOwner, SettlementError::TokenAccountWrongOwner);
    let stranger = world.associated(&Pubkey::new_unique(), &asset);
    add("a stranger's", stranger, wrong_owner, wrong_owner_error);
    let given_away = world.token_account(&owner.pubkey(), &asset);
    let give = token::set_authority(
        &asset.token_program,
        &given_away,
        Some(&Pubkey::new_unique()),
        token::AuthorityType::AccountOwner,
        &owner.pubkey(),
        &[],
    );
    world.send(&[give.expect("built")], &[&owner]).expect("given away");
    add("given away", given_away, wrong_owner, wrong_owner_error);

    let vault = world.vault;
    add("the vault", vault, SkipReason::DestinationIsProgramAccount, SettlementError::DestinationNotPayable);

    let frozen = world.token_account(&owner.pubkey(), &asset);
    world.freeze(&asset, &frozen);
    add("frozen", frozen, SkipReason::TokenAccountFrozen, SettlementError::TokenAccountFrozen);

    if program == TokenProgram::Token2022 {
        let memo = with_memo(world, payee, &asset);
        add("with memos only", memo, SkipReason::TokenAccountNeedsMemo, SettlementError::TokenAccountNeedsMemo);
    }

    bad.push(Bad {
        what: "not writable",
        account: world.token_account(&owner.pubkey(), &asset),
        is_writable: false,
        skip: SkipReason::DestinationNotWritable,
        error: ErrorCode::ConstraintMut.into(),
    });
    bad
}

/// A token account of the payee's owner that takes transfers with a memo only.
fn with_memo(world: &mut TokenWorld, payee: &Payee, asset: &TokenAsset) -> Pubkey {
    let owner = payee.node.owner.insecure_clone();
    let account = world.token_account(&owner.pubkey(), asset);
    let (program, payer) = (asset.token_program, world.payer.pubkey());
    let kinds = [ExtensionType::MemoTransfer];
    let grow = token::reallocate(&program, &account, &payer, &owner.pubkey(), &[], &kinds).expect("built");
    let demand = memo_transfer::instruction::enable_required_transfer_memos(&program, &account, &owner.pubkey(), &[]);
    world.send(&[grow, demand.expect("built")], &[&owner]).expect("memos demanded");
    account
}

#[test]
fn a_bad_token_account_is_the_only_one_skipped_wherever_it_stands() {
    for program in TokenProgram::ALL {
        let mut world = TokenWorld::new(program);
        let (settler, network, asset) = (world.settler.pubkey(), world.network, world.asset);
        let good = world.payees(3);
        let bad_node = world.payee("bad");
        let mut total = 0;
        for bad in bad_accounts(&mut world, program, &bad_node) {
            let data = |world: &TokenWorld| world.svm.get_account(&bad.account).map(|account| account.data);
            let before = data(&world);
            for place in 0..=good.len() {
                total += TOKEN;
                let mut entries: Vec<_> = good.iter().map(|payee| payee.entry(total)).collect();
                let mut entry = bad_node.entry(total);
                entry.destination = bad.account;
                entries.insert(place, entry);
                let mut ix = settle_tokens_ix(settler, network, &asset, HEADER, &entries);
                ix.accounts[BEFORE_SETTLE + 2 * place + 1].is_writable = bad.is_writable;
                let batch = world.batch(ix);
                assert_eq!(reasons(&batch.event), [(place, None, Some(bad.skip))], "{program:?}: {}", bad.what);
                assert_eq!((batch.event.credited, batch.event.paid), (4 * TOKEN, 3 * TOKEN));

                total += TOKEN;
                let credits: Vec<_> = good.iter().chain([&bad_node]).map(|payee| (payee.node.wallet, total)).collect();
                world.credit(&credits);
                let mut pairs: Vec<_> = good.iter().map(Payee::pair).collect();
                pairs.insert(place, (bad_node.node.wallet, bad.account));
                let mut ix = payout_tokens_ix(network, &asset, &pairs);
                ix.accounts[BEFORE_PAYOUT + 2 * place + 1].is_writable = bad.is_writable;
                let event = world.paid_out(ix);
                assert_eq!(event.skips, 1 << place, "{program:?}: {}", bad.what);
                assert_eq!((event.skip_reason(place), event.reasons.len()), (Some(bad.skip), 1), "{}", bad.what);
                assert_eq!(event.paid, 3 * TOKEN);

                for payee in &good {
                    assert_eq!(world.tokens(&payee.account), total);
                }
            }
            let wallet: NodeWallet = world.wallet_state(&bad_node.node);
            assert_eq!((wallet.paid_total, wallet.credited_total), (0, total), "what was earned is kept");
            if ![world.vault, world.treasury, bad_node.node.wallet].contains(&bad.account) {
                assert_eq!(data(&world), before, "{}", bad.what);
            }
        }
        // Once it is named a good account, all of it is paid.
        let pending = world.wallet_state(&bad_node.node).pending();
        assert_eq!(world.payout(&[bad_node.pair()]).paid, pending);
        assert_eq!(world.tokens(&bad_node.account), pending);
    }
}

#[test]
fn a_withdrawal_to_a_bad_token_account_is_refused_by_name() {
    for program in TokenProgram::ALL {
        let mut world = TokenWorld::new(program);
        let (network, asset) = (world.network, world.asset);
        let payee = world.payee("bad");
        let owner = payee.node.owner.insecure_clone();
        world.credit(&[(payee.node.wallet, TOKEN)]);
        for bad in bad_accounts(&mut world, program, &payee) {
            let mut ix = withdraw_tokens_ix(owner.pubkey(), network, &asset, payee.node.id, bad.account, None);
            ix.accounts[3].is_writable = bad.is_writable;
            // Anchor wants the account writable before the rules see it; the runtime never grants
            // that for an address of its own.
            let is_reserved = bad.account == system_program::ID;
            let error = if is_reserved { ErrorCode::ConstraintMut.into() } else { bad.error };
            assert_refused(world.send(&[ix], &[&owner]), error);
            assert_eq!(world.wallet_state(&payee.node).pending(), TOKEN, "{}", bad.what);
        }
        assert_eq!(world.vault_tokens(), 1_000 * TOKEN);
    }
}

/// The vault belongs to such a node's destination, and a transfer from it to itself would go through.
/// No instruction lets a node name the treasury: the check stands guard.
#[test]
fn a_node_that_names_the_treasury_is_not_paid_into_the_vault() {
    for program in TokenProgram::ALL {
        let mut world = TokenWorld::new(program);
        let (network, asset, vault, treasury) = (world.network, world.asset, world.vault, world.treasury);
        let good = world.payee("good");
        let node = world.node("node");
        world.edit(&node.wallet, |wallet: &mut NodeWallet| wallet.destination = treasury);
        let entry = SettleEntry { wallet: node.wallet, destination: vault, target: TOKEN };
        let why = Some(SkipReason::DestinationIsProgramAccount);
        let event = world.settle(&[entry, good.entry(TOKEN)]).event;
        assert_eq!(reasons(&event), [(0, None, why)]);
        let event = world.payout(&[(node.wallet, vault)]);
        assert_eq!((event.paid, event.skip_reason(0)), (0, why));
        let ix = withdraw_tokens_ix(node.owner.pubkey(), network, &asset, node.id, vault, None);
        assert_refused(world.send(&[ix], &[&node.owner]), SettlementError::DestinationNotPayable);
        assert_eq!((world.vault_tokens(), world.owed()), (999 * TOKEN, TOKEN));
    }
}

#[test]
fn a_frozen_vault_pays_nobody_until_it_thaws() {
    for program in TokenProgram::ALL {
        let mut world = TokenWorld::new(program);
        let (network, asset, vault) = (world.network, world.asset, world.vault);
        let payees = world.payees(3);
        world.freeze(&asset, &vault);
        let entries: Vec<_> = payees.iter().map(|payee| payee.entry(TOKEN)).collect();
        let pairs: Vec<_> = payees.iter().map(Payee::pair).collect();
        let frozen = Some(SkipReason::TreasuryFrozen);

        let batch = world.settle(&entries);
        assert_eq!(reasons(&batch.event), [(0, None, frozen), (1, None, frozen), (2, None, frozen)]);
        assert_eq!((batch.event.credited, batch.event.paid), (3 * TOKEN, 0));
        let event = world.payout(&pairs);
        assert_eq!((event.skips, event.paid, event.skip_reason(2)), (0b111, 0, frozen));
        let owner = payees[0].node.owner.insecure_clone();
        let withdraw = withdraw_tokens_ix(owner.pubkey(), network, &asset, payees[0].node.id, payees[0].account, None);
        assert_refused(world.send(std::slice::from_ref(&withdraw), &[&owner]), SettlementError::TreasuryFrozen);

        world.thaw(&asset, &vault);
        world.send(&[withdraw], &[&owner]).expect("withdrawn");
        let event = world.payout(&pairs);
        assert_eq!((event.paid, event.skip_reason(0)), (2 * TOKEN, Some(SkipReason::NotDue)));
        assert_eq!((world.vault_tokens(), world.owed()), (997 * TOKEN, 0));
    }
}

/// The program never lets the vault fall below what is owed: these tokens are taken by force.
#[test]
fn a_vault_that_lost_tokens_pays_those_it_can_wherever_they_stand() {
    for program in TokenProgram::ALL {
        for place in 0..3 {
            let mut world = TokenWorld::new(program);
            let (network, asset, vault) = (world.network, world.asset, world.vault);
            let mut payees = world.payees(2);
            payees.insert(place, world.payee("greatest"));
            let earned = |i| if i == place { 5 * TOKEN } else { TOKEN };
            let credits: Vec<_> = payees.iter().enumerate().map(|(i, payee)| (payee.node.wallet, earned(i))).collect();
            world.credit(&credits);
            let mut account = world.svm.get_account(&vault).expect("a vault");
            account.data[64..72].copy_from_slice(&(4 * TOKEN).to_le_bytes());
            world.put(&vault, account);

            let short = Some(SkipReason::TreasuryTokensShort);
            let settle: Vec<_> = payees.iter().map(|payee| payee.entry(0)).collect();
            let event = world.settle(&settle).event;
            assert_eq!((event.payout_skips, event.payout_skip_reason(place)), (1 << place, short), "{program:?}");
            assert_eq!((event.paid, world.vault_tokens()), (2 * TOKEN, 2 * TOKEN));
            let event = world.payout(&[payees[place].pair()]);
            assert_eq!((event.paid, event.skip_reason(0)), (0, short));
            let owner = payees[place].node.owner.insecure_clone();
            let (id, to) = (payees[place].node.id, payees[place].account);
            let ix = |amount| withdraw_tokens_ix(owner.pubkey(), network, &asset, id, to, amount);
            assert_refused(world.send(&[ix(None)], &[&owner]), SettlementError::TreasuryTokensShort);
            world.send(&[ix(Some(2 * TOKEN))], &[&owner]).expect("what there is can be withdrawn");
            assert_eq!((world.vault_tokens(), world.owed()), (0, 3 * TOKEN));
            // Nothing is credited on top of what can't be paid.
            let event = world.credit(&[(payees[place].node.wallet, 6 * TOKEN)]).event;
            assert_eq!(event.credit_skip_reason(0), Some(SkipReason::TreasuryShort));
        }
    }
}
