//! Errors of ledger operations, with the data needed to correct the request.

use crate::database::DatabaseError;
use crate::types::{ApiKeyId, ContributionId, IdempotencyKey, Lamports, NodeId, PublicKey, TaskId};

/// An error of a ledger operation. Nothing was written, except after [`DatabaseError::Unavailable`], when the outcome is
/// unknown; the request can then be repeated safely.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The database failed, or rejected the write for a reason unrelated to the request.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Some nodes are not registered.
    #[error("{}", not_registered(.0))]
    UnknownNodes(Vec<NodeId>),
    /// An operator has suspended the node, so its contributions are rejected.
    #[error("node {0} is suspended: its contributions are not accepted")]
    NodeSuspended(NodeId),
    /// The node is registered with a different address.
    #[error("node {node_id} is registered with address {held}, which cannot be changed to {given}")]
    AddressConflict {
        /// The registered node.
        node_id: NodeId,
        /// The address that the node is registered with.
        held: PublicKey,
        /// The address in the request.
        given: PublicKey,
    },
    /// The node is registered with a different signing key.
    #[error("node {node_id} is registered with public key {held}, which cannot be changed to {given}")]
    PublicKeyConflict {
        /// The registered node.
        node_id: NodeId,
        /// The public key that the node is registered with.
        held: PublicKey,
        /// The key in the request.
        given: PublicKey,
    },
    /// The task is closed, so contributions to it are rejected.
    #[error("task {0} is closed: contributions to it are not accepted")]
    TaskClosed(TaskId),
    /// The id was used before, with different content.
    #[error("contribution {0} was already reported with different content: use a new id for a new contribution")]
    ContributionConflict(ContributionId),
    /// The idempotency key was used before, for a different request.
    #[error("idempotency key {0} was already used for a different request: use a new key for a new request")]
    IdempotencyConflict(IdempotencyKey),
    /// A field of the request is out of range, too long, or contains characters that are not allowed.
    #[error("{field}: {reason}")]
    InvalidField {
        /// The name of the field in JSON.
        field: &'static str,
        /// What is wrong and which values are allowed.
        reason: String,
    },
    /// A timestamp is out of range.
    #[error(
        "timestamp: {timestamp} is out of range: must be in Unix milliseconds, 2020 or later, and at most one day ahead \
         of the server's clock ({now})"
    )]
    InvalidTimestamp {
        /// The timestamp in the request, Unix milliseconds.
        timestamp: i64,
        /// The server's time, Unix milliseconds.
        now: i64,
    },
    /// An entry of a distribution grants 0 lamports.
    #[error("entry {index} grants 0 lamports to node {node_id}: the amount must be at least 1")]
    ZeroAmount {
        /// The index of the entry, starting at 0.
        index: usize,
        /// The node that the entry names.
        node_id: NodeId,
    },
    /// The reward of a contribution exceeds [`Lamports::MAX`].
    #[error("the reward for contribution {0} exceeds {max} lamports, the maximum the ledger can store", max = Lamports::MAX)]
    RewardTooLarge(ContributionId),
    /// The sum of the amounts in a request exceeds [`Lamports::MAX`].
    #[error("the sum of the amounts exceeds {max} lamports, the maximum the ledger can store", max = Lamports::MAX)]
    SumTooLarge,
    /// The cumulative rewards or scores of some nodes would exceed the maximum.
    #[error(
        "the totals would exceed the maximum the ledger can store ({max} lamports, score {MAX_TOTAL_SCORE}) for: {}",
        node_list(.0), max = Lamports::MAX
    )]
    TotalTooLarge(Vec<NodeId>),
    /// A distribution needs at least one entry.
    #[error("the request has no entries: send at least 1")]
    NoEntries,
    /// A distribution has more than `max` entries.
    #[error("the request has {count} entries: send at most {max} per request")]
    TooManyEntries {
        /// The number of entries in the request.
        count: usize,
        /// The maximum number of entries.
        max: usize,
    },
    /// The cursor was not returned by this list.
    #[error("the cursor is invalid: pass next_cursor of the previous page unchanged, or omit it for the first page")]
    InvalidCursor,
    /// The requested page size is 0 or above the maximum.
    #[error("limit: {limit} is out of range: must be from 1 to {max}")]
    InvalidLimit {
        /// The requested page size.
        limit: u32,
        /// The maximum page size.
        max: u32,
    },
    /// No settlement has that id.
    #[error("settlement {0} does not exist")]
    UnknownSettlement(i64),
    /// No API key has that id.
    #[error("API key {0} does not exist")]
    UnknownApiKey(ApiKeyId),
}

/// The maximum sum of the scores of a node's contributions, 2⁵³ − 1: the largest exact integer in JSON.
pub const MAX_TOTAL_SCORE: u64 = (1 << 53) - 1;

/// The maximum number of nodes listed in an error message; further ones are counted.
const LISTED_NODES: usize = 20;

fn node_list(nodes: &[NodeId]) -> String {
    let mut text = nodes.iter().take(LISTED_NODES).map(NodeId::as_str).collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = nodes.len().checked_sub(LISTED_NODES) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn not_registered(nodes: &[NodeId]) -> String {
    let list = node_list(nodes);
    if nodes.len() == 1 {
        format!("node {list} is not registered: register it with POST /v1/nodes")
    } else {
        format!("nodes {list} are not registered: register them with POST /v1/nodes")
    }
}

impl LedgerError {
    /// The stable, machine-readable code of the error, the same over HTTP and on the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Database(error) => error.code(),
            Self::UnknownNodes(_) => "UNKNOWN_NODE",
            Self::NodeSuspended(_) => "NODE_SUSPENDED",
            Self::AddressConflict { .. } => "ADDRESS_CONFLICT",
            Self::PublicKeyConflict { .. } => "PUBLIC_KEY_CONFLICT",
            Self::TaskClosed(_) => "TASK_CLOSED",
            Self::ContributionConflict(_) => "CONTRIBUTION_CONFLICT",
            Self::IdempotencyConflict(_) => "IDEMPOTENCY_CONFLICT",
            Self::InvalidField { .. } => "INVALID_FIELD",
            Self::InvalidTimestamp { .. } => "INVALID_TIMESTAMP",
            Self::ZeroAmount { .. } => "ZERO_AMOUNT",
            Self::RewardTooLarge(_) => "REWARD_TOO_LARGE",
            Self::SumTooLarge => "SUM_TOO_LARGE",
            Self::TotalTooLarge(_) => "TOTAL_TOO_LARGE",
            Self::NoEntries => "NO_ENTRIES",
            Self::TooManyEntries { .. } => "TOO_MANY_ENTRIES",
            Self::InvalidCursor => "INVALID_CURSOR",
            Self::InvalidLimit { .. } => "INVALID_LIMIT",
            Self::UnknownSettlement(_) => "UNKNOWN_SETTLEMENT",
            Self::UnknownApiKey(_) => "UNKNOWN_API_KEY",
        }
    }
}
