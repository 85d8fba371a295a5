//! The account of a lookup table.

use solana_address_lookup_table_interface::state::{
    AddressLookupTable, LOOKUP_TABLE_MAX_ADDRESSES, LOOKUP_TABLE_META_SIZE,
};
use solana_pubkey::Pubkey;
use solana_sdk_ids::address_lookup_table;

use crate::chain::Account;

/// The maximum number of addresses in a table.
pub const MAX_ADDRESSES: usize = LOOKUP_TABLE_MAX_ADDRESSES;

/// For how many slots after its last extension a table is not used. Leaders resolve tables in their root bank, which is 32
/// slots behind the block that they produce: a transaction that names a table earlier passes its simulation and is dropped.
pub const WARM_UP_SLOTS: u64 = 33;

/// After how many slots a deactivated table can be closed: as many as the `SlotHashes` sysvar has (Agave's `MAX_ENTRIES`),
/// and one more.
pub const COOL_DOWN_SLOTS: u64 = 513;

/// A lookup table, as read from the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The key that may change the table; `None` if it is frozen.
    pub authority: Option<Pubkey>,
    /// The slot in which it was deactivated.
    pub deactivated_in: Option<u64>,
    /// The slot in which it was last extended.
    pub extended_in: u64,
    /// Its addresses, in order.
    pub addresses: Vec<Pubkey>,
    /// The balance of the account in lamports: its rent, which closing it returns.
    pub lamports: u64,
}

impl Table {
    /// Decodes an account; `None` if it is not a lookup table.
    pub fn decode(account: &Account) -> Option<Self> {
        if account.owner != address_lookup_table::ID {
            return None;
        }
        let table = AddressLookupTable::deserialize(&account.data).ok()?;
        let deactivated = table.meta.deactivation_slot;
        Some(Self {
            authority: table.meta.authority,
            deactivated_in: (deactivated != u64::MAX).then_some(deactivated),
            extended_in: table.meta.last_extended_slot,
            addresses: table.addresses.into_owned(),
            lamports: account.lamports,
        })
    }

    /// Whether every leader has all of its addresses, as of the finalized slot `slot`.
    pub fn is_warm(&self, slot: u64) -> bool {
        slot >= self.extended_in.saturating_add(WARM_UP_SLOTS)
    }

    /// Whether it has been deactivated for so long that it can be closed, as of the finalized slot `slot`.
    pub fn is_cold(&self, slot: u64) -> bool {
        self.deactivated_in.is_some_and(|deactivated| slot >= deactivated.saturating_add(COOL_DOWN_SLOTS))
    }

    /// Why the table must not be used by the holder of `authority`, although it may exist; `None` if it may be.
    pub(super) fn fault(&self, authority: &Pubkey) -> Option<Fault> {
        if self.authority != Some(*authority) {
            return Some(Fault::OtherAuthority);
        }
        self.deactivated_in.map(|_| Fault::Deactivated)
    }
}

/// Why a table that the ledger knows is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no account at its address, or it is no table.
    #[error("it does not exist on the chain")]
    Missing,
    /// It belongs to another key.
    #[error("its authority is not the settler's key")]
    OtherAuthority,
    /// It was deactivated.
    #[error("it was deactivated, but not by 'williw-relay tables close'")]
    Deactivated,
    /// A position holds another address than the ledger has recorded.
    #[error("at position {0}, the chain has another address than the ledger")]
    OtherAddress(u8),
}

/// The size in bytes of the account of a table with `addresses` addresses.
pub(super) fn account_len(addresses: usize) -> u64 {
    (LOOKUP_TABLE_META_SIZE as u64).saturating_add((addresses as u64).saturating_mul(32))
}
