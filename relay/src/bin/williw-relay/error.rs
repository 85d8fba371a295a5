//! Why a command did not do what it was asked to: the one place where errors become exit codes.

use williw_relay::chain::ChainError;
use williw_relay::database::DatabaseError;
use williw_relay::database::remote::RemoteError;
use williw_relay::database::sqlite::SqliteError;
use williw_relay::engine::EngineError;
use williw_relay::ledger::LedgerError;
use williw_relay::signer::SignerError;
use williw_relay::transaction::TransactionBuildError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line lacks something.
    #[error("{0}")]
    Usage(String),
    /// A setting is wrong: a key, a URL.
    #[error("{0}")]
    Setting(String),
    /// The ledger's file cannot be used.
    #[error(transparent)]
    File(#[from] SqliteError),
    /// The Worker's ledger cannot be used.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The ledger refused, or failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The cluster failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The key failed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A transaction cannot be built.
    #[error(transparent)]
    Build(#[from] TransactionBuildError),
    /// The chain would not do what was asked for: nothing moved.
    #[error("{0}")]
    Refused(String),
    /// A settlement was closed as failed.
    #[error("settlement {id} failed: {reason}")]
    Settlement {
        /// Which.
        id: i64,
        /// Why.
        reason: String,
    },
    /// Stopped by a signal.
    #[error("{0}")]
    Interrupted(String),
    /// Something that should not happen.
    #[error("{0}")]
    Internal(String),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Ledger(error) => Self::Ledger(error.into()),
            EngineError::Chain(error) => Self::Chain(error),
            EngineError::Signer(error) => Self::Signer(error),
            EngineError::Build(error) => Self::Build(error),
            EngineError::Rejected(reason) => Self::Refused(reason),
            EngineError::LeaseLost | EngineError::StateChanged => Self::Internal(error.to_string()),
        }
    }
}

impl Failure {
    /// The process's exit code, as `--help` lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Internal(_) | Self::Build(_) => 1,
            Self::Usage(_) => 2,
            Self::Setting(_) | Self::File(_) | Self::Remote(_) | Self::Signer(_) => 3,
            Self::Ledger(LedgerError::Database(error)) => match error {
                DatabaseError::Unavailable(_) => 4,
                DatabaseError::Unauthorized(_) => 3,
                DatabaseError::Constraint(_) | DatabaseError::Statement(_) | DatabaseError::Decode(_) => 1,
            },
            Self::Chain(_) => 5,
            Self::Refused(_) | Self::Settlement { .. } => 6,
            Self::Ledger(_) => 7,
            Self::Interrupted(_) => 130,
        }
    }

    /// The failure's name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "USAGE",
            Self::Setting(_) | Self::Remote(_) => "INVALID_SETTING",
            Self::File(_) => "LEDGER_FILE",
            Self::Ledger(error) => error.code(),
            Self::Chain(_) => "CHAIN",
            Self::Signer(_) => "SIGNER",
            Self::Refused(_) => "REFUSED",
            Self::Settlement { .. } => "SETTLEMENT_FAILED",
            Self::Interrupted(_) => "INTERRUPTED",
            Self::Build(_) | Self::Internal(_) => "INTERNAL",
        }
    }
}
