//! The account data that a settle batch loads. A batch of destinations with much data could not be loaded at all.

use std::collections::BTreeSet;

use settlement::state::{Network, NodeWallet, Treasury};
use solana_pubkey::Pubkey;

use super::{DESTINATION_GROWTH_BYTES, MAX_LOADED_ACCOUNTS_DATA_BYTES};

/// What an account counts for beside its data (SIMD-0186).
const ACCOUNT_BASE_BYTES: u64 = 64;

/// The maximum number of accounts of a batch beside its wallets and destinations: the settler, the network, the treasury, the
/// program and its data, the ComputeBudget program, and for tokens the treasury's token account, the mint, and the token
/// program and its data. Those without a size of their own here have less than 64 bytes of data.
const OTHER_ACCOUNTS: u64 = 10;

/// The maximum that is planned for one batch. The rest is left for destinations that grow before the batch lands.
const MAX_PLANNED_BYTES: u64 = (MAX_LOADED_ACCOUNTS_DATA_BYTES - DESTINATION_GROWTH_BYTES) as u64;

/// Adds up the account data that a settle batch loads, each account once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedData {
    /// What every batch loads, in bytes.
    base: u64,
    bytes: u64,
    destinations: BTreeSet<Pubkey>,
}

impl LoadedData {
    /// Starts with what every batch loads. `named_bytes` is the data of the accounts that every batch names: the settlement
    /// program's, and for tokens those of the token program, the mint and the treasury's token account.
    pub fn new(named_bytes: u64) -> Self {
        let others = OTHER_ACCOUNTS.saturating_mul(ACCOUNT_BASE_BYTES.saturating_mul(2));
        let own = (Network::SIZE as u64).saturating_add(Treasury::SIZE as u64);
        let base = named_bytes.saturating_add(own).saturating_add(others);
        Self { base, bytes: base, destinations: BTreeSet::new() }
    }

    /// Whether an entry with this destination, which has `space` bytes of data, can be added.
    pub fn fits(&self, destination: &Pubkey, space: u64) -> bool {
        self.bytes.saturating_add(self.bytes_of(destination, space)) <= MAX_PLANNED_BYTES
    }

    /// Adds an entry. Several entries can share a destination.
    pub fn add(&mut self, destination: Pubkey, space: u64) {
        self.bytes = self.bytes.saturating_add(self.bytes_of(&destination, space));
        self.destinations.insert(destination);
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.bytes = self.base;
        self.destinations.clear();
    }

    /// What an entry adds: its wallet, and its destination unless an earlier entry has it as well.
    fn bytes_of(&self, destination: &Pubkey, space: u64) -> u64 {
        let wallet = ACCOUNT_BASE_BYTES.saturating_add(NodeWallet::SIZE as u64);
        if self.destinations.contains(destination) {
            return wallet;
        }
        wallet.saturating_add(ACCOUNT_BASE_BYTES).saturating_add(space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn destination(index: u8) -> Pubkey {
        Pubkey::new_from_array([index; 32])
    }

    #[test]
    fn five_destinations_of_the_maximum_size_fit_and_leave_room_for_one_to_grow() {
        let mut loaded = LoadedData::new(MIB / 2);
        for index in 0..5 {
            assert!(loaded.fits(&destination(index), 10 * MIB), "{index}");
            loaded.add(destination(index), 10 * MIB);
        }
        assert!(!loaded.fits(&destination(5), 10 * MIB));
        assert!(loaded.fits(&destination(5), 0));
        loaded.clear();
        assert!(loaded.fits(&destination(5), 10 * MIB));
    }

    #[test]
    fn a_shared_destination_is_loaded_once() {
        let mut loaded = LoadedData::new(0);
        for _ in 0..30 {
            assert!(loaded.fits(&destination(1), 10 * MIB));
            loaded.add(destination(1), 10 * MIB);
        }
        assert!(loaded.bytes < 11 * MIB, "{}", loaded.bytes);
    }
}
