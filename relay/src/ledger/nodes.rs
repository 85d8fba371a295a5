//! Nodes: registration, heartbeat, look-up.
//!
//! A node's address and signing key are set once. Changing either is not done here: whoever could change an address
//! could redirect a node's money.

use super::json::Json;
use super::{Actor, LedgerError};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{ComputeStats, DeviceCapabilities, NewNode, NodeId, NodeInfo};

macro_rules! node_columns {
    () => {
        "id, address, public_key, CAST(registered_at AS TEXT) AS registered_at,
        CAST(last_active_at AS TEXT) AS last_active_at, status, capabilities,
        CAST(total_compute_score AS TEXT) AS total_compute_score,
        CAST(total_rewards_lamports AS TEXT) AS total_rewards_lamports,
        CAST(contribution_count AS TEXT) AS contribution_count, CAST(created_at AS TEXT) AS created_at,
        CAST(updated_at AS TEXT) AS updated_at"
    };
}

/// Whether a registration of node ?1 with address ?2 and public key ?3 contradicts nothing that the ledger holds.
macro_rules! contradicts_nothing {
    () => {
        "id = ?1 AND (?2 IS NULL OR address IS NULL OR address = ?2)
        AND (?3 IS NULL OR public_key IS NULL OR public_key = ?3)"
    };
}

statements! {
    /// Audits that ?5 registers node ?1 at ?4 with address ?2 and public key ?3, when the node is new.
    AUDIT_REGISTRATION = "INSERT INTO audit_log (at, actor, action, subject, details)
        SELECT CAST(?4 AS INTEGER), ?5, 'node.register', ?1, json_object('address', ?2, 'public_key', ?3)
        WHERE NOT EXISTS (SELECT 1 FROM nodes WHERE id = ?1)";

    /// Audits that ?5 names address ?2 or public key ?3 of node ?1 at ?4, when the ledger did not have them yet.
    AUDIT_IDENTITY = concat!(
        "INSERT INTO audit_log (at, actor, action, subject, details)
        SELECT CAST(?4 AS INTEGER), ?5, 'node.identify', ?1, json_object('address', ?2, 'public_key', ?3)
        FROM nodes WHERE ", contradicts_nothing!(), "
        AND ((address IS NULL AND ?2 IS NOT NULL) OR (public_key IS NULL AND ?3 IS NOT NULL))"
    );

    /// Node ?1 with address ?2, public key ?3 and capabilities ?5 registers at ?4; nothing happens when it is known.
    INSERT_NODE = "INSERT INTO nodes (id, address, public_key, registered_at, last_active_at, status, capabilities,
            created_at, updated_at)
        VALUES (?1, ?2, ?3, CAST(?4 AS INTEGER), CAST(?4 AS INTEGER), 'active', COALESCE(?5, '{}'),
            CAST(?4 AS INTEGER), CAST(?4 AS INTEGER))
        ON CONFLICT (id) DO NOTHING RETURNING id";

    /// Node ?1 registers again: what was unknown is filled in, and it was active at ?4.
    UPDATE_REGISTRATION = concat!(
        "UPDATE nodes SET address = COALESCE(address, ?2), public_key = COALESCE(public_key, ?3),
            capabilities = COALESCE(?5, capabilities), last_active_at = MAX(last_active_at, CAST(?4 AS INTEGER)),
            status = CASE status WHEN 'inactive' THEN 'active' ELSE status END, updated_at = CAST(?4 AS INTEGER)
        WHERE ", contradicts_nothing!()
    );

    /// Node ?1 was active at ?2 and, unless ?3 is NULL, has capabilities ?3.
    UPDATE_HEARTBEAT = concat!(
        "UPDATE nodes SET last_active_at = MAX(last_active_at, CAST(?2 AS INTEGER)),
            capabilities = COALESCE(?3, capabilities),
            status = CASE status WHEN 'inactive' THEN 'active' ELSE status END, updated_at = CAST(?2 AS INTEGER)
        WHERE id = ?1 RETURNING ", node_columns!()
    );

    /// Node ?1.
    SELECT_NODE = concat!("SELECT ", node_columns!(), " FROM nodes WHERE id = ?1");

    /// Which node ids of the JSON array ?1 the ledger does not know.
    SELECT_UNKNOWN = "SELECT DISTINCT value AS id FROM json_each(?1)
        WHERE NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.id = value) ORDER BY value";

    /// What node ?1 has done.
    SELECT_STATS = "SELECT nodes.id AS id, CAST(contribution_count AS TEXT) AS contribution_count,
            CAST(total_compute_score AS TEXT) AS total_compute_score,
            CAST(total_rewards_lamports AS TEXT) AS total_rewards_lamports,
            CAST(COALESCE(SUM(contributions.duration_seconds), 0) AS TEXT) AS total_duration_seconds,
            CAST(MIN(contributions.timestamp) AS TEXT) AS first_contribution_at,
            CAST(MAX(contributions.timestamp) AS TEXT) AS last_contribution_at
        FROM nodes LEFT JOIN contributions ON contributions.node_id = nodes.id
        WHERE nodes.id = ?1 GROUP BY nodes.id";
}

/// The most that a node's capabilities may take as JSON, in bytes: a row stays small however many labels are sent.
pub const MAX_CAPABILITIES_BYTES: usize = 4096;

/// Registers a node, or completes what the ledger knows of it. Returns the node and whether it is new.
///
/// Sending the same registration again changes nothing but when the node was active last.
///
/// # Errors
/// [`LedgerError::AddressConflict`] and [`LedgerError::PublicKeyConflict`] when the ledger has another one;
/// [`LedgerError::InvalidField`] for capabilities that are too long.
pub async fn register<D: Database, C: Clock>(
    database: &D,
    clock: &C,
    actor: &Actor,
    node: NewNode,
) -> Result<(NodeInfo, bool), LedgerError> {
    let now_ms = clock.now_ms();
    let capabilities = node.capabilities.as_ref().map(capabilities_json).transpose()?;
    let identity = |sql| {
        Statement::new(sql).bind(&node.id).bind(node.address.as_ref()).bind(node.public_key.as_ref()).bind(now_ms)
    };
    let [_, _, inserted, _, rows] = database
        .batch_of([
            identity(AUDIT_REGISTRATION).bind(actor),
            identity(AUDIT_IDENTITY).bind(actor),
            identity(INSERT_NODE).bind(capabilities.as_deref()),
            identity(UPDATE_REGISTRATION).bind(capabilities.as_deref()),
            Statement::new(SELECT_NODE).bind(&node.id),
        ])
        .await?;
    let info = one_node(&node.id, &rows)?;
    if let (Some(given), Some(held)) = (node.address, info.address)
        && given != held
    {
        return Err(LedgerError::AddressConflict { node_id: node.id, held, given });
    }
    if let (Some(given), Some(held)) = (node.public_key, info.public_key)
        && given != held
    {
        return Err(LedgerError::PublicKeyConflict { node_id: node.id, held, given });
    }
    Ok((info, !inserted.is_empty()))
}

/// Notes that a node is active, and what it can do when it says so.
///
/// # Errors
/// [`LedgerError::UnknownNodes`]; [`LedgerError::InvalidField`] for capabilities that are too long.
pub async fn heartbeat<D: Database, C: Clock>(
    database: &D,
    clock: &C,
    node_id: &NodeId,
    capabilities: Option<DeviceCapabilities>,
) -> Result<NodeInfo, LedgerError> {
    let capabilities = capabilities.as_ref().map(capabilities_json).transpose()?;
    let statement = Statement::new(UPDATE_HEARTBEAT).bind(node_id).bind(clock.now_ms()).bind(capabilities);
    one_node(node_id, &database.query(statement).await?)
}

/// Looks a node up.
///
/// # Errors
/// [`LedgerError::UnknownNodes`].
pub async fn get<D: Database>(database: &D, node_id: &NodeId) -> Result<NodeInfo, LedgerError> {
    one_node(node_id, &database.query(Statement::new(SELECT_NODE).bind(node_id)).await?)
}

/// What a node has done so far.
///
/// # Errors
/// [`LedgerError::UnknownNodes`].
pub async fn stats<D: Database>(database: &D, node_id: &NodeId) -> Result<ComputeStats, LedgerError> {
    let rows = database.query(Statement::new(SELECT_STATS).bind(node_id)).await?;
    let row = rows.first().ok_or_else(|| unknown(node_id))?;
    Ok(ComputeStats {
        node_id: row.get("id")?,
        contribution_count: row.get("contribution_count")?,
        total_compute_score: row.get("total_compute_score")?,
        total_duration_seconds: row.get("total_duration_seconds")?,
        total_rewards_lamports: row.get("total_rewards_lamports")?,
        first_contribution_at: row.optional("first_contribution_at")?,
        last_contribution_at: row.optional("last_contribution_at")?,
    })
}

/// Which of `node_ids` the ledger does not know.
pub(super) async fn unknown_of<'a, D: Database>(
    database: &D,
    node_ids: impl Iterator<Item = &'a NodeId>,
) -> Result<Vec<NodeId>, DatabaseError> {
    let ids = serde_json::Value::from_iter(node_ids.map(NodeId::as_str)).to_string();
    let rows = database.query(Statement::new(SELECT_UNKNOWN).bind(ids)).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

fn unknown(node_id: &NodeId) -> LedgerError {
    LedgerError::UnknownNodes(vec![node_id.clone()])
}

fn one_node(node_id: &NodeId, rows: &[Row]) -> Result<NodeInfo, LedgerError> {
    let row = rows.first().ok_or_else(|| unknown(node_id))?;
    Ok(NodeInfo {
        id: row.get("id")?,
        address: row.optional("address")?,
        public_key: row.optional("public_key")?,
        registered_at: row.get("registered_at")?,
        last_active_at: row.get("last_active_at")?,
        status: row.get("status")?,
        capabilities: row.get::<Json<_>>("capabilities")?.0,
        total_compute_score: row.get("total_compute_score")?,
        total_rewards_lamports: row.get("total_rewards_lamports")?,
        contribution_count: row.get("contribution_count")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn capabilities_json(capabilities: &DeviceCapabilities) -> Result<String, LedgerError> {
    let json = serde_json::to_string(capabilities)
        .map_err(|error| LedgerError::InvalidField { field: "capabilities", reason: error.to_string() })?;
    if json.len() > MAX_CAPABILITIES_BYTES {
        let reason = format!("{} bytes of JSON are more than the {MAX_CAPABILITIES_BYTES} allowed", json.len());
        return Err(LedgerError::InvalidField { field: "capabilities", reason });
    }
    Ok(json)
}
