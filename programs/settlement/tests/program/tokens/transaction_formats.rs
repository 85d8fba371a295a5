//! How many one transaction of the formats before v1 pays in tokens. What v1 holds is tried in
//! [`path`](super::path).

use settlement::client::{payout_tokens_ix, settle_tokens_ix};
use settlement::events::{BatchSettled, PaidOut};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::Instruction;
use solana_message::{AddressLookupTableAccount, VersionedMessage, v0};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

use super::HEADER;
use crate::common::{Payee, SOL, TOKEN, TokenFixture, TokenProgram, wire_size};

/// Bytes of a v0 transaction on the wire.
const MAX_V0_BYTES: usize = 1_232;
/// Account locks that one transaction may take.
const MAX_LOCKS: usize = 64;
/// Compute units that a batch is allowed here: the SPL Token before p-token takes more than a
/// transaction gets unasked.
const COMPUTE_UNITS: u32 = 300_000;

/// More than any of these transactions holds.
const PAYEES: usize = 30;

fn settle(fixture: &TokenFixture, payees: &[Payee]) -> Instruction {
    let entries: Vec<_> = payees.iter().map(|payee| payee.entry(TOKEN)).collect();
    settle_tokens_ix(fixture.settler.pubkey(), fixture.network, &fixture.asset, HEADER, &entries)
}

fn payout(fixture: &TokenFixture, payees: &[Payee]) -> Instruction {
    let pairs: Vec<_> = payees.iter().map(Payee::payout_entry).collect();
    payout_tokens_ix(fixture.network, &fixture.asset, &pairs)
}

/// The settler's transaction of this instruction.
fn message(fixture: &TokenFixture, ix: Instruction, tables: &[AddressLookupTableAccount]) -> VersionedMessage {
    let instructions = [ComputeBudgetInstruction::set_compute_unit_limit(COMPUTE_UNITS), ix];
    let blockhash = fixture.svm.latest_blockhash();
    VersionedMessage::V0(
        v0::Message::try_compile(&fixture.settler.pubkey(), &instructions, tables, blockhash)
            .expect("the message compiles"),
    )
}

/// Whether the message goes over the wire and takes no more locks than it may.
fn fits(fixture: &TokenFixture, message: &VersionedMessage) -> bool {
    let looked_up =
        |lookup: &v0::MessageAddressTableLookup| lookup.writable_indexes.len() + lookup.readonly_indexes.len();
    let tables = message.address_table_lookups().unwrap_or_default();
    let locks = message.static_account_keys().len() + tables.iter().map(looked_up).sum::<usize>();
    let signed = VersionedTransaction::try_new(message.clone(), &[&fixture.settler]).expect("the settler signs");
    wire_size(&signed) <= MAX_V0_BYTES && locks <= MAX_LOCKS
}

/// Settles and pays out as many as fit, which are so many, with each token program.
fn try_fullest(with_table: bool, settled: usize, paid_out: usize) {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let settler = fixture.settler.insecure_clone();
        fixture.airdrop(&settler.pubkey(), SOL);
        let payees = fixture.register_payees(PAYEES);
        // All but what signs or is called.
        let fixed = [settler.pubkey(), settlement::ID];
        let keys = settle(&fixture, &payees).accounts.into_iter().map(|meta| meta.pubkey);
        let keys: Vec<_> = keys.filter(|key| !fixed.contains(key)).collect();
        let tables = if with_table { vec![fixture.create_lookup_table(&keys)] } else { vec![] };

        let full = message(&fixture, settle(&fixture, &payees[..settled]), &tables);
        let one_more = message(&fixture, settle(&fixture, &payees[..=settled]), &tables);
        assert!(fits(&fixture, &full) && !fits(&fixture, &one_more));
        let meta = fixture.send_message(full, &[&settler], MAX_V0_BYTES).expect("settled");
        let event = fixture.event(&meta, BatchSettled::decode_cpi);
        assert_eq!((event.n as usize, event.paid, event.reasons), (settled, settled as u64 * TOKEN, vec![]));

        let credits: Vec<_> = payees.iter().map(|payee| (payee.node.wallet, 2 * TOKEN)).collect();
        fixture.credit(&credits);
        let full = message(&fixture, payout(&fixture, &payees[..paid_out]), &tables);
        let one_more = message(&fixture, payout(&fixture, &payees[..=paid_out]), &tables);
        assert!(fits(&fixture, &full) && !fits(&fixture, &one_more));
        let meta = fixture.send_message(full, &[&settler], MAX_V0_BYTES).expect("paid out");
        let event = fixture.event(&meta, PaidOut::decode_cpi);
        assert_eq!((event.n as usize, event.skips), (paid_out, 0));
        for payee in &payees[..paid_out] {
            assert_eq!(fixture.token_balance(&payee.account), 2 * TOKEN);
        }
    }
}

#[test]
fn a_v0_transaction_is_full_at_its_size_limit() {
    try_fullest(false, 10, 12);
}

#[test]
fn a_v0_transaction_with_a_lookup_table_is_full_at_the_lock_limit() {
    try_fullest(true, 28, 28);
}
