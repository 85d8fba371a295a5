//! The words of the field as types: one per idea, so that a node id cannot be taken for a batch id.

mod api_key;
mod contribution;
mod identifier;
mod lamports;
mod node;
mod node_id;
mod page;
mod percent;
mod pubkey_text;
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
pub use page::Page;
pub use percent::{Percent, PercentError};
pub use public_key::{PublicKey, PublicKeyError};
pub use reward::{NodeWalletBalance, RewardDistribution, RewardRecord, RewardStatus};
pub use settlement::{AttemptStatus, BatchStatus, SettlementStatus, SettlementStep};
pub(crate) use text_enum::text_enum;
