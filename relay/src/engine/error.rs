//! What can stop a call of the engine.

use crate::chain::ChainError;
use crate::database::DatabaseError;
use crate::signer::SignerError;
use crate::transaction::TransactionBuildError;

/// An error of [`Engine::advance`](super::Engine::advance).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(DatabaseError),
    /// The cluster failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The key failed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A transaction cannot be built: the ledger holds a batch that does not fit its format.
    #[error(transparent)]
    Build(#[from] TransactionBuildError),
    /// Another runner has taken over; this one must stop.
    #[error("another runner has taken over the settlement; this one stops")]
    LeaseLost,
    /// The ledger changed under this runner's hands: nothing was written, the next call reads again.
    #[error("the ledger changed meanwhile; nothing was written")]
    StateChanged,
    /// The settlement cannot be carried out as things stand. It is closed as failed with this reason.
    #[error("{0}")]
    Rejected(String),
}

impl From<DatabaseError> for EngineError {
    fn from(error: DatabaseError) -> Self {
        if error.is_constraint("lease_held") {
            Self::LeaseLost
        } else if error.is_constraint("state_unchanged") {
            Self::StateChanged
        } else {
            Self::Ledger(error)
        }
    }
}

impl EngineError {
    /// Whether calling again later can help without anyone's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Ledger(DatabaseError::Unavailable(_)) | Self::StateChanged => true,
            Self::Chain(error) => error.is_transient(),
            _ => false,
        }
    }
}
