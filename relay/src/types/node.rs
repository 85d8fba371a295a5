//! Nodes: who does the work and is paid for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text_enum::text_enum;
use super::{Lamports, NodeId, PublicKey};

/// What a device can do, as it says itself. Nothing of it decides about money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceCapabilities {
    /// Logical processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_cores: Option<u32>,
    /// Main memory in megabytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    /// Free storage in megabytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_mb: Option<u64>,
    /// The graphics processors, one entry for each.
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
    /// Anything else worth knowing, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A graphics processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gpu {
    /// The maker's name of the model.
    pub model: String,
    /// Its memory in megabytes.
    pub memory_mb: u64,
}

/// A node that wants to be part of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewNode {
    /// The node's name in the ledger.
    pub id: NodeId,
    /// The address that owns the node's wallet account and is paid. It can be named later, but never changed here:
    /// until it is named, rewards add up and nothing is paid.
    #[serde(default)]
    pub address: Option<PublicKey>,
    /// The Ed25519 key that the node signs its requests with.
    #[serde(default)]
    pub public_key: Option<PublicKey>,
    /// What the device can do.
    #[serde(default)]
    pub capabilities: Option<DeviceCapabilities>,
}

text_enum! {
    /// Whether a node takes part.
    pub enum NodeStatus: "node status" {
        /// It takes part.
        Active = "active",
        /// It has left; a heartbeat makes it active again.
        Inactive = "inactive",
        /// An operator has excluded it: its contributions are refused. What it has earned stays its own.
        Suspended = "suspended",
    }
}

/// A node as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeInfo {
    /// The node's name in the ledger.
    pub id: NodeId,
    /// The address that owns the node's wallet account and is paid.
    pub address: Option<PublicKey>,
    /// The Ed25519 key that the node signs its requests with.
    pub public_key: Option<PublicKey>,
    /// When it was registered first, Unix milliseconds.
    pub registered_at: i64,
    /// When it was heard of last, Unix milliseconds.
    pub last_active_at: i64,
    /// Whether it takes part.
    pub status: NodeStatus,
    /// What the device can do.
    pub capabilities: DeviceCapabilities,
    /// The scores of all its contributions together, at most 2⁵³ − 1.
    pub total_compute_score: u64,
    /// All that it has earned in its life.
    pub total_rewards_lamports: Lamports,
    /// How many contributions it has made.
    pub contribution_count: u64,
    /// When the row was written first, Unix milliseconds.
    pub created_at: i64,
    /// When the row was changed last, Unix milliseconds.
    pub updated_at: i64,
}
