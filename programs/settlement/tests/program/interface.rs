//! What others depend on and must not change by accident: how instructions, accounts and events
//! are told apart, the numbers of errors and the places of arguments.

use anchor_lang::Discriminator;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    BatchHeader, RegisterNodeArgs, SettleEntry, credit_ix, fund_ix, pause_ix, settle_ix, unpause_ix, withdraw_ix,
};
use settlement::error::SettlementError;
use settlement::state::{Network, NodeWallet, Treasury};
use settlement::{events, instruction, state};
use solana_signer::Signer;

use crate::common::{SOL, World, assert_refused, every};

#[test]
fn discriminators_are_the_ones_that_were_published() {
    // The first 8 bytes of SHA-256 of "global:", "account:" or "event:" and the name.
    let published = [
        (instruction::CreateNetwork::DISCRIMINATOR, "9647b0c9f4902ead"),
        (instruction::RegisterNode::DISCRIMINATOR, "66557572c2bcd3a8"),
        (instruction::Fund::DISCRIMINATOR, "dabc6fdd9871ae07"),
        (instruction::Credit::DISCRIMINATOR, "8e4db912f120fffc"),
        (instruction::Settle::DISCRIMINATOR, "af2ab957908366d4"),
        (instruction::Withdraw::DISCRIMINATOR, "b712469c946da122"),
        (instruction::Pause::DISCRIMINATOR, "d316ddfb4a79c12f"),
        (instruction::Unpause::DISCRIMINATOR, "a99004260a8dbcff"),
        (state::Network::DISCRIMINATOR, "3305d1b73c639cfb"),
        (state::Treasury::DISCRIMINATOR, "eeef7bee5901a8fd"),
        (state::NodeWallet::DISCRIMINATOR, "3075d6737d175ef6"),
        (events::BatchSettled::DISCRIMINATOR, "ee0ebbc07f5f6809"),
        (events::NetworkCreated::DISCRIMINATOR, "a4d4811b1c3abe76"),
        (events::NodeRegistered::DISCRIMINATOR, "0f39b73b5d379dc3"),
        (events::Funded::DISCRIMINATOR, "43543858c00cc9b1"),
        (events::Withdrawn::DISCRIMINATOR, "1459dfc6c27cdb0d"),
        (events::Paused::DISCRIMINATOR, "acf805fd31ffffe8"),
        (events::Unpaused::DISCRIMINATOR, "9c962fae78d85d75"),
    ];
    for (found, expected) in published {
        assert_eq!(hex(found), expected);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_batchs_data_is_its_header_and_eight_bytes_a_target() {
    let header = BatchHeader { batch_id: 0x0102_0304_0506_0708, records_root: [9; 32] };
    let (settler, network, account) = (Pubkey::new_unique(), Pubkey::new_unique(), Pubkey::new_unique());
    let entry = SettleEntry { wallet: account, destination: account, target: 5 };
    for ix in
        [credit_ix(settler, network, header, &[(account, 5); 3]), settle_ix(settler, network, header, &[entry; 3])]
    {
        let expected = [
            &[8, 7, 6, 5, 4, 3, 2, 1][..],
            &[9; 32],
            &[3, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(ix.data[8..], expected);
    }
}

#[test]
fn errors_keep_their_numbers() {
    let numbers = [
        (SettlementError::InvalidNetworkId, 6_000),
        (SettlementError::Unauthorized, 6_008),
        (SettlementError::Paused, 6_009),
        (SettlementError::EmptyBatch, 6_016),
        (SettlementError::InconsistentTotals, 6_024),
    ];
    for (error, number) in numbers {
        assert_eq!(u32::from(error), number, "{error:?}");
    }
}

#[test]
fn what_tests_do_with_every_instruction_they_do_with_all_of_them() {
    let program = include_str!("../../src/lib.rs");
    let (_, instructions) = program.split_once("#[program]").expect("a program");
    let mut all: Vec<_> =
        instructions.split("pub fn ").skip(1).map(|rest| rest.split(['<', '(']).next().expect("a name")).collect();
    let mut tried: Vec<_> = every().iter().map(|subject| subject.name).collect();
    all.sort_unstable();
    tried.sort_unstable();
    assert_eq!(tried, all);
}

/// A world with a node that has 1 SOL less one lamport pending.
fn pending() -> (World, crate::common::Node) {
    let mut world = World::new();
    let node = world.node("node");
    world.credit(&[(node.wallet, SOL - 1)]);
    (world, node)
}

#[test]
fn accounts_of_a_layout_not_known_yet_are_refused_by_every_instruction() {
    let (mut world, node) = pending();
    let (admin, settler) = (world.admin.insecure_clone(), world.settler.insecure_clone());
    let withdraw = withdraw_ix(node.owner.pubkey(), world.network, node.id, node.destination, None);
    let on_treasury = [
        fund_ix(world.payer.pubkey(), world.network, SOL),
        pause_ix(admin.pubkey(), world.network),
        unpause_ix(admin.pubkey(), world.network),
    ];
    let (network, treasury) = (world.network, world.treasury);

    world.edit(&treasury, |t: &mut Treasury| t.version = Treasury::VERSION + 1);
    for ix in &on_treasury {
        let signers = if ix.accounts[0].pubkey == admin.pubkey() { vec![&admin] } else { vec![] };
        assert_refused(world.send(std::slice::from_ref(ix), &signers), SettlementError::UnknownVersion);
    }
    assert_refused(world.send(std::slice::from_ref(&withdraw), &[&node.owner]), SettlementError::UnknownVersion);
    world.edit(&treasury, |t: &mut Treasury| t.version = Treasury::VERSION);

    world.edit(&network, |n: &mut Network| n.version = Network::VERSION + 1);
    for ix in &on_treasury {
        let signers = if ix.accounts[0].pubkey == admin.pubkey() { vec![&admin] } else { vec![] };
        assert_refused(world.send(std::slice::from_ref(ix), &signers), SettlementError::UnknownVersion);
    }
    let args = RegisterNodeArgs { node_id: [1; 32], owner: Pubkey::new_unique(), destination: None, threshold: None };
    assert_refused(world.register(&settler, args), SettlementError::UnknownVersion);
    world.edit(&network, |n: &mut Network| n.version = Network::VERSION);

    world.edit(&node.wallet, |wallet: &mut NodeWallet| wallet.version = Treasury::VERSION + 1);
    assert_refused(world.send(&[withdraw], &[&node.owner]), SettlementError::UnknownVersion);
}

#[test]
fn a_network_of_an_asset_not_known_yet_moves_nothing() {
    let (mut world, node) = pending();
    let treasury = world.treasury;
    world.edit(&treasury, |t: &mut Treasury| t.asset_kind = 3);
    let fund = fund_ix(world.payer.pubkey(), world.network, SOL);
    assert_refused(world.send(&[fund], &[]), SettlementError::UnsupportedAsset);
    let withdraw = withdraw_ix(node.owner.pubkey(), world.network, node.id, node.destination, None);
    assert_refused(world.send(&[withdraw], &[&node.owner]), SettlementError::UnsupportedAsset);
}
