//! Fills a ledger, with one transaction for all nodes: reported one by one, every reward would be a durable commit of its own.

use std::path::Path;

use rusqlite::{Connection, Statement, Transaction, params};
use williw_relay::database::sqlite::SqliteDatabase;
use williw_tests::HarnessError;

/// Node ?1 with the address ?2.
const NODE: &str =
    "INSERT INTO nodes (id, address, registered_at, last_active_at, status, capabilities, created_at, updated_at)
    VALUES (?1, ?2, 0, 0, 'active', '{}', 0, 0)";

/// A reward of ?2 lamports for node ?1.
const REWARD: &str =
    "INSERT INTO rewards (id, node_id, amount_lamports, node_total_lamports, period, reason, created_at)
    SELECT 'rw_' || lower(hex(randomblob(16))), id, ?2, total_rewards_lamports + ?2, '2026-01-01', 'bench', 0
    FROM nodes WHERE id = ?1";

/// Makes the last reward that of node ?1 which is settled next, unless there is an older one.
const PAYABLE: &str = "INSERT INTO payables (node_id, next_sequence) VALUES (?1, last_insert_rowid())
    ON CONFLICT (node_id) DO UPDATE SET next_sequence = COALESCE(next_sequence, excluded.next_sequence)";

/// Adds ?2 lamports to what node ?1 has earned.
const EARNED: &str = "UPDATE nodes SET total_rewards_lamports = total_rewards_lamports + ?2 WHERE id = ?1";

/// Creates the ledger in `file`, with `nodes`: their ids and addresses.
///
/// # Errors
/// [`HarnessError::Unexpected`] if it cannot be created, and [`HarnessError::Sqlite`].
pub(crate) fn create<'a>(file: &Path, mut nodes: impl Iterator<Item = (&'a str, String)>) -> Result<(), HarnessError> {
    drop(SqliteDatabase::open(file).map_err(|error| HarnessError::Unexpected(error.to_string()))?);
    in_transaction(file, |transaction| {
        let mut insert = transaction.prepare(NODE)?;
        nodes.try_for_each(|(id, address)| insert.execute(params![id, address]).map(drop))
    })
}

/// Adds rewards to the ledger in `file`: node ids and amounts in lamports.
///
/// # Errors
/// [`HarnessError::Sqlite`].
pub(crate) fn reward<'a>(file: &Path, rewards: impl Iterator<Item = (&'a str, u64)>) -> Result<(), HarnessError> {
    in_transaction(file, |transaction| {
        let [mut reward, mut payable, mut earned]: [Statement<'_>; 3] =
            [transaction.prepare(REWARD)?, transaction.prepare(PAYABLE)?, transaction.prepare(EARNED)?];
        for (node, lamports) in rewards {
            let lamports = i64::try_from(lamports).unwrap_or(i64::MAX);
            reward.execute(params![node, lamports])?;
            payable.execute(params![node])?;
            earned.execute(params![node, lamports])?;
        }
        Ok(())
    })
}

fn in_transaction(
    file: &Path,
    write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
) -> Result<(), HarnessError> {
    let all = || {
        let mut connection = Connection::open(file)?;
        let transaction = connection.transaction()?;
        write(&transaction)?;
        transaction.commit()
    };
    all().map_err(|source| HarnessError::Sqlite { what: format!("filling {}", file.display()), source })
}
