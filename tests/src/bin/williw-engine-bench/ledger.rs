//! A ledger in which every node was settled before and has pending rewards again.

use std::path::Path;

use rusqlite::{Connection, params};
use williw_relay::database::sqlite::SqliteDatabase;

use crate::BenchError;
use crate::world::{CREDITED_BEFORE, NOW_MS, REWARD_LAMPORTS, WALLET_RENT, int, node_id, owner, wallet};

/// Creates the ledger in `file`.
pub(crate) fn prepare(file: &Path, nodes: u64, rewards: u64) -> Result<(), BenchError> {
    drop(SqliteDatabase::open(file).map_err(BenchError::other)?);
    let mut connection = Connection::open(file)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "cache_size", -500_000)?;
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction = connection.transaction()?;
    {
        let mut insert_node = transaction.prepare(
            "INSERT INTO nodes (id, address, registered_at, last_active_at, status, capabilities, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?3, 'active', '{}', ?3, ?3)",
        )?;
        let mut insert_wallet = transaction.prepare(
            "INSERT INTO wallets (node_id, wallet_address, owner, destination, destination_source,
                sol_balance_lamports, credited_lamports, pending_rewards_lamports,
                total_rewards_distributed_lamports, threshold_lamports, oldest_unpaid_at, last_slot, last_updated_at)
             VALUES (?1, ?2, ?3, ?3, 'default', ?4, ?5, 0, ?5, ?6, NULL, 0, ?7)",
        )?;
        let mut insert_payable = transaction
            .prepare("INSERT INTO payables (node_id, next_sequence, signed_lamports) VALUES (?1, ?2, ?3)")?;
        let mut insert_reward = transaction.prepare(
            "INSERT INTO rewards (sequence, id, node_id, amount_lamports, node_total_lamports, period, reason, status,
                distributed_at, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, '2027-01-15', 'contribution', ?6, ?7, ?8)",
        )?;
        for index in 0..nodes {
            let (id, owner) = (node_id(index), owner(index).to_string());
            insert_node.execute(params![id, owner, NOW_MS])?;
            let address = wallet(index).to_string();
            insert_wallet.execute(params![
                id,
                address,
                owner,
                int(WALLET_RENT),
                int(CREDITED_BEFORE),
                i64::MAX,
                NOW_MS
            ])?;
            insert_payable.execute(params![id, int(1 + nodes + index), int(CREDITED_BEFORE)])?;
        }
        // The reward that was settled before, and the pending ones, round after round.
        for round in 0..=rewards {
            for index in 0..nodes {
                let sequence = 1 + round * nodes + index;
                let (amount, total) = match round {
                    0 => (CREDITED_BEFORE, CREDITED_BEFORE),
                    _ => (REWARD_LAMPORTS, CREDITED_BEFORE + round * REWARD_LAMPORTS),
                };
                let (status, distributed_at) = if round == 0 { ("confirmed", Some(NOW_MS)) } else { ("pending", None) };
                let id = format!("rw_{sequence:032x}");
                insert_reward.execute(params![
                    int(sequence),
                    id,
                    node_id(index),
                    int(amount),
                    int(total),
                    status,
                    distributed_at,
                    NOW_MS
                ])?;
            }
        }
    }
    transaction.commit()?;
    connection.pragma_update(None, "wal_checkpoint", "TRUNCATE")?;
    Ok(())
}

/// Checks that every reward was credited exactly once, by a transaction that is named.
pub(crate) fn check(file: &Path, nodes: u64, rewards: u64) -> Result<(), BenchError> {
    let connection = Connection::open(file)?;
    let confirmed: i64 = connection.query_row(
        "SELECT COUNT(*) FROM rewards WHERE status = 'confirmed' AND transaction_signature IS NOT NULL",
        [],
        |row| row.get(0),
    )?;
    if confirmed == int(nodes * rewards) {
        return Ok(());
    }
    Err(BenchError::Other(format!("{confirmed} of {} rewards were confirmed", nodes * rewards)))
}
