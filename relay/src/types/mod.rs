//! Domain types. Each kind of id and amount has its own type, so that they cannot be mixed up.

mod api_key;
mod contribution;
mod identifier;
mod lamports;
mod node;
mod node_id;
mod percent;
mod public_key;
mod reward;
mod settlement;
mod text_enum;

pub use api_key::{ApiKeyInfo, Scope};
pub use contribution::{ComputeContribution, ComputeStats, RewardRate, RewardRateError, Task, TaskStatus};
pub use identifier::{ApiKeyId, ContributionId, IdempotencyKey, IdentifierError, TaskId};
pub use lamports::{Lamports, LamportsError};
pub use node::{DeviceCapabilities, Gpu, NewNode, NodeInfo, NodeStatus};
pub use node_id::{NodeId, NodeIdError};
pub use percent::{Percent, PercentError};
pub use public_key::{PublicKey, PublicKeyError};
pub use reward::{NodeWalletBalance, RewardDistribution, RewardRecord, RewardStatus};
pub use settlement::{AttemptStatus, BatchStatus, SettlementStatus, SettlementStep};
pub use text_enum::UnknownValueError;
pub(crate) use text_enum::text_enum;
