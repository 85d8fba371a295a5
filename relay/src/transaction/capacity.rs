//! The number of entries that fit into one transaction. It is found by building transactions: a formula could drift
//! from the wire format.

use std::sync::OnceLock;

use settlement::client::{BatchHeader, RegisterNodeArgs, SettleEntry, credit_ix, register_node_ix, settle_ix};
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES};
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use super::{Budget, Format};
use crate::types::text_enum;

text_enum! {
    /// What a batch does.
    pub enum BatchKind: "batch kind" {
        /// Creates wallet accounts.
        Register = "register",
        /// Credits wallet accounts.
        Credit = "credit",
        /// Credits wallet accounts and pays them out.
        Settle = "settle",
    }
}

/// Returns the maximum number of entries of a `kind` batch in one transaction of `format`.
///
/// No two entries share an account here, so every real batch with this many entries fits.
pub fn capacity(kind: BatchKind, format: Format) -> usize {
    /// Building the transactions takes much longer than a plan does otherwise.
    static KNOWN: [OnceLock<usize>; BatchKind::ALL.len() * 2] = [const { OnceLock::new() }; BatchKind::ALL.len() * 2];

    let kind_index = match kind {
        BatchKind::Register => 0,
        BatchKind::Credit => 1,
        BatchKind::Settle => 2,
    };
    let format_index = match format {
        Format::V0 => 0,
        Format::V1 => 1,
    };
    match KNOWN.get(kind_index * 2 + format_index) {
        Some(known) => *known.get_or_init(|| largest_fitting(kind, format)),
        None => largest_fitting(kind, format),
    }
}

fn largest_fitting(kind: BatchKind, format: Format) -> usize {
    let max_entries = match kind {
        BatchKind::Credit => MAX_CREDIT_ENTRIES,
        BatchKind::Settle => MAX_SETTLE_ENTRIES,
        BatchKind::Register => MAX_REGISTRATIONS,
    };
    let fits = |count: usize| {
        let budget = Budget { compute_unit_price: 1, ..Budget::WIDEST };
        format.build(&PAYER, &sample_batch(kind, count), &budget, Hash::default()).is_ok()
    };
    (1..=max_entries).rev().find(|count| fits(*count)).unwrap_or(0)
}

/// The maximum number of registrations in one transaction: as many as fit into the runtime's instruction trace. Their
/// compute units (about 10,000 each) and bytes stay below the limits.
const MAX_REGISTRATIONS: usize = INSTRUCTION_TRACE_LENGTH / INSTRUCTIONS_PER_REGISTRATION;

/// The maximum number of instructions that one transaction may execute, inner instructions included (Agave's
/// `MAX_INSTRUCTION_TRACE_LENGTH`).
const INSTRUCTION_TRACE_LENGTH: usize = 64;

/// `register_node` itself, the System program instruction that creates the account, and the event.
const INSTRUCTIONS_PER_REGISTRATION: usize = 3;

const PAYER: Pubkey = Pubkey::new_from_array([1; 32]);

/// Builds a batch of `count` entries in which no two entries share an account.
fn sample_batch(kind: BatchKind, count: usize) -> Vec<Instruction> {
    let address = |role: u8, index: usize| {
        let mut bytes = [role; 32];
        for (byte, value) in bytes.iter_mut().zip((index as u64).to_le_bytes()) {
            *byte = value;
        }
        Pubkey::new_from_array(bytes)
    };
    let network = address(2, 0);
    let header = BatchHeader { batch_id: 0, records_root: [0; 32] };
    match kind {
        BatchKind::Credit => {
            let entries: Vec<_> = (0..count).map(|index| (address(3, index), 0)).collect();
            vec![credit_ix(PAYER, network, header, &entries)]
        }
        BatchKind::Settle => {
            let entries: Vec<_> = (0..count)
                .map(|index| SettleEntry { wallet: address(3, index), destination: address(4, index), target: 0 })
                .collect();
            vec![settle_ix(PAYER, network, header, &entries)]
        }
        BatchKind::Register => (0..count)
            .map(|index| {
                let node_id = address(3, index).to_bytes();
                let args = RegisterNodeArgs { node_id, owner: address(4, index), destination: None, threshold: None };
                register_node_ix(PAYER, PAYER, network, args)
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_v1_transaction_fits_sixty_credits_and_thirty_payouts() {
        assert_eq!(capacity(BatchKind::Credit, Format::V1), 60);
        assert_eq!(capacity(BatchKind::Settle, Format::V1), 30);
    }

    #[test]
    fn a_v0_transaction_fits_fewer_entries_of_each_kind() {
        for kind in [BatchKind::Register, BatchKind::Credit, BatchKind::Settle] {
            let (v0, v1) = (capacity(kind, Format::V0), capacity(kind, Format::V1));
            assert!(0 < v0 && v0 < v1, "{kind}: {v0} in v0, {v1} in v1");
        }
    }
}
