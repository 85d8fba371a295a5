//! Node ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a node: 1 to 64 characters of `A-Z a-z 0-9 . _ : -`. The address of its wallet account is derived from
/// the SHA-256 hash of the id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,64}$", min_length = 1, max_length = 64, example = "node-1")
)]
pub struct NodeId(String);

/// The text is not a valid node id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a node id must have 1 to {MAX_NODE_ID_BYTES} characters; allowed are A-Z, a-z, 0-9, '.', '_', ':' and '-'")]
pub struct NodeIdError;

/// The maximum length of a node id in bytes: enough for a UUID, a base58 key or a DNS label.
const MAX_NODE_ID_BYTES: usize = 64;

impl NodeId {
    /// The id exactly as registered; ids are case-sensitive.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hashed form of the id that the program uses; see [`settlement::client::node_id`].
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
