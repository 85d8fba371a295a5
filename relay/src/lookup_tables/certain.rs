//! Which positions of lookup tables are certain.

use std::collections::{BTreeMap, BTreeSet};

use solana_pubkey::Pubkey;

use super::store::{self, RecordedAddress};
use super::table::{Fault, Table};
use crate::chain::{AccountData, Chain, ChainError, Commitment, MAX_ACCOUNTS_PER_READ};
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

/// It is not known which positions are certain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] DatabaseError),
    /// The RPC nodes could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// Looks up `addresses` in the tables that the ledger has recorded for `authority`. A table is used only if it is warm, and if
/// the chain confirms every position that is needed.
///
/// # Errors
/// [`LookupError`] if the ledger or the RPC nodes cannot be reached at present.
pub async fn certain_lookups<D: Database, C: Chain>(
    database: &D,
    chain: &C,
    authority: &Pubkey,
    addresses: impl IntoIterator<Item = Pubkey>,
) -> Result<CertainLookups, LookupError> {
    let wanted: BTreeSet<Pubkey> = addresses.into_iter().collect();
    if wanted.is_empty() {
        return Ok(CertainLookups::default());
    }
    let recorded = store::positions_of(database, &wanted).await?;
    if recorded.is_empty() {
        return Ok(CertainLookups::default());
    }
    if chain.agreeing_nodes() < 2 {
        let problem =
            "lookup tables are not used, because there is only one RPC node to say what they hold: name a second \
             one in SOLANA_RPC_URL"
                .to_owned();
        return Ok(CertainLookups { problems: vec![(Level::Warn, problem)], ..CertainLookups::default() });
    }
    let mut by_table: BTreeMap<Pubkey, Vec<RecordedAddress>> = BTreeMap::new();
    for address in recorded {
        by_table.entry(address.table).or_default().push(address);
    }
    let tables: Vec<Pubkey> = by_table.keys().copied().collect();
    let mut certain = CertainLookups::default();
    for chunk in tables.chunks(MAX_ACCOUNTS_PER_READ) {
        let read = match chain.accounts(chunk, AccountData::Full, Commitment::Finalized, 0).await {
            Ok(read) => read,
            Err(error) if is_outage(&error) => return Err(error.into()),
            // The nodes contradict each other, or make no sense: payments go on without tables.
            Err(error) => {
                let kind = error.kind();
                let problem = format!("lookup tables are not used: the RPC nodes do not agree what they hold ({kind})");
                certain.problems.push((Level::Error, problem));
                continue;
            }
        };
        for (address, account) in chunk.iter().zip(&read.accounts) {
            let positions = by_table.remove(address).unwrap_or_default();
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
