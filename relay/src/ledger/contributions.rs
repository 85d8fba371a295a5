//! Contributions: every reported contribution earns one reward.
//!
//! The contribution, its reward and the node's totals are written in one atomic batch of plain inserts. If the id exists,
//! the batch fails on the primary key, and the stored content hash distinguishes a repeated report from a conflicting one.

use serde::{Deserialize, Serialize};

use super::rewards::{self, SELECT_REWARD_OF_CONTRIBUTION, UPDATE_TOTAL_REWARDS, reward_columns};
use super::{DELETE_PRECONDITIONS, LedgerError, MAX_TOTAL_SCORE, nodes, payables, sha256_hex};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Statement, statements};
use crate::types::{ComputeContribution, ContributionId, RewardRate, RewardRecord};

statements! {
    /// Fails if node ?1 is suspended, if task ?2 is closed, or if adding reward ?3 and score ?4 would overflow the
    /// node's totals (?5 is the maximum score).
    REQUIRE_ACCEPTABLE = "INSERT INTO preconditions (node_not_suspended, task_open, totals_fit)
        SELECT status <> 'suspended', NOT EXISTS (SELECT 1 FROM tasks WHERE id = ?2 AND status = 'closed'),
            COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE node_id = ?1), 0)
                <= 9223372036854775807 - CAST(?3 AS INTEGER)
            AND total_compute_score <= CAST(?5 AS INTEGER) - CAST(?4 AS INTEGER)
        FROM nodes WHERE id = ?1";

    /// Inserts task ?1 at ?2, unless it exists.
    INSERT_TASK = "INSERT INTO tasks (id, name, status, created_at, updated_at)
        VALUES (?1, ?1, 'open', CAST(?2 AS INTEGER), CAST(?2 AS INTEGER)) ON CONFLICT (id) DO NOTHING";

    /// Inserts a contribution; ?13 is the content hash, ?14 the current time.
    INSERT_CONTRIBUTION = "INSERT INTO contributions (id, node_id, task_id, compute_score, duration_seconds,
            samples_processed, gpu_usage_percent, cpu_usage_percent, memory_used_mb, network_upload_mb,
            network_download_mb, timestamp, content_hash, created_at)
        VALUES (?1, ?2, ?3, CAST(?4 AS INTEGER), CAST(?5 AS INTEGER), CAST(?6 AS INTEGER), CAST(?7 AS REAL),
            CAST(?8 AS REAL), CAST(?9 AS INTEGER), CAST(?10 AS INTEGER), CAST(?11 AS INTEGER), CAST(?12 AS INTEGER),
            ?13, CAST(?14 AS INTEGER))";

    /// Inserts reward ?1 of ?4 lamports for contribution ?3 by node ?2, with timestamp ?5, at ?6.
    INSERT_REWARD = concat!(
        "INSERT INTO rewards (id, node_id, contribution_id, amount_lamports, node_total_lamports, period, reason,
            created_at)
        VALUES (?1, ?2, ?3, CAST(?4 AS INTEGER),
            COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE node_id = ?2), 0) + CAST(?4 AS INTEGER),
            strftime('%Y-%m-%d', CAST(?5 AS INTEGER) / 1000, 'unixepoch'), 'contribution', CAST(?6 AS INTEGER))
        RETURNING ", reward_columns!()
    );

    /// Adds a contribution with score ?2 to the totals of node ?1, which was active at ?3.
    UPDATE_NODE_TOTALS = "UPDATE nodes SET total_compute_score = total_compute_score + CAST(?2 AS INTEGER),
            contribution_count = contribution_count + 1, last_active_at = MAX(last_active_at, CAST(?3 AS INTEGER)),
            status = CASE status WHEN 'inactive' THEN 'active' ELSE status END, updated_at = CAST(?3 AS INTEGER)
        WHERE id = ?1";

    /// The content hash of contribution ?1.
    SELECT_CONTENT_HASH = "SELECT content_hash FROM contributions WHERE id = ?1";
}

/// The maximum duration of a contribution in seconds, 366 days. The limit keeps sums of durations within 64 bits.
pub const MAX_DURATION_SECONDS: u64 = 366 * 24 * 60 * 60;

/// The maximum of any count in a contribution, 2⁵³ − 1: the largest exact integer in JSON (RFC 8259, section 6).
pub const MAX_COUNT: u64 = (1 << 53) - 1;

/// The earliest accepted timestamp, 2020-01-01 in Unix milliseconds. Smaller values are usually in seconds.
const EARLIEST_TIMESTAMP_MS: i64 = 1_577_836_800_000;

/// How far a client's clock may be ahead, in milliseconds: one day.
const MAX_AHEAD_MS: i64 = 24 * 60 * 60 * 1000;

/// A recorded contribution and its reward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recorded {
    /// The id from the report.
    pub contribution_id: ContributionId,
    /// The only reward for the contribution, granted when it was first reported.
    pub reward: RewardRecord,
    /// Whether the contribution had been reported before; the reward is then the original one.
    pub duplicate: bool,
}

/// Records a contribution and its reward: `compute_score` × `rate`.
///
/// Repeating a report has no effect and returns the original reward, even if the rate has changed since.
///
/// # Errors
/// [`LedgerError::UnknownNodes`], [`LedgerError::NodeSuspended`], [`LedgerError::TaskClosed`];
/// [`LedgerError::ContributionConflict`] for an existing id with different content; [`LedgerError::InvalidField`] and
/// [`LedgerError::InvalidTimestamp`] for values out of range; [`LedgerError::RewardTooLarge`] and
/// [`LedgerError::TotalTooLarge`] for amounts that the ledger cannot store.
pub async fn record<D: Database, C: Clock>(
    database: &D,
    clock: &C,
    rate: RewardRate,
    contribution: ComputeContribution,
) -> Result<Recorded, LedgerError> {
    let now_ms = clock.now_ms();
    validate(&contribution, now_ms)?;
    let content_hash = content_hash(&contribution)?;
    let amount =
        rate.reward(contribution.compute_score).ok_or_else(|| LedgerError::RewardTooLarge(contribution.id.clone()))?;
    let ComputeContribution { id, node_id, task_id, compute_score, timestamp, .. } = &contribution;

    let written = database
        .batch_of([
            Statement::new(REQUIRE_ACCEPTABLE)
                .bind(node_id)
                .bind(task_id)
                .bind(amount)
                .bind(*compute_score)
                .bind(MAX_TOTAL_SCORE),
            Statement::new(INSERT_TASK).bind(task_id).bind(now_ms),
            Statement::new(INSERT_CONTRIBUTION)
                .bind(id)
                .bind(node_id)
                .bind(task_id)
                .bind(*compute_score)
                .bind(contribution.duration_seconds)
                .bind(contribution.samples_processed)
                .bind(contribution.gpu_usage_percent)
                .bind(contribution.cpu_usage_percent)
                .bind(contribution.memory_used_mb)
                .bind(contribution.network_upload_mb)
                .bind(contribution.network_download_mb)
                .bind(*timestamp)
                .bind(content_hash.as_str())
                .bind(now_ms),
            Statement::new(INSERT_REWARD)
                .bind(rewards::reward_id("contribution", id.as_str()))
                .bind(node_id)
                .bind(id)
                .bind(amount)
                .bind(*timestamp)
                .bind(now_ms),
            Statement::new(UPDATE_NODE_TOTALS).bind(node_id).bind(*compute_score).bind(now_ms),
            Statement::new(UPDATE_TOTAL_REWARDS).bind(rewards::json_ids([node_id])).bind(now_ms),
            payables::mark(rewards::json_ids([node_id])),
            Statement::new(DELETE_PRECONDITIONS),
        ])
        .await;
    match written {
        Ok([_, _, _, reward, ..]) => {
            Ok(Recorded { contribution_id: contribution.id, reward: rewards::first_record(&reward)?, duplicate: false })
        }
        Err(error @ DatabaseError::Constraint(_)) => {
            resolve_constraint_violation(database, contribution, &content_hash, error).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Determines why a contribution was rejected; it may have been recorded before.
async fn resolve_constraint_violation<D: Database>(
    database: &D,
    contribution: ComputeContribution,
    content_hash: &str,
    violation: DatabaseError,
) -> Result<Recorded, LedgerError> {
    let ComputeContribution { id, node_id, task_id, .. } = contribution;
    let [stored, reward] = database
        .batch_of([
            Statement::new(SELECT_CONTENT_HASH).bind(&id),
            Statement::new(SELECT_REWARD_OF_CONTRIBUTION).bind(&id),
        ])
        .await?;
    if let Some(row) = stored.first() {
        if row.get::<String>("content_hash")? != content_hash {
            return Err(LedgerError::ContributionConflict(id));
        }
        return Ok(Recorded { contribution_id: id, reward: rewards::first_record(&reward)?, duplicate: true });
    }
    if violation.is_constraint("node_not_suspended") {
        return Err(LedgerError::NodeSuspended(node_id));
    }
    if violation.is_constraint("task_open") {
        return Err(LedgerError::TaskClosed(task_id));
    }
    if violation.is_constraint("totals_fit") {
        return Err(LedgerError::TotalTooLarge(vec![node_id]));
    }
    nodes::get(database, &node_id).await?;
    Err(violation.into())
}

fn validate(contribution: &ComputeContribution, now_ms: i64) -> Result<(), LedgerError> {
    let counts = [
        ("compute_score", Some(contribution.compute_score), 1, MAX_COUNT),
        ("duration_seconds", Some(contribution.duration_seconds), 0, MAX_DURATION_SECONDS),
        ("samples_processed", Some(contribution.samples_processed), 0, MAX_COUNT),
        ("memory_used_mb", contribution.memory_used_mb, 0, MAX_COUNT),
        ("network_upload_mb", contribution.network_upload_mb, 0, MAX_COUNT),
        ("network_download_mb", contribution.network_download_mb, 0, MAX_COUNT),
    ];
    for (field, value, min, max) in counts {
        if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
            return Err(LedgerError::InvalidField {
                field,
                reason: format!("{value} is out of range: must be from {min} to {max}"),
            });
        }
    }
    let timestamp = contribution.timestamp;
    if !(EARLIEST_TIMESTAMP_MS..=now_ms.saturating_add(MAX_AHEAD_MS)).contains(&timestamp) {
        return Err(LedgerError::InvalidTimestamp { timestamp, now: now_ms });
    }
    Ok(())
}

/// The hash that identifies the content of a report: SHA-256 of its JSON, in the order of the struct's fields.
fn content_hash(contribution: &ComputeContribution) -> Result<String, LedgerError> {
    let json = serde_json::to_vec(contribution)
        .map_err(|error| LedgerError::InvalidField { field: "contribution", reason: error.to_string() })?;
    Ok(sha256_hex("williw-contribution-v1", &json))
}
