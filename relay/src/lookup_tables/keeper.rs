//! Changing lookup tables, one transaction at a time, so that the ledger always knows what they hold.
//!
//! A [`Change`] is recorded, sent, and concluded once it is finalized or can no longer land. After a crash, the next process
//! concludes what the last one has recorded. The ledger allows one open transaction, whoever signed it.

use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::certain::checked;
use super::change::{Change, ChangeKind, TableState};
use super::store::{self, RecordedTable};
use super::table::{COOL_DOWN_SLOTS, Fault, Table};
use crate::audit::{BindingError, check_binding};
use crate::chain::verdict::{self, SentTransaction, Verdict};
use crate::chain::{AccountData, Chain, ChainError, Commitment, MAX_ACCOUNTS_PER_READ};
use crate::database::{Database, DatabaseError, Statement};
use crate::engine::store::{leases, settlements};
use crate::transaction::TransactionBuildError;

/// Changes the lookup tables of one key.
pub struct TableKeeper<D, C> {
    pub(super) database: D,
    pub(super) chain: C,
    pub(super) authority: Pubkey,
    holder: String,
}

/// Why tables are not changed. What was recorded before stays, and is concluded by the next call of
/// [`TableKeeper::conclude`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The ledger could not be used.
    #[error(transparent)]
    Ledger(DatabaseError),
    /// The RPC nodes could not be used.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A transaction could not be built.
    #[error(transparent)]
    Build(#[from] TransactionBuildError),
    /// Another process changes tables.
    #[error("another process changes lookup tables with this ledger: wait until it has finished, and try again")]
    Busy,
    /// The ledger belongs to another cluster, program or network, or has never settled.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// A settlement is in progress.
    #[error("settlement {0} is open: finish it with 'williw-relay run' before closing tables that it may use")]
    SettlementOpen(i64),
    /// A runner is settling.
    #[error("{holder} is settling with this ledger: stop it, or retry when it has finished")]
    Settling {
        /// The name of the runner that holds the lease.
        holder: String,
    },
}

impl From<DatabaseError> for TableError {
    fn from(error: DatabaseError) -> Self {
        // Somebody else has changed the table, added one of the addresses, or opened a transaction.
        if matches!(error, DatabaseError::Constraint(_)) { Self::Busy } else { Self::Ledger(error) }
    }
}

/// What has become of the recorded transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// None is recorded.
    Nothing,
    /// It can still land, or is not finalized yet.
    Pending(Signature),
    /// It is finalized, and the ledger says so.
    Applied,
    /// It had no effect, and the ledger has forgotten it.
    Dropped,
    /// It is finalized, but the chain has another content than the ledger. The table will not be used.
    Rejected(Pubkey, Fault),
}

/// A table in the ledger and on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTable {
    /// Its address.
    pub address: Pubkey,
    /// Its state in the ledger.
    pub state: TableState,
    /// How many addresses can be looked up in it.
    pub addresses: usize,
    /// The lamports in its account.
    pub rent_lamports: u64,
    /// In how many slots it is warm, or cold enough to be closed; 0 if it is.
    pub slots_left: u64,
    /// Why it is not used.
    pub fault: Option<Fault>,
}

impl<D: Database, C: Chain> TableKeeper<D, C> {
    /// Creates a keeper of the tables that `authority` has for the network at `network`: the settler, who pays for them.
    /// `holder` is the name under which the lease is taken to close tables.
    ///
    /// # Errors
    /// [`TableError::Binding`] if the ledger has settled on another cluster: its tables would not be found on this one.
    pub async fn new(
        database: D,
        chain: C,
        network: Pubkey,
        authority: Pubkey,
        holder: String,
    ) -> Result<Self, TableError> {
        let genesis_hash = chain.genesis_hash().await?;
        check_binding(&database, &genesis_hash, &network).await??;
        Ok(Self { database, chain, authority, holder })
    }

    /// Records a change with the transaction that is about to be sent. Nothing must be sent if this fails.
    ///
    /// # Errors
    /// [`TableError`], among others if a table is to be deactivated while a settlement is in progress.
    pub async fn record(&self, change: &Change, sent: &SentTransaction) -> Result<(), TableError> {
        let Change { kind, table, addresses, state, address_count, .. } = change;
        let mut statements = Vec::new();
        let next = match kind {
            ChangeKind::Create => {
                statements.push(store::open(table));
                TableState::Opening
            }
            ChangeKind::Extend => TableState::Open,
            ChangeKind::Deactivate | ChangeKind::Close => TableState::Closing,
        };
        statements.push(store::require_unchanged(table, *state, *address_count));
        statements.push(store::set_pending(table, sent, next));
        if next == TableState::Closing {
            // From now on, no settlement names the table. The addresses can be put into another one.
            statements.push(store::delete_addresses(table, 0));
        }
        if !addresses.is_empty() {
            statements.push(store::add_addresses(table, addresses, *address_count));
        }
        statements.push(leases::clear_preconditions());
        if *kind == ChangeKind::Deactivate && *state != TableState::Closing {
            return self.write_between_settlements(statements).await;
        }
        self.database.batch(statements).await?;
        Ok(())
    }

    /// Writes `statements` while no settlement is open and no runner can open one.
    async fn write_between_settlements(&self, statements: Vec<Statement>) -> Result<(), TableError> {
        let Some(token) = leases::take(&self.database, &self.holder).await? else {
            let (holder, _) = leases::current(&self.database).await?;
            return Err(TableError::Settling { holder });
        };
        let written = match settlements::open(&self.database).await {
            Ok(Some(open)) => Err(TableError::SettlementOpen(open.id)),
            Ok(None) => {
                let mut all = vec![leases::require(&self.holder, token)];
                all.extend(statements);
                self.database.batch(all).await.map(drop).map_err(TableError::from)
            }
            Err(error) => Err(error.into()),
        };
        let released = leases::release(&self.database, &self.holder, token).await;
        written?;
        Ok(released?)
    }

    /// The table with a recorded transaction that was not concluded.
    ///
    /// # Errors
    /// [`TableError::Ledger`]
    pub async fn unconcluded(&self) -> Result<Option<Pubkey>, TableError> {
        Ok(store::pending(&self.database).await?.map(|(table, _)| table.address))
    }

    /// Finds out what has become of the recorded transaction, and records that. To be called again while it is
    /// [`Conclusion::Pending`].
    ///
    /// # Errors
    /// [`TableError`]; nothing was recorded then.
    pub async fn conclude(&self) -> Result<Conclusion, TableError> {
        let Some((table, sent)) = store::pending(&self.database).await? else { return Ok(Conclusion::Nothing) };
        let found = verdict::verdicts(&self.chain, &[sent]).await?;
        let (statements, conclusion) = match found.verdicts.into_iter().next().flatten() {
            Some(Verdict::Finalized { slot }) => self.applied(&table, slot).await?,
            Some(Verdict::Reverted { .. } | Verdict::Dead) => (dropped(&table), Conclusion::Dropped),
            Some(Verdict::Landed { .. } | Verdict::Pending) | None => return Ok(Conclusion::Pending(sent.signature)),
        };
        let mut all = vec![store::require_pending(&table.address, &sent)];
        all.extend(statements);
        all.push(leases::clear_preconditions());
        self.database.batch(all).await?;
        Ok(conclusion)
    }

    /// What a transaction that was finalized in `slot` has made of the table.
    async fn applied(&self, table: &RecordedTable, slot: u64) -> Result<(Vec<Statement>, Conclusion), TableError> {
        let RecordedTable { address, state, address_count } = table;
        let (found, _) = self.read(address, slot).await?;
        if *state == TableState::Closing {
            let next = if found.is_some() { TableState::Closing } else { TableState::Closed };
            return Ok((vec![store::set_state(address, next, 0)], Conclusion::Applied));
        }
        let recorded = store::addresses_of(&self.database, address).await?;
        Ok(match checked(found, &self.authority, &recorded) {
            Ok(_) => (vec![store::set_state(address, TableState::Open, recorded.len())], Conclusion::Applied),
            Err(fault) => (
                vec![store::set_state(address, TableState::Rejected, *address_count)],
                Conclusion::Rejected(*address, fault),
            ),
        })
    }

    /// The table at `address` in the finalized chain at `min_slot` or later, and the slot at which it was read.
    pub(super) async fn read(&self, address: &Pubkey, min_slot: u64) -> Result<(Option<Table>, u64), TableError> {
        let read = self.chain.accounts(&[*address], AccountData::Full, Commitment::Finalized, min_slot).await?;
        Ok((read.accounts.first().and_then(Option::as_ref).and_then(Table::decode), read.slot))
    }

    /// All tables that are not closed, as ledger and finalized chain have them.
    ///
    /// # Errors
    /// [`TableError`]
    pub async fn list(&self) -> Result<Vec<ListedTable>, TableError> {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = store::tables_after(&self.database, after.as_ref(), MAX_ACCOUNTS_PER_READ).await?;
            let Some(last) = page.last() else { return Ok(listed) };
            after = Some(last.address);
            let addresses: Vec<Pubkey> = page.iter().map(|table| table.address).collect();
            let read = self.chain.accounts(&addresses, AccountData::Full, Commitment::Finalized, 0).await?;
            for (table, account) in page.iter().zip(&read.accounts) {
                if table.state != TableState::Closed {
                    listed.push(self.listed(table, account.as_ref().and_then(Table::decode), read.slot).await?);
                }
            }
        }
    }

    async fn listed(&self, table: &RecordedTable, found: Option<Table>, slot: u64) -> Result<ListedTable, TableError> {
        let RecordedTable { address, state, address_count } = table;
        let rent_lamports = found.as_ref().map_or(0, |table| table.lamports);
        let due = found.as_ref().map_or(0, |table| match table.deactivated_in {
            Some(deactivated) => deactivated.saturating_add(COOL_DOWN_SLOTS),
            None => table.extended_in.saturating_add(super::WARM_UP_SLOTS),
        });
        let fault = match state {
            TableState::Open | TableState::Rejected => {
                let mut recorded = store::addresses_of(&self.database, address).await?;
                recorded.truncate(if *state == TableState::Open { *address_count } else { usize::MAX });
                checked(found, &self.authority, &recorded).err()
            }
            TableState::Opening | TableState::Closing | TableState::Closed => None,
        };
        Ok(ListedTable {
            address: *address,
            state: *state,
            addresses: *address_count,
            rent_lamports,
            slots_left: due.saturating_sub(slot),
            fault,
        })
    }
}

/// What is left of a table after a transaction that had no effect.
fn dropped(table: &RecordedTable) -> Vec<Statement> {
    let RecordedTable { address, state, address_count } = table;
    match state {
        TableState::Opening => vec![store::delete_addresses(address, 0), store::delete_table(address)],
        TableState::Open => vec![
            store::delete_addresses(address, *address_count),
            store::set_state(address, TableState::Open, *address_count),
        ],
        state => vec![store::set_state(address, *state, *address_count)],
    }
}
