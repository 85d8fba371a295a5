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
    /// The chain has credited more than this ledger has ever signed for: another ledger has settled the network, this one
    /// was restored from a backup, or the settler's key was stolen. An operator decides, with `williw-relay review`.
    ChainAboveLedger,
    /// The chain has credited less than the ledger has confirmed: the RPC node shows another history of the chain.
    ChainBelowLedger,
    /// The running totals of the node's rewards have a gap: rewards are missing in the ledger. Or the next reward is in a batch
    /// that is closed.
    TotalMismatch,
    /// The node has no wallet account at its address, and the treasury has credited wallet accounts that this ledger does not
    /// know. One of them may be the node's, at another address: a restored ledger can have lost it. A new wallet account would
    /// be credited everything again. An operator decides, with `williw-relay review accept-unknown`.
    UnknownCredits,
    /// The settler's lamports do not cover the fee of its transaction, or the rent of its wallet account.
    PayerShort,
    /// The fees of the settlement have reached their limit.
    FeeLimit,
    /// The batch failed with this as its only entry; holds the cluster's error.
    Evicted(String),
    /// The batch did not land in this number of attempts.
    NotLanded(u32),
    /// The program skipped the entry, or would skip it.
    Skipped(SkipReason),
    /// The program skipped the entry, for a reason that was only in the log, which the RPC node does not have.
    SkippedUnknown,
}

impl HoldReason {
    /// The text of [`HoldReason::ChainAboveLedger`].
    pub const CHAIN_ABOVE_LEDGER: &str = "chain_above_ledger";
    /// The text of [`HoldReason::ChainBelowLedger`].
    pub const CHAIN_BELOW_LEDGER: &str = "chain_below_ledger";
    /// The text of [`HoldReason::TotalMismatch`].
    pub const TOTAL_MISMATCH: &str = "total_mismatch";
    /// The text of [`HoldReason::UnknownCredits`].
    pub const UNKNOWN_CREDITS: &str = "unknown_credits";
    /// The texts of the reasons for which [`HoldReason::is_disagreement`] is true.
    pub const DISAGREEMENTS: [&str; 4] =
        [Self::CHAIN_ABOVE_LEDGER, Self::CHAIN_BELOW_LEDGER, Self::TOTAL_MISMATCH, Self::UNKNOWN_CREDITS];

    /// The text of [`HoldReason::SkippedUnknown`].
    pub const SKIPPED_UNKNOWN: &str = "skipped (reason unknown: the RPC node does not have the transaction's log)";

    /// The beginnings of the texts of the reasons that last until the node's owner, or an operator, does something about them:
    /// the texts up to their first colon.
    const LASTING: [&str; 18] = [
        "no_address",
        "node_suspended",
        "destination_unconfirmed",
        "wallet_unreadable",
        "node_closed",
        "registration_failed",
        "evicted",
        SkipReason::DestinationNotRentExempt.as_str(),
        SkipReason::DestinationExecutable.as_str(),
        SkipReason::DestinationReserved.as_str(),
        SkipReason::DestinationNotWritable.as_str(),
        SkipReason::DestinationIsProgramAccount.as_str(),
        SkipReason::WalletShort.as_str(),
        SkipReason::TokenAccountInvalid.as_str(),
        SkipReason::TokenAccountWrongMint.as_str(),
        SkipReason::TokenAccountWrongOwner.as_str(),
        SkipReason::TokenAccountFrozen.as_str(),
        SkipReason::TokenAccountNeedsMemo.as_str(),
    ];

    /// Whether the reason with this text does not end by itself, as a limit or a shortage of funds does. It is tried again the
    /// more rarely, the longer it has lasted.
    pub(crate) fn lasts(text: &str) -> bool {
        let name = text.split_once(':').map_or(text, |(name, _)| name);
        Self::LASTING.contains(&name)
    }

    /// Whether ledger and chain disagree, so that only an operator can decide.
    pub fn is_disagreement(&self) -> bool {
        matches!(self, Self::ChainAboveLedger | Self::ChainBelowLedger | Self::TotalMismatch | Self::UnknownCredits)
    }
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
            Self::ChainAboveLedger => f.write_str(Self::CHAIN_ABOVE_LEDGER),
            Self::ChainBelowLedger => f.write_str(Self::CHAIN_BELOW_LEDGER),
            Self::TotalMismatch => f.write_str(Self::TOTAL_MISMATCH),
            Self::UnknownCredits => f.write_str(Self::UNKNOWN_CREDITS),
            Self::PayerShort => f.write_str("payer_short: the settler's lamports do not cover its cost: send it SOL"),
            Self::FeeLimit => f.write_str("fee_limit: the fees of the settlement have reached their limit"),
            Self::Evicted(reason) => write!(f, "evicted: {reason}"),
            Self::NotLanded(attempts) => write!(f, "not_landed: it did not land in {attempts} attempts"),
            Self::Skipped(reason @ SkipReason::WalletShort) => {
                write!(f, "{}: rent has risen, top up the wallets with 'williw-relay rent top-up'", reason.as_str())
            }
            Self::Skipped(reason @ SkipReason::TokenAccountInvalid) => write!(
                f,
                "{}: the destination is no token account of the network's token program; anybody can create the owner's \
                 associated token account",
                reason.as_str()
            ),
            Self::Skipped(reason) => f.write_str(reason.as_str()),
            Self::SkippedUnknown => f.write_str(Self::SKIPPED_UNKNOWN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_its_owner_or_an_operator_changes_lasts() {
        let lasting = [
            HoldReason::NoAddress,
            HoldReason::NodeSuspended,
            HoldReason::DestinationUnconfirmed,
            HoldReason::WalletUnreadable,
            HoldReason::NodeClosed,
            HoldReason::RegistrationFailed,
            HoldReason::Evicted("Custom: 17".to_owned()),
        ];
        let passing = [
            HoldReason::ChainAboveLedger,
            HoldReason::ChainBelowLedger,
            HoldReason::TotalMismatch,
            HoldReason::UnknownCredits,
            HoldReason::PayerShort,
            HoldReason::FeeLimit,
            HoldReason::NotLanded(10),
            HoldReason::SkippedUnknown,
        ];
        assert!(lasting.iter().all(|reason| HoldReason::lasts(&reason.to_string())));
        assert!(!passing.iter().any(|reason| HoldReason::lasts(&reason.to_string())));
        let of_program =
            SkipReason::ALL.into_iter().filter(|reason| HoldReason::lasts(&HoldReason::Skipped(*reason).to_string()));
        let names: Vec<&str> = of_program.map(SkipReason::as_str).collect();
        assert_eq!(names, HoldReason::LASTING[lasting.len()..]);
    }
}
