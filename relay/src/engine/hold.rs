//! Why a reward or a payout is held.

use std::fmt;

use settlement::rules::SkipReason;

/// Why a reward or a payout is held. Stored on the reward's or the wallet's row until it no longer applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// The node has not registered a Solana address yet.
    NoAddress,
    /// An operator suspended the node.
    NodeSuspended,
    /// The admin registered the wallet account with a destination that its owner has not chosen. The owner accepts it, or
    /// sets another one, with `set_destination`.
    DestinationUnconfirmed,
    /// The wallet account's data has a layout that this version cannot decode.
    WalletUnreadable,
    /// The node's wallet account was closed. Its totals stay on the chain. After finding out why it was closed, the
    /// settler or the admin reopens it with `reopen_node`.
    NodeClosed,
    /// Creating the wallet account failed.
    RegistrationFailed,
    /// The chain's credited total matches no total in the ledger. The relay cannot decide which of them is right.
    TotalMismatch,
    /// An earlier batch with this node needs manual review.
    EarlierBatchOpen,
    /// The batch failed with this as its only entry; holds the cluster's error.
    Evicted(String),
    /// The program skipped the entry, or would skip it.
    Skipped(SkipReason),
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("no_address"),
            Self::NodeSuspended => f.write_str("node_suspended"),
            Self::DestinationUnconfirmed => {
                f.write_str("destination_unconfirmed: the owner must set the destination with set_destination")
            }
            Self::WalletUnreadable => f.write_str("wallet_unreadable"),
            Self::NodeClosed => f.write_str("node_closed"),
            Self::RegistrationFailed => f.write_str("registration_failed"),
            Self::TotalMismatch => f.write_str("total_mismatch"),
            Self::EarlierBatchOpen => f.write_str("earlier_batch_open"),
            Self::Evicted(reason) => write!(f, "evicted: {reason}"),
            Self::Skipped(reason @ SkipReason::WalletShort) => {
                write!(f, "{}: rent has risen, top up the wallets with 'williw-relay rent top-up'", reason.as_str())
            }
            Self::Skipped(reason) => f.write_str(reason.as_str()),
        }
    }
}
