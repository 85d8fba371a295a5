//! Which positions of lookup tables are certain.

use std::collections::{BTreeMap, BTreeSet};

use solana_pubkey::Pubkey;

use super::store::{self, RecordedAddress};
use super::table::{Fault, Table};
use crate::chain::{AccountData, AccountsAtSlot, Chain, ChainError, Commitment, MAX_ACCOUNTS_PER_READ};
use crate::database::{Database, DatabaseError};
use crate::events::Level;
use crate::transaction::Lookups;

/// The addresses that can be looked up, and why others cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertainLookups {
    /// The positions that are certain.
    pub lookups: Lookups,
    /// What an operator should know, each with its level. The same problem always has the same text.
    pub problems: Vec<(Level, String)>,
}

/// The positions that the ledger has recorded, which the chain has to confirm.
#[derive(Clone, Debug, Default)]
pub struct RecordedPositions {
    by_table: BTreeMap<Pubkey, Vec<RecordedAddress>>,
    problems: Vec<(Level, String)>,
}

impl RecordedPositions {
    /// Finds `addresses` in the tables that the ledger has recorded, unless `chain` could not confirm any.
    ///
    /// # Errors
    /// [`DatabaseError`] if the ledger cannot be read.
    pub async fn find(
        database: &impl Database,
        chain: &impl Chain,
        addresses: impl IntoIterator<Item = Pubkey>,
    ) -> Result<Self, DatabaseError> {
        let wanted: BTreeSet<Pubkey> = addresses.into_iter().collect();
        let recorded = if wanted.is_empty() { Vec::new() } else { store::positions_of(database, &wanted).await? };
        let mut found = Self::default();
        if !recorded.is_empty() && chain.agreeing_nodes() < 2 {
            let problem = "lookup tables are not used, because there is only one RPC node to say what they hold: name a \
                second one in SOLANA_RPC_URL";
            found.problems.push((Level::Warn, problem.to_owned()));
            return Ok(found);
        }
        for address in recorded {
            found.by_table.entry(address.table).or_default().push(address);
        }
        Ok(found)
    }

    /// The requests for the tables' accounts. Any number of them can be made at once.
    pub fn reads<'a, C: Chain>(
        &self,
        chain: &'a C,
    ) -> impl Iterator<Item = impl Future<Output = Result<AccountsAtSlot, ChainError>> + use<'a, C>> + use<'a, C> {
        let tables: Vec<Pubkey> = self.by_table.keys().copied().collect();
        let chunks: Vec<Vec<Pubkey>> = tables.chunks(MAX_ACCOUNTS_PER_READ).map(<[_]>::to_vec).collect();
        chunks
            .into_iter()
            .map(move |chunk| async move { chain.accounts(&chunk, AccountData::Full, Commitment::Finalized, 0).await })
    }

    /// The positions that are certain, by the answers to [`RecordedPositions::reads`] in their order. A table is used only if it
    /// belongs to `authority` and is warm, and if the chain confirms every position that is needed.
    ///
    /// # Errors
    /// [`ChainError`] if the RPC nodes could not be reached.
    pub fn certain(
        self,
        authority: &Pubkey,
        answers: impl IntoIterator<Item = Result<AccountsAtSlot, ChainError>>,
    ) -> Result<CertainLookups, ChainError> {
        let mut certain = CertainLookups { problems: self.problems, ..CertainLookups::default() };
        let mut tables = self.by_table.into_iter();
        for answer in answers {
            let asked_for: Vec<_> = tables.by_ref().take(MAX_ACCOUNTS_PER_READ).collect();
            let read = match answer {
                Ok(read) => read,
                Err(error) if is_outage(&error) => return Err(error),
                // The nodes contradict each other, or make no sense: payments go on without tables.
                Err(error) => {
                    let kind = error.kind();
                    let problem =
                        format!("lookup tables are not used: the RPC nodes do not agree what they hold ({kind})");
                    certain.problems.push((Level::Error, problem));
                    continue;
                }
            };
            for ((address, positions), account) in asked_for.into_iter().zip(&read.accounts) {
                match checked(account.as_ref().and_then(Table::decode), authority, &positions) {
                    Ok(table) if table.is_warm(read.slot) => {
                        for one in positions {
                            certain.lookups.add(one.address, one.table, one.position);
                        }
                    }
                    Ok(_) => {}
                    Err(fault) => {
                        certain.problems.push((Level::Error, format!("lookup table {address} is not used: {fault}")));
                    }
                }
            }
        }
        Ok(certain)
    }
}

/// Whether the nodes cannot answer at present. Whatever else is wrong with their answers is no reason to wait.
fn is_outage(error: &ChainError) -> bool {
    error.is_transient() && !matches!(error, ChainError::Behind { .. })
}

/// The table, if it belongs to `authority`, is in use and has all of these positions.
pub(super) fn checked(table: Option<Table>, authority: &Pubkey, positions: &[RecordedAddress]) -> Result<Table, Fault> {
    let table = table.ok_or(Fault::Missing)?;
    if let Some(fault) = table.fault(authority) {
        return Err(fault);
    }
    let differs = positions
        .iter()
        .filter(|one| table.addresses.get(usize::from(one.position)) != Some(&one.address))
        .min_by_key(|one| one.position);
    match differs {
        Some(one) => Err(Fault::OtherAddress(one.position)),
        None => Ok(table),
    }
}
