//! The lifecycle of tokens, from funding to payment.

use agave_feature_set::FeatureSet;
use settlement::client::{
    SettleEntry, close_node_ix, payout_tokens_ix, settle_tokens_ix, withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
use settlement::error::SettlementError;
use settlement::events::{BatchSettled, Funded, PaidOut, SurplusWithdrawn, Withdrawn};
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES, MAX_TOKEN_SETTLE_ENTRIES, SkipReason};
use settlement::state::{AssetKind, NodeWallet};
use solana_keypair::Keypair;
use solana_signer::Signer;
use spl_token_2022_interface::extension::{ExtensionType, cpi_guard, memo_transfer};
use spl_token_2022_interface::instruction::reallocate;

use super::HEADER;
use crate::common::{DECIMALS, Payee, START, TOKEN, TokenFixture, TokenProgram, assert_refused, skip_reasons};

/// The (credited, paid, received) amounts of a payee. Its wallet account holds no more than its rent.
fn totals(fixture: &TokenFixture, payee: &Payee) -> (u64, u64, u64) {
    let wallet = fixture.wallet_state(&payee.node);
    assert_eq!(fixture.wallet_lamports(&payee.node), 0);
    (wallet.credited_total, wallet.paid_total, fixture.token_balance(&payee.account))
}

/// Asserts that the treasury's token balance is that of the vault, and covers the liabilities.
fn assert_solvent(fixture: &TokenFixture) {
    let treasury = fixture.treasury_state();
    assert_eq!(treasury.token_balance, fixture.vault_balance());
    assert!(treasury.token_balance >= fixture.owed());
    assert_eq!(fixture.surplus(), 0, "the treasury of a token network holds no surplus lamports");
}

#[test]
fn creating_a_token_network_records_the_mint_and_creates_the_vault() {
    for program in TokenProgram::ALL {
        let fixture = TokenFixture::new(program);
        let kind = if program == TokenProgram::Token2022 { AssetKind::Token2022 } else { AssetKind::SplToken };
        let network = fixture.network_state();
        assert_eq!(network.asset_kind, u8::from(kind));
        assert_eq!(network.decimals, DECIMALS);
        assert_eq!(network.mint, fixture.asset.mint);
        assert_eq!(network.token_program, fixture.asset.token_program);
        assert_eq!(network.treasury_token_account, fixture.vault);
        let treasury = fixture.treasury_state();
        assert_eq!(treasury.asset_kind, u8::from(kind));
        assert_eq!((treasury.mint, treasury.token_account), (fixture.asset.mint, fixture.vault));
        assert_solvent(&fixture);
    }
}

#[test]
fn funds_arrive_in_the_vault_and_are_counted() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (payer, asset) = (fixture.payer.pubkey(), fixture.asset);
        let from = fixture.create_associated_account(&payer, &asset);
        fixture.mint_to(&asset, &from, 7 * TOKEN + 3);
        let ix = settlement::client::fund_tokens_ix(
            payer,
            from,
            fixture.network,
            fixture.admin.pubkey(),
            &asset,
            7 * TOKEN + 1,
        );
        let meta = fixture.send(&[ix], &[]).expect("the treasury is funded");

        assert_eq!((fixture.vault_balance(), fixture.token_balance(&from)), (1_007 * TOKEN + 1, 2));
        let funded_total = 1_007 * TOKEN + 1;
        assert_eq!(
            fixture.event(&meta, Funded::decode_cpi),
            Funded { network: fixture.network, funder: payer, amount: 7 * TOKEN + 1, funded_total }
        );
        assert_eq!(fixture.treasury_state().funded_total, funded_total);
        assert_solvent(&fixture);
    }
}

#[test]
fn a_credit_is_a_liability_and_moves_nothing() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payees = fixture.register_payees(2);
        let entries = [(payees[0].node.wallet, 3 * TOKEN), (payees[1].node.wallet, 1)];
        let batch = fixture.credit(&entries);

        assert_eq!((batch.event.credited, batch.event.paid), (3 * TOKEN + 1, 0));
        assert_eq!(totals(&fixture, &payees[0]), (3 * TOKEN, 0, 0));
        assert_eq!(totals(&fixture, &payees[1]), (1, 0, 0));
        assert_eq!(fixture.vault_balance(), 1_000 * TOKEN);
        assert_eq!(fixture.owed(), 3 * TOKEN + 1);
        assert_eq!(fixture.treasury_state().window_used, 3 * TOKEN + 1);
        assert_solvent(&fixture);

        let again = fixture.credit(&entries);
        assert_eq!((again.event.credited, again.event.credit_skips), (0, 0b11));
        assert_eq!(fixture.owed(), 3 * TOKEN + 1);
    }
}

#[test]
fn credits_never_exceed_what_the_vault_covers() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payees = fixture.register_payees(3);
        let wallets: Vec<_> = payees.iter().map(|payee| payee.node.wallet).collect();
        let short = Some(SkipReason::TreasuryShort);

        let batch =
            fixture.credit(&[(wallets[0], 600 * TOKEN), (wallets[1], 400 * TOKEN + 1), (wallets[2], 400 * TOKEN)]);
        assert_eq!(skip_reasons(&batch.event), [(1, short, None)]);
        assert_eq!(fixture.owed(), fixture.vault_balance());
        // Liabilities from earlier batches count as well.
        let batch = fixture.credit(&[(wallets[1], 1)]);
        assert_eq!(skip_reasons(&batch.event), [(0, short, None)]);

        // A payout reduces the vault and the liabilities by the same amount.
        fixture.settle(&[payees[0].entry(0)]);
        assert_eq!((fixture.vault_balance(), fixture.owed()), (400 * TOKEN, 400 * TOKEN));
        let batch = fixture.settle(&[payees[1].entry(1)]);
        assert_eq!(skip_reasons(&batch.event), [(0, short, None)]);
        assert_solvent(&fixture);
    }
}

#[test]
fn a_settle_pays_due_amounts_and_holds_the_others() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payees = fixture.register_payees(4);
        let totals_to_reach = [TOKEN - 1, TOKEN, 5 * TOKEN, 2 * TOKEN + 7];
        let entries: Vec<_> = payees.iter().zip(totals_to_reach).map(|(payee, total)| payee.entry(total)).collect();
        let ix = settle_tokens_ix(fixture.settler.pubkey(), fixture.network, &fixture.asset, HEADER, &entries);
        let batch = fixture.apply_batch(ix);

        assert_eq!(
            batch.event,
            BatchSettled {
                network: fixture.network,
                batch_id: HEADER.batch_id,
                sequence: 1,
                records_root: HEADER.records_root,
                n: 4,
                credited: 9 * TOKEN + 6,
                paid: 8 * TOKEN + 7,
                credit_skips: 0,
                payout_skips: 0,
                reasons: vec![],
            }
        );
        assert_eq!(totals(&fixture, &payees[0]), (TOKEN - 1, 0, 0));
        assert_eq!(totals(&fixture, &payees[1]), (TOKEN, TOKEN, TOKEN));
        assert_eq!(totals(&fixture, &payees[2]), (5 * TOKEN, 5 * TOKEN, 5 * TOKEN));
        assert_eq!(totals(&fixture, &payees[3]), (2 * TOKEN + 7, 2 * TOKEN + 7, 2 * TOKEN + 7));
        assert_eq!(fixture.vault_balance(), 992 * TOKEN - 7);
        assert_solvent(&fixture);

        // The same entries again, in any order, change nothing.
        let reversed: Vec<SettleEntry> = entries.iter().rev().copied().collect();
        for entries in [entries, reversed] {
            let again = fixture.settle(&entries);
            assert_eq!((again.event.credited, again.event.paid), (0, 0));
        }
        assert_eq!(fixture.vault_balance(), 992 * TOKEN - 7);
        // The missing base unit makes the held amount due.
        let batch = fixture.settle(&[payees[0].entry(TOKEN)]);
        assert_eq!((batch.event.credited, batch.event.paid), (1, TOKEN));
        assert_eq!(totals(&fixture, &payees[0]), (TOKEN, TOKEN, TOKEN));
        assert_solvent(&fixture);
    }
}

#[test]
fn anyone_can_pay_out_due_amounts() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::with_args(program, &[], |args| args.max_pending_age = 1_000);
        let payees = fixture.register_payees(3);
        fixture.credit(&[(payees[0].node.wallet, 4 * TOKEN), (payees[2].node.wallet, 7)]);
        let pairs: Vec<_> = payees.iter().map(Payee::payout_entry).collect();
        // Only the payer signs, who has no role in the network.
        let ix = payout_tokens_ix(fixture.network, &fixture.asset, &pairs);
        let meta = fixture.send(&[ix], &[]).expect("the payout is applied");
        let not_due = u8::from(SkipReason::NotDue);
        assert_eq!(
            fixture.event(&meta, PaidOut::decode_cpi),
            PaidOut { network: fixture.network, n: 3, paid: 4 * TOKEN, skips: 0b110, reasons: vec![not_due; 2] }
        );
        assert_eq!(totals(&fixture, &payees[0]), (4 * TOKEN, 4 * TOKEN, 4 * TOKEN));
        assert_eq!(totals(&fixture, &payees[2]), (7, 0, 0));
        assert_solvent(&fixture);

        fixture.set_time(START + 1_000);
        assert_eq!(fixture.payout(&pairs).paid, 7);
        assert_eq!(fixture.payout(&pairs).paid, 0);
        assert_eq!(totals(&fixture, &payees[2]), (7, 7, 7));
        assert_eq!((fixture.owed(), fixture.vault_balance()), (0, 996 * TOKEN - 7));
        assert_solvent(&fixture);
    }
}

#[test]
fn an_owner_can_withdraw_any_part_of_the_pending_amount() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payee = fixture.register_payee("node");
        fixture.credit(&[(payee.node.wallet, TOKEN - 1)]);
        let (network, asset, owner) = (fixture.network, fixture.asset, payee.node.owner.insecure_clone());
        let ix = |amount| withdraw_tokens_ix(owner.pubkey(), network, &asset, payee.node.id, payee.account, amount);

        let meta = fixture.send(&[ix(Some(5))], &[&owner]).expect("the withdrawal succeeds");
        assert_eq!(
            fixture.event(&meta, Withdrawn::decode_cpi),
            Withdrawn {
                network,
                node_wallet: payee.node.wallet,
                owner: owner.pubkey(),
                destination: payee.node.destination,
                amount: 5,
                credited_total: TOKEN - 1,
                paid_total: 5,
            }
        );
        assert_eq!(totals(&fixture, &payee), (TOKEN - 1, 5, 5));
        assert_solvent(&fixture);

        assert_refused(fixture.send(&[ix(Some(TOKEN - 5))], &[&owner]), SettlementError::AmountAbovePending);
        fixture.send(&[ix(None)], &[&owner]).expect("the withdrawal succeeds");
        assert_eq!(totals(&fixture, &payee), (TOKEN - 1, TOKEN - 1, TOKEN - 1));
        assert_eq!(fixture.vault_balance(), 999 * TOKEN + 1);
        assert_refused(fixture.send(&[ix(None)], &[&owner]), SettlementError::NothingPending);
        assert_solvent(&fixture);
    }
}

#[test]
fn the_admin_can_withdraw_exactly_the_surplus() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payees = fixture.register_payees(2);
        fixture.settle(&[payees[0].entry(100 * TOKEN), payees[1].entry(TOKEN - 1)]);
        let (network, asset, admin) = (fixture.network, fixture.asset, fixture.admin.insecure_clone());
        let to = fixture.create_associated_account(&admin.pubkey(), &asset);
        let ix = |amount| withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, amount);
        let surplus = 900 * TOKEN - (TOKEN - 1);

        assert_refused(fixture.send(&[ix(surplus + 1)], &[&admin]), SettlementError::AmountAboveSurplus);
        let meta = fixture.send(&[ix(surplus - 1)], &[&admin]).expect("the withdrawal succeeds");
        assert_eq!(
            fixture.event(&meta, SurplusWithdrawn::decode_cpi),
            SurplusWithdrawn {
                network,
                by: admin.pubkey(),
                destination: to,
                amount: surplus - 1,
                withdrawn_total: surplus - 1
            }
        );
        assert_eq!(fixture.token_balance(&to), surplus - 1);
        assert_solvent(&fixture);
        fixture.send(&[ix(1)], &[&admin]).expect("the withdrawal succeeds");
        assert_refused(fixture.send(&[ix(1)], &[&admin]), SettlementError::AmountAboveSurplus);
        assert_eq!((fixture.vault_balance(), fixture.owed()), (TOKEN - 1, TOKEN - 1));

        // The owner can still withdraw what is owed.
        let owner = payees[1].node.owner.insecure_clone();
        let ix = withdraw_tokens_ix(owner.pubkey(), network, &asset, payees[1].node.id, payees[1].account, None);
        fixture.send(&[ix], &[&owner]).expect("the withdrawal succeeds");
        assert_eq!((fixture.vault_balance(), fixture.owed()), (0, 0));
        assert_solvent(&fixture);
    }
}

#[test]
fn a_paused_network_moves_no_tokens() {
    let mut fixture = TokenFixture::new(TokenProgram::PToken);
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, 2 * TOKEN)]);
    let guardian = fixture.guardian.insecure_clone();
    let pause = settlement::client::pause_ix(guardian.pubkey(), fixture.network);
    fixture.send(&[pause], &[&guardian]).expect("the network is paused");

    let (network, asset) = (fixture.network, fixture.asset);
    let settle = settle_tokens_ix(fixture.settler.pubkey(), network, &asset, HEADER, &[payee.entry(3 * TOKEN)]);
    assert_refused(fixture.send_batch(settle), SettlementError::Paused);
    let payout = payout_tokens_ix(network, &asset, &[payee.payout_entry()]);
    assert_refused(fixture.send_batch(payout), SettlementError::Paused);
    let owner = payee.node.owner.insecure_clone();
    let withdraw = withdraw_tokens_ix(owner.pubkey(), network, &asset, payee.node.id, payee.account, None);
    assert_refused(fixture.send(&[withdraw], &[&owner]), SettlementError::Paused);
    let admin = fixture.admin.insecure_clone();
    let to = fixture.create_associated_account(&admin.pubkey(), &asset);
    let surplus = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, 1);
    assert_refused(fixture.send(&[surplus], &[&admin]), SettlementError::Paused);
    fixture.fund(1);
    assert_eq!(fixture.vault_balance(), 1_000 * TOKEN + 1);
    assert_eq!(totals(&fixture, &payee), (2 * TOKEN, 0, 0));
}

#[test]
fn full_batches_fit_one_v1_transaction_with_each_token_program() {
    assert_eq!((MAX_CREDIT_ENTRIES, MAX_TOKEN_SETTLE_ENTRIES), (60, 28));
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payees = fixture.register_payees(MAX_CREDIT_ENTRIES);
        let entries: Vec<_> = payees.iter().map(|payee| (payee.node.wallet, TOKEN)).collect();
        let batch = fixture.credit(&entries);
        assert_eq!((batch.event.n, batch.event.credited, batch.event.credit_skips), (60, 60 * TOKEN, 0));

        let (settled, paid_out) = payees.split_at(MAX_TOKEN_SETTLE_ENTRIES);
        let entries: Vec<_> = settled.iter().map(|payee| payee.entry(2 * TOKEN)).collect();
        let batch = fixture.settle(&entries);
        assert_eq!((batch.event.n, batch.event.credited, batch.event.paid), (28, 28 * TOKEN, 56 * TOKEN));
        assert_eq!(skip_reasons(&batch.event), []);
        let pairs: Vec<_> = paid_out[..MAX_TOKEN_SETTLE_ENTRIES].iter().map(Payee::payout_entry).collect();
        assert_eq!(fixture.payout(&pairs).paid, 28 * TOKEN);

        for (i, payee) in payees.iter().enumerate() {
            let paid = [2 * TOKEN, TOKEN, 0][i / 28];
            assert_eq!(totals(&fixture, payee), (paid.max(TOKEN), paid, paid));
        }
        assert_eq!((fixture.owed(), fixture.vault_balance()), (4 * TOKEN, 916 * TOKEN));
        assert_solvent(&fixture);
    }
}

#[test]
fn two_nodes_of_one_owner_can_share_a_token_account() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payee = fixture.register_payee("node");
        let second = fixture.register_node_with("second", |args| args.owner = payee.node.owner.pubkey());
        assert_eq!(second.destination, payee.account);
        let entry = SettleEntry { wallet: second.wallet, ..payee.entry(3 * TOKEN) };
        let batch = fixture.settle(&[entry, payee.entry(4 * TOKEN)]);
        assert_eq!(batch.event.paid, 7 * TOKEN);
        assert_eq!(fixture.token_balance(&payee.account), 7 * TOKEN);
        assert_solvent(&fixture);
    }
}

#[test]
fn the_largest_amounts_are_paid_in_full() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::with_args(program, &[], |args| {
            args.per_node_cap = u64::MAX;
            args.per_batch_cap = u64::MAX;
            args.window_limit = u64::MAX;
        });
        let rest = u64::MAX - fixture.vault_balance();
        fixture.fund(rest);
        let payees = fixture.register_payees(2);
        let batch = fixture.settle(&[payees[0].entry(u64::MAX - 1), payees[1].entry(2), payees[1].entry(1)]);
        assert_eq!(skip_reasons(&batch.event), [(1, Some(SkipReason::PerBatchCap), None)]);
        assert_eq!(fixture.token_balance(&payees[0].account), u64::MAX - 1);
        assert_eq!((fixture.vault_balance(), fixture.owed()), (1, 1));
        // The treasury's liabilities already take all of its tokens.
        fixture.set_time(START + 86_400);
        let batch = fixture.settle(&[payees[0].entry(u64::MAX)]);
        assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);
        assert_eq!(fixture.wallet_state(&payees[1].node).pending(), 1);
        assert_solvent(&fixture);
    }
}

#[test]
fn a_wallet_named_twice_is_paid_once() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payee = fixture.register_payee("node");
        fixture.credit(&[(payee.node.wallet, TOKEN)]);
        let batch = fixture.settle(&[payee.entry(2 * TOKEN), payee.entry(3 * TOKEN)]);
        assert_eq!(skip_reasons(&batch.event), [(1, Some(SkipReason::DuplicateWallet), None)]);
        assert_eq!(totals(&fixture, &payee), (2 * TOKEN, 2 * TOKEN, 2 * TOKEN));
        fixture.credit(&[(payee.node.wallet, 5 * TOKEN)]);
        let paid = fixture.payout(&[payee.payout_entry(), payee.payout_entry()]);
        assert_eq!((paid.paid, paid.skip_reason(1)), (3 * TOKEN, Some(SkipReason::NotDue)));
        assert_eq!(totals(&fixture, &payee), (5 * TOKEN, 5 * TOKEN, 5 * TOKEN));
        assert_solvent(&fixture);
    }
}

#[test]
fn a_node_closes_only_with_nothing_pending() {
    let mut fixture = TokenFixture::new(TokenProgram::PToken);
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, 5)]);
    let owner = payee.node.owner.insecure_clone();
    let (network, asset) = (fixture.network, fixture.asset);
    let close = close_node_ix(owner.pubkey(), network, payee.node.id, owner.pubkey());
    assert_refused(fixture.send(std::slice::from_ref(&close), &[&owner]), SettlementError::PendingNotZero);
    let withdraw = withdraw_tokens_ix(owner.pubkey(), network, &asset, payee.node.id, payee.account, None);
    fixture.send(&[withdraw, close], &[&owner]).expect("the withdrawal and the closing succeed");
    assert!(fixture.svm.get_account(&payee.node.wallet).is_some_and(|account| account.data.len() != NodeWallet::SIZE));
    assert_eq!((fixture.token_balance(&payee.account), fixture.owed()), (5, 0));
}

/// A shared token account takes only one address, so that a transaction holds as many entries as the
/// program accepts.
#[test]
fn thirty_nodes_of_one_owner_are_paid_into_one_token_account() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let asset = fixture.asset;
        let owner = Keypair::new();
        let account = fixture.create_associated_account(&owner.pubkey(), &asset);
        let entries: Vec<_> = (0..MAX_SETTLE_ENTRIES)
            .map(|i| {
                let node = fixture.register_node_with(&format!("node-{i}"), |args| args.owner = owner.pubkey());
                SettleEntry { wallet: node.wallet, destination: account, target: TOKEN + i as u64 }
            })
            .collect();
        let sum = 30 * TOKEN + 435;
        assert_eq!(fixture.settle(&entries).event.paid, sum);
        assert_eq!(fixture.token_balance(&account), sum);
        let credits: Vec<_> = entries.iter().map(|entry| (entry.wallet, 2 * entry.target)).collect();
        fixture.credit(&credits);
        let pairs: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.destination)).collect();
        assert_eq!(fixture.payout(&pairs).paid, sum);
        assert_eq!((fixture.token_balance(&account), fixture.vault_balance()), (2 * sum, 1_000 * TOKEN - 2 * sum));
        assert_solvent(&fixture);
    }
}

/// The number of calls of the token program in a settle of these entries.
fn token_program_calls(fixture: &mut TokenFixture, entries: &[SettleEntry]) -> usize {
    let ix = settle_tokens_ix(fixture.settler.pubkey(), fixture.network, &fixture.asset, HEADER, entries);
    let meta = fixture.send_batch(ix).expect("the batch is applied");
    fixture.batch_event(&meta);
    meta.inner_instructions.iter().flatten().count()
}

#[test]
fn p_token_is_called_once_per_batch_and_the_others_once_per_payment() {
    for (program, calls_of_three) in
        [(TokenProgram::PToken, 1), (TokenProgram::SplToken, 3), (TokenProgram::Token2022, 3)]
    {
        let mut fixture = TokenFixture::new(program);
        let payees = fixture.register_payees(3);
        let entries = |total| -> Vec<_> { payees.iter().map(|payee| payee.entry(total)).collect() };
        assert_eq!(token_program_calls(&mut fixture, &entries(TOKEN - 1)), 0, "nothing is due");
        assert_eq!(token_program_calls(&mut fixture, &entries(TOKEN)), calls_of_three);
        assert_eq!(token_program_calls(&mut fixture, &entries(2 * TOKEN)[..1]), 1);
        assert_eq!(fixture.vault_balance(), 996 * TOKEN);
        assert_solvent(&fixture);
    }
}

/// The token balance is read from the vault after the token program wrote it, which must work with any
/// runtime features.
#[test]
fn tokens_are_paid_with_all_runtime_features() {
    for program in TokenProgram::ALL {
        let runtime = program.runtime_with(FeatureSet::all_enabled());
        let mut fixture = TokenFixture::on_runtime(runtime, program, &[], |_| {});
        let payees = fixture.register_payees(MAX_TOKEN_SETTLE_ENTRIES);
        let entries: Vec<_> = payees.iter().map(|payee| payee.entry(TOKEN)).collect();
        assert_eq!(fixture.settle(&entries).event.paid, 28 * TOKEN);
        let credits: Vec<_> = payees.iter().map(|payee| (payee.node.wallet, 2 * TOKEN)).collect();
        assert_eq!(fixture.credit(&credits).event.credited, 28 * TOKEN);
        let pairs: Vec<_> = payees.iter().map(Payee::payout_entry).collect();
        assert_eq!(fixture.payout(&pairs[1..]).paid, 27 * TOKEN);
        let owner = payees[0].node.owner.insecure_clone();
        let (network, asset, to) = (fixture.network, fixture.asset, payees[0].account);
        let ix = withdraw_tokens_ix(owner.pubkey(), network, &asset, payees[0].node.id, to, None);
        fixture.send(&[ix], &[&owner]).expect("the withdrawal succeeds");
        for payee in &payees {
            assert_eq!(totals(&fixture, payee), (2 * TOKEN, 2 * TOKEN, 2 * TOKEN));
        }
        let admin = fixture.admin.insecure_clone();
        let to = fixture.create_associated_account(&admin.pubkey(), &asset);
        let ix = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, 944 * TOKEN);
        fixture.send(&[ix], &[&admin]).expect("the withdrawal succeeds");
        assert_eq!((fixture.vault_balance(), fixture.owed()), (0, 0));
        assert_solvent(&fixture);
    }
}

#[test]
fn harmless_token_account_extensions_do_not_block_a_payout() {
    let mut fixture = TokenFixture::new(TokenProgram::Token2022);
    let payee = fixture.register_payee("node");
    let (payer, program) = (fixture.payer.pubkey(), fixture.asset.token_program);
    let owner = payee.node.owner.insecure_clone();
    // A CPI guard, and memos that are no longer required.
    let kinds = [ExtensionType::CpiGuard, ExtensionType::MemoTransfer];
    let (account, key) = (payee.account, owner.pubkey());
    let set_up = [
        reallocate(&program, &account, &payer, &key, &[], &kinds),
        cpi_guard::instruction::enable_cpi_guard(&program, &account, &key, &[]),
        memo_transfer::instruction::enable_required_transfer_memos(&program, &account, &key, &[]),
        memo_transfer::instruction::disable_required_transfer_memos(&program, &account, &key, &[]),
    ]
    .map(|ix| ix.expect("the instruction is valid"));
    fixture.send(&set_up, &[&owner]).expect("the extensions are set up");
    assert_eq!(fixture.settle(&[payee.entry(TOKEN)]).event.paid, TOKEN);
    assert_eq!(totals(&fixture, &payee), (TOKEN, TOKEN, TOKEN));
    assert_solvent(&fixture);
}
