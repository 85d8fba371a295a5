//! Why a deployment was not done: the one place where errors become exit codes.

use solana_signature::Signature;
use williw_relay::chain::ChainError;

use crate::cluster::UrlError;
use crate::config::{ConfigError, KeyError, TermsError};
use crate::content::ContentError;
use crate::plan::Refusal;
use crate::state::StateError;

/// Why a deployment was not done, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The cluster's address is none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A key is missing, or none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The terms are none.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The bytecode or the IDL cannot be used.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// A key could not be kept, or found again.
    #[error(transparent)]
    State(#[from] StateError),
    /// The cluster did not answer as it should.
    #[error("{}", in_words(.0))]
    Chain(#[from] ChainError),
    /// The plan must not be carried out; the reasons were printed with it.
    #[error("nothing was sent: {}", list(.0))]
    Refused(Vec<Refusal>),
    /// A transaction would fail.
    #[error("{step}: nothing was sent, the cluster would refuse it: {reason}")]
    WouldFail {
        /// What was to be done.
        step: String,
        /// The cluster's reason.
        reason: String,
    },
    /// A transaction failed on the chain, and moved nothing but its fee.
    #[error("{step}: {signature} failed: {reason}")]
    Failed {
        /// What was to be done.
        step: String,
        /// The transaction.
        signature: Signature,
        /// The cluster's reason.
        reason: String,
    },
    /// A transaction did not land in time.
    #[error(
        "{step}: {signature} did not land before it expired; run again, with a higher cluster.compute_unit_price if it happens again"
    )]
    Expired {
        /// What was to be done.
        step: String,
        /// The transaction.
        signature: Signature,
    },
    /// What is on the chain in the end is not what was wanted.
    #[error("everything was sent, but the chain does not show it: {0}; run again to see what is missing")]
    NotVerified(String),
    /// Something that should not happen.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// The process's exit code, as `--help` lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Internal(_) => 1,
            Self::Config(_) | Self::Url(_) | Self::Key(_) | Self::Terms(_) | Self::Content(_) | Self::State(_) => 3,
            Self::Chain(_) => 5,
            Self::Refused(_)
            | Self::WouldFail { .. }
            | Self::Failed { .. }
            | Self::Expired { .. }
            | Self::NotVerified(_) => 6,
        }
    }
}

/// The relay's errors name the relay's settings; here the cluster stands in the configuration.
fn in_words(error: &ChainError) -> String {
    match error {
        ChainError::Unreachable(reason) => {
            format!(
                "the RPC node cannot be reached ({reason}); check cluster.url, and that the node is up; then run again"
            )
        }
        ChainError::InvalidResponse(reason) => {
            format!("the RPC node answered something else than Solana's JSON-RPC ({reason}); check cluster.url")
        }
        other => other.to_string(),
    }
}

fn list(refusals: &[Refusal]) -> String {
    match refusals {
        [only] => only.to_string(),
        all => all.iter().fold(format!("{} reasons", all.len()), |text, refusal| format!("{text}\n  - {refusal}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_told_at_once() {
        let one = Failure::Refused(vec![Refusal::MainnetWithoutYes]).to_string();
        assert!(one.contains("--yes") && one.lines().count() == 1, "{one}");
        let two = Failure::Refused(vec![Refusal::MainnetWithoutYes, Refusal::IdlImmutable]).to_string();
        assert!(two.contains("2 reasons") && two.lines().count() == 3, "{two}");
    }
}
