//! Nodes, which do the work and are paid for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text_enum::text_enum;
use super::{Lamports, NodeId, PublicKey};

/// The capabilities of a device, self-reported. They do not affect rewards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceCapabilities {
    /// Number of logical CPU cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_cores: Option<u32>,
    /// Main memory in megabytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    /// Free storage in megabytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_mb: Option<u64>,
    /// The GPUs, one entry each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<Gpu>,
    /// Upload rate in megabits per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_mbps: Option<u32>,
    /// Download rate in megabits per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_mbps: Option<u32>,
    /// The operating system, for example `linux`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operating_system: Option<String>,
    /// Free-form labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// One GPU of a device, self-reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gpu {
    /// The vendor's model name.
    pub model: String,
    /// Memory of this GPU alone, in megabytes.
    pub memory_mb: u64,
}

/// A node registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewNode {
    /// The node's id: 1 to 64 characters, unique within the ledger.
    pub id: NodeId,
    /// The Solana address that owns the node's wallet account and receives payouts. It can be set by a later
    /// registration, but not changed. Until it is set, rewards accumulate and nothing is paid.
    #[serde(default)]
    pub address: Option<PublicKey>,
    /// The Ed25519 key that the node signs its requests with.
    #[serde(default)]
    pub public_key: Option<PublicKey>,
    /// What the device can do, at most 4,096 bytes as JSON.
    #[serde(default)]
    pub capabilities: Option<DeviceCapabilities>,
}

text_enum! {
    /// Whether a node participates in the network.
    pub enum NodeStatus: "node status" {
        /// The node participates: its contributions are accepted.
        Active = "active",
        /// The node has left the network; a heartbeat reactivates it.
        Inactive = "inactive",
        /// An operator has suspended the node: its contributions are rejected, and rewards already earned are held until it is
        /// active again.
        Suspended = "suspended",
    }
}

/// A registered node and its totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeInfo {
    /// The node's id: 1 to 64 characters, unique within the ledger.
    pub id: NodeId,
    /// The Solana address that owns the node's wallet account and receives payouts; null until it is set.
    pub address: Option<PublicKey>,
    /// The Ed25519 key that the node signs its requests with.
    pub public_key: Option<PublicKey>,
    /// When the node was first registered, Unix milliseconds.
    pub registered_at: i64,
    /// When the node was last active, Unix milliseconds.
    pub last_active_at: i64,
    /// Whether the node participates in the network.
    pub status: NodeStatus,
    /// What the device can do, as last reported by the node.
    pub capabilities: DeviceCapabilities,
    /// The sum of the compute scores of its contributions, at most 2⁵³ − 1.
    pub total_compute_score: u64,
    /// The total rewards ever earned by the node.
    pub total_rewards_lamports: Lamports,
    /// How many contributions of the node are recorded; repeated reports count once.
    pub contribution_count: u64,
    /// When the record was created, Unix milliseconds.
    pub created_at: i64,
    /// When the record was last changed, Unix milliseconds.
    pub updated_at: i64,
}
