//! Closing tables: they are deactivated, and closed for their rent once no transaction can use them any more.

use std::collections::BTreeSet;

use solana_pubkey::Pubkey;

use super::change::{Change, TableState};
use super::keeper::{TableError, TableKeeper};
use super::store::{self, RecordedTable};
use super::table::{COOL_DOWN_SLOTS, Table};
use crate::chain::{Chain, MAX_ACCOUNTS_PER_READ};
use crate::database::Database;
use crate::engine::store::leases;

/// Which tables to deactivate. Those that were deactivated are closed in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All tables.
    All,
    /// These tables, and no others.
    Only(BTreeSet<Pubkey>),
}

impl Selection {
    fn contains(&self, table: &Pubkey) -> bool {
        match self {
            Self::All => true,
            Self::Only(tables) => tables.contains(table),
        }
    }
}

/// Closing in progress.
#[derive(Clone, Debug)]
pub struct Closing {
    selection: Selection,
    /// The last table that was looked at.
    last: Option<Pubkey>,
    /// Tables that were deactivated too recently, with the slots that are left.
    pub waiting: Vec<(Pubkey, u64)>,
    /// Tables that cannot be closed, with the reasons.
    pub problems: Vec<String>,
}

impl Closing {
    /// Begins closing the selected tables, and those that were deactivated.
    pub fn new(selection: Selection) -> Self {
        Self { selection, last: None, waiting: Vec::new(), problems: Vec::new() }
    }
}

impl<D: Database, C: Chain> TableKeeper<D, C> {
    /// The next transaction of the closing; `None` if there is nothing left to do at present. The one before must be
    /// concluded.
    ///
    /// # Errors
    /// [`TableError`]
    pub async fn next_closing(&self, closing: &mut Closing) -> Result<Option<Change>, TableError> {
        loop {
            let page = store::tables_after(&self.database, closing.last.as_ref(), MAX_ACCOUNTS_PER_READ).await?;
            if page.is_empty() {
                return Ok(None);
            }
            for table in page {
                closing.last = Some(table.address);
                let is_wanted = match table.state {
                    TableState::Open | TableState::Rejected => closing.selection.contains(&table.address),
                    TableState::Closing => true,
                    TableState::Opening | TableState::Closed => false,
                };
                if is_wanted && let Some(change) = self.close_table(&table, closing).await? {
                    return Ok(Some(change));
                }
            }
        }
    }

    async fn close_table(&self, table: &RecordedTable, closing: &mut Closing) -> Result<Option<Change>, TableError> {
        let (found, slot) = self.read(&table.address, 0).await?;
        Ok(match found {
            None => {
                let statements = vec![
                    store::require_unchanged(&table.address, table.state, table.address_count),
                    store::delete_addresses(&table.address, 0),
                    store::set_state(&table.address, TableState::Closed, 0),
                    leases::clear_preconditions(),
                ];
                self.database.batch(statements).await?;
                None
            }
            Some(Table { authority, .. }) if authority != Some(self.authority) => {
                closing.problems.push(format!("lookup table {} belongs to another key", table.address));
                None
            }
            Some(found) if found.is_cold(slot) => Some(Change::close(self.authority, table, found.lamports)),
            Some(Table { deactivated_in: Some(deactivated), .. }) => {
                let left = deactivated.saturating_add(COOL_DOWN_SLOTS).saturating_sub(slot);
                closing.waiting.push((table.address, left));
                None
            }
            Some(_) => Some(Change::deactivate(self.authority, table)),
        })
    }
}
