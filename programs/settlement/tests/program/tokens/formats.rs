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
use crate::common::{Payee, SOL, TOKEN, TokenProgram, TokenWorld, wire_size};

/// Bytes of a v0 transaction on the wire.
const MAX_V0_BYTES: usize = 1_232;
/// Account locks that one transaction may take.
const MAX_LOCKS: usize = 64;
/// Compute units that a batch is allowed here: the SPL Token before p-token takes more than a
/// transaction gets unasked.
const COMPUTE_UNITS: u32 = 300_000;

/// More than any of these transactions holds.
const PAYEES: usize = 30;

fn settle(world: &TokenWorld, payees: &[Payee]) -> Instruction {
    let entries: Vec<_> = payees.iter().map(|payee| payee.entry(TOKEN)).collect();
    settle_tokens_ix(world.settler.pubkey(), world.network, &world.asset, HEADER, &entries)
}

fn payout(world: &TokenWorld, payees: &[Payee]) -> Instruction {
    let pairs: Vec<_> = payees.iter().map(Payee::pair).collect();
    payout_tokens_ix(world.network, &world.asset, &pairs)
}

/// The settler's transaction of this instruction.
fn message(world: &TokenWorld, ix: Instruction, tables: &[AddressLookupTableAccount]) -> VersionedMessage {
    let instructions = [ComputeBudgetInstruction::set_compute_unit_limit(COMPUTE_UNITS), ix];
    let blockhash = world.svm.latest_blockhash();
    VersionedMessage::V0(
        v0::Message::try_compile(&world.settler.pubkey(), &instructions, tables, blockhash)
            .expect("the message compiles"),
    )
}

/// Whether the message goes over the wire and takes no more locks than it may.
fn fits(world: &TokenWorld, message: &VersionedMessage) -> bool {
    let looked_up =
        |lookup: &v0::MessageAddressTableLookup| lookup.writable_indexes.len() + lookup.readonly_indexes.len();
    let tables = message.address_table_lookups().unwrap_or_default();
    let locks = message.static_account_keys().len() + tables.iter().map(looked_up).sum::<usize>();
    let signed = VersionedTransaction::try_new(message.clone(), &[&world.settler]).expect("the settler signs");
    wire_size(&signed) <= MAX_V0_BYTES && locks <= MAX_LOCKS
}

/// Settles and pays out as many as fit, which are so many, with each token program.
fn try_fullest(with_table: bool, settled: usize, paid_out: usize) {
    for program in TokenProgram::ALL {
        let mut world = TokenWorld::new(program);
        let settler = world.settler.insecure_clone();
        world.give(&settler.pubkey(), SOL);
        let payees = world.payees(PAYEES);
        // All but what signs or is called.
        let fixed = [settler.pubkey(), settlement::ID];
        let keys = settle(&world, &payees).accounts.into_iter().map(|meta| meta.pubkey);
        let keys: Vec<_> = keys.filter(|key| !fixed.contains(key)).collect();
        let tables = if with_table { vec![world.table(&keys)] } else { vec![] };

        let full = message(&world, settle(&world, &payees[..settled]), &tables);
        let one_more = message(&world, settle(&world, &payees[..=settled]), &tables);
        assert!(fits(&world, &full) && !fits(&world, &one_more));
        let meta = world.send_message(full, &[&settler], MAX_V0_BYTES).expect("settled");
        let event = world.event(&meta, BatchSettled::decode_cpi);
        assert_eq!((event.n as usize, event.paid, event.reasons), (settled, settled as u64 * TOKEN, vec![]));

        let credits: Vec<_> = payees.iter().map(|payee| (payee.node.wallet, 2 * TOKEN)).collect();
        world.credit(&credits);
        let full = message(&world, payout(&world, &payees[..paid_out]), &tables);
        let one_more = message(&world, payout(&world, &payees[..=paid_out]), &tables);
        assert!(fits(&world, &full) && !fits(&world, &one_more));
        let meta = world.send_message(full, &[&settler], MAX_V0_BYTES).expect("paid out");
        let event = world.event(&meta, PaidOut::decode_cpi);
        assert_eq!((event.n as usize, event.skips), (paid_out, 0));
        for payee in &payees[..paid_out] {
            assert_eq!(world.tokens(&payee.account), 2 * TOKEN);
        }
    }
}

#[test]
fn a_v0_transaction_pays_as_many_as_the_wire_allows() {
    try_fullest(false, 10, 12);
}

#[test]
fn a_v0_transaction_with_a_lookup_table_pays_as_many_as_there_are_locks() {
    try_fullest(true, 28, 28);
}
