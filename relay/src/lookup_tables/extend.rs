//! Which addresses are put into tables, and which table they go into.

use std::collections::{BTreeSet, VecDeque};

use solana_hash::Hash;
use solana_pubkey::Pubkey;

use super::certain::checked;
use super::change::Change;
use super::keeper::{TableError, TableKeeper};
use super::store::{self, RecordedTable};
use super::table::{MAX_ADDRESSES, account_len};
use crate::chain::Chain;
use crate::database::Database;
use crate::transaction::{Budget, Format};

/// The number of nodes that are read at once.
const NODES_PER_READ: usize = 500;

/// The number of tables with room that are looked at before a new one is created.
const TABLES_WITH_ROOM: usize = 8;

/// More addresses than fit into one transaction.
const MAX_ADDRESSES_PER_TRANSACTION: usize = 40;

/// What an extension may add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendLimits {
    /// In how many confirmed batches a node must have been paid.
    pub min_batches: u32,
    /// The maximum number of addresses.
    pub max_addresses: usize,
    /// The maximum of the rent that they lock, in lamports.
    pub max_rent_lamports: u64,
}

/// An extension in progress.
#[derive(Clone, Debug)]
pub struct Extension {
    limits: ExtendLimits,
    /// The last wallet that was looked at.
    last_row: i64,
    is_exhausted: bool,
    waiting: VecDeque<Pubkey>,
    known: BTreeSet<Pubkey>,
    addresses_left: usize,
    rent_left: u64,
    /// Tables that cannot be extended, with the reasons.
    pub problems: Vec<String>,
}

impl Extension {
    /// Begins an extension.
    pub fn new(limits: ExtendLimits) -> Self {
        Self {
            limits,
            last_row: 0,
            is_exhausted: false,
            waiting: VecDeque::new(),
            known: BTreeSet::new(),
            addresses_left: limits.max_addresses,
            rent_left: limits.max_rent_lamports,
            problems: Vec::new(),
        }
    }
}

impl<D: Database, C: Chain> TableKeeper<D, C> {
    /// The next transaction of the extension; `None` if it is complete. The one before must be concluded.
    ///
    /// # Errors
    /// [`TableError`]
    pub async fn next_extension(&self, extension: &mut Extension) -> Result<Option<Change>, TableError> {
        self.find_addresses(extension).await?;
        if extension.waiting.is_empty() || extension.addresses_left == 0 {
            return Ok(None);
        }
        let table = self.table_with_room(extension).await?;
        let used = table.as_ref().map_or(0, |table| table.address_count);
        let locked = if table.is_some() { self.chain.minimum_balance(account_len(used)).await? } else { 0 };
        let recent_slot = self.chain.finalized_block().await?.slot;
        let change_of = |addresses: Vec<Pubkey>, rent: u64| match &table {
            Some(table) => Change::extend(self.authority, table, addresses, rent),
            None => Change::create(self.authority, recent_slot, addresses, rent),
        };
        let mut count = extension
            .waiting
            .len()
            .min(extension.addresses_left)
            .min(MAX_ADDRESSES.saturating_sub(used))
            .min(MAX_ADDRESSES_PER_TRANSACTION);
        let fits = |count: usize| {
            let addresses = extension.waiting.iter().take(count).copied().collect();
            let budget = Budget { compute_unit_price: 1, ..Budget::WIDEST };
            Format::V0.build(&self.authority, &change_of(addresses, 0).instructions, &budget, Hash::default()).is_ok()
        };
        while count > 0 && !fits(count) {
            count = count.saturating_sub(1);
        }
        // The rate per byte is a whole number of lamports.
        let one = self.chain.minimum_balance(account_len(1)).await?;
        let per_address = one.saturating_sub(self.chain.minimum_balance(account_len(0)).await?);
        let rent_of = |count: usize| {
            let whole = (used.saturating_add(count) as u64).saturating_sub(1).saturating_mul(per_address);
            one.saturating_add(whole).saturating_sub(locked)
        };
        while count > 0 && rent_of(count) > extension.rent_left {
            count = count.saturating_sub(1);
        }
        if count == 0 {
            return Ok(None);
        }
        let rent = rent_of(count);
        extension.rent_left = extension.rent_left.saturating_sub(rent);
        extension.addresses_left = extension.addresses_left.saturating_sub(count);
        Ok(Some(change_of(extension.waiting.drain(..count).collect(), rent)))
    }

    /// Reads on until there are enough addresses for a transaction.
    async fn find_addresses(&self, extension: &mut Extension) -> Result<(), TableError> {
        while extension.waiting.len() < MAX_ADDRESSES_PER_TRANSACTION && !extension.is_exhausted {
            let min_batches = extension.limits.min_batches;
            let nodes = store::candidates(&self.database, extension.last_row, NODES_PER_READ, min_batches).await?;
            match nodes.last() {
                Some(last) => extension.last_row = last.row,
                None => extension.is_exhausted = true,
            }
            for node in nodes.into_iter().filter(|node| node.batches >= min_batches) {
                // Several nodes can have the same destination.
                let new = node.addresses.into_iter().filter(|address| extension.known.insert(*address));
                extension.waiting.extend(new);
            }
        }
        Ok(())
    }

    /// A table with room whose content is exactly what the ledger has recorded.
    async fn table_with_room(&self, extension: &mut Extension) -> Result<Option<RecordedTable>, TableError> {
        for table in store::tables_with_room(&self.database, TABLES_WITH_ROOM).await? {
            let recorded = store::addresses_of(&self.database, &table.address).await?;
            let (found, _) = self.read(&table.address, 0).await?;
            let reason = match checked(found, &self.authority, &recorded) {
                Ok(found) if found.addresses.len() == recorded.len() && recorded.len() == table.address_count => {
                    return Ok(Some(table));
                }
                Ok(_) => "it holds more addresses than the ledger has recorded".to_owned(),
                Err(fault) => fault.to_string(),
            };
            let problem = format!("lookup table {} is not extended: {reason}", table.address);
            if !extension.problems.contains(&problem) {
                extension.problems.push(problem);
            }
        }
        Ok(None)
    }
}
