//! Keys that programs and operators authenticate with.

use serde::{Deserialize, Serialize};

use super::ApiKeyId;
use super::text_enum::text_enum;

text_enum! {
    /// What a key may do.
    pub enum Scope: "scope" {
        /// Register nodes and report their heartbeats.
        Nodes = "nodes",
        /// Report contributions.
        Contributions = "contributions",
        /// Grant rewards.
        Rewards = "rewards",
        /// Set off settlements.
        Settlement = "settlement",
        /// Read nodes, rewards, balances and settlements.
        Read = "read",
        /// Run the ledger's statements from outside: what a relay in a process of its own needs.
        Ledger = "ledger",
        /// Everything.
        Admin = "admin",
    }
}

/// What is known of a key. The key itself is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKeyInfo {
    /// Its public name.
    pub id: ApiKeyId,
    /// Who or what it was made for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
    /// When it was revoked, Unix milliseconds; `None` while it works.
    pub revoked_at: Option<i64>,
}

impl ApiKeyInfo {
    /// Whether the key may do what `scope` covers.
    pub fn allows(&self, scope: Scope) -> bool {
        self.revoked_at.is_none() && (self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin))
    }
}
