//! What the ledger's operations can refuse, each with what is needed to do better.

use crate::database::DatabaseError;
use crate::types::{ApiKeyId, ContributionId, IdempotencyKey, Lamports, NodeId, PublicKey, TaskId};

/// Why an operation on the ledger was not carried out. Nothing of it was written, except after
/// [`DatabaseError::Unavailable`], which leaves that open: the same request can be sent again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The database failed, or refused for a reason that is not the caller's.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Nodes that nobody has registered.
    #[error("the ledger knows no node {}: register it first", list(.0))]
    UnknownNodes(Vec<NodeId>),
    /// An operator has excluded the node.
    #[error("node {0} is suspended: it takes no contributions")]
    NodeSuspended(NodeId),
    /// The node has named another address before.
    #[error("node {node_id} has the address {held}, and an address cannot be changed here: {given} was refused")]
    AddressConflict {
        /// Which node.
        node_id: NodeId,
        /// The address in the ledger.
        held: PublicKey,
        /// The address in the request.
        given: PublicKey,
    },
    /// The node has named another signing key before.
    #[error("node {node_id} has the public key {held}, and it cannot be changed here: {given} was refused")]
    PublicKeyConflict {
        /// Which node.
        node_id: NodeId,
        /// The key in the ledger.
        held: PublicKey,
        /// The key in the request.
        given: PublicKey,
    },
    /// The task is over.
    #[error("task {0} is closed: it takes no contributions")]
    TaskClosed(TaskId),
    /// The id was reported before, with other content.
    #[error("contribution {0} was reported before with other content: a new contribution needs a new id")]
    ContributionConflict(ContributionId),
    /// The idempotency key was used before, with another request.
    #[error("the idempotency key {0} was used before for another request: use a new key for a new request")]
    IdempotencyConflict(IdempotencyKey),
    /// A value is out of bounds.
    #[error("{field}: {reason}")]
    InvalidField {
        /// The field's name as in JSON.
        field: &'static str,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// A time that cannot be.
    #[error(
        "timestamp: {timestamp} is not between 2020 and a day from now ({now}): it is counted in milliseconds since \
         1970, UTC"
    )]
    InvalidTimestamp {
        /// The time in the request.
        timestamp: i64,
        /// The ledger's time, Unix milliseconds.
        now: i64,
    },
    /// A reward of nothing.
    #[error("entry {index} grants node {node_id} 0 lamports: an amount is at least 1")]
    ZeroAmount {
        /// Which entry, counted from 0.
        index: usize,
        /// For which node.
        node_id: NodeId,
    },
    /// Score times rate is more than the ledger can hold.
    #[error("contribution {0} would earn more than {max} lamports, the most the ledger can hold", max = Lamports::MAX)]
    RewardTooLarge(ContributionId),
    /// The entries of one request add up to more than the ledger can hold.
    #[error("the amounts of the request add up to more than {max} lamports, the most the ledger can hold", max = Lamports::MAX)]
    SumTooLarge,
    /// What the nodes have earned in their lives would be more than the ledger can hold.
    #[error(
        "the totals of node {} would pass what the ledger can hold ({max} lamports, a score of {MAX_TOTAL_SCORE})",
        list(.0), max = Lamports::MAX
    )]
    TotalTooLarge(Vec<NodeId>),
    /// A request without entries.
    #[error("the request has no entries")]
    NoEntries,
    /// A request with too many entries.
    #[error("the request has {count} entries: send at most {max} at a time")]
    TooManyEntries {
        /// How many it has.
        count: usize,
        /// How many it may have.
        max: usize,
    },
    /// A cursor that this list did not hand out.
    #[error("the cursor is not one of this list: pass next_cursor of the page before unchanged, or none for the first")]
    InvalidCursor,
    /// A page size out of bounds.
    #[error("limit: {limit} is not between 1 and {max}")]
    InvalidLimit {
        /// The size asked for.
        limit: u32,
        /// The largest page.
        max: u32,
    },
    /// No settlement has that number.
    #[error("there is no settlement {0}")]
    UnknownSettlement(i64),
    /// No API key has that id.
    #[error("there is no API key {0}")]
    UnknownApiKey(ApiKeyId),
}

/// The most that the scores of a node's contributions may add up to, 2⁵³ − 1: what JSON numbers keep exact.
pub const MAX_TOTAL_SCORE: u64 = (1 << 53) - 1;

/// Error texts list at most this many nodes: the rest is a count.
const LISTED_NODES: usize = 20;

fn list(nodes: &[NodeId]) -> String {
    let mut text = nodes.iter().take(LISTED_NODES).map(NodeId::as_str).collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = nodes.len().checked_sub(LISTED_NODES) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

impl LedgerError {
    /// The error's name for programs, the same over HTTP and on the command line. It never changes.
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
