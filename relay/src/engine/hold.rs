//! Why a reward or a payout has to wait.

use std::fmt;

use settlement::rules::SkipReason;

/// A reason that is written on the reward's or the wallet's row, until it no longer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// The node has not named a Solana address yet.
    NoAddress,
    /// An operator suspended the node.
    NodeSuspended,
    /// The wallet account on the chain belongs to another owner than the node's address.
    OwnerMismatch,
    /// The wallet account on the chain cannot be read by this version.
    WalletUnreadable,
    /// The node's wallet account was closed. What it was paid stays on the chain; the settler or the admin opens it
    /// again with `reopen_node` once it is clear why it was closed.
    NodeClosed,
    /// The wallet account could not be opened.
    RegistrationFailed,
    /// The chain's total is none that the ledger knows: it is not for the relay to decide which is right.
    TotalMismatch,
    /// An earlier batch with this node waits for a person.
    EarlierBatchOpen,
    /// The batch failed with this entry alone; the cluster's reason.
    Evicted(String),
    /// The program would skip it, or has skipped it.
    Skipped(SkipReason),
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("no_address"),
            Self::NodeSuspended => f.write_str("node_suspended"),
            Self::OwnerMismatch => f.write_str("owner_mismatch"),
            Self::WalletUnreadable => f.write_str("wallet_unreadable"),
            Self::NodeClosed => f.write_str("node_closed"),
            Self::RegistrationFailed => f.write_str("registration_failed"),
            Self::TotalMismatch => f.write_str("total_mismatch"),
            Self::EarlierBatchOpen => f.write_str("earlier_batch_open"),
            Self::Evicted(reason) => write!(f, "evicted: {reason}"),
            Self::Skipped(reason) => f.write_str(reason.as_str()),
        }
    }
}
