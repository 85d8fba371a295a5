//! What the fast path leaves out, and what it relies on instead: see docs/ARCHITECTURE.md, "What the fast path
//! leaves out".

use anchor_lang::prelude::Pubkey;
use litesvm::LiteSVM;
use settlement::client::{credit_ix, settle_ix};
use settlement::rules::SkipReason;
use settlement::state::{ACCOUNT_SIZES, NodeWallet};
use solana_account::Account;
use solana_instruction::Instruction;
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_sdk_ids::{native_loader, system_program, sysvar};
use solana_signer::Signer;
use solana_system_interface::instruction::{assign, create_account};
use solana_transaction::TransactionError;

use crate::common::{Node, ProgramFixture, SOL, all_features, header, skip_reasons};

/// The offsets of a wallet's network and destination in its account's data.
const NETWORK_AT: usize = 8 + core::mem::offset_of!(NodeWallet, network);
const DESTINATION_AT: usize = 8 + core::mem::offset_of!(NodeWallet, destination);

/// An address that differs from `address` after its first 8 bytes.
fn look_alike(address: &Pubkey) -> Pubkey {
    let mut bytes = address.to_bytes();
    bytes[8..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    Pubkey::new_from_array(bytes)
}

/// A copy of a node's wallet account at another address, with a change.
fn forged_wallet(fixture: &mut ProgramFixture, node: &Node, change: impl FnOnce(&mut Account)) -> Pubkey {
    let mut account = fixture.svm.get_account(&node.wallet).expect("the wallet exists");
    change(&mut account);
    let address = Pubkey::new_unique();
    fixture.set_account(&address, account);
    address
}

/// A `credit` and a `settle` of these nodes and, at `place`, of `wallet` with the first node's destination.
fn batches(fixture: &ProgramFixture, nodes: &[Node], wallet: Pubkey, place: usize) -> [Instruction; 2] {
    let settler = fixture.settler.pubkey();
    let mut entries: Vec<_> = nodes[1..].iter().map(|node| node.entry(SOL)).collect();
    let mut bad = nodes[0].entry(SOL);
    bad.wallet = wallet;
    entries.insert(place, bad);
    let credits: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
    [credit_ix(settler, fixture.network, header(1), &credits), settle_ix(settler, fixture.network, header(1), &entries)]
}

/// Asserts that the entry at `place` is skipped for its wallet and that all others are credited.
#[track_caller]
fn assert_wallet_skipped(
    fixture: &mut ProgramFixture,
    batch: Instruction,
    nodes: &[Node],
    wallet: Pubkey,
    place: usize,
) {
    let before = fixture.svm.get_account(&wallet);
    let batch = fixture.apply_batch(batch);
    assert_eq!(skip_reasons(&batch.event), [(place, Some(SkipReason::InvalidWallet), None)]);
    assert_eq!(batch.event.credited, (nodes.len() as u64 - 1) * SOL);
    assert_eq!(fixture.svm.get_account(&wallet), before);
}

#[test]
fn an_account_that_anyone_can_create_for_the_program_or_a_look_alike_is_skipped() {
    for owner in [settlement::ID, look_alike(&settlement::ID)] {
        for place in 0..3 {
            for kind in 0..2 {
                let mut fixture = ProgramFixture::new();
                let nodes = fixture.register_nodes(3);
                let (payer, new) = (fixture.payer.insecure_clone(), Keypair::new());
                let (rent, size) = (fixture.rent(NodeWallet::SIZE), NodeWallet::SIZE as u64);
                let create = create_account(&payer.pubkey(), &new.pubkey(), rent, size, &owner);
                fixture.send(&[create], &[&new]).expect("anyone can create such an account");
                let batch = batches(&fixture, &nodes, new.pubkey(), place)[kind].clone();
                assert_wallet_skipped(&mut fixture, batch, &nodes, new.pubkey(), place);
            }
        }
    }
}

#[test]
fn an_account_with_data_cannot_be_given_to_the_program_or_a_look_alike() {
    for owner in [settlement::ID, look_alike(&settlement::ID)] {
        let mut fixture = ProgramFixture::new();
        let node = fixture.register_node("node");
        let forger = Keypair::new();
        let account = fixture.svm.get_account(&node.wallet).expect("the wallet exists");
        fixture.set_account(&forger.pubkey(), Account { owner: system_program::ID, ..account });
        let failed = fixture.send(&[assign(&forger.pubkey(), &owner)], &[&forger]).expect_err("the data is not zeros");
        assert_eq!(failed.err, TransactionError::InstructionError(0, InstructionError::ModifiedProgramId));
    }
}

/// Nobody can write a wallet into such an account but a program at that address. If one existed, the runtime would
/// protect its account.
#[test]
fn a_wallet_owned_by_a_look_alike_program_is_never_changed() {
    for (place, all_enabled) in [(0, false), (1, false), (2, false), (1, true)] {
        for kind in 0..2 {
            let svm = if all_enabled { all_features() } else { LiteSVM::new() };
            let mut fixture = ProgramFixture::on_runtime(svm, |_| {});
            let nodes = fixture.register_nodes(3);
            let owner = look_alike(&settlement::ID);
            let forged = forged_wallet(&mut fixture, &nodes[0], |account| account.owner = owner);
            let batch = batches(&fixture, &nodes, forged, place)[kind].clone();
            let keys: Vec<_> = batch.accounts[1..].iter().map(|meta| meta.pubkey).collect();
            let state =
                |fixture: &ProgramFixture| keys.iter().map(|key| fixture.svm.get_account(key)).collect::<Vec<_>>();
            let before = state(&fixture);

            let failed = fixture.send_batch(batch).expect_err("the runtime refuses the change");

            let refused = TransactionError::InstructionError(0, InstructionError::ExternalAccountDataModified);
            assert_eq!(failed.err, refused, "{}", failed.meta.pretty_logs());
            assert_eq!(state(&fixture), before);
        }
    }
}

#[test]
fn every_word_of_a_wallets_network_counts() {
    for word in 0..4 {
        for kind in 0..2 {
            let mut fixture = ProgramFixture::new();
            let nodes = fixture.register_nodes(3);
            let forged = forged_wallet(&mut fixture, &nodes[0], |account| account.data[NETWORK_AT + 8 * word + 7] ^= 1);
            let batch = batches(&fixture, &nodes, forged, 1)[kind].clone();
            assert_wallet_skipped(&mut fixture, batch, &nodes, forged, 1);
        }
    }
}

#[test]
fn every_word_of_a_destination_counts() {
    for word in 0..4 {
        let mut fixture = ProgramFixture::new();
        let node = fixture.register_node("node");
        let mut account = fixture.svm.get_account(&node.wallet).expect("the wallet exists");
        account.data[DESTINATION_AT + 8 * word + 7] ^= 1;
        fixture.set_account(&{ node.wallet }, account);
        let batch = fixture.settle(&[node.entry(SOL)]);
        assert_eq!(skip_reasons(&batch.event), [(0, None, Some(SkipReason::DestinationMismatch))]);
        assert_eq!((batch.event.paid, fixture.lamports(&node.destination)), (0, 0));
    }
}

/// The program can't write this state. Off the fast path, a wallet's discriminator is checked nevertheless.
#[test]
fn a_wrong_discriminator_is_skipped_in_an_irregular_entry() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(2);
    let forged = forged_wallet(&mut fixture, &nodes[0], |account| account.data[0] ^= 1);
    // An entry that repeats an account is irregular.
    let batch = fixture.credit(&[(nodes[1].wallet, SOL), (forged, SOL), (forged, SOL)]);
    assert_eq!(skip_reasons(&batch.event), [(2, Some(SkipReason::InvalidWallet), None)]);
}

#[test]
fn the_sizes_of_all_account_types_are_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let mut types = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(path).expect("a source file");
                types += text.lines().filter(|line| line.starts_with("#[account")).count();
            }
        }
    }
    assert_eq!(types, ACCOUNT_SIZES.len(), "an account type is missing in `ACCOUNT_SIZES`");
}

/// Only the owners that the rules reject matter, and the first word excludes those.
#[test]
fn a_destination_whose_owner_resembles_the_system_program_is_paid() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let (lamports, owner) = (fixture.rent(0), look_alike(&system_program::ID));
    fixture.set_account(&{ node.destination }, Account { lamports, owner, ..Account::default() });
    let batch = fixture.settle(&[node.entry(SOL)]);
    assert_eq!((skip_reasons(&batch.event), batch.event.paid), (vec![], SOL));
    assert_eq!(fixture.lamports(&node.destination), lamports + SOL);
}

#[test]
fn an_empty_destination_with_an_owner_that_the_rules_reject_is_skipped() {
    let rejected = [
        (settlement::ID, SkipReason::DestinationIsProgramAccount),
        (sysvar::ID, SkipReason::DestinationReserved),
        (native_loader::ID, SkipReason::DestinationReserved),
    ];
    for (owner, why) in rejected {
        let mut fixture = ProgramFixture::new();
        let node = fixture.register_node("node");
        let lamports = fixture.rent(0);
        fixture.set_account(&{ node.destination }, Account { lamports, owner, ..Account::default() });
        let batch = fixture.settle(&[node.entry(SOL)]);
        assert_eq!(skip_reasons(&batch.event), [(0, None, Some(why))]);
        assert_eq!((batch.event.paid, fixture.lamports(&node.destination)), (0, lamports));
    }
}

/// The fast path doesn't check for overflow, because no more lamports exist than a `u64` holds. If they did, the
/// runtime would see that their sum has changed.
#[test]
fn lamports_that_cannot_exist_are_not_wrapped() {
    for kind in 0..2 {
        let mut fixture = ProgramFixture::new();
        let nodes = fixture.register_nodes(3);
        let rich = if kind == 0 { nodes[1].wallet } else { nodes[1].destination };
        let account = fixture.svm.get_account(&rich).unwrap_or_default();
        fixture.set_account(&rich, Account { lamports: u64::MAX - SOL / 2, ..account });
        let batch = batches(&fixture, &nodes, nodes[0].wallet, 0)[kind].clone();
        let failed = fixture.send_batch(batch).expect_err("the runtime refuses the balances");
        // A destination whose balance has wrapped has lost lamports, which only its owner may take.
        let expected = [InstructionError::UnbalancedInstruction, InstructionError::ExternalAccountLamportSpend];
        let expected = TransactionError::InstructionError(0, expected[kind].clone());
        assert_eq!(failed.err, expected, "{}", failed.meta.pretty_logs());
        assert_eq!(fixture.wallet_state(&nodes[2]).credited_total, 0);
    }
}
