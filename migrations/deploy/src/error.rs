//! Why a deployment was not completed, and the process's exit codes.

use solana_signature::Signature;
use williw_relay::chain::ChainError;

use crate::config::ConfigError;
use crate::plan::Blocker;

#[derive(Debug, thiserror::Error)]
pub(crate) enum DeployError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{}", describe(.0))]
    Chain(#[from] ChainError),
    #[error("nothing was sent: {}", list(.0))]
    Blocked(Vec<Blocker>),
    #[error("{step}: nothing was sent, because the transaction would fail: {reason}")]
    WouldFail { step: String, reason: String },
    /// A transaction failed on the chain; only its fee was paid.
    #[error("{step}: transaction {signature} failed: {reason}")]
    Failed { step: String, signature: Signature, reason: String },
    #[error(
        "{step}: transaction {signature} expired before it landed; run the command again, with a higher \
         cluster.compute_unit_price if this repeats"
    )]
    Expired { step: String, signature: Signature },
    /// After all steps, the chain is not in the desired state.
    #[error("all transactions were sent, but the chain is not in the desired state: {0}; run the command again")]
    NotVerified(String),
    #[error("{0}")]
    Internal(String),
}

impl DeployError {
    /// The exit code, as documented by `--help`.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Internal(_) => 1,
            Self::Config(_) => 3,
            Self::Chain(_) => 5,
            Self::Blocked(_)
            | Self::WouldFail { .. }
            | Self::Failed { .. }
            | Self::Expired { .. }
            | Self::NotVerified(_) => 6,
        }
    }
}

/// The relay's messages refer to the relay's settings; here the cluster is a setting of the configuration.
fn describe(error: &ChainError) -> String {
    match error {
        ChainError::Unreachable(reason) => {
            format!("cannot reach the RPC node ({reason}): check cluster.url and that the node is up, and run again")
        }
        ChainError::InvalidResponse(reason) => {
            format!("the RPC node's response is not valid Solana JSON-RPC ({reason}): check cluster.url")
        }
        other => other.to_string(),
    }
}

fn list(blockers: &[Blocker]) -> String {
    match blockers {
        [blocker] => blocker.to_string(),
        all => all.iter().fold(format!("{} blockers", all.len()), |text, blocker| format!("{text}\n  - {blocker}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_blockers_are_reported_together() {
        let one = DeployError::Blocked(vec![Blocker::MainnetNotConfirmed]).to_string();
        assert!(one.contains("--yes") && one.lines().count() == 1, "{one}");
        let two = DeployError::Blocked(vec![Blocker::MainnetNotConfirmed, Blocker::IdlImmutable]).to_string();
        assert!(two.contains("2 blockers") && two.lines().count() == 3, "{two}");
    }
}
