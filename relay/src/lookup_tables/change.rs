//! Transactions that change a lookup table.

use solana_address_lookup_table_interface::instruction::{
    close_lookup_table, create_lookup_table, deactivate_lookup_table, extend_lookup_table,
};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use super::store::RecordedTable;
use crate::types::text_enum;

text_enum! {
    /// What the ledger knows about a table.
    pub enum TableState: "lookup table state" {
        /// A transaction that creates it was signed.
        Opening = "opening",
        /// It is in use.
        Open = "open",
        /// The chain has another content than the ledger: it is not used.
        Rejected = "rejected",
        /// It is no longer used, and was deactivated or is about to be.
        Closing = "closing",
        /// It was closed.
        Closed = "closed",
    }
}

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// Creates a table and writes its first addresses.
    Create,
    /// Writes further addresses.
    Extend,
    /// Begins closing a table.
    Deactivate,
    /// Closes a table and returns its rent.
    Close,
}

/// A transaction that changes a table, to be recorded, sent and concluded before the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it does.
    pub kind: ChangeKind,
    /// The table.
    pub table: Pubkey,
    /// What the transaction executes, signed and paid for by the table's authority.
    pub instructions: Vec<Instruction>,
    /// The rent in lamports that it locks, or returns if it closes the table.
    pub rent_lamports: u64,
    /// The addresses that it writes.
    pub addresses: Vec<Pubkey>,
    /// The state of the table in the ledger before; [`TableState::Opening`] if it is not there yet.
    pub(super) state: TableState,
    /// The number of the table's addresses in the ledger before, and thus the position of the first of `addresses`.
    pub(super) address_count: usize,
}

impl Change {
    /// Writes `addresses` to a new table, whose address follows from `recent_slot`.
    pub(super) fn create(authority: Pubkey, recent_slot: u64, addresses: Vec<Pubkey>, rent_lamports: u64) -> Self {
        let (create, table) = create_lookup_table(authority, authority, recent_slot);
        let extend = extend_lookup_table(table, authority, Some(authority), addresses.clone());
        Self {
            kind: ChangeKind::Create,
            table,
            instructions: vec![create, extend],
            rent_lamports,
            addresses,
            state: TableState::Opening,
            address_count: 0,
        }
    }

    /// Writes `addresses` to a table in use.
    pub(super) fn extend(authority: Pubkey, table: &RecordedTable, addresses: Vec<Pubkey>, rent_lamports: u64) -> Self {
        let instruction = extend_lookup_table(table.address, authority, Some(authority), addresses.clone());
        Self { addresses, ..Self::of(ChangeKind::Extend, table, instruction, rent_lamports) }
    }

    /// Deactivates a table.
    pub(super) fn deactivate(authority: Pubkey, table: &RecordedTable) -> Self {
        Self::of(ChangeKind::Deactivate, table, deactivate_lookup_table(table.address, authority), 0)
    }

    /// Closes a table that was deactivated, and returns its rent to the authority.
    pub(super) fn close(authority: Pubkey, table: &RecordedTable, rent_lamports: u64) -> Self {
        let instruction = close_lookup_table(table.address, authority, authority);
        Self::of(ChangeKind::Close, table, instruction, rent_lamports)
    }

    fn of(kind: ChangeKind, table: &RecordedTable, instruction: Instruction, rent_lamports: u64) -> Self {
        Self {
            kind,
            table: table.address,
            instructions: vec![instruction],
            rent_lamports,
            addresses: Vec::new(),
            state: table.state,
            address_count: table.address_count,
        }
    }
}
