//! The status of settlements.

use serde::{Deserialize, Serialize};

use super::Lamports;

/// A settlement with its steps, batches and attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettlementStatus {
    /// A sequential number, unique within the ledger.
    pub id: i64,
    /// What triggered it: `cron`, `api` or `cli`.
    pub trigger: String,
    /// `open`, `done` or `failed`.
    pub state: String,
    /// The current step: `validate`, `sync`, `plan`, `simulate`, `submit` or `reconcile`.
    pub step: String,
    /// When the settlement started, Unix milliseconds.
    pub started_at: i64,
    /// When the settlement last made progress, Unix milliseconds.
    pub updated_at: i64,
    /// When the settlement finished, Unix milliseconds; null while it is open.
    pub finished_at: Option<i64>,
    /// The total credited to wallet accounts.
    pub credited_lamports: Lamports,
    /// The total paid out.
    pub paid_lamports: Lamports,
    /// The total transaction fees.
    pub fees_lamports: Lamports,
    /// Why the settlement failed, or the error that is delaying it.
    pub error: Option<String>,
    /// The total number of log lines. `steps` contains only the most recent ones.
    pub step_count: u64,
    /// The most recent log lines, up to 500, oldest first.
    pub steps: Vec<SettlementStep>,
    /// The total number of batches. `batches` contains only the most recent ones.
    pub batch_count: u64,
    /// The most recent batches, up to 500, oldest first.
    pub batches: Vec<BatchStatus>,
}

/// A line of a settlement's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettlementStep {
    /// The step that logged the line.
    pub step: String,
    /// When the line was logged, Unix milliseconds.
    pub at: i64,
    /// The severity: `info`, `warn` or `error`.
    pub level: String,
    /// A human-readable message.
    pub message: String,
}

/// A batch: nodes that are registered, credited or settled by one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchStatus {
    /// The id of the batch; `batch_id` in the program's events.
    pub id: i64,
    /// The instruction: `register`, `credit` or `settle`.
    pub kind: String,
    /// The state: `planned`, `confirmed`, `failed`, `split` or `superseded`.
    pub state: String,
    /// The transaction format: `v0` or `v1`.
    pub format: String,
    /// The number of nodes in the batch.
    pub entry_count: u64,
    /// The Merkle root of the batch's reward records, in hexadecimal.
    pub records_root: String,
    /// The signature of the transaction that landed.
    pub signature: Option<String>,
    /// Why the batch failed or was split.
    pub reason: Option<String>,
    /// The attempts to send the batch, oldest first.
    pub attempts: Vec<AttemptStatus>,
}

/// An attempt to send a batch, with one signed transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttemptStatus {
    /// The number of the attempt within the batch, starting at 1.
    pub number: u64,
    /// The state: `planned`, `signed`, `sent`, `landed`, `finalized`, `failed` or `expired`.
    pub state: String,
    /// The signature of the transaction; null until it is signed.
    pub signature: Option<String>,
    /// The last block height at which the transaction can land.
    pub last_valid_block_height: Option<u64>,
    /// The slot the transaction landed in.
    pub slot: Option<u64>,
    /// Why the attempt failed.
    pub error: Option<String>,
}
