//! Errors of RPC calls.

/// An error of a [`Chain`](super::Chain).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No response was received, so the request may or may not have taken effect. The request can be retried.
    #[error("the RPC node cannot be reached ({0}): check SOLANA_RPC_URL, and that the node is running")]
    Unreachable(String),
    /// The node, or a proxy in front of it, limits the rate of requests. The request had no effect.
    #[error("the RPC node limits the rate of requests: use another node, or a plan that allows more")]
    RateLimited {
        /// How long the node asks to wait, in milliseconds, if it says so.
        retry_after_ms: Option<u64>,
    },
    /// The node has not reached a slot that another node, or this one earlier, has already seen.
    #[error("the RPC node is at slot {slot}, behind slot {min_slot} that is already known: it will be asked again")]
    Behind {
        /// The slot of its answer; 0 if the node does not say.
        slot: u64,
        /// The slot that was asked for.
        min_slot: u64,
    },
    /// The response does not match Solana's JSON-RPC schema. Usually the URL is not that of an RPC node.
    #[error("the response is not valid Solana JSON-RPC ({0}): check that SOLANA_RPC_URL is the URL of an RPC node")]
    InvalidResponse(String),
    /// The node returned a JSON-RPC error object.
    #[error("the RPC node returned an error for {method}: {message} (code {code})")]
    ErrorResponse {
        /// The JSON-RPC method.
        method: &'static str,
        /// The JSON-RPC error code.
        code: i64,
        /// The node's error message.
        message: String,
    },
    /// Two of the configured RPC nodes contradict each other.
    #[error(
        "the RPC nodes disagree {0}: one of them lies or belongs to another cluster, so nothing is recorded; check them"
    )]
    NodesDisagree(String),
    /// The cluster does not support the version of the transaction.
    #[error("the cluster does not support this transaction version: use the transaction format v0 or auto")]
    UnsupportedVersion,
}

impl ChainError {
    /// The kind of the error in one word, for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::RateLimited { .. } => "rate_limited",
            Self::Behind { .. } => "behind",
            Self::InvalidResponse(_) => "invalid_response",
            Self::ErrorResponse { .. } => "error_response",
            Self::NodesDisagree(_) => "nodes_disagree",
            Self::UnsupportedVersion => "unsupported_version",
        }
    }

    /// Whether retrying later can succeed without any other change.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::RateLimited { .. } | Self::Behind { .. } => true,
            Self::InvalidResponse(_) | Self::NodesDisagree(_) | Self::UnsupportedVersion => false,
            // Agave's custom error codes for: block not available, node unhealthy, slot skipped, block status not yet
            // available, minimum context slot not reached. Then JSON-RPC's internal error.
            Self::ErrorResponse { code, .. } => matches!(code, -32004 | -32005 | -32007 | -32014 | -32016 | -32603),
        }
    }
}
