//! The ledger's record of lookup tables: what was written to them, recorded before it was sent.

use std::collections::BTreeSet;

use serde_json::json;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::change::TableState;
use crate::chain::verdict::SentTransaction;
use crate::database::{Database, DatabaseError, Row, Statement, now_ms, statements};

statements! {
    /// The positions of the addresses in JSON array ?1, of tables in use, as far as they are known to be in the finalized table.
    POSITIONS = "SELECT lookup_addresses.address AS address, table_address, CAST(position AS TEXT) AS position \
        FROM json_each(?1) AS wanted CROSS JOIN lookup_addresses ON lookup_addresses.address = wanted.value \
            JOIN lookup_tables ON lookup_tables.address = lookup_addresses.table_address \
        WHERE lookup_tables.state = 'open' AND position < lookup_tables.address_count";

    /// The recorded addresses of table ?1, in order.
    ADDRESSES = "SELECT address, table_address, CAST(position AS TEXT) AS position FROM lookup_addresses \
        WHERE table_address = ?1 ORDER BY position";

    /// At most ?2 tables whose addresses follow ?1, in the order of their addresses.
    TABLES = "SELECT address, state, CAST(address_count AS TEXT) AS address_count FROM lookup_tables \
        WHERE address > ?1 ORDER BY address LIMIT CAST(?2 AS INTEGER)";

    /// At most ?1 tables in use that are not full.
    WITH_ROOM = "SELECT address, state, CAST(address_count AS TEXT) AS address_count FROM lookup_tables \
        WHERE state = 'open' AND address_count < 256 ORDER BY address LIMIT CAST(?1 AS INTEGER)";

    /// The table with a transaction whose outcome is open.
    PENDING = "SELECT address, state, CAST(address_count AS TEXT) AS address_count, pending_signature, \
            CAST(pending_last_valid_block_height AS TEXT) AS last_valid_block_height \
        FROM lookup_tables WHERE pending_signature IS NOT NULL";

    /// At most ?2 wallets after row ?1, in the order of their first settlement: with the destination if anything was ever paid
    /// to it, whether either is in a table, and in how many batches the node was paid, counted up to ?3.
    CANDIDATES = "SELECT CAST(wallets.rowid AS TEXT) AS row, wallet_address, \
            CASE WHEN total_rewards_distributed_lamports > 0 THEN destination END AS destination, \
            CAST(EXISTS (SELECT 1 FROM lookup_addresses WHERE address = wallet_address) AS TEXT) AS has_wallet, \
            CAST(EXISTS (SELECT 1 FROM lookup_addresses WHERE address = destination) AS TEXT) AS has_destination, \
            CAST((SELECT COUNT(*) FROM (SELECT DISTINCT batch_id FROM rewards \
                WHERE rewards.node_id = wallets.node_id AND status = 'confirmed' AND batch_id IS NOT NULL \
                ORDER BY node_total_lamports LIMIT CAST(?3 AS INTEGER))) AS TEXT) AS batches \
        FROM wallets WHERE wallets.rowid > CAST(?1 AS INTEGER) ORDER BY wallets.rowid LIMIT CAST(?2 AS INTEGER)";

    /// Adds table ?1, which a transaction will create that is about to be sent.
    OPEN = concat!(
        "INSERT INTO lookup_tables (address, state, address_count, created_at, updated_at) \
        VALUES (?1, 'opening', 0, ", now_ms!(), ", ", now_ms!(), ")"
    );

    /// Fails the statement batch unless table ?1 is in state ?2 with ?3 addresses, and no transaction is open.
    REQUIRE_UNCHANGED = "INSERT INTO preconditions (state_unchanged) SELECT EXISTS (SELECT 1 FROM lookup_tables \
            WHERE address = ?1 AND state = ?2 AND address_count = CAST(?3 AS INTEGER)) \
        AND NOT EXISTS (SELECT 1 FROM lookup_tables WHERE pending_signature IS NOT NULL)";

    /// Fails the statement batch unless ?2 is the open transaction on table ?1.
    REQUIRE_PENDING = "INSERT INTO preconditions (state_unchanged) SELECT EXISTS ( \
        SELECT 1 FROM lookup_tables WHERE address = ?1 AND pending_signature = ?2)";

    /// Records the transaction ?2 on table ?1, valid up to block height ?3, with which the table comes to state ?4.
    SET_PENDING = concat!(
        "UPDATE lookup_tables SET pending_signature = ?2, pending_last_valid_block_height = CAST(?3 AS INTEGER), state = ?4, \
            updated_at = ", now_ms!(), " WHERE address = ?1"
    );

    /// Records the addresses in JSON array ?2 in table ?1, from position ?3 on.
    ADD_ADDRESSES = "INSERT INTO lookup_addresses (address, table_address, position) \
        SELECT value, ?1, CAST(?3 AS INTEGER) + key FROM json_each(?2)";

    /// Ends the transaction on table ?1, with which it has come to state ?2 with ?3 addresses.
    SET_STATE = concat!(
        "UPDATE lookup_tables SET pending_signature = NULL, pending_last_valid_block_height = NULL, state = ?2, \
            address_count = CAST(?3 AS INTEGER), updated_at = ", now_ms!(), " WHERE address = ?1"
    );

    /// Deletes the recorded addresses of table ?1 from position ?2 on.
    DELETE_ADDRESSES = "DELETE FROM lookup_addresses WHERE table_address = ?1 AND position >= CAST(?2 AS INTEGER)";

    /// Deletes table ?1, which was never created.
    DELETE_TABLE = "DELETE FROM lookup_tables WHERE address = ?1 AND state = 'opening'";
}

/// An address that was written to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordedAddress {
    pub(super) address: Pubkey,
    pub(super) table: Pubkey,
    pub(super) position: u8,
}

/// A table in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordedTable {
    pub(super) address: Pubkey,
    pub(super) state: TableState,
    /// How many addresses the finalized table is known to have.
    pub(super) address_count: usize,
}

/// A node whose addresses can be put into a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CandidateNode {
    pub(super) row: i64,
    /// The node's addresses that are in no table yet.
    pub(super) addresses: Vec<Pubkey>,
    /// In how many batches it was paid, counted up to a limit.
    pub(super) batches: u32,
}

pub(super) async fn positions_of(
    database: &impl Database,
    addresses: &BTreeSet<Pubkey>,
) -> Result<Vec<RecordedAddress>, DatabaseError> {
    let addresses: Vec<String> = addresses.iter().map(Pubkey::to_string).collect();
    let rows = database.query(Statement::new(POSITIONS).bind(json!(addresses).to_string())).await?;
    rows.iter().map(recorded_address).collect()
}

pub(super) async fn addresses_of(
    database: &impl Database,
    table: &Pubkey,
) -> Result<Vec<RecordedAddress>, DatabaseError> {
    let rows = database.query(Statement::new(ADDRESSES).bind(table.to_string())).await?;
    rows.iter().map(recorded_address).collect()
}

pub(super) async fn tables_after(
    database: &impl Database,
    after: Option<&Pubkey>,
    limit: usize,
) -> Result<Vec<RecordedTable>, DatabaseError> {
    let after = after.map(Pubkey::to_string).unwrap_or_default();
    let rows = database.query(Statement::new(TABLES).bind(after).bind(limit)).await?;
    rows.iter().map(table).collect()
}

pub(super) async fn tables_with_room(
    database: &impl Database,
    limit: usize,
) -> Result<Vec<RecordedTable>, DatabaseError> {
    let rows = database.query(Statement::new(WITH_ROOM).bind(limit)).await?;
    rows.iter().map(table).collect()
}

pub(super) async fn pending(
    database: &impl Database,
) -> Result<Option<(RecordedTable, SentTransaction)>, DatabaseError> {
    let rows = database.query(Statement::new(PENDING)).await?;
    rows.first()
        .map(|row| {
            let sent = SentTransaction {
                signature: row.get::<Signature>("pending_signature")?,
                last_valid_block_height: row.get("last_valid_block_height")?,
            };
            Ok((table(row)?, sent))
        })
        .transpose()
}

pub(super) async fn candidates(
    database: &impl Database,
    after_row: i64,
    limit: usize,
    min_batches: u32,
) -> Result<Vec<CandidateNode>, DatabaseError> {
    let statement = Statement::new(CANDIDATES).bind(after_row).bind(limit).bind(min_batches);
    let rows = database.query(statement).await?;
    rows.iter()
        .map(|row| {
            let mut addresses = Vec::with_capacity(2);
            if row.get::<u8>("has_wallet")? == 0 {
                addresses.push(row.get("wallet_address")?);
            }
            if let Some(destination) = row.optional("destination")?
                && row.get::<u8>("has_destination")? == 0
            {
                addresses.push(destination);
            }
            Ok(CandidateNode { row: row.get("row")?, addresses, batches: row.get("batches")? })
        })
        .collect()
}

fn recorded_address(row: &Row) -> Result<RecordedAddress, DatabaseError> {
    Ok(RecordedAddress {
        address: row.get("address")?,
        table: row.get("table_address")?,
        position: row.get("position")?,
    })
}

fn table(row: &Row) -> Result<RecordedTable, DatabaseError> {
    Ok(RecordedTable {
        address: row.get("address")?,
        state: row.get("state")?,
        address_count: row.get("address_count")?,
    })
}

/// Adds a table that is about to be created.
pub(super) fn open(table: &Pubkey) -> Statement {
    Statement::new(OPEN).bind(table.to_string())
}

/// Fails the statement batch unless the table is as it was read and no transaction is open.
pub(super) fn require_unchanged(table: &Pubkey, state: TableState, address_count: usize) -> Statement {
    Statement::new(REQUIRE_UNCHANGED).bind(table.to_string()).bind(state.as_str()).bind(address_count)
}

/// Fails the statement batch unless the transaction is the one that is open on the table.
pub(super) fn require_pending(table: &Pubkey, sent: &SentTransaction) -> Statement {
    Statement::new(REQUIRE_PENDING).bind(table.to_string()).bind(sent.signature.to_string())
}

/// Records a transaction before it is sent.
pub(super) fn set_pending(table: &Pubkey, sent: &SentTransaction, state: TableState) -> Statement {
    Statement::new(SET_PENDING)
        .bind(table.to_string())
        .bind(sent.signature.to_string())
        .bind(sent.last_valid_block_height)
        .bind(state.as_str())
}

/// Records the addresses that a transaction will write, from position `start` on.
pub(super) fn add_addresses(table: &Pubkey, addresses: &[Pubkey], start: usize) -> Statement {
    let addresses: Vec<String> = addresses.iter().map(Pubkey::to_string).collect();
    Statement::new(ADD_ADDRESSES).bind(table.to_string()).bind(json!(addresses).to_string()).bind(start)
}

/// Ends the table's transaction.
pub(super) fn set_state(table: &Pubkey, state: TableState, address_count: usize) -> Statement {
    Statement::new(SET_STATE).bind(table.to_string()).bind(state.as_str()).bind(address_count)
}

/// Deletes the recorded addresses of a table from position `start` on.
pub(super) fn delete_addresses(table: &Pubkey, start: usize) -> Statement {
    Statement::new(DELETE_ADDRESSES).bind(table.to_string()).bind(start)
}

/// Deletes a table that was never created.
pub(super) fn delete_table(table: &Pubkey) -> Statement {
    Statement::new(DELETE_TABLE).bind(table.to_string())
}
