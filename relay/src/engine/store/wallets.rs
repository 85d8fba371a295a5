//! The ledger's mirror of the chain's wallets and treasury, and why due payouts are held.

use serde_json::json;
use settlement::state::{DestinationSource, NodeWallet, Treasury};
use solana_pubkey::Pubkey;

use crate::database::{Database, DatabaseError, Row, Statement, now_ms, statements};
use crate::engine::MAX_HOLD_RETRY_MS;
use crate::types::NodeId;

use super::payables::holds_json;
use super::{address, held_since, longest_hold, unsigned};

/// The columns of a [`MirroredWallet`].
macro_rules! wallet_columns {
    () => {
        "wallet_address, owner, destination, destination_source, \
            CAST(sol_balance_lamports AS TEXT) AS sol_balance_lamports, \
            CAST(credited_lamports AS TEXT) AS credited_lamports, \
            CAST(total_rewards_distributed_lamports AS TEXT) AS paid_lamports, \
            CAST(threshold_lamports AS TEXT) AS threshold_lamports, \
            CAST(oldest_unpaid_at AS TEXT) AS oldest_unpaid_at"
    };
}
pub(crate) use wallet_columns;

statements! {
    /// Mirrors the wallets in ?1 (a JSON array), read at ?2. A reading from a later slot is not overwritten.
    UPSERT = "INSERT INTO wallets (node_id, wallet_address, owner, destination, destination_source, \
            sol_balance_lamports, credited_lamports, pending_rewards_lamports, \
            total_rewards_distributed_lamports, threshold_lamports, oldest_unpaid_at, hold_reason, last_slot, \
            last_updated_at) \
        SELECT value ->> 'node_id', value ->> 'address', value ->> 'owner', value ->> 'destination', \
            value ->> 'destination_source', CAST(value ->> 'lamports' AS INTEGER), \
            CAST(value ->> 'credited' AS INTEGER), CAST(value ->> 'pending' AS INTEGER), \
            CAST(value ->> 'paid' AS INTEGER), \
            CAST(value ->> 'threshold' AS INTEGER), CAST(value ->> 'oldest_unpaid_at' AS INTEGER), NULL, \
            CAST(value ->> 'slot' AS INTEGER), CAST(?2 AS INTEGER) \
        FROM json_each(?1) WHERE true \
        ON CONFLICT (node_id) DO UPDATE SET \
            wallet_address = excluded.wallet_address, owner = excluded.owner, destination = excluded.destination, \
            destination_source = excluded.destination_source, \
            sol_balance_lamports = excluded.sol_balance_lamports, credited_lamports = excluded.credited_lamports, \
            pending_rewards_lamports = excluded.pending_rewards_lamports, \
            total_rewards_distributed_lamports = excluded.total_rewards_distributed_lamports, \
            threshold_lamports = excluded.threshold_lamports, oldest_unpaid_at = excluded.oldest_unpaid_at, \
            last_slot = excluded.last_slot, last_updated_at = excluded.last_updated_at \
        WHERE excluded.last_slot >= wallets.last_slot";

    /// Takes back the slots of the mirrored wallets in ?1, a JSON array of `node_id` and `slot`, that are later than these.
    LOWER_SLOTS = "UPDATE wallets SET last_slot = CAST(read.value ->> 'slot' AS INTEGER) FROM json_each(?1) AS read \
        WHERE wallets.node_id = read.value ->> 'node_id' AND last_slot > CAST(read.value ->> 'slot' AS INTEGER)";

    /// Takes back the slot of the mirrored treasury if it is later than ?1.
    LOWER_TREASURY_SLOT = "UPDATE treasury SET last_slot = CAST(?1 AS INTEGER) WHERE last_slot > CAST(?1 AS INTEGER)";

    /// Sets ?2 as the last transaction that credited or paid the wallets of the nodes in ?1.
    SET_SIGNATURE = "UPDATE wallets SET last_signature = ?2 WHERE node_id IN (SELECT value FROM json_each(?1))";

    /// Holds payouts for ?2 to ?3 milliseconds for the reasons in ?1, see [`holds_json`]; a null reason releases the payout.
    HOLD = concat!(
        "UPDATE wallets SET hold_reason = holds.value ->> 'hold', \
            held_since = ", held_since!("wallets", "(holds.value ->> 'hold')"), ", \
            retry_at = CASE WHEN holds.value ->> 'hold' IS NULL THEN 0 ELSE ", now_ms!(), " + MIN(", longest_hold!("holds.value"),
                ", MAX(CAST(?2 AS INTEGER), ", now_ms!(), " - ", held_since!("wallets", "(holds.value ->> 'hold')"), ")) END \
        FROM json_each(?1) AS holds WHERE wallets.node_id = holds.value ->> 'node_id'"
    );

    /// Forgets since when the payouts were held that are not held any more.
    FORGET_HOLDS = "UPDATE wallets SET held_since = NULL WHERE held_since IS NOT NULL AND hold_reason IS NULL";

    /// The mirrored wallets of the nodes in ?1.
    SELECT = concat!(
        "SELECT node_id, ", wallet_columns!(), " FROM wallets WHERE node_id IN (SELECT value FROM json_each(?1)) ORDER BY node_id"
    );

    /// Adds what the readings in ?1 (as for UPSERT) credit beyond the mirrored totals to the treasury's sum of these totals.
    ADD_MIRRORED = "UPDATE treasury SET mirrored_credited_lamports = mirrored_credited_lamports + COALESCE(( \
            SELECT SUM(CAST(readings.value ->> 'credited' AS INTEGER) - COALESCE(wallets.credited_lamports, 0)) \
            FROM json_each(?1) AS readings LEFT JOIN wallets ON wallets.node_id = readings.value ->> 'node_id' \
            WHERE wallets.last_slot IS NULL OR CAST(readings.value ->> 'slot' AS INTEGER) >= wallets.last_slot), 0)";

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

    /// Takes back what was accepted of credits to unknown wallet accounts, as far as it was credited to known ones after all:
    /// otherwise, as much could be credited to unknown ones later without anybody hearing of it.
    LOWER_ACCEPTED = "UPDATE treasury SET accepted_unknown_lamports = \
            MIN(accepted_unknown_lamports, MAX(credited_total_lamports - mirrored_credited_lamports, 0)) \
        WHERE accepted_unknown_lamports > 0";

    /// The sum of the credited totals of all mirrored wallets.
    CREDITED_SUM = "SELECT CAST(mirrored_credited_lamports AS TEXT) AS credited FROM treasury";
}

/// The maximum number of rows in one JSON parameter. It keeps the parameter far below D1's limit of 2 MB.
const ROWS_PER_STATEMENT: usize = 1_000;

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
    pub(crate) destination_source: DestinationSource,
    /// The balance of the account, in lamports whatever the network pays in.
    pub(crate) lamports: u64,
    pub(crate) credited: u64,
    pub(crate) paid: u64,
    pub(crate) threshold: u64,
    /// Unix milliseconds.
    pub(crate) oldest_unpaid_at_ms: Option<i64>,
}

impl WalletReading {
    /// Whether the mirror says the same already.
    pub(crate) fn is_mirrored(&self, mirrored: &MirroredWallet) -> bool {
        let (wallet, has_pending) = (&self.wallet, self.wallet.pending() > 0);
        let MirroredWallet {
            node_id: _,
            address,
            owner,
            destination,
            destination_source,
            lamports,
            credited,
            paid,
            threshold,
            oldest_unpaid_at_ms,
        } = mirrored;
        (self.address, wallet.owner, wallet.destination) == (*address, *owner, *destination)
            && wallet.destination_source == u8::from(*destination_source)
            && (self.lamports, wallet.credited_total, wallet.paid_total) == (*lamports, *credited, *paid)
            && clamped(wallet.threshold).unsigned_abs() == *threshold
            && has_pending.then_some(wallet.oldest_unpaid_at.saturating_mul(1_000)) == *oldest_unpaid_at_ms
    }
}

impl MirroredWallet {
    /// [`NodeWallet::pays_to_token_owner`] for the mirrored account.
    pub(crate) fn pays_to_token_owner(&self, owner: &[u8; 32]) -> bool {
        let account = NodeWallet {
            version: NodeWallet::VERSION,
            bump: 0,
            destination_source: self.destination_source.into(),
            _padding: [0; 5],
            network: Pubkey::default(),
            node_id: [0; 32],
            owner: self.owner,
            destination: self.destination,
            credited_total: self.credited,
            paid_total: self.paid,
            threshold: self.threshold,
            oldest_unpaid_at: 0,
            last_sequence: 0,
            reserved: [0; 16],
        };
        account.pays_to_token_owner(owner)
    }
}

/// The treasury as read from the chain.
#[derive(Clone, Debug)]
pub(crate) struct TreasuryReading {
    pub(crate) address: Pubkey,
    /// What it holds of the network's asset, in base units.
    pub(crate) balance: u64,
    pub(crate) slot: u64,
    pub(crate) treasury: Treasury,
}

/// Mirrors wallet readings.
pub(crate) fn upsert(readings: &[WalletReading], now_ms: i64) -> Vec<Statement> {
    readings
        .chunks(ROWS_PER_STATEMENT)
        .flat_map(|chunk| {
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
                        "destination_source": source_name(wallet.destination_source),
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
            let rows = json!(rows).to_string();
            [Statement::new(ADD_MIRRORED).bind(rows.as_str()), Statement::new(UPSERT).bind(rows.as_str()).bind(now_ms)]
        })
        .collect()
}

/// Takes back the slots of mirrored wallets that are later than the given ones, so that readings at these are written.
pub(crate) fn lower_slots(nodes: &[(&NodeId, u64)]) -> Statement {
    let rows: Vec<_> =
        nodes.iter().map(|(node, slot)| json!({"node_id": node.as_str(), "slot": slot.to_string()})).collect();
    Statement::new(LOWER_SLOTS).bind(json!(rows).to_string())
}

/// Takes back what was accepted of unknown credits and is known by now. The treasury must have been read at the slot of every
/// mirrored wallet or later.
pub(crate) fn lower_accepted() -> Statement {
    Statement::new(LOWER_ACCEPTED)
}

/// Takes back the slot of the mirrored treasury if it is later than `slot`.
pub(crate) fn lower_treasury_slot(slot: u64) -> Statement {
    Statement::new(LOWER_TREASURY_SLOT).bind(slot)
}

const DESTINATION_SOURCES: [(DestinationSource, &str); 3] =
    [(DestinationSource::Default, "default"), (DestinationSource::Owner, "owner"), (DestinationSource::Admin, "admin")];

/// The ledger's name of a wallet account's `destination_source`; `None` for a byte that no decoded account has.
fn source_name(byte: u8) -> Option<&'static str> {
    DESTINATION_SOURCES.into_iter().find(|(source, _)| u8::from(*source) == byte).map(|(_, name)| name)
}

fn source_of(row: &Row) -> Result<DestinationSource, DatabaseError> {
    let found: String = row.get("destination_source")?;
    let known = DESTINATION_SOURCES.into_iter().find(|(_, name)| *name == found).map(|(source, _)| source);
    known.ok_or_else(|| DatabaseError::Decode(format!("'{found}' is no destination source")))
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

/// At the end of a settlement: forgets since when the payouts were held that it has made.
pub(crate) fn forget_holds() -> Statement {
    Statement::new(FORGET_HOLDS)
}

/// Sets why each node's payout is held for `retry_after_ms` milliseconds, or for longer if the reason lasts; `None` releases it.
pub(crate) fn hold<'a>(
    holds: impl IntoIterator<Item = (&'a NodeId, Option<String>)>,
    retry_after_ms: i64,
) -> Statement {
    Statement::new(HOLD).bind(holds_json(holds)).bind(retry_after_ms).bind(MAX_HOLD_RETRY_MS)
}

/// Returns the mirrored wallets of `nodes`.
pub(crate) async fn mirrored(
    database: &impl Database,
    nodes: &[&NodeId],
) -> Result<Vec<MirroredWallet>, DatabaseError> {
    let nodes: Vec<_> = nodes.iter().map(|node| node.as_str()).collect();
    let rows = database.query(Statement::new(SELECT).bind(json!(nodes).to_string())).await?;
    rows.iter().map(|row| mirrored_wallet(row, "node_id")).collect()
}

/// Reads the columns of `wallet_columns!` and the id of the node.
pub(crate) fn mirrored_wallet(row: &Row, id_column: &str) -> Result<MirroredWallet, DatabaseError> {
    Ok(MirroredWallet {
        node_id: row.get(id_column)?,
        address: address(row, "wallet_address")?,
        owner: address(row, "owner")?,
        destination: address(row, "destination")?,
        destination_source: source_of(row)?,
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
        .bind(reading.balance)
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
