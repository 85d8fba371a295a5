//! Whether a ledger can be used, and by whom it is used at present.

use std::collections::BTreeMap;

use super::{DELETE_PRECONDITIONS, LedgerError};
use crate::database::{Database, Statement, now_ms, statements};
use crate::engine::store::binding;

statements! {
    /// The database's time, and the holder of the lease with the milliseconds until it expires.
    SELECT_LEASE = concat!(
        "SELECT CAST(", now_ms!(), " AS TEXT) AS now,
            (SELECT holder FROM leases WHERE name = 'settlement' AND expires_at > ", now_ms!(), ") AS holder,
            CAST((SELECT expires_at FROM leases WHERE name = 'settlement') - ", now_ms!(), " AS TEXT) AS remaining_ms"
    );
}

/// The state of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerHealth {
    /// The time of the database's clock, in Unix milliseconds.
    pub now_ms: i64,
    /// The runner that settles at present, and the milliseconds until its lease expires.
    pub holder: Option<(String, i64)>,
    /// The cluster (`genesis_hash`), the program (`program_id`), the network (`network`) and the asset (`asset`) that the ledger
    /// belongs to; empty before its first settlement.
    pub binding: BTreeMap<String, String>,
}

/// Reads the state of a ledger, after a write that changes nothing.
///
/// # Errors
/// [`LedgerError::Database`] if the ledger cannot be read or written.
pub async fn check<D: Database>(database: &D) -> Result<LedgerHealth, LedgerError> {
    let [_, lease, bound] =
        database.batch_of([DELETE_PRECONDITIONS, SELECT_LEASE, binding::SELECT].map(Statement::new)).await?;
    let lease = lease
        .first()
        .ok_or_else(|| crate::database::DatabaseError::Decode("the ledger did not tell its time".to_owned()))?;
    Ok(LedgerHealth {
        now_ms: lease.get("now")?,
        holder: lease.optional("holder")?.zip(lease.optional("remaining_ms")?),
        binding: binding::from_rows(&bound)?,
    })
}
