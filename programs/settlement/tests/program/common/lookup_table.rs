//! Address lookup tables.

use anchor_lang::prelude::Pubkey;
use solana_address_lookup_table_interface::instruction::{create_lookup_table, extend_lookup_table};
use solana_clock::Clock;
use solana_message::AddressLookupTableAccount;
use solana_signer::Signer;

use super::fixture::ProgramFixture;

/// Addresses added per extension; a v0 transaction has room for a few more.
const ADDRESSES_PER_EXTENSION: usize = 20;

impl ProgramFixture {
    /// Creates a table of these addresses that is ready to use.
    pub(crate) fn create_lookup_table(&mut self, addresses: &[Pubkey]) -> AddressLookupTableAccount {
        let slot = self.svm.get_sysvar::<Clock>().slot;
        let payer = self.payer.pubkey();
        let (create, key) = create_lookup_table(payer, payer, slot);
        self.send(&[create], &[]).expect("the table is created");
        for chunk in addresses.chunks(ADDRESSES_PER_EXTENSION) {
            let extend = extend_lookup_table(key, payer, Some(payer), chunk.to_vec());
            self.send(&[extend], &[]).expect("the table is extended");
        }
        // New addresses can be looked up from the next slot on.
        self.svm.warp_to_slot(slot + 1);
        AddressLookupTableAccount { key, addresses: addresses.to_vec() }
    }
}
