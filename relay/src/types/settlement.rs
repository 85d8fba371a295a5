//! What a settlement has done so far, for reading.

use serde::{Deserialize, Serialize};

use super::Lamports;

/// A settlement with its steps, batches and attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettlementStatus {
    /// Its number.
    pub id: i64,
    /// What set it off: `cron`, `api`, `cli`.
    pub trigger: String,
    /// `open`, `done` or `failed`.
    pub state: String,
    /// The step that it is at: `validate`, `sync`, `plan`, `simulate`, `submit` or `reconcile`.
    pub step: String,
    /// When it began, Unix milliseconds.
    pub started_at: i64,
    /// When it moved last, Unix milliseconds.
    pub updated_at: i64,
    /// When it ended, Unix milliseconds.
    pub finished_at: Option<i64>,
    /// How much it credited to wallet accounts.
    pub credited_lamports: Lamports,
    /// How much it paid out.
    pub paid_lamports: Lamports,
    /// What its transactions cost.
    pub fees_lamports: Lamports,
    /// Why it failed.
    pub error: Option<String>,
    /// How many log lines it has. Only the last of them are in `steps`.
    pub step_count: u64,
    /// The last log lines, oldest first, at most 500.
    pub steps: Vec<SettlementStep>,
    /// How many batches it has. Only the last of them are in `batches`.
    pub batch_count: u64,
    /// The last batches, oldest first, at most 500.
    pub batches: Vec<BatchStatus>,
}

/// A line in a settlement's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettlementStep {
    /// The step that it belongs to.
    pub step: String,
    /// When it was written, Unix milliseconds.
    pub at: i64,
    /// `info`, `warn` or `error`.
    pub level: String,
    /// What happened.
    pub message: String,
}

/// A batch: the entries of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchStatus {
    /// Its number, the `batch_id` of the program's event.
    pub id: i64,
    /// `register`, `credit` or `settle`.
    pub kind: String,
    /// `planned`, `confirmed`, `failed`, `split` or `review`.
    pub state: String,
    /// The transaction format, `v0` or `v1`.
    pub format: String,
    /// How many nodes are in it.
    pub entry_count: u64,
    /// The Merkle root over its reward records, in hexadecimal.
    pub records_root: String,
    /// The transaction that landed.
    pub signature: Option<String>,
    /// Why it failed, was split or needs review.
    pub reason: Option<String>,
    /// What was tried, oldest first.
    pub attempts: Vec<AttemptStatus>,
}

/// One signed transaction for a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttemptStatus {
    /// 1 for the batch's first.
    pub number: u64,
    /// `planned`, `signed`, `sent`, `landed`, `finalized`, `failed`, `expired`, `unknown` or `review`.
    pub state: String,
    /// The transaction's signature.
    pub signature: Option<String>,
    /// The last block height at which it could land.
    pub last_valid_block_height: Option<u64>,
    /// The slot that it landed in.
    pub slot: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
}
