//! Where a node's tokens go: to the owner's associated token account, or to any token account that the owner sets.

use anchor_lang::prelude::Pubkey;
use settlement::client::{
    SettleEntry, associated_token_address, payout_tokens_ix, set_destination_ix, withdraw_tokens_ix,
};
use settlement::error::SettlementError;
use settlement::events::{DestinationChanged, PaidOut};
use settlement::rules::SkipReason;
use settlement::state::{DestinationSource, NodeWallet};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;
use spl_token_2022_interface::instruction::{AuthorityType, set_authority};

use crate::common::{
    DECIMALS, MAX_PAUSE_SECONDS, Node, Payee, SOL, START, TOKEN, TokenFixture, TokenProgram, TransactionOutcome,
    assert_refused, skip_reasons,
};

/// Gives a token account to another owner.
fn hand_over(fixture: &mut TokenFixture, account: &Pubkey, from: &Keypair, to: &Pubkey) {
    let program = fixture.asset.token_program;
    let ix = set_authority(&program, account, Some(to), AuthorityType::AccountOwner, &from.pubkey(), &[])
        .expect("the instruction is valid");
    fixture.send(&[ix], &[from]).expect("the token account is handed over");
}

fn set_destination(fixture: &mut TokenFixture, node: &Node, to: Pubkey) -> TransactionOutcome {
    let ix = set_destination_ix(node.owner.pubkey(), fixture.network, node.id, to);
    fixture.send(&[ix], &[&node.owner])
}

fn withdraw(fixture: &TokenFixture, node: &Node, to: Pubkey, amount: Option<u64>) -> Instruction {
    withdraw_tokens_ix(node.owner.pubkey(), fixture.network, &fixture.asset, node.id, to, amount)
}

#[test]
fn the_default_is_the_owners_associated_token_account() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let asset = fixture.asset;
        let node = fixture.register_node("node");
        let wallet = fixture.wallet_state(&node);
        assert_eq!(wallet.destination, associated_token_address(&node.owner.pubkey(), &asset));
        assert_eq!(wallet.destination_source, u8::from(DestinationSource::Default));
        assert!(wallet.is_destination_confirmed());

        // It need not exist yet. Earnings wait for it.
        let batch =
            fixture.settle(&[SettleEntry { wallet: node.wallet, destination: node.destination, target: TOKEN }]);
        assert_eq!(skip_reasons(&batch.event), [(0, None, Some(SkipReason::TokenAccountInvalid))]);
        assert_eq!(fixture.create_associated_account(&node.owner.pubkey(), &asset), node.destination);
        assert_eq!(fixture.payout(&[(node.wallet, node.destination)]).paid, TOKEN);
        assert_eq!(fixture.token_balance(&node.destination), TOKEN);
    }
}

#[test]
fn only_the_named_token_account_is_paid() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let (asset, network) = (fixture.asset, fixture.network);
        let payee = fixture.register_payee("node");
        let owner = payee.node.owner.insecure_clone();
        let others: Vec<_> = (0..3).map(|_| fixture.create_token_account(&owner.pubkey(), &asset)).collect();
        let named = others[0];
        let before = fixture.wallet_state(&payee.node);
        let meta = set_destination(&mut fixture, &payee.node, named);
        let event = fixture.event(&meta.expect("the destination is set"), DestinationChanged::decode_cpi);
        assert_eq!((event.from, event.to), (payee.account, named));
        let source = DestinationSource::Owner.into();
        let after = fixture.wallet_state(&payee.node);
        assert_eq!(after, NodeWallet { destination: named, destination_source: source, ..before });

        fixture.credit(&[(payee.node.wallet, 3 * TOKEN)]);
        let mismatch = Some(SkipReason::DestinationMismatch);
        for other in [payee.account, others[1], others[2]] {
            let batch = fixture.settle(&[SettleEntry { destination: other, ..payee.entry(0) }]);
            assert_eq!(batch.event.payout_skip_reason(0), mismatch, "{program:?}");
            let event = fixture.payout(&[(payee.node.wallet, other)]);
            assert_eq!((event.paid, event.skip_reason(0)), (0, mismatch), "{program:?}");
            let ix = withdraw(&fixture, &payee.node, other, None);
            assert_refused(fixture.send(&[ix], &[&owner]), SettlementError::DestinationMismatch);
        }
        // Each of the three ways pays the named one.
        assert_eq!(fixture.payout(&[(payee.node.wallet, named)]).paid, 3 * TOKEN);
        fixture.settle(&[SettleEntry { destination: named, ..payee.entry(5 * TOKEN) }]);
        fixture.credit(&[(payee.node.wallet, 5 * TOKEN + 1)]);
        let ix = withdraw_tokens_ix(owner.pubkey(), network, &asset, payee.node.id, named, None);
        fixture.send(&[ix], &[&owner]).expect("the withdrawal succeeds");
        assert_eq!(fixture.token_balance(&named), 5 * TOKEN + 1);
        for other in [payee.account, others[1], others[2]] {
            assert_eq!(fixture.token_balance(&other), 0);
        }
    }
}

/// An account that a stranger opened, keeps the authority to close, and handed over to the node's owner.
#[test]
fn a_stranger_cannot_choose_the_token_account_of_a_payout() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let asset = fixture.asset;
        let payee = fixture.register_payee("node");
        fixture.credit(&[(payee.node.wallet, 5 * TOKEN)]);
        let stranger = Keypair::new();
        fixture.airdrop(&stranger.pubkey(), SOL);
        let trap = fixture.create_token_account(&stranger.pubkey(), &asset);
        let (key, id) = (stranger.pubkey(), asset.token_program);
        let keep = set_authority(&id, &trap, Some(&key), AuthorityType::CloseAccount, &key, &[]);
        fixture.send(&[keep.expect("the instruction is valid")], &[&stranger]).expect("the authority is kept");
        hand_over(&mut fixture, &trap, &stranger, &payee.node.owner.pubkey());

        let ix = payout_tokens_ix(fixture.network, &asset, &[(payee.node.wallet, trap)]);
        let meta = fixture.send_v1(&[ix], &stranger).expect("the payout is applied");
        let event = fixture.event(&meta, PaidOut::decode_cpi);
        assert_eq!((event.paid, event.skip_reason(0)), (0, Some(SkipReason::DestinationMismatch)));
        assert_eq!((fixture.token_balance(&trap), fixture.wallet_state(&payee.node).pending()), (0, 5 * TOKEN));
        assert_eq!(fixture.payout(&[payee.payout_entry()]).paid, 5 * TOKEN);
        assert_eq!(fixture.token_balance(&payee.account), 5 * TOKEN);
    }
}

/// Associated accounts of Token-2022 can't be handed over.
#[test]
fn an_associated_account_that_the_owner_gave_away_is_not_paid() {
    for program in [TokenProgram::PToken, TokenProgram::SplToken] {
        let mut fixture = TokenFixture::new(program);
        let asset = fixture.asset;
        let payee = fixture.register_payee("node");
        let good = fixture.register_payee("good");
        let owner = payee.node.owner.insecure_clone();
        hand_over(&mut fixture, &payee.account, &owner, &Pubkey::new_unique());

        let wrong_owner = Some(SkipReason::TokenAccountWrongOwner);
        let batch = fixture.settle(&[payee.entry(2 * TOKEN), good.entry(2 * TOKEN)]);
        assert_eq!(skip_reasons(&batch.event), [(0, None, wrong_owner)]);
        let event = fixture.payout(&[payee.payout_entry()]);
        assert_eq!((event.paid, event.skip_reason(0)), (0, wrong_owner));
        let ix = withdraw(&fixture, &payee.node, payee.account, None);
        assert_refused(fixture.send(&[ix], &[&owner]), SettlementError::TokenAccountWrongOwner);

        // The owner sets another one, or confirms that it is meant to be somebody else's.
        let own = fixture.create_token_account(&owner.pubkey(), &asset);
        set_destination(&mut fixture, &payee.node, own).expect("the destination is set");
        assert_eq!(fixture.payout(&[(payee.node.wallet, own)]).paid, 2 * TOKEN);
        set_destination(&mut fixture, &payee.node, payee.account).expect("the destination is set");
        assert_eq!(fixture.settle(&[payee.entry(3 * TOKEN)]).event.paid, TOKEN);
        assert_eq!((fixture.token_balance(&own), fixture.token_balance(&payee.account)), (2 * TOKEN, TOKEN));
    }
}

#[test]
fn a_token_account_that_the_owner_chose_is_paid_whoever_owns_it() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let asset = fixture.asset;
        let payee = fixture.register_payee("node");
        let (owner, exchange) = (payee.node.owner.insecure_clone(), Keypair::new());
        let deposit = fixture.create_token_account(&exchange.pubkey(), &asset);
        set_destination(&mut fixture, &payee.node, deposit).expect("the destination is set");
        let entry = |target| SettleEntry { destination: deposit, ..payee.entry(target) };
        assert_eq!(fixture.settle(&[entry(2 * TOKEN)]).event.paid, 2 * TOKEN);
        // The exchange's new owner is as good.
        hand_over(&mut fixture, &deposit, &exchange, &Pubkey::new_unique());
        assert_eq!(fixture.settle(&[entry(3 * TOKEN)]).event.paid, TOKEN);
        fixture.credit(&[(payee.node.wallet, 4 * TOKEN)]);
        assert_eq!(fixture.payout(&[(payee.node.wallet, deposit)]).paid, TOKEN);
        fixture.credit(&[(payee.node.wallet, 4 * TOKEN + 5)]);
        let ix = withdraw(&fixture, &payee.node, deposit, None);
        fixture.send(&[ix], &[&owner]).expect("the withdrawal succeeds");
        assert_eq!((fixture.token_balance(&deposit), fixture.token_balance(&payee.account)), (4 * TOKEN + 5, 0));
    }
}

#[test]
fn a_token_account_that_the_admin_chose_is_not_confirmed_until_the_owner_sets_it() {
    let mut fixture = TokenFixture::new(TokenProgram::PToken);
    let asset = fixture.asset;
    let chosen = fixture.create_token_account(&Pubkey::new_unique(), &asset);
    let node = fixture.register_node_with("node", |args| args.destination = Some(chosen));
    let wallet = fixture.wallet_state(&node);
    assert_eq!(wallet.destination_source, u8::from(DestinationSource::Admin));
    assert!(!wallet.is_destination_confirmed());
    // The program itself pays it: it is up to the relay to credit nothing before.
    fixture.credit(&[(node.wallet, TOKEN)]);
    assert_eq!(fixture.payout(&[(node.wallet, chosen)]).paid, TOKEN);
    set_destination(&mut fixture, &node, chosen).expect("the destination is set");
    assert!(fixture.wallet_state(&node).is_destination_confirmed());
}

#[test]
fn an_account_that_cannot_receive_the_tokens_is_refused_as_a_destination() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let asset = fixture.asset;
        let payee = fixture.register_payee("node");
        let owner = payee.node.owner.pubkey();
        let other_program =
            if program == TokenProgram::Token2022 { TokenProgram::PToken } else { TokenProgram::Token2022 };
        let elsewhere = fixture.create_mint(other_program, DECIMALS, &[]);
        let elsewhere = fixture.create_associated_account(&owner, &elsewhere);
        let other_mint = fixture.create_mint(program, DECIMALS, &[]);
        let other_mint = fixture.create_associated_account(&owner, &other_mint);
        let (invalid, own) = (SettlementError::InvalidTokenAccount, SettlementError::InvalidDestination);
        let bad = [
            (owner, invalid),
            (Pubkey::new_unique(), invalid),
            (associated_token_address(&Pubkey::new_unique(), &asset), invalid),
            (asset.mint, invalid),
            (elsewhere, invalid),
            (fixture.place_account(asset.token_program, vec![0; 165]), invalid),
            (fixture.place_account(asset.token_program, vec![1; 355]), invalid),
            (other_mint, SettlementError::TokenAccountWrongMint),
            (fixture.vault, own),
            (fixture.network, own),
            (fixture.treasury, own),
            (payee.node.wallet, own),
            (asset.token_program, own),
        ];
        let before = fixture.wallet_state(&payee.node);
        for (to, why) in bad {
            assert_refused(set_destination(&mut fixture, &payee.node, to), why);
        }
        assert_eq!(fixture.wallet_state(&payee.node), before);
    }
}

#[test]
fn an_owner_withdraws_from_a_paused_network_once_the_hold_has_ended() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payee: Payee = fixture.register_payee("node");
        fixture.credit(&[(payee.node.wallet, 2 * TOKEN)]);
        fixture.pause();
        let end = START + MAX_PAUSE_SECONDS as i64;
        let ix = withdraw(&fixture, &payee.node, payee.account, None);
        fixture.set_time(end - 1);
        assert_refused(fixture.send(std::slice::from_ref(&ix), &[&payee.node.owner]), SettlementError::Paused);
        fixture.set_time(end);
        fixture.send(&[ix], &[&payee.node.owner]).expect("the withdrawal succeeds");
        assert_eq!((fixture.token_balance(&payee.account), fixture.owed()), (2 * TOKEN, 0));
        assert!(fixture.treasury_state().is_paused());
    }
}
