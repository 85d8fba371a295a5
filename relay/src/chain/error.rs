//! What can go wrong between the engine and a cluster.

/// An error of a [`Chain`](super::Chain).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No answer: it is unknown whether the request took effect. Passing; try again.
    #[error("the RPC node cannot be reached ({0}); check SOLANA_RPC_URL, and that the node is up")]
    Unreachable(String),
    /// The answer is not what Solana's JSON-RPC documents. Is the URL that of an RPC node?
    #[error("the RPC node answered something else than Solana's JSON-RPC ({0}); check SOLANA_RPC_URL")]
    Garbage(String),
    /// The node understood and refused.
    #[error("the RPC node refused {method}: {message} (code {code})")]
    Refused {
        /// The JSON-RPC method.
        method: &'static str,
        /// The JSON-RPC error code.
        code: i64,
        /// The node's words.
        message: String,
    },
    /// The cluster does not take this transaction format.
    #[error("the cluster does not take transactions of this version")]
    UnsupportedVersion,
}

impl ChainError {
    /// Whether waiting can help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Garbage(_) | Self::UnsupportedVersion => false,
            // Node behind, no snapshot, block not available, internal error, rate limits: Agave's custom error codes.
            Self::Refused { code, .. } => matches!(code, -32004 | -32005 | -32007 | -32014 | -32016 | -32603 | 429),
        }
    }
}
