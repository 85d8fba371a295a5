//! v0 transactions that name accounts by their positions in address lookup tables.
//!
//! Such a transaction says which account it means only by a table and a position. If the table held another address there,
//! another node would be credited. So every built transaction is read back: each account that it names, resolved by the
//! positions that are certain, must be the one that was asked for.

use std::collections::{BTreeMap, BTreeSet};

use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_message::{AddressLookupTableAccount, VersionedMessage};
use solana_pubkey::Pubkey;

use super::budget::MIN_LOOKUPS_PER_TABLE;
use super::{Budget, Format, TransactionBuildError, UnsignedTransaction};

/// Stands for the positions of a table that a transaction does not need. An account that really has this address is never
/// taken for one of them, because the transaction is read back.
const OTHER_POSITION: Pubkey = Pubkey::new_from_array([0xff; 32]);

/// Addresses whose positions in lookup tables are certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    positions: BTreeMap<Pubkey, (Pubkey, u8)>,
    tables: BTreeMap<Pubkey, BTreeMap<u8, Pubkey>>,
}

impl Lookups {
    /// Adds an address with its table and its position there. An address or a position that is known already is not added.
    pub fn add(&mut self, address: Pubkey, table: Pubkey, position: u8) {
        let in_table = self.tables.entry(table).or_default();
        if !self.positions.contains_key(&address) && !in_table.contains_key(&position) {
            in_table.insert(position, address);
            self.positions.insert(address, (table, position));
        }
    }

    /// Whether no address is known.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The table that holds the address.
    pub fn table_of(&self, address: &Pubkey) -> Option<&Pubkey> {
        self.positions.get(address).map(|(table, _)| table)
    }

    /// Builds a v0 transaction as [`Format::build`] does. Lookup tables are used only if it does not fit without them.
    ///
    /// # Errors
    /// [`TransactionBuildError`] if the transaction fits neither without lookup tables nor with them.
    pub fn build(
        &self,
        payer: &Pubkey,
        instructions: &[Instruction],
        budget: &Budget,
        blockhash: Hash,
    ) -> Result<UnsignedTransaction, TransactionBuildError> {
        let plain = Format::V0.build(payer, instructions, budget, blockhash);
        if !matches!(plain, Err(TransactionBuildError::TooLarge { .. })) || self.is_empty() {
            return plain;
        }
        let tables = self.tables_for(instructions);
        let unsigned = Format::V0.build_with(payer, instructions, budget, blockhash, &tables)?;
        if self.names_exactly(unsigned.message(), instructions) {
            return Ok(unsigned);
        }
        plain
    }

    /// The tables that make a transaction with these instructions smaller.
    fn tables_for(&self, instructions: &[Instruction]) -> Vec<AddressLookupTableAccount> {
        let mut needed: BTreeMap<Pubkey, BTreeMap<u8, Pubkey>> = BTreeMap::new();
        let accounts: BTreeSet<Pubkey> =
            instructions.iter().flat_map(|one| &one.accounts).map(|account| account.pubkey).collect();
        for address in accounts {
            if let Some((table, position)) = self.positions.get(&address) {
                needed.entry(*table).or_default().insert(*position, address);
            }
        }
        needed.retain(|_, positions| positions.len() >= MIN_LOOKUPS_PER_TABLE);
        needed
            .into_iter()
            .map(|(key, positions)| {
                let last = positions.last_key_value().map_or(0, |(position, _)| *position);
                let addresses =
                    (0..=last).map(|position| positions.get(&position).copied().unwrap_or(OTHER_POSITION)).collect();
                AddressLookupTableAccount { key, addresses }
            })
            .collect()
    }

    /// Whether the message ends with exactly these instructions, once the positions in tables are resolved.
    fn names_exactly(&self, message: &VersionedMessage, instructions: &[Instruction]) -> bool {
        let tables = message.address_table_lookups().unwrap_or_default();
        let resolved = |writable: bool| {
            tables.iter().flat_map(move |lookup| {
                let positions = if writable { &lookup.writable_indexes } else { &lookup.readonly_indexes };
                let table = self.tables.get(&lookup.account_key);
                positions.iter().map(move |position| (table.and_then(|table| table.get(position)), writable))
            })
        };
        let looked_up: Vec<(Option<&Pubkey>, bool)> = resolved(true).chain(resolved(false)).collect();
        let fixed = message.static_account_keys();
        let named = |index: u8| {
            let index = usize::from(index);
            match fixed.get(index) {
                Some(key) => Some((key, true)),
                None => {
                    let (key, writable) = looked_up.get(index.checked_sub(fixed.len())?)?;
                    Some(((*key)?, *writable))
                }
            }
        };
        let compiled = message.instructions();
        let Some(first) = compiled.len().checked_sub(instructions.len()) else { return false };
        let compiled = compiled.get(first..).unwrap_or_default();
        compiled.iter().zip(instructions).all(|(compiled, wanted)| {
            fixed.get(usize::from(compiled.program_id_index)) == Some(&wanted.program_id)
                && compiled.data == wanted.data
                && compiled.accounts.len() == wanted.accounts.len()
                && compiled.accounts.iter().zip(&wanted.accounts).all(|(index, account)| {
                    named(*index).is_some_and(|(key, writable)| {
                        *key == account.pubkey
                            && (writable || !account.is_writable)
                            && (!account.is_signer || message.is_signer(usize::from(*index)))
                    })
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use settlement::client::{BatchHeader, credit_ix};

    use super::*;

    const PAYER: Pubkey = Pubkey::new_from_array([1; 32]);
    const NETWORK: Pubkey = Pubkey::new_from_array([2; 32]);

    fn wallet(index: u8) -> Pubkey {
        Pubkey::new_from_array([index + 100; 32])
    }

    fn table(index: u8) -> Pubkey {
        Pubkey::new_from_array([index + 10; 32])
    }

    fn build(lookups: &Lookups, wallets: &[Pubkey]) -> Result<UnsignedTransaction, TransactionBuildError> {
        let entries: Vec<(Pubkey, u64)> = wallets.iter().map(|wallet| (*wallet, 1)).collect();
        let header = BatchHeader { batch_id: 1, records_root: [0; 32] };
        lookups.build(&PAYER, &[credit_ix(PAYER, NETWORK, header, &entries)], &Budget::WIDEST, Hash::default())
    }

    #[test]
    fn tables_are_used_only_for_what_does_not_fit_without_them() {
        let wallets: Vec<Pubkey> = (0..50).map(wallet).collect();
        let mut lookups = Lookups::default();
        for (address, position) in wallets.iter().zip(0..) {
            // Of a table with a single address that is needed, the address takes more bytes than it saves.
            lookups.add(*address, table(if position < 49 { position % 2 } else { 2 }), position / 2);
        }
        let built = build(&lookups, &wallets).unwrap();
        assert_eq!(built.lookup_tables(), 2);
        assert_eq!(built.accounts(), 50 + 5);
        assert_eq!(build(&lookups, &wallets[..20]).unwrap().lookup_tables(), 0);
        let too_large = build(&Lookups::default(), &wallets);
        assert!(matches!(too_large, Err(TransactionBuildError::TooLarge { .. })), "{too_large:?}");
    }

    #[test]
    fn no_more_accounts_are_named_than_can_be_locked() {
        let wallets: Vec<Pubkey> = (0..60).map(wallet).collect();
        let mut lookups = Lookups::default();
        for (address, position) in wallets.iter().zip(0..) {
            lookups.add(*address, table(0), position);
        }
        let built = |count: usize| build(&lookups, &wallets[..count]);
        assert!(built(59).is_ok());
        assert!(matches!(built(60), Err(TransactionBuildError::TooManyAccounts { accounts: 65 })));
    }

    #[test]
    fn an_account_is_never_named_by_a_position_that_is_not_its_own() {
        let mut wallets: Vec<Pubkey> = (0..50).map(wallet).collect();
        let mut lookups = Lookups::default();
        for (address, position) in wallets.iter().zip(0..) {
            lookups.add(*address, table(0), 2 * position + 1);
        }
        assert!(build(&lookups, &wallets).is_ok());
        // The positions in between are not known. An account with the address that stands for them is not in the table.
        wallets[7] = OTHER_POSITION;
        assert!(build(&lookups, &wallets).is_err());
        // A position that is known does not change.
        let before = lookups.clone();
        lookups.add(wallet(1), table(1), 0);
        lookups.add(wallet(99), table(0), 1);
        assert_eq!(lookups.table_of(&wallet(1)), before.table_of(&wallet(1)));
        assert_eq!(lookups.table_of(&wallet(99)), None);
    }
}
