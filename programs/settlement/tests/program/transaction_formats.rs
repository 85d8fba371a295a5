//! The largest batch of every transaction format.
//!
//! A transaction can lock 64 accounts. A v1 transaction has at most 4,096 bytes, a v0 transaction
//! 1,232. v1 has its compute budget in its header, v0 in instructions whose program takes a lock.

use anchor_lang::prelude::Pubkey;
use settlement::client::{credit_ix, payout_ix, settle_ix};
use settlement::events::PaidOut;
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_message::v1::{MAX_TRANSACTION_SIZE, TransactionConfig};
use solana_message::{AddressLookupTableAccount, VersionedMessage, v0, v1};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

use crate::common::{Node, ProgramFixture, SOL, header, wire_size};

/// The maximum number of account locks of a transaction.
const MAX_LOCKS: usize = 64;
/// The maximum size of a v0 transaction in bytes.
const MAX_V0_BYTES: usize = 1_232;
/// The compute unit limit; a batch uses far less.
const COMPUTE_UNITS: u32 = 200_000;
/// The limit on loaded account data in bytes, which includes the program.
const LOADED_ACCOUNTS_BYTES: u32 = 4 << 20;

#[derive(Clone, Copy, Debug)]
enum BatchKind {
    Credit,
    Settle,
    Payout,
}

#[derive(Clone, Copy, Debug)]
enum Format<'a> {
    V1,
    V0,
    /// With a lookup table of all addresses that can be looked up.
    V0WithTable(&'a AddressLookupTableAccount),
    /// With a lookup table but without a compute budget, which leaves a lock for one more account.
    V0WithTableAndNoBudget(&'a AddressLookupTableAccount),
}

impl Format<'_> {
    /// A batch in a transaction whose fee the settler pays, with every budget setting of the format.
    fn message(self, ix: Instruction, payer: &Pubkey, blockhash: Hash) -> VersionedMessage {
        let budget = [
            ComputeBudgetInstruction::set_compute_unit_limit(COMPUTE_UNITS),
            ComputeBudgetInstruction::set_compute_unit_price(1),
            ComputeBudgetInstruction::set_loaded_accounts_data_size_limit(LOADED_ACCOUNTS_BYTES),
        ];
        let v0 = |instructions: &[Instruction], tables: &[AddressLookupTableAccount]| {
            let message = v0::Message::try_compile(payer, instructions, tables, blockhash);
            VersionedMessage::V0(message.expect("the message compiles"))
        };
        let budgeted = [&budget[..], std::slice::from_ref(&ix)].concat();
        match self {
            Self::V1 => {
                let config = TransactionConfig::empty()
                    .with_priority_fee(1)
                    .with_compute_unit_limit(COMPUTE_UNITS)
                    .with_loaded_accounts_data_size_limit(LOADED_ACCOUNTS_BYTES);
                let message = v1::Message::try_compile_with_config(payer, &[ix], blockhash, config);
                VersionedMessage::V1(message.expect("the message compiles"))
            }
            Self::V0 => v0(&budgeted, &[]),
            Self::V0WithTable(table) => v0(&budgeted, std::slice::from_ref(table)),
            Self::V0WithTableAndNoBudget(table) => v0(&[ix], std::slice::from_ref(table)),
        }
    }

    fn max_bytes(self) -> usize {
        match self {
            Self::V1 => MAX_TRANSACTION_SIZE,
            _ => MAX_V0_BYTES,
        }
    }
}

/// The number of account locks of a message.
fn locks(message: &VersionedMessage) -> usize {
    let looked_up =
        |lookup: &v0::MessageAddressTableLookup| lookup.writable_indexes.len() + lookup.readonly_indexes.len();
    let tables = message.address_table_lookups().unwrap_or_default();
    message.static_account_keys().len() + tables.iter().map(looked_up).sum::<usize>()
}

fn ix(fixture: &ProgramFixture, kind: BatchKind, nodes: &[Node]) -> Instruction {
    let settler = fixture.settler.pubkey();
    match kind {
        BatchKind::Credit => {
            let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, SOL)).collect();
            credit_ix(settler, fixture.network, header(2), &entries)
        }
        BatchKind::Settle => {
            let entries: Vec<_> = nodes.iter().map(|node| node.entry(SOL)).collect();
            settle_ix(settler, fixture.network, header(2), &entries)
        }
        BatchKind::Payout => {
            let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, node.destination)).collect();
            payout_ix(fixture.network, &entries)
        }
    }
}

/// A fixture with one node more than any batch holds. For payouts, each node has 1 SOL due.
fn fixture(kind: BatchKind) -> (ProgramFixture, Vec<Node>) {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(MAX_CREDIT_ENTRIES + 1);
    if let BatchKind::Payout = kind {
        for chunk in nodes.chunks(MAX_SETTLE_ENTRIES) {
            let entries: Vec<_> = chunk.iter().map(|node| (node.wallet, SOL)).collect();
            fixture.credit(&entries);
        }
    }
    fixture.airdrop(&fixture.settler.pubkey(), SOL);
    (fixture, nodes)
}

/// Sends a batch of `max_entries` entries and checks that all of them are applied, and that the format has
/// no room for one more.
fn assert_capacity(fixture: &mut ProgramFixture, nodes: &[Node], kind: BatchKind, format: Format, max_entries: usize) {
    let settler = fixture.settler.insecure_clone();
    let blockhash = fixture.svm.latest_blockhash();
    let of = |fixture: &ProgramFixture, n: usize| {
        format.message(ix(fixture, kind, &nodes[..n]), &settler.pubkey(), blockhash)
    };
    let size = |message: &VersionedMessage| {
        let signed = VersionedTransaction::try_new(message.clone(), &[&settler]).expect("the settler signs");
        (wire_size(&signed), locks(message))
    };
    let (bytes, locks) = size(&of(fixture, max_entries));
    let (bytes_above, locks_above) = size(&of(fixture, max_entries + 1));
    println!(
        "{kind:?} {max_entries}: {bytes} bytes, {locks} locks; one more: {bytes_above} bytes, {locks_above} locks"
    );
    assert!(bytes <= format.max_bytes() && locks <= MAX_LOCKS, "{bytes} bytes, {locks} locks");
    assert!(bytes_above > format.max_bytes() || locks_above > MAX_LOCKS, "the format has room for another entry");

    let message = of(fixture, max_entries);
    let meta = fixture
        .send_message(message, &[&settler], format.max_bytes())
        .unwrap_or_else(|failed| panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()));

    let sum = max_entries as u64 * SOL;
    let paid = if let BatchKind::Payout = kind {
        let event = fixture.event(&meta, PaidOut::decode_cpi);
        assert_eq!((event.n as usize, event.paid, event.skips), (max_entries, sum, 0));
        SOL
    } else {
        let event = fixture.batch_event(&meta);
        let paid = if let BatchKind::Settle = kind { SOL } else { 0 };
        assert_eq!((event.n as usize, event.credited, event.paid), (max_entries, sum, paid * max_entries as u64));
        assert_eq!((event.credit_skips, event.payout_skips), (0, 0));
        paid
    };
    for node in &nodes[..max_entries] {
        let wallet = fixture.wallet_state(node);
        assert_eq!((wallet.credited_total, wallet.paid_total), (SOL, paid));
        assert_eq!(fixture.lamports(&node.destination), paid);
        assert_eq!(fixture.wallet_lamports(node), SOL - paid);
    }
}

#[test]
fn a_v1_transaction_holds_sixty_credits_thirty_settles_or_twenty_nine_payouts() {
    let cases = [
        (BatchKind::Credit, MAX_CREDIT_ENTRIES),
        (BatchKind::Settle, MAX_SETTLE_ENTRIES),
        (BatchKind::Payout, MAX_SETTLE_ENTRIES - 1),
    ];
    for (kind, max_entries) in cases {
        let (mut fixture, nodes) = fixture(kind);
        assert_capacity(&mut fixture, &nodes, kind, Format::V1, max_entries);
    }
}

#[test]
fn a_v0_transaction_is_full_at_its_size_limit() {
    for (kind, max_entries) in [(BatchKind::Credit, 21), (BatchKind::Settle, 11), (BatchKind::Payout, 13)] {
        let (mut fixture, nodes) = fixture(kind);
        assert_capacity(&mut fixture, &nodes, kind, Format::V0, max_entries);
    }
}

#[test]
fn a_v0_transaction_with_a_lookup_table_is_full_at_the_lock_limit() {
    for (kind, max_entries) in [(BatchKind::Credit, 59), (BatchKind::Settle, 29), (BatchKind::Payout, 29)] {
        let (mut fixture, nodes) = fixture(kind);
        let table = fixture.create_lookup_table(&lookup_addresses(&fixture, kind, &nodes));
        assert_capacity(&mut fixture, &nodes, kind, Format::V0WithTable(&table), max_entries);
    }
    for (kind, max_entries) in [(BatchKind::Credit, 60), (BatchKind::Settle, 30), (BatchKind::Payout, 29)] {
        let (mut fixture, nodes) = fixture(kind);
        let table = fixture.create_lookup_table(&lookup_addresses(&fixture, kind, &nodes));
        assert_capacity(&mut fixture, &nodes, kind, Format::V0WithTableAndNoBudget(&table), max_entries);
    }
}

/// All addresses that a batch of these nodes can look up: not those of signers and called programs.
fn lookup_addresses(fixture: &ProgramFixture, kind: BatchKind, nodes: &[Node]) -> Vec<Pubkey> {
    let fixed = [fixture.settler.pubkey(), settlement::ID];
    let keys = ix(fixture, kind, nodes).accounts.into_iter().map(|meta| meta.pubkey);
    keys.filter(|key| !fixed.contains(key)).collect()
}
