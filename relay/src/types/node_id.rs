//! The name of a node in the ledger.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A node's id: 1 to 64 characters of `A-Z a-z 0-9 . _ : -`. On the chain its SHA-256 names the wallet account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,64}$", min_length = 1, max_length = 64, example = "node-1")
)]
pub struct NodeId(String);

/// Why a text is no node id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a node id is 1 to {MAX_NODE_ID_BYTES} characters of A-Z, a-z, 0-9, '.', '_', ':' and '-'")]
pub struct NodeIdError;

/// Enough for a UUID, a base58 key or a host name's label; short enough for a URL's path.
pub const MAX_NODE_ID_BYTES: usize = 64;

impl NodeId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id's form on the chain: see [`settlement::client::node_id`].
    pub fn on_chain(&self) -> [u8; 32] {
        settlement::client::node_id(&self.0)
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for NodeId {
    type Error = NodeIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        if text.is_empty() || text.len() > MAX_NODE_ID_BYTES || !text.bytes().all(allowed) {
            return Err(NodeIdError);
        }
        Ok(Self(text))
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
