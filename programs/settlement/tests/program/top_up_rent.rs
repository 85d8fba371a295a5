//! `top_up_rent`: after a rise of the rent rate, surplus of the treasury makes every pending amount payable.

use anchor_lang::prelude::Pubkey;
use settlement::client::{payout_ix, top_up_rent_ix};
use settlement::error::SettlementError;
use settlement::events::{PaidOut, RentToppedUp};
use settlement::rules::SkipReason;
use settlement::state::{NodeWallet, Treasury};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{
    Node, ProgramFixture, Role, SOL, TokenFixture, TokenProgram, TransactionOutcome, assert_only_authorized,
    assert_refused, unrelated_accounts,
};

fn top_up(fixture: &mut ProgramFixture, by: &Keypair, wallets: &[Pubkey]) -> TransactionOutcome {
    let ix = top_up_rent_ix(by.pubkey(), fixture.network, wallets);
    if fixture.lamports(&by.pubkey()) < SOL {
        fixture.airdrop(&by.pubkey(), SOL);
    }
    fixture.send_v1(&[ix], by)
}

/// A network at half of the present rate with these nodes: a paid one, and two that have 2 and 3 SOL due.
fn after_a_rise() -> (ProgramFixture, [Node; 3]) {
    let mut fixture = ProgramFixture::new();
    fixture.set_rent_rate(3_480);
    let nodes = ["paid", "due", "more"].map(|name| fixture.register_node(name));
    fixture.settle(&[nodes[0].entry(2 * SOL)]);
    fixture.credit(&[(nodes[1].wallet, 2 * SOL), (nodes[2].wallet, 3 * SOL)]);
    fixture.set_rent_rate(6_960);
    (fixture, nodes)
}

#[test]
fn wallets_with_a_pending_amount_get_exactly_what_they_lack() {
    for role in [Role::Settler, Role::Admin] {
        let (mut fixture, nodes) = after_a_rise();
        let by = role.key(&fixture, &nodes[0]);
        let wallets = nodes.each_ref().map(|node| node.wallet);
        let missing = fixture.rent(NodeWallet::SIZE) / 2;
        let (surplus, treasury) = (fixture.surplus(), fixture.treasury_state());
        let states = nodes.each_ref().map(|node| fixture.wallet_state(node));

        // Before, the wallets would fall below their minimum.
        let pairs = nodes.each_ref().map(|node| (node.wallet, node.destination));
        let meta = fixture.send(&[payout_ix(fixture.network, &pairs)], &[]).expect("the payout is applied");
        let event = fixture.event(&meta, PaidOut::decode_cpi);
        let short = Some(SkipReason::WalletShort);
        assert_eq!((event.paid, event.skip_reason(1), event.skip_reason(2)), (0, short, short));

        let meta = top_up(&mut fixture, &by, &wallets).expect("the wallets are topped up");
        assert_eq!(
            fixture.event(&meta, RentToppedUp::decode_cpi),
            RentToppedUp { network: fixture.network, by: by.pubkey(), accounts: 2, lamports: 2 * missing }
        );
        assert_eq!(fixture.surplus(), surplus - 2 * missing);
        // The paid one needs none.
        assert_eq!(fixture.lamports(&wallets[0]), missing);
        assert_eq!((fixture.wallet_lamports(&nodes[1]), fixture.wallet_lamports(&nodes[2])), (2 * SOL, 3 * SOL));
        // Nothing was credited.
        assert_eq!(nodes.each_ref().map(|node| fixture.wallet_state(node)), states);
        let after = fixture.treasury_state();
        let Treasury { history_hash, history_count, .. } = after;
        assert_eq!(after, Treasury { history_hash, history_count, ..treasury });

        assert_refused(top_up(&mut fixture, &by, &wallets), SettlementError::NothingToRecover);
        let meta = fixture.send(&[payout_ix(fixture.network, &pairs)], &[]).expect("the payout is applied");
        assert_eq!(fixture.event(&meta, PaidOut::decode_cpi).paid, 5 * SOL);
    }
}

#[test]
fn nobody_else_can_top_up_and_while_paused_only_the_admin() {
    let (mut fixture, nodes) = after_a_rise();
    let (network, wallet) = (fixture.network, nodes[1].wallet);
    let ix = |key| top_up_rent_ix(key, network, &[wallet]);
    assert_only_authorized(&mut fixture, &nodes[1], &[Role::Settler, Role::Admin], ix);
    fixture.pause();
    let (settler, admin) = (fixture.settler.insecure_clone(), fixture.admin.insecure_clone());
    assert_refused(fixture.send(&[ix(settler.pubkey())], &[&settler]), SettlementError::Paused);
    fixture.send(&[ix(admin.pubkey())], &[&admin]).expect("the wallet is topped up");
}

#[test]
fn the_treasury_keeps_its_rent_and_tops_up_those_that_it_can() {
    let (mut fixture, nodes) = after_a_rise();
    let settler = fixture.settler.insecure_clone();
    let missing = fixture.rent(NodeWallet::SIZE) / 2;
    // The first lacks more than is left; the second doesn't.
    fixture.take_lamports(&nodes[1].wallet, 1);
    fixture.set_surplus(missing);
    let wallets = [nodes[1].wallet, nodes[2].wallet];
    let meta = top_up(&mut fixture, &settler, &wallets).expect("a wallet is topped up");
    let event = fixture.event(&meta, RentToppedUp::decode_cpi);
    assert_eq!((event.accounts, event.lamports, fixture.surplus()), (1, missing, 0));
    assert_eq!(fixture.wallet_lamports(&nodes[2]), 3 * SOL);
    assert_refused(top_up(&mut fixture, &settler, &wallets), SettlementError::NothingToRecover);
    fixture.set_surplus(missing + 1);
    top_up(&mut fixture, &settler, &wallets).expect("the other one is topped up");
    assert_eq!((fixture.wallet_lamports(&nodes[1]), fixture.surplus()), (2 * SOL, 0));
}

#[test]
fn what_one_wallet_gets_is_not_there_for_the_next() {
    let (mut fixture, nodes) = after_a_rise();
    let settler = fixture.settler.insecure_clone();
    let missing = fixture.rent(NodeWallet::SIZE) / 2;
    fixture.set_surplus(2 * missing - 1);
    let meta = top_up(&mut fixture, &settler, &[nodes[1].wallet, nodes[2].wallet]).expect("a wallet is topped up");
    let event = fixture.event(&meta, RentToppedUp::decode_cpi);
    assert_eq!((event.accounts, event.lamports, fixture.surplus()), (1, missing, missing - 1));
}

#[test]
fn accounts_that_are_not_the_networks_wallets_are_ignored() {
    let (mut fixture, [paid, due, more]) = after_a_rise();
    fixture.set_rent_rate(3_480);
    let unrelated = unrelated_accounts(&mut fixture, &due);
    // As if all of them had become short.
    for address in &unrelated {
        let lamports = fixture.lamports(address);
        fixture.take_lamports(address, lamports - 1_000);
    }
    fixture.set_rent_rate(6_960);
    let settler = fixture.settler.insecure_clone();
    let lamports = |fixture: &ProgramFixture| unrelated.iter().map(|it| fixture.lamports(it)).collect::<Vec<_>>();
    let before = lamports(&fixture);
    assert_refused(top_up(&mut fixture, &settler, &unrelated), SettlementError::NothingToRecover);

    let mut mixed = unrelated.clone();
    let (network, treasury) = (fixture.network, fixture.treasury);
    mixed.extend([due.wallet, network, treasury, paid.wallet, due.wallet, treasury]);
    let mut ix = top_up_rent_ix(settler.pubkey(), network, &mixed);
    // Once more, read-only.
    ix.accounts.push(solana_instruction::AccountMeta::new_readonly(more.wallet, false));
    let meta = fixture.send_v1(&[ix], &settler).expect("a wallet is topped up");
    assert_eq!(fixture.event(&meta, RentToppedUp::decode_cpi).accounts, 1);
    assert_eq!(fixture.wallet_lamports(&due), 2 * SOL);
    assert_eq!(lamports(&fixture), before);
    assert!(fixture.lamports(&more.wallet) < fixture.rent(NodeWallet::SIZE) + 3 * SOL);
}

#[test]
fn a_token_network_needs_no_top_up() {
    let mut fixture = TokenFixture::new(TokenProgram::PToken);
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, 5)]);
    let treasury = fixture.treasury;
    fixture.airdrop(&treasury, SOL);
    fixture.take_lamports(&payee.node.wallet, 5);
    let settler = fixture.settler.insecure_clone();
    assert_refused(top_up(&mut fixture, &settler, &[payee.node.wallet]), SettlementError::UnsupportedAsset);
}
