//! The number of entries that fit into one transaction. It is found by building transactions: a formula could drift
//! from the wire format.

use std::sync::OnceLock;

use settlement::client::{
    BatchHeader, RegisterNodeArgs, SPL_TOKEN_ID, SettleEntry, TokenAsset, credit_ix, register_node_ix, settle_ix,
    settle_tokens_ix,
};
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES, MAX_TOKEN_SETTLE_ENTRIES};
use settlement::state::AssetKind;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use super::{Budget, Format, Lookups};
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

/// Returns the maximum number of entries of a `kind` batch in one transaction of `format`, in a network that pays in `asset`.
///
/// No two entries share an account here, so every real batch with this many entries fits.
pub fn capacity(kind: BatchKind, asset: AssetKind, format: Format) -> usize {
    /// Building the transactions takes much longer than a plan does otherwise.
    static KNOWN: [OnceLock<usize>; 8] = [const { OnceLock::new() }; 8];

    let shape = Shape::of(kind, asset);
    let format_index = match format {
        Format::V0 => 0,
        Format::V1 => 4,
    };
    let lookups = Lookups::default();
    match KNOWN.get(shape as usize + format_index) {
        Some(known) => *known.get_or_init(|| largest_fitting(shape, format, &lookups)),
        None => largest_fitting(shape, format, &lookups),
    }
}

/// Returns the maximum number of entries of a `kind` batch in one v0 transaction, if the wallets and destinations of all of
/// them are in lookup tables.
///
/// Real batches can hold fewer: each further table and each account that is in none takes bytes.
pub fn capacity_with_lookup_tables(kind: BatchKind, asset: AssetKind) -> usize {
    static KNOWN: [OnceLock<usize>; 4] = [const { OnceLock::new() }; 4];

    let shape = Shape::of(kind, asset);
    if shape == Shape::Register {
        // The accounts of new nodes are in no table.
        return capacity(kind, asset, Format::V0);
    }
    let measure = || {
        let mut lookups = Lookups::default();
        for role in [WALLET, DESTINATION] {
            for (index, position) in (0..MAX_CREDIT_ENTRIES).zip(0_u8..) {
                lookups.add(sample_address(role, index), sample_address(role, usize::MAX), position);
            }
        }
        largest_fitting(shape, Format::V0, &lookups)
    };
    match KNOWN.get(shape as usize) {
        Some(known) => *known.get_or_init(measure),
        None => measure(),
    }
}

/// Which accounts a batch names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Register = 0,
    Credit = 1,
    Settle = 2,
    /// The treasury's token account, the mint and the token program in addition, which is the same for both token programs.
    SettleTokens = 3,
}

impl Shape {
    fn of(kind: BatchKind, asset: AssetKind) -> Self {
        match (kind, asset) {
            (BatchKind::Register, _) => Self::Register,
            (BatchKind::Credit, _) => Self::Credit,
            (BatchKind::Settle, AssetKind::Sol) => Self::Settle,
            (BatchKind::Settle, AssetKind::SplToken | AssetKind::Token2022) => Self::SettleTokens,
        }
    }
}

fn largest_fitting(shape: Shape, format: Format, lookups: &Lookups) -> usize {
    let max_entries = match shape {
        Shape::Credit => MAX_CREDIT_ENTRIES,
        Shape::Settle => MAX_SETTLE_ENTRIES,
        Shape::SettleTokens => MAX_TOKEN_SETTLE_ENTRIES,
        Shape::Register => MAX_REGISTRATIONS,
    };
    let fits = |count: usize| {
        let budget = Budget { compute_unit_price: 1, ..Budget::WIDEST };
        let batch = sample_batch(shape, count);
        match format {
            Format::V0 => lookups.build(&PAYER, &batch, &budget, Hash::default()).is_ok(),
            Format::V1 => format.build(&PAYER, &batch, &budget, Hash::default()).is_ok(),
        }
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

/// The role of a wallet in a [`sample_address`].
const WALLET: u8 = 3;

/// The role of a destination.
const DESTINATION: u8 = 4;

fn sample_address(role: u8, index: usize) -> Pubkey {
    let mut bytes = [role; 32];
    for (byte, value) in bytes.iter_mut().zip((index as u64).to_le_bytes()) {
        *byte = value;
    }
    Pubkey::new_from_array(bytes)
}

/// Builds a batch of `count` entries in which no two entries share an account.
fn sample_batch(shape: Shape, count: usize) -> Vec<Instruction> {
    let address = sample_address;
    let network = address(2, 0);
    let header = BatchHeader { batch_id: 0, records_root: [0; 32] };
    let settle_entries = || -> Vec<_> {
        (0..count)
            .map(|index| SettleEntry {
                wallet: address(WALLET, index),
                destination: address(DESTINATION, index),
                target: 0,
            })
            .collect()
    };
    match shape {
        Shape::Credit => {
            let entries: Vec<_> = (0..count).map(|index| (address(WALLET, index), 0)).collect();
            vec![credit_ix(PAYER, network, header, &entries)]
        }
        Shape::Settle => vec![settle_ix(PAYER, network, header, &settle_entries())],
        Shape::SettleTokens => {
            let mint = TokenAsset { mint: address(5, 0), token_program: SPL_TOKEN_ID };
            vec![settle_tokens_ix(PAYER, network, &mint, header, &settle_entries())]
        }
        Shape::Register => (0..count)
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
    fn a_v1_transaction_fits_what_its_account_locks_allow_and_a_v0_transaction_what_its_bytes_allow() {
        let of = |kind, asset| [Format::V1, Format::V0].map(|format| capacity(kind, asset, format));
        for asset in [AssetKind::Sol, AssetKind::SplToken, AssetKind::Token2022] {
            assert_eq!(of(BatchKind::Register, asset), [21, 7]);
            assert_eq!(of(BatchKind::Credit, asset), [60, 21]);
        }
        assert_eq!(of(BatchKind::Settle, AssetKind::Sol), [30, 11]);
        for asset in [AssetKind::SplToken, AssetKind::Token2022] {
            assert_eq!(of(BatchKind::Settle, asset), [28, 10]);
        }
    }

    #[test]
    fn with_lookup_tables_a_v0_transaction_fits_what_its_account_locks_allow() {
        assert_eq!(capacity_with_lookup_tables(BatchKind::Credit, AssetKind::Sol), 59);
        assert_eq!(capacity_with_lookup_tables(BatchKind::Settle, AssetKind::Sol), 29);
        assert_eq!(capacity_with_lookup_tables(BatchKind::Settle, AssetKind::Token2022), 28);
        assert_eq!(capacity_with_lookup_tables(BatchKind::Register, AssetKind::Sol), 7);
    }
}
