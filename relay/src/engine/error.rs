//! Errors of the engine.

use crate::chain::ChainError;
use crate::database::DatabaseError;
use crate::signer::SignerError;
use crate::transaction::TransactionBuildError;

/// An error of [`Engine::advance`](super::Engine::advance).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The ledger's database returned an error, other than for a lost lease or a changed state.
    #[error(transparent)]
    Ledger(DatabaseError),
    /// A request to the RPC node failed. If it was sending a transaction, the next call determines the outcome.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The settler's key could not sign a transaction, so nothing was sent.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A transaction cannot be built: the ledger holds a batch that does not fit its format.
    #[error(transparent)]
    Build(#[from] TransactionBuildError),
    /// Another runner has taken over; this one must stop.
    #[error("another runner has taken over the settlement; this runner stops")]
    LeaseLost,
    /// The ledger changed between this runner's read and its write. Nothing was written; the next call reads again.
    #[error("the ledger changed after it was read, so nothing was written; a retry reads it again")]
    StateChanged,
    /// The settlement cannot proceed. It is closed as failed with this reason.
    #[error("{0}")]
    Rejected(String),
}

/// What only an earlier write of the same rows can violate: one whose answer was lost, and which came late.
const NEW_ROWS: [&str; 3] = [
    "UNIQUE constraint failed: batches.id",
    "UNIQUE constraint failed: attempts.batch_id",
    "UNIQUE constraint failed: settlements.state",
];

impl From<DatabaseError> for EngineError {
    fn from(error: DatabaseError) -> Self {
        if error.is_constraint("lease_held") {
            Self::LeaseLost
        } else if error.is_constraint("state_unchanged") || NEW_ROWS.iter().any(|row| error.is_constraint(row)) {
            Self::StateChanged
        } else {
            Self::Ledger(error)
        }
    }
}

impl EngineError {
    /// Whether the error is transient: a later call can succeed without intervention.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Ledger(DatabaseError::Unavailable(_)) | Self::StateChanged => true,
            Self::Chain(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Whether the error came from the ledger's server or from the RPC node, so that it can end without anybody changing
    /// anything here.
    pub fn is_external(&self) -> bool {
        self.is_transient() || matches!(self, Self::Chain(_))
    }
}
