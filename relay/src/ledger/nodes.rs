//! Nodes: registration, heartbeats and queries.
//!
//! A node's address and signing key can be set once and cannot be changed: changing the address would redirect the
//! node's payouts.

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

/// Matches node ?1 if address ?2 and public key ?3 do not conflict with the stored ones.
macro_rules! without_conflict {
    () => {
        "id = ?1 AND (?2 IS NULL OR address IS NULL OR address = ?2)
        AND (?3 IS NULL OR public_key IS NULL OR public_key = ?3)"
    };
}

statements! {
    /// Records in the audit log that ?5 registers node ?1 at ?4 with address ?2 and public key ?3, if the node is new.
    AUDIT_REGISTRATION = "INSERT INTO audit_log (at, actor, action, subject, details)
        SELECT CAST(?4 AS INTEGER), ?5, 'node.register', ?1, json_object('address', ?2, 'public_key', ?3)
        WHERE NOT EXISTS (SELECT 1 FROM nodes WHERE id = ?1)";

    /// Records in the audit log that ?5 sets address ?2 or public key ?3 of node ?1 at ?4, if they were not set.
    AUDIT_IDENTITY = concat!(
        "INSERT INTO audit_log (at, actor, action, subject, details)
        SELECT CAST(?4 AS INTEGER), ?5, 'node.identify', ?1, json_object('address', ?2, 'public_key', ?3)
        FROM nodes WHERE ", without_conflict!(), "
        AND ((address IS NULL AND ?2 IS NOT NULL) OR (public_key IS NULL AND ?3 IS NOT NULL))"
    );

    /// Inserts node ?1 with address ?2, public key ?3 and capabilities ?5 at ?4, unless it exists.
    INSERT_NODE = "INSERT INTO nodes (id, address, public_key, registered_at, last_active_at, status, capabilities,
            created_at, updated_at)
        VALUES (?1, ?2, ?3, CAST(?4 AS INTEGER), CAST(?4 AS INTEGER), 'active', COALESCE(?5, '{}'),
            CAST(?4 AS INTEGER), CAST(?4 AS INTEGER))
        ON CONFLICT (id) DO NOTHING RETURNING id";

    /// Re-registers node ?1: sets missing values, and marks the node as active at ?4.
    UPDATE_REGISTRATION = concat!(
        "UPDATE nodes SET address = COALESCE(address, ?2), public_key = COALESCE(public_key, ?3),
            capabilities = COALESCE(?5, capabilities), last_active_at = MAX(last_active_at, CAST(?4 AS INTEGER)),
            status = CASE status WHEN 'inactive' THEN 'active' ELSE status END, updated_at = CAST(?4 AS INTEGER)
        WHERE ", without_conflict!()
    );

    /// Marks node ?1 as active at ?2 and, unless ?3 is NULL, sets its capabilities to ?3.
    UPDATE_HEARTBEAT = concat!(
        "UPDATE nodes SET last_active_at = MAX(last_active_at, CAST(?2 AS INTEGER)),
            capabilities = COALESCE(?3, capabilities),
            status = CASE status WHEN 'inactive' THEN 'active' ELSE status END, updated_at = CAST(?2 AS INTEGER)
        WHERE id = ?1 RETURNING ", node_columns!()
    );

    /// Node ?1.
    SELECT_NODE = concat!("SELECT ", node_columns!(), " FROM nodes WHERE id = ?1");

    /// The node ids in JSON array ?1 that are not registered.
    SELECT_UNKNOWN = "SELECT DISTINCT value AS id FROM json_each(?1)
        WHERE NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.id = value) ORDER BY value";

    /// The statistics of node ?1.
    SELECT_STATS = "SELECT nodes.id AS id, CAST(contribution_count AS TEXT) AS contribution_count,
            CAST(total_compute_score AS TEXT) AS total_compute_score,
            CAST(total_rewards_lamports AS TEXT) AS total_rewards_lamports,
            CAST(COALESCE(SUM(contributions.duration_seconds), 0) AS TEXT) AS total_duration_seconds,
            CAST(MIN(contributions.timestamp) AS TEXT) AS first_contribution_at,
            CAST(MAX(contributions.timestamp) AS TEXT) AS last_contribution_at
        FROM nodes LEFT JOIN contributions ON contributions.node_id = nodes.id
        WHERE nodes.id = ?1 GROUP BY nodes.id";
}

/// The maximum size of a node's capabilities as JSON, in bytes.
pub const MAX_CAPABILITIES_BYTES: usize = 4096;

/// The result of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The node with the values of this and all earlier registrations.
    pub node: NodeInfo,
    /// Whether this call created the node; `false` if it was registered before.
    pub created: bool,
}

/// Registers a node, or sets the values that an earlier registration left out.
///
/// Repeating a registration has no effect except on the time of the node's last activity.
///
/// # Errors
/// [`LedgerError::AddressConflict`] and [`LedgerError::PublicKeyConflict`] if a different one is stored;
/// [`LedgerError::InvalidField`] if the capabilities are too large.
pub async fn register<D: Database, C: Clock>(
    database: &D,
    clock: &C,
    actor: &Actor,
    node: NewNode,
) -> Result<Registration, LedgerError> {
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
    let stored = first_node(&node.id, &rows)?;
    if let (Some(given), Some(held)) = (node.address, stored.address)
        && given != held
    {
        return Err(LedgerError::AddressConflict { node_id: node.id, held, given });
    }
    if let (Some(given), Some(held)) = (node.public_key, stored.public_key)
        && given != held
    {
        return Err(LedgerError::PublicKeyConflict { node_id: node.id, held, given });
    }
    Ok(Registration { node: stored, created: !inserted.is_empty() })
}

/// Marks a node as active and, if given, updates its capabilities.
///
/// # Errors
/// [`LedgerError::UnknownNodes`] if the node is not registered; [`LedgerError::InvalidField`] if the capabilities are too
/// large.
pub async fn heartbeat<D: Database, C: Clock>(
    database: &D,
    clock: &C,
    node_id: &NodeId,
    capabilities: Option<DeviceCapabilities>,
) -> Result<NodeInfo, LedgerError> {
    let capabilities = capabilities.as_ref().map(capabilities_json).transpose()?;
    let statement = Statement::new(UPDATE_HEARTBEAT).bind(node_id).bind(clock.now_ms()).bind(capabilities);
    first_node(node_id, &database.query(statement).await?)
}

/// Returns a node.
///
/// # Errors
/// [`LedgerError::UnknownNodes`] if the node is not registered.
pub async fn get<D: Database>(database: &D, node_id: &NodeId) -> Result<NodeInfo, LedgerError> {
    first_node(node_id, &database.query(Statement::new(SELECT_NODE).bind(node_id)).await?)
}

/// Returns the cumulative statistics of a node.
///
/// # Errors
/// [`LedgerError::UnknownNodes`] if the node is not registered.
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

/// Returns those of `node_ids` that are not registered.
pub(super) async fn find_unknown<'a, D: Database>(
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

fn first_node(node_id: &NodeId, rows: &[Row]) -> Result<NodeInfo, LedgerError> {
    let row = rows.first().ok_or_else(|| unknown(node_id))?;
    Ok(NodeInfo {
        id: row.get("id")?,
        address: row.optional("address")?,
        public_key: row.optional("public_key")?,
        registered_at: row.get("registered_at")?,
        last_active_at: row.get("last_active_at")?,
        status: row.get("status")?,
        capabilities: row.json("capabilities")?,
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
        let reason = format!("must be at most {MAX_CAPABILITIES_BYTES} bytes as JSON, but is {}", json.len());
        return Err(LedgerError::InvalidField { field: "capabilities", reason });
    }
    Ok(json)
}
