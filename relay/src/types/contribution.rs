//! Work done by nodes.

use serde::{Deserialize, Serialize};

use super::text_enum::text_enum;
use super::{ContributionId, Lamports, LamportsError, NodeId, Percent, TaskId};

/// A task that nodes work on. Created in the ledger with its first contribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Task {
    /// The id that contributions refer to: 1 to 128 characters, unique within the ledger.
    pub id: TaskId,
    /// The display name; initially the id.
    pub name: String,
    /// Whether the task accepts contributions.
    pub status: TaskStatus,
    /// When the task was created, Unix milliseconds.
    pub created_at: i64,
    /// When the task was last changed, Unix milliseconds.
    pub updated_at: i64,
}

text_enum! {
    /// Whether a task accepts contributions.
    pub enum TaskStatus: "task status" {
        /// Contributions are accepted.
        Open = "open",
        /// The task has ended: contributions are rejected.
        Closed = "closed",
    }
}

/// A report of work done. Reports with the same id and content count once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComputeContribution {
    /// The id of the report, chosen by the client.
    pub id: ContributionId,
    /// The node that did the work.
    pub node_id: NodeId,
    /// The task the work was done for.
    pub task_id: TaskId,
    /// The amount of work, 1 to 2⁵³ − 1. The reward is this score multiplied by the lamports per score.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 9_007_199_254_740_991_u64))]
    pub compute_score: u64,
    /// The duration of the work in seconds, at most 366 days.
    #[cfg_attr(feature = "openapi", schema(maximum = 31_622_400_u64))]
    pub duration_seconds: u64,
    /// The number of samples processed, at most 2⁵³ − 1. It does not affect the reward.
    #[serde(default)]
    pub samples_processed: u64,
    /// Mean GPU utilization.
    #[serde(default)]
    pub gpu_usage_percent: Option<Percent>,
    /// Mean CPU utilization.
    #[serde(default)]
    pub cpu_usage_percent: Option<Percent>,
    /// Main memory used, in megabytes, at most 2⁵³ − 1. It does not affect the reward.
    #[serde(default)]
    pub memory_used_mb: Option<u64>,
    /// Data sent, in megabytes.
    #[serde(default)]
    pub network_upload_mb: Option<u64>,
    /// Data received, in megabytes.
    #[serde(default)]
    pub network_download_mb: Option<u64>,
    /// When the work was done, Unix milliseconds: 2020 or later, and at most one day ahead of the server's clock.
    pub timestamp: i64,
}

/// Cumulative statistics of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComputeStats {
    /// The node whose contributions are summarized.
    pub node_id: NodeId,
    /// How many contributions of the node are recorded; repeated reports count once.
    pub contribution_count: u64,
    /// The sum of their compute scores.
    pub total_compute_score: u64,
    /// The sum of their durations in seconds.
    pub total_duration_seconds: u64,
    /// The total rewards ever earned by the node, including grants by operators.
    pub total_rewards_lamports: Lamports,
    /// The timestamp of the earliest contribution, Unix milliseconds; null if there is none.
    pub first_contribution_at: Option<i64>,
    /// The timestamp of the latest contribution, Unix milliseconds; null if there is none.
    pub last_contribution_at: Option<i64>,
}

/// The reward in lamports for one unit of compute score; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewardRate(Lamports);

/// Why a text is not a valid reward rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewardRateError {
    /// It is not a valid amount of lamports.
    #[error(transparent)]
    Amount(#[from] LamportsError),
    /// A rate of zero would pay nothing.
    #[error("a rate of 0 lamports per score would pay nothing: set it to at least 1")]
    Zero,
}

impl RewardRate {
    /// Creates a rate of `lamports_per_score`.
    ///
    /// # Errors
    /// [`RewardRateError::Zero`] for zero.
    pub fn new(lamports_per_score: Lamports) -> Result<Self, RewardRateError> {
        if lamports_per_score.is_zero() {
            return Err(RewardRateError::Zero);
        }
        Ok(Self(lamports_per_score))
    }

    /// The reward for `score`; `None` if it exceeds [`Lamports::MAX`].
    pub fn reward(self, score: u64) -> Option<Lamports> {
        self.0.checked_mul(score)
    }
}

impl std::str::FromStr for RewardRate {
    type Err = RewardRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reward_is_score_times_rate_and_never_overflows() {
        let rate: RewardRate = "5000".parse().unwrap();
        assert_eq!(rate.reward(3), Some(Lamports::new(15_000).unwrap()));
        assert_eq!(rate.reward(u64::MAX), None);
    }

    #[test]
    fn a_rate_is_a_positive_whole_number_of_lamports() {
        assert_eq!("0".parse::<RewardRate>(), Err(RewardRateError::Zero));
        assert!(matches!("0.5".parse::<RewardRate>(), Err(RewardRateError::Amount(_))));
        assert!(matches!("-1".parse::<RewardRate>(), Err(RewardRateError::Amount(_))));
    }
}
