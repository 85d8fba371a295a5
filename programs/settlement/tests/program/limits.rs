//! What fits into one transaction, and what it costs. Sizes are asserted; compute units are
//! printed (`cargo test -p settlement --test program limits -- --nocapture`).

use anchor_lang::prelude::Pubkey;
use settlement::client::{BatchHeader, SettleEntry, credit_ix, settle_ix};
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::v1::{MAX_TRANSACTION_SIZE, TransactionConfig};
use solana_message::{VersionedMessage, v0, v1};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

use crate::common::{SOL, World, wire_size};

/// Account locks that one transaction may take.
const MAX_LOCKS: usize = 64;
/// Bytes of a v0 or legacy transaction on the wire.
const MAX_V0_BYTES: usize = 1_232;
/// Entries that a v0 transaction without a lookup table holds, with the instructions that limit
/// its compute units and set its price beside the batch.
const V0_CREDIT_ENTRIES: usize = 21;
/// The same for `settle`, whose entries are two addresses.
const V0_SETTLE_ENTRIES: usize = 11;

const HEADER: BatchHeader = BatchHeader { batch_id: u64::MAX, records_root: [7; 32] };

fn credit_of(n: usize, settler: Pubkey) -> Instruction {
    let entries: Vec<_> = (0..n).map(|_| (Pubkey::new_unique(), u64::MAX)).collect();
    credit_ix(settler, Pubkey::new_unique(), HEADER, &entries)
}

fn settle_of(n: usize, settler: Pubkey) -> Instruction {
    let entries: Vec<_> = (0..n)
        .map(|_| SettleEntry { wallet: Pubkey::new_unique(), destination: Pubkey::new_unique(), target: u64::MAX })
        .collect();
    settle_ix(settler, Pubkey::new_unique(), HEADER, &entries)
}

/// (bytes, locks) of the instruction in a v1 transaction with all of its budget set.
fn v1_size(ix: Instruction, settler: &Keypair) -> (usize, usize) {
    let config = TransactionConfig::empty()
        .with_priority_fee(1)
        .with_compute_unit_limit(1)
        .with_loaded_accounts_data_size_limit(1);
    let message = v1::Message::try_compile_with_config(&settler.pubkey(), &[ix], Hash::default(), config)
        .expect("the message compiles");
    let locks = message.account_keys.len();
    let transaction =
        VersionedTransaction::try_new(VersionedMessage::V1(message), &[settler]).expect("the settler signs");
    (wire_size(&transaction), locks)
}

/// Bytes of the instruction in a v0 transaction with all of its budget set.
fn v0_size(ix: Instruction, settler: &Keypair) -> usize {
    let instructions = [
        ComputeBudgetInstruction::set_compute_unit_limit(1),
        ComputeBudgetInstruction::set_compute_unit_price(1),
        ComputeBudgetInstruction::set_loaded_accounts_data_size_limit(1),
        ix,
    ];
    let message =
        v0::Message::try_compile(&settler.pubkey(), &instructions, &[], Hash::default()).expect("the message compiles");
    let transaction =
        VersionedTransaction::try_new(VersionedMessage::V0(message), &[settler]).expect("the settler signs");
    wire_size(&transaction)
}

#[test]
fn sixty_credits_and_thirty_settles_fit_one_v1_transaction_and_take_every_lock() {
    let settler = Keypair::new();
    let fullest = [
        ("credit", credit_of(MAX_CREDIT_ENTRIES, settler.pubkey())),
        ("settle", settle_of(MAX_SETTLE_ENTRIES, settler.pubkey())),
    ];
    for (name, ix) in fullest {
        let (bytes, locks) = v1_size(ix, &settler);
        println!("v1 {name}: {bytes} bytes, {locks} locks");
        assert!(bytes <= MAX_TRANSACTION_SIZE);
        assert_eq!(locks, MAX_LOCKS);
    }
}

#[test]
fn a_v0_transaction_without_a_table_holds_as_many_as_the_wire_allows() {
    let settler = Keypair::new();
    let key = settler.pubkey();
    let sizes = [
        ("credit", V0_CREDIT_ENTRIES, credit_of as fn(usize, Pubkey) -> Instruction),
        ("settle", V0_SETTLE_ENTRIES, settle_of),
    ];
    for (name, most, build) in sizes {
        let fits = v0_size(build(most, key), &settler);
        let too_many = v0_size(build(most + 1, key), &settler);
        println!("v0 {name}: {most} entries in {fits} bytes, {too_many} with one more");
        assert!(fits <= MAX_V0_BYTES && too_many > MAX_V0_BYTES);
    }
}

#[test]
fn the_fullest_batches_land() {
    let mut world = World::with(|args| args.default_threshold = SOL / 10);
    world.set_surplus(1_000 * SOL);
    let nodes = world.nodes(MAX_CREDIT_ENTRIES);
    let mut table = String::from("entries | credit CU/entry | settle CU/entry\n");
    let mut total = 0;
    for n in [1, 10, 30, 60] {
        // The second time round, destinations exist and totals are there already.
        total += SOL / 100;
        let credits: Vec<_> = nodes[..n].iter().map(|node| (node.wallet, total)).collect();
        let credit = world.credit(&credits);
        assert_eq!(credit.event.credited, n as u64 * (SOL / 100));

        let settle = (n <= MAX_SETTLE_ENTRIES).then(|| {
            total += SOL;
            let entries: Vec<_> = nodes[..n].iter().map(|node| node.entry(total)).collect();
            let settle = world.settle(&entries);
            assert_eq!(settle.event.paid, n as u64 * (SOL + SOL / 100));
            settle.compute_units
        });
        let per_entry = |units: u64| format!("{} ({units})", units / n as u64);
        table += &format!(
            "{n:>7} | {:>15} | {:>15}\n",
            per_entry(credit.compute_units),
            settle.map_or("-".into(), per_entry),
        );
        // Nodes that were left out catch up, so that every n starts alike.
        for chunk in nodes.chunks(MAX_SETTLE_ENTRIES) {
            let entries: Vec<_> = chunk.iter().map(|node| node.entry(total)).collect();
            world.settle(&entries);
        }
    }
    println!("{table}");
}
