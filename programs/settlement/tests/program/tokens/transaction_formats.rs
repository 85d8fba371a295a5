//! The largest token batches of v0 transactions. Those of v1 are tested in
//! [`lifecycle`](super::lifecycle).

use settlement::client::{payout_tokens_ix, settle_tokens_ix};
use settlement::events::PaidOut;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::Instruction;
use solana_message::{AddressLookupTableAccount, VersionedMessage, v0};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

use super::HEADER;
use crate::common::{Payee, SOL, TOKEN, TokenFixture, TokenProgram, wire_size};

/// The maximum size of a v0 transaction in bytes.
const MAX_V0_BYTES: usize = 1_232;
/// The maximum number of account locks of a transaction.
const MAX_LOCKS: usize = 64;
/// The compute unit limit. The SPL Token that p-token replaced needs more than the default.
const COMPUTE_UNITS: u32 = 300_000;

/// The number of payees: more than any of these transactions holds.
const PAYEES: usize = 30;

fn settle(fixture: &TokenFixture, payees: &[Payee]) -> Instruction {
    let entries: Vec<_> = payees.iter().map(|payee| payee.entry(TOKEN)).collect();
    settle_tokens_ix(fixture.settler.pubkey(), fixture.network, &fixture.asset, HEADER, &entries)
}

fn payout(fixture: &TokenFixture, payees: &[Payee]) -> Instruction {
    let pairs: Vec<_> = payees.iter().map(Payee::payout_entry).collect();
    payout_tokens_ix(fixture.network, &fixture.asset, &pairs)
}

/// A transaction with this instruction whose fee the settler pays.
fn message(fixture: &TokenFixture, ix: Instruction, tables: &[AddressLookupTableAccount]) -> VersionedMessage {
    let instructions = [ComputeBudgetInstruction::set_compute_unit_limit(COMPUTE_UNITS), ix];
    let blockhash = fixture.svm.latest_blockhash();
    VersionedMessage::V0(
        v0::Message::try_compile(&fixture.settler.pubkey(), &instructions, tables, blockhash)
            .expect("the message compiles"),
    )
}

/// Whether the message is within the limits on size and locks.
fn fits(fixture: &TokenFixture, message: &VersionedMessage) -> bool {
    let looked_up =
        |lookup: &v0::MessageAddressTableLookup| lookup.writable_indexes.len() + lookup.readonly_indexes.len();
    let tables = message.address_table_lookups().unwrap_or_default();
    let locks = message.static_account_keys().len() + tables.iter().map(looked_up).sum::<usize>();
    let signed = VersionedTransaction::try_new(message.clone(), &[&fixture.settler]).expect("the settler signs");
    wire_size(&signed) <= MAX_V0_BYTES && locks <= MAX_LOCKS
}

/// Whether a transaction uses an address lookup table.
#[derive(Clone, Copy)]
enum LookupTable {
    Used,
    Unused,
}

/// Asserts that a transaction holds exactly this many entries of a `settle` and of a `payout`, with
/// each token program.
fn assert_capacity(lookup_table: LookupTable, settled: usize, paid_out: usize) {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let settler = fixture.settler.insecure_clone();
        fixture.airdrop(&settler.pubkey(), SOL);
        let payees = fixture.register_payees(PAYEES);
        // Signers and called programs can't be looked up.
        let static_keys = [settler.pubkey(), settlement::ID];
        let keys = settle(&fixture, &payees).accounts.into_iter().map(|meta| meta.pubkey);
        let keys: Vec<_> = keys.filter(|key| !static_keys.contains(key)).collect();
        let tables = match lookup_table {
            LookupTable::Used => vec![fixture.create_lookup_table(&keys)],
            LookupTable::Unused => vec![],
        };

        let full = message(&fixture, settle(&fixture, &payees[..settled]), &tables);
        let one_more = message(&fixture, settle(&fixture, &payees[..=settled]), &tables);
        assert!(fits(&fixture, &full) && !fits(&fixture, &one_more));
        let meta = fixture.send_message(full, &[&settler], MAX_V0_BYTES).expect("the batch is applied");
        let event = fixture.batch_event(&meta);
        assert_eq!((event.n as usize, event.paid, event.reasons), (settled, settled as u64 * TOKEN, vec![]));

        let credits: Vec<_> = payees.iter().map(|payee| (payee.node.wallet, 2 * TOKEN)).collect();
        fixture.credit(&credits);
        let full = message(&fixture, payout(&fixture, &payees[..paid_out]), &tables);
        let one_more = message(&fixture, payout(&fixture, &payees[..=paid_out]), &tables);
        assert!(fits(&fixture, &full) && !fits(&fixture, &one_more));
        let meta = fixture.send_message(full, &[&settler], MAX_V0_BYTES).expect("the payout is applied");
        let event = fixture.event(&meta, PaidOut::decode_cpi);
        assert_eq!((event.n as usize, event.skips), (paid_out, 0));
        for payee in &payees[..paid_out] {
            assert_eq!(fixture.token_balance(&payee.account), 2 * TOKEN);
        }
    }
}

#[test]
fn a_v0_transaction_is_full_at_its_size_limit() {
    assert_capacity(LookupTable::Unused, 10, 12);
}

#[test]
fn a_v0_transaction_with_a_lookup_table_is_full_at_the_lock_limit() {
    assert_capacity(LookupTable::Used, 28, 27);
}
