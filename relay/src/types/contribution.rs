//! Work that nodes have done.

use serde::{Deserialize, Serialize};

use super::text_enum::text_enum;
use super::{ContributionId, Lamports, LamportsError, NodeId, Percent, TaskId};

/// A task that nodes work on. It comes into the ledger with the first contribution to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Task {
    /// The task's id.
    pub id: TaskId,
    /// The task's name; the id until somebody gives it another.
    pub name: String,
    /// Whether it takes contributions.
    pub status: TaskStatus,
    /// When it came into the ledger, Unix milliseconds.
    pub created_at: i64,
    /// When it was changed last, Unix milliseconds.
    pub updated_at: i64,
}

text_enum! {
    /// Whether a task takes contributions.
    pub enum TaskStatus: "task status" {
        /// It does.
        Open = "open",
        /// It is over: contributions to it are refused.
        Closed = "closed",
    }
}

/// A report of work done. Sent again with the same id and content, it counts once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComputeContribution {
    /// The report's id, chosen by whoever reports.
    pub id: ContributionId,
    /// The node that did the work.
    pub node_id: NodeId,
    /// The task that it worked on.
    pub task_id: TaskId,
    /// How much the work counts, 1 to 2⁵³ − 1: the reward is this times the lamports per score.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 9_007_199_254_740_991_u64))]
    pub compute_score: u64,
    /// How long it took, in seconds; at most a year of 366 days.
    #[cfg_attr(feature = "openapi", schema(maximum = 31_622_400_u64))]
    pub duration_seconds: u64,
    /// How many samples were processed.
    #[serde(default)]
    pub samples_processed: u64,
    /// Mean use of the graphics processors.
    #[serde(default)]
    pub gpu_usage_percent: Option<Percent>,
    /// Mean use of the processors.
    #[serde(default)]
    pub cpu_usage_percent: Option<Percent>,
    /// Memory used, in megabytes.
    #[serde(default)]
    pub memory_used_mb: Option<u64>,
    /// Data sent, in megabytes.
    #[serde(default)]
    pub network_upload_mb: Option<u64>,
    /// Data received, in megabytes.
    #[serde(default)]
    pub network_download_mb: Option<u64>,
    /// When the work was done, Unix milliseconds: since 2020 and at most a day ahead of the ledger's clock.
    pub timestamp: i64,
}

/// What a node has done so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComputeStats {
    /// The node.
    pub node_id: NodeId,
    /// How many contributions it has made.
    pub contribution_count: u64,
    /// Their scores together.
    pub total_compute_score: u64,
    /// The time they took together, in seconds.
    pub total_duration_seconds: u64,
    /// All that the node has earned in its life, operators' grants included.
    pub total_rewards_lamports: Lamports,
    /// When its earliest contribution was done, Unix milliseconds.
    pub first_contribution_at: Option<i64>,
    /// When its latest contribution was done, Unix milliseconds.
    pub last_contribution_at: Option<i64>,
}

/// What one unit of compute score earns: more than zero lamports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewardRate(Lamports);

/// Why a text is no reward rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewardRateError {
    /// It is no amount of lamports.
    #[error(transparent)]
    Amount(#[from] LamportsError),
    /// It is zero.
    #[error("a rate of 0 lamports per score would pay nothing: the least is 1")]
    Zero,
}

impl RewardRate {
    /// A rate of `lamports_per_score`.
    ///
    /// # Errors
    /// [`RewardRateError::Zero`] for zero.
    pub fn new(lamports_per_score: Lamports) -> Result<Self, RewardRateError> {
        if lamports_per_score.is_zero() {
            return Err(RewardRateError::Zero);
        }
        Ok(Self(lamports_per_score))
    }

    /// What `score` earns; `None` above what the ledger can hold.
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
    fn a_reward_is_score_times_rate_and_never_wraps() {
        let rate: RewardRate = "5000".parse().unwrap();
        assert_eq!(rate.reward(3), Some(Lamports::new(15_000).unwrap()));
        assert_eq!(rate.reward(u64::MAX), None);
    }

    #[test]
    fn a_rate_is_a_whole_number_of_lamports_above_zero() {
        assert_eq!("0".parse::<RewardRate>(), Err(RewardRateError::Zero));
        assert!(matches!("0.5".parse::<RewardRate>(), Err(RewardRateError::Amount(_))));
        assert!(matches!("-1".parse::<RewardRate>(), Err(RewardRateError::Amount(_))));
    }
}
