//! API keys, with which programs and operators authenticate.

use serde::{Deserialize, Serialize};

use super::ApiKeyId;
use super::text_enum::text_enum;

text_enum! {
    /// A permission of an API key.
    pub enum Scope: "scope" {
        /// Register nodes and report their heartbeats.
        Nodes = "nodes",
        /// Report contributions, which earn rewards at the configured rate.
        Contributions = "contributions",
        /// Grant rewards of any amount to nodes.
        Rewards = "rewards",
        /// Trigger a settlement without waiting for the schedule.
        Settlement = "settlement",
        /// Read nodes, rewards, balances and settlements.
        Read = "read",
        /// Run the ledger's SQL statements over HTTP; required by a standalone `williw-relay`.
        Ledger = "ledger",
        /// Full access.
        Admin = "admin",
    }
}

/// The metadata of an API key. The key itself is never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKeyInfo {
    /// The key's public id.
    pub id: ApiKeyId,
    /// A label for the key's owner or purpose.
    pub name: String,
    /// What the key permits. [`Scope::Admin`] includes all other scopes.
    pub scopes: Vec<Scope>,
    /// When the key was created, Unix milliseconds.
    pub created_at: i64,
    /// When the key was revoked, Unix milliseconds; null while it is valid.
    pub revoked_at: Option<i64>,
}

impl ApiKeyInfo {
    /// Whether the key is valid and grants `scope`.
    pub fn allows(&self, scope: Scope) -> bool {
        self.revoked_at.is_none() && (self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin))
    }
}
