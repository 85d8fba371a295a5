//! Errors of commands, and their exit codes.

use williw_relay::audit::{HistoryError, RebuildError, ReceiptError, ReconcileError, VerifyError};
use williw_relay::chain::ChainError;
use williw_relay::database::DatabaseError;
use williw_relay::database::remote::RemoteError;
use williw_relay::database::sqlite::SqliteError;
use williw_relay::engine::{EngineError, ReviewError};
use williw_relay::ledger::LedgerError;
use williw_relay::lookup_tables::TableError;
use williw_relay::signer::SignerError;
use williw_relay::transaction::TransactionBuildError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The command line is incomplete.
    #[error("{0}")]
    Usage(String),
    /// A setting such as a key or a URL is invalid or missing.
    #[error("{0}")]
    Setting(String),
    /// The ledger file cannot be used.
    #[error(transparent)]
    File(#[from] SqliteError),
    /// The URL or API key of the Worker's ledger is invalid.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The ledger rejected the request, or failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An RPC request failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Signing failed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A transaction could not be built.
    #[error(transparent)]
    Build(#[from] TransactionBuildError),
    /// The transaction was rejected or expired without any effect, or is known to be rejected if sent.
    #[error("{0}")]
    Rejected(String),
    /// The books of a node cannot be resolved.
    #[error("{0}")]
    Review(ReviewError),
    /// Ledger and chain cannot be compared.
    #[error("{0}")]
    Reconcile(ReconcileError),
    /// The ledger cannot be rebuilt.
    #[error("{0}")]
    Rebuild(RebuildError),
    /// Ledger and chain were compared, and disagree.
    #[error("{disagreements} disagreement(s) between ledger and chain: see above, and 'williw-relay review show'")]
    NotReconciled {
        /// Their number.
        disagreements: u64,
    },
    /// There is no receipt of a reward.
    #[error("{0}")]
    Receipt(ReceiptError),
    /// A receipt is not confirmed.
    #[error("{file}: {error}")]
    Verify {
        /// The name of the file.
        file: String,
        /// What does not hold.
        error: VerifyError,
    },
    /// Two receipts claim the same lamports.
    #[error("{one} and {other} claim the same lamports for two rewards: at least one of them was not credited")]
    ReceiptsOverlap {
        /// The name of a file.
        one: String,
        /// The name of another file.
        other: String,
    },
    /// Two receipts describe the same reward differently.
    #[error("{one} and {other} describe the same reward differently: at least one of them is wrong")]
    ReceiptsDiffer {
        /// The name of a file.
        one: String,
        /// The name of another file.
        other: String,
    },
    #[error("settlement {id} failed: {reason}")]
    Settlement {
        id: i64,
        /// The reason stored with the settlement.
        reason: String,
    },
    /// Nodes are held because ledger and chain disagree. Everything else was settled.
    #[error("{nodes} node(s) are held, because ledger and chain disagree: see 'williw-relay review list'")]
    BooksDisagree {
        /// The number of nodes.
        nodes: u64,
    },
    /// The doctor has found something because of which a run would fail.
    #[error("{errors} check(s) failed: a run would fail")]
    Doctor {
        /// The number of failed checks.
        errors: usize,
    },
    #[error("{0}")]
    Interrupted(String),
    /// An unexpected error, such as an I/O error on standard output.
    #[error("{0}")]
    Internal(String),
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Ledger(error) => Self::Ledger(error.into()),
            EngineError::Chain(error) => Self::Chain(error),
            EngineError::Signer(error) => Self::Signer(error),
            EngineError::Build(error) => Self::Build(error),
            EngineError::Rejected(reason) => Self::Rejected(reason),
            EngineError::LeaseLost | EngineError::StateChanged => Self::Internal(error.to_string()),
        }
    }
}

impl From<TableError> for CliError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Ledger(error) => Self::Ledger(error.into()),
            TableError::Chain(error) => Self::Chain(error),
            TableError::Build(error) => Self::Build(error),
            TableError::Binding(_) => Self::Setting(error.to_string()),
            TableError::Busy | TableError::SettlementOpen(_) | TableError::Settling { .. } => {
                Self::Rejected(error.to_string())
            }
        }
    }
}

impl From<ReviewError> for CliError {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::Engine(error) => error.into(),
            error => Self::Review(error),
        }
    }
}

impl From<ReconcileError> for CliError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Ledger(error) => Self::Ledger(error.into()),
            ReconcileError::Chain(error) => Self::Chain(error),
            ReconcileError::Interrupted => Self::Interrupted(error.to_string()),
            error => Self::Reconcile(error),
        }
    }
}

impl From<RebuildError> for CliError {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Reconcile(error) => error.into(),
            error => Self::Rebuild(error),
        }
    }
}

impl From<HistoryError> for CliError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Ledger(error) => Self::Ledger(error.into()),
            HistoryError::Chain(error) => Self::Chain(error),
        }
    }
}

impl From<ReceiptError> for CliError {
    fn from(error: ReceiptError) -> Self {
        match error {
            ReceiptError::Ledger(error) => Self::Ledger(error.into()),
            ReceiptError::Chain(error) => Self::Chain(error),
            error => Self::Receipt(error),
        }
    }
}

impl CliError {
    /// The process's exit code, as listed by `--help`.
    pub(crate) fn exit_code(&self) -> u8 {
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
            Self::Verify { error, .. } if !error.is_refuted() => 5,
            Self::Receipt(
                ReceiptError::UnknownReward(_) | ReceiptError::NotCredited { .. } | ReceiptError::Correction(_),
            ) => 7,
            Self::Receipt(ReceiptError::NoLog(_)) => 5,
            Self::Receipt(ReceiptError::Binding(_)) | Self::Reconcile(ReconcileError::Binding(_)) => 3,
            Self::Reconcile(ReconcileError::NoTreasury(_)) => 6,
            Self::Rebuild(
                RebuildError::NoTransaction(_)
                | RebuildError::Incomplete { .. }
                | RebuildError::Altered
                | RebuildError::Inconsistent,
            ) => 5,
            Self::Reconcile(_) | Self::Rebuild(_) => 7,
            Self::Receipt(_) | Self::Verify { .. } | Self::ReceiptsOverlap { .. } | Self::ReceiptsDiffer { .. } => 9,
            Self::Rejected(_) | Self::Settlement { .. } => 6,
            Self::Ledger(_) | Self::Review(_) => 7,
            Self::BooksDisagree { .. } | Self::NotReconciled { .. } => 8,
            Self::Doctor { .. } => 10,
            Self::Interrupted(_) => 130,
        }
    }

    /// The stable, machine-readable code of the error, as printed with `--json`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "USAGE",
            Self::Setting(_) | Self::Remote(_) => "INVALID_SETTING",
            Self::File(_) => "LEDGER_FILE",
            Self::Ledger(error) => error.code(),
            Self::Chain(_) => "CHAIN",
            Self::Signer(_) => "SIGNER",
            Self::Rejected(_) => "REJECTED",
            Self::Review(_) => "REVIEW_REFUSED",
            Self::Reconcile(_) => "NOT_COMPARED",
            Self::Rebuild(_) => "NOT_REBUILT",
            Self::NotReconciled { .. } => "NOT_RECONCILED",
            Self::Receipt(_) => "NO_RECEIPT",
            Self::Verify { .. } => "NOT_VERIFIED",
            Self::ReceiptsOverlap { .. } => "RECEIPTS_OVERLAP",
            Self::ReceiptsDiffer { .. } => "RECEIPTS_DIFFER",
            Self::Settlement { .. } => "SETTLEMENT_FAILED",
            Self::BooksDisagree { .. } => "BOOKS_DISAGREE",
            Self::Doctor { .. } => "CHECKS_FAILED",
            Self::Interrupted(_) => "INTERRUPTED",
            Self::Build(_) | Self::Internal(_) => "INTERNAL",
        }
    }
}
