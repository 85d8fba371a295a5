//! The ledger's mirror of the chain's wallets and treasury, and the candidate nodes of a settlement.

use serde_json::json;
use settlement::state::{NodeWallet, Treasury};
use solana_pubkey::Pubkey;

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{NodeId, NodeStatus};

use super::{address, unsigned};

statements! {
    /// At most ?1 nodes with pending rewards, those without a hold reason first, and at most ?1 nodes whose payout is due
    /// at ?2.
    CANDIDATES = "WITH owed AS ( \
            SELECT node_id FROM rewards WHERE status = 'pending' GROUP BY node_id \
            ORDER BY MIN(hold_reason IS NOT NULL), MIN(sequence) LIMIT CAST(?1 AS INTEGER)), \
        due AS ( \
            SELECT node_id FROM wallets, treasury WHERE pending_rewards_lamports > 0 \
                AND (pending_rewards_lamports >= threshold_lamports \
                    OR CAST(?2 AS INTEGER) - oldest_unpaid_at >= max_pending_age_ms) \
            ORDER BY hold_reason IS NOT NULL, node_id LIMIT CAST(?1 AS INTEGER)) \
        SELECT id, address, status, \
            CAST(EXISTS (SELECT 1 FROM rewards WHERE node_id = nodes.id AND status = 'batched') AS TEXT) AS batched \
        FROM nodes WHERE id IN (SELECT node_id FROM owed UNION SELECT node_id FROM due) ORDER BY id";

    /// Mirrors the wallets in ?1 (a JSON array), read at ?2. A reading from a later slot is not overwritten.
    UPSERT = "INSERT INTO wallets (node_id, wallet_address, owner, destination, destination_confirmed, \
            sol_balance_lamports, credited_lamports, pending_rewards_lamports, \
            total_rewards_distributed_lamports, threshold_lamports, oldest_unpaid_at, hold_reason, last_slot, \
            last_updated_at) \
        SELECT value ->> 'node_id', value ->> 'address', value ->> 'owner', value ->> 'destination', \
            CAST(value ->> 'destination_confirmed' AS INTEGER), CAST(value ->> 'lamports' AS INTEGER), \
            CAST(value ->> 'credited' AS INTEGER), CAST(value ->> 'pending' AS INTEGER), \
            CAST(value ->> 'paid' AS INTEGER), \
            CAST(value ->> 'threshold' AS INTEGER), CAST(value ->> 'oldest_unpaid_at' AS INTEGER), NULL, \
            CAST(value ->> 'slot' AS INTEGER), CAST(?2 AS INTEGER) \
        FROM json_each(?1) WHERE true \
        ON CONFLICT (node_id) DO UPDATE SET \
            wallet_address = excluded.wallet_address, owner = excluded.owner, destination = excluded.destination, \
            destination_confirmed = excluded.destination_confirmed, \
            sol_balance_lamports = excluded.sol_balance_lamports, credited_lamports = excluded.credited_lamports, \
            pending_rewards_lamports = excluded.pending_rewards_lamports, \
            total_rewards_distributed_lamports = excluded.total_rewards_distributed_lamports, \
            threshold_lamports = excluded.threshold_lamports, oldest_unpaid_at = excluded.oldest_unpaid_at, \
            last_slot = excluded.last_slot, last_updated_at = excluded.last_updated_at \
        WHERE excluded.last_slot >= wallets.last_slot";

    /// Sets ?2 as the last transaction that credited or paid the wallets of the nodes in ?1.
    SET_SIGNATURE = "UPDATE wallets SET last_signature = ?2 WHERE node_id IN (SELECT value FROM json_each(?1))";

    /// Sets payout hold reasons from ?1, a JSON array of `node_id` and `hold` (null clears the reason).
    SET_HOLD = "UPDATE wallets SET hold_reason = ( \
            SELECT value ->> 'hold' FROM json_each(?1) WHERE value ->> 'node_id' = wallets.node_id) \
        WHERE node_id IN (SELECT value ->> 'node_id' FROM json_each(?1))";

    /// The mirrored wallets of the nodes in ?1.
    SELECT = "SELECT node_id, wallet_address, owner, destination, \
            CAST(destination_confirmed AS TEXT) AS destination_confirmed, \
            CAST(sol_balance_lamports AS TEXT) AS sol_balance_lamports, \
            CAST(credited_lamports AS TEXT) AS credited_lamports, \
            CAST(total_rewards_distributed_lamports AS TEXT) AS paid_lamports, \
            CAST(threshold_lamports AS TEXT) AS threshold_lamports, \
            CAST(oldest_unpaid_at AS TEXT) AS oldest_unpaid_at \
        FROM wallets WHERE node_id IN (SELECT value FROM json_each(?1)) ORDER BY node_id";

    /// Mirrors the treasury: address ?1, balance ?2, credited ?3, paid ?4, maximum pending age ?5, paused ?6, slot ?7,
    /// at ?8. A reading from a later slot is not overwritten.
    UPSERT_TREASURY = "INSERT INTO treasury (address, balance_lamports, credited_total_lamports, \
            paid_total_lamports, max_pending_age_ms, paused, last_slot, last_updated_at) \
        VALUES (?1, CAST(?2 AS INTEGER), CAST(?3 AS INTEGER), CAST(?4 AS INTEGER), CAST(?5 AS INTEGER), \
            CAST(?6 AS INTEGER), CAST(?7 AS INTEGER), CAST(?8 AS INTEGER)) \
        ON CONFLICT (address) DO UPDATE SET \
            balance_lamports = excluded.balance_lamports, \
            credited_total_lamports = excluded.credited_total_lamports, \
            paid_total_lamports = excluded.paid_total_lamports, max_pending_age_ms = excluded.max_pending_age_ms, \
            paused = excluded.paused, last_slot = excluded.last_slot, last_updated_at = excluded.last_updated_at \
        WHERE excluded.last_slot >= treasury.last_slot";

    /// The sum of the credited totals of all mirrored wallets.
    CREDITED_SUM = "SELECT CAST(COALESCE(SUM(credited_lamports), 0) AS TEXT) AS credited FROM wallets";
}

/// The maximum number of rows in one JSON parameter. It keeps the parameter far below D1's limit of 2 MB.
const ROWS_PER_STATEMENT: usize = 1_000;

/// A node with pending rewards or a due payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) node_id: NodeId,
    /// The address that the node has registered.
    pub(crate) address: Option<Pubkey>,
    pub(crate) suspended: bool,
    /// Whether some of its rewards are in an open batch.
    pub(crate) batched: bool,
}

/// A wallet account as read from the chain.
#[derive(Clone, Debug)]
pub(crate) struct WalletReading {
    pub(crate) node_id: NodeId,
    pub(crate) address: Pubkey,
    pub(crate) lamports: u64,
    pub(crate) slot: u64,
    pub(crate) wallet: NodeWallet,
}

/// A wallet account as mirrored in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MirroredWallet {
    pub(crate) node_id: NodeId,
    pub(crate) address: Pubkey,
    pub(crate) owner: Pubkey,
    pub(crate) destination: Pubkey,
    /// Whether the destination is the owner's address or was set by the owner.
    pub(crate) destination_confirmed: bool,
    pub(crate) lamports: u64,
    pub(crate) credited: u64,
    pub(crate) paid: u64,
    pub(crate) threshold: u64,
    /// Unix milliseconds.
    pub(crate) oldest_unpaid_at_ms: Option<i64>,
}

/// The totals of a wallet account, in lamports. Both only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WalletTotals {
    /// Everything ever credited to the wallet.
    pub(crate) credited: u64,
    /// Everything ever paid out of the wallet.
    pub(crate) paid: u64,
}

impl WalletTotals {
    pub(crate) fn of(wallet: &NodeWallet) -> Self {
        Self { credited: wallet.credited_total, paid: wallet.paid_total }
    }
}

/// The treasury as read from the chain.
#[derive(Clone, Debug)]
pub(crate) struct TreasuryReading {
    pub(crate) address: Pubkey,
    pub(crate) lamports: u64,
    pub(crate) slot: u64,
    pub(crate) treasury: Treasury,
}

/// Returns the candidates of a settlement: at most `limit` nodes with pending rewards and as many with due payouts.
pub(crate) async fn candidates(
    database: &impl Database,
    limit: usize,
    now_ms: i64,
) -> Result<Vec<Candidate>, DatabaseError> {
    let rows = database.query(Statement::new(CANDIDATES).bind(limit).bind(now_ms)).await?;
    rows.iter()
        .map(|row| {
            Ok(Candidate {
                node_id: row.get("id")?,
                address: row.optional("address")?,
                suspended: row.get::<NodeStatus>("status")? == NodeStatus::Suspended,
                batched: row.get::<u8>("batched")? == 1,
            })
        })
        .collect()
}

/// Mirrors wallet readings.
pub(crate) fn upsert(readings: &[WalletReading], now_ms: i64) -> Vec<Statement> {
    readings
        .chunks(ROWS_PER_STATEMENT)
        .map(|chunk| {
            let rows: Vec<_> = chunk
                .iter()
                .map(|reading| {
                    let wallet = &reading.wallet;
                    let pending = wallet.pending();
                    json!({
                        "node_id": reading.node_id.as_str(),
                        "address": reading.address.to_string(),
                        "owner": wallet.owner.to_string(),
                        "destination": wallet.destination.to_string(),
                        "destination_confirmed": u8::from(wallet.is_destination_confirmed()),
                        "lamports": reading.lamports.to_string(),
                        "credited": wallet.credited_total.to_string(),
                        "pending": pending.to_string(),
                        "paid": wallet.paid_total.to_string(),
                        "threshold": clamped(wallet.threshold).to_string(),
                        "oldest_unpaid_at":
                            (pending > 0).then(|| wallet.oldest_unpaid_at.saturating_mul(1_000).to_string()),
                        "slot": reading.slot.to_string(),
                    })
                })
                .collect();
            Statement::new(UPSERT).bind(json!(rows).to_string()).bind(now_ms)
        })
        .collect()
}

/// On-chain limits can be `u64::MAX` ("unlimited"), which exceeds the range of the ledger's integers.
fn clamped(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Sets `signature` as the last transaction of the wallets of `nodes`.
pub(crate) fn set_signature(nodes: &[&NodeId], signature: &str) -> Statement {
    let nodes: Vec<_> = nodes.iter().map(|node| node.as_str()).collect();
    Statement::new(SET_SIGNATURE).bind(json!(nodes).to_string()).bind(signature)
}

/// Sets each node's payout hold reason; `None` clears it.
pub(crate) fn set_holds<'a>(holds: impl IntoIterator<Item = (&'a NodeId, Option<String>)>) -> Statement {
    let rows: Vec<_> = holds.into_iter().map(|(node, hold)| json!({"node_id": node.as_str(), "hold": hold})).collect();
    Statement::new(SET_HOLD).bind(json!(rows).to_string())
}

/// Returns the mirrored wallets of `nodes`.
pub(crate) async fn mirrored(
    database: &impl Database,
    nodes: &[&NodeId],
) -> Result<Vec<MirroredWallet>, DatabaseError> {
    let nodes: Vec<_> = nodes.iter().map(|node| node.as_str()).collect();
    let rows = database.query(Statement::new(SELECT).bind(json!(nodes).to_string())).await?;
    rows.iter().map(mirrored_wallet).collect()
}

fn mirrored_wallet(row: &Row) -> Result<MirroredWallet, DatabaseError> {
    Ok(MirroredWallet {
        node_id: row.get("node_id")?,
        address: address(row, "wallet_address")?,
        owner: address(row, "owner")?,
        destination: address(row, "destination")?,
        destination_confirmed: row.get::<u8>("destination_confirmed")? == 1,
        lamports: unsigned(row, "sol_balance_lamports")?,
        credited: unsigned(row, "credited_lamports")?,
        paid: unsigned(row, "paid_lamports")?,
        threshold: unsigned(row, "threshold_lamports")?,
        oldest_unpaid_at_ms: row.optional("oldest_unpaid_at")?,
    })
}

pub(crate) fn upsert_treasury(reading: &TreasuryReading, now_ms: i64) -> Statement {
    let treasury = &reading.treasury;
    Statement::new(UPSERT_TREASURY)
        .bind(reading.address.to_string())
        .bind(reading.lamports)
        .bind(treasury.credited_total)
        .bind(treasury.paid_total)
        .bind(clamped(treasury.max_pending_age.saturating_mul(1_000)))
        .bind(treasury.is_paused())
        .bind(reading.slot)
        .bind(now_ms)
}

/// Returns the sum of the credited totals of all mirrored wallets.
pub(crate) async fn credited_sum(database: &impl Database) -> Result<u64, DatabaseError> {
    let rows = database.query(Statement::new(CREDITED_SUM)).await?;
    rows.first().map_or(Ok(0), |row| unsigned(row, "credited"))
}
