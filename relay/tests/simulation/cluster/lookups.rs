//! Which accounts transactions name by positions in lookup tables, as leaders and RPC nodes resolve them.

use solana_account::ReadableAccount as _;
use solana_address_lookup_table_interface::error::AddressLookupError;
use solana_address_lookup_table_interface::state::AddressLookupTable;
use solana_message::VersionedMessage;
use solana_pubkey::Pubkey;
use solana_slot_hashes::SlotHashes;

use super::{Block, Cluster};

/// The number of slots that programs know: a table can be used for so long after it was deactivated. 512 on a real cluster.
const SLOT_HASHES: usize = 64;

/// What a table counts for in the size of loaded accounts, whatever it holds.
pub(super) const TABLE_BYTES: u32 = 8_248;

impl Cluster {
    /// The slots that programs know in a block whose parent is `parent`.
    pub(super) fn slot_hashes(&self, parent: usize) -> SlotHashes {
        let mut hashes = Vec::with_capacity(SLOT_HASHES);
        let mut index = parent;
        while hashes.len() < SLOT_HASHES {
            let Block { slot, hash, parent, .. } = &self.blocks[index];
            hashes.push((*slot, *hash));
            if index == 0 {
                break;
            }
            index = *parent;
        }
        SlotHashes::new(&hashes)
    }

    /// The accounts that a message names in lookup tables as of a block: first the writable ones, then the others.
    ///
    /// # Errors
    /// The cluster's text if a table cannot be used.
    pub(crate) fn looked_up(&self, message: &VersionedMessage, block: usize) -> Result<Vec<Pubkey>, &'static str> {
        let lookups = message.address_table_lookups().unwrap_or_default();
        if lookups.is_empty() {
            return Ok(Vec::new());
        }
        let Block { slot, parent, state, .. } = &self.blocks[block];
        let (hashes, state) = (self.slot_hashes(*parent), state.borrow());
        let mut named = [Vec::new(), Vec::new()];
        for lookup in lookups {
            let account = state.accounts_db().get_account_ref(&lookup.account_key);
            let account = account.filter(|account| account.lamports() > 0);
            let account = account.ok_or(text(AddressLookupError::LookupTableAccountNotFound))?;
            if *account.owner() != solana_sdk_ids::address_lookup_table::ID {
                return Err(text(AddressLookupError::InvalidAccountOwner));
            }
            let table = AddressLookupTable::deserialize(account.data())
                .map_err(|_| text(AddressLookupError::InvalidAccountData))?;
            for (named, positions) in named.iter_mut().zip([&lookup.writable_indexes, &lookup.readonly_indexes]) {
                named.extend(table.lookup(*slot, positions, &hashes).map_err(text)?);
            }
        }
        Ok(named.concat())
    }
}

/// Agave's text of the transaction error.
fn text(error: AddressLookupError) -> &'static str {
    match error {
        AddressLookupError::LookupTableAccountNotFound => {
            "Transaction loads an address table account that doesn't exist"
        }
        AddressLookupError::InvalidAccountOwner => "Transaction loads an address table account with an invalid owner",
        AddressLookupError::InvalidAccountData => "Transaction loads an address table account with invalid data",
        AddressLookupError::InvalidLookupIndex => "Transaction address table lookup uses an invalid index",
    }
}
