//! Address lookup tables.

use anchor_lang::prelude::Pubkey;
use solana_address_lookup_table_interface::instruction::{create_lookup_table, extend_lookup_table};
use solana_clock::Clock;
use solana_message::AddressLookupTableAccount;
use solana_signer::Signer;

use super::world::World;

/// Addresses that one extension adds: as many as a v0 transaction holds, and a few fewer.
const ADDRESSES_PER_EXTENSION: usize = 20;

impl World {
    /// A table of these addresses, made by the runtime's own program, which is ready to be used.
    pub fn table(&mut self, addresses: &[Pubkey]) -> AddressLookupTableAccount {
        let slot = self.svm.get_sysvar::<Clock>().slot;
        let payer = self.payer.pubkey();
        let (create, key) = create_lookup_table(payer, payer, slot);
        self.send(&[create], &[]).expect("created");
        for chunk in addresses.chunks(ADDRESSES_PER_EXTENSION) {
            let extend = extend_lookup_table(key, payer, Some(payer), chunk.to_vec());
            self.send(&[extend], &[]).expect("extended");
        }
        // Addresses can be looked up from the slot on that follows theirs.
        self.svm.warp_to_slot(slot + 1);
        AddressLookupTableAccount { key, addresses: addresses.to_vec() }
    }
}
