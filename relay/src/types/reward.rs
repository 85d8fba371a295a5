//! What nodes have earned and been paid.

use serde::{Deserialize, Serialize};
use solana_pubkey::Pubkey;

use super::text_enum::text_enum;
use super::{ContributionId, Lamports, NodeId, PublicKey};

/// A reward that an operator grants to a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RewardDistribution {
    /// Who gets it.
    pub node_id: NodeId,
    /// How much, at least 1 lamport.
    pub amount_lamports: Lamports,
    /// What for, in up to 200 characters; `distribution` when it isn't said.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    pub reason: Option<String>,
}

text_enum! {
    /// How far a reward has come.
    pub enum RewardStatus: "reward status" {
        /// Earned, and waiting for a settlement.
        Pending = "pending",
        /// Part of a batch that is under way.
        Batched = "batched",
        /// Credited on the chain, in a finalized transaction.
        Confirmed = "confirmed",
    }
}

/// A reward as the ledger holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RewardRecord {
    /// The record's id: 32 hexadecimal digits after `rw_`.
    pub id: String,
    /// Who earned it.
    pub node_id: NodeId,
    /// What for; `None` when an operator granted it.
    pub contribution_id: Option<ContributionId>,
    /// How much.
    pub amount_lamports: Lamports,
    /// What the node had earned in its life with this record.
    pub node_total_lamports: Lamports,
    /// The UTC day that it was earned on, `YYYY-MM-DD`.
    pub period: String,
    /// `contribution`, or what the operator wrote.
    pub reason: String,
    /// How far it has come.
    pub status: RewardStatus,
    /// Why the last settlement did not credit it.
    pub hold_reason: Option<String>,
    /// The batch that it is part of.
    pub batch_id: Option<i64>,
    /// The transaction that credited it.
    pub transaction_signature: Option<String>,
    /// When it was credited, Unix milliseconds.
    pub distributed_at: Option<i64>,
    /// When it was written down, Unix milliseconds.
    pub created_at: i64,
}

/// What a node has earned, and how much of it is on the chain and paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeWalletBalance {
    /// The node.
    pub node_id: NodeId,
    /// The address that it has named as its own.
    pub address: Option<PublicKey>,
    /// Its wallet account on the chain; `None` until there is one.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    #[serde(with = "super::pubkey_text")]
    pub wallet_address: Option<Pubkey>,
    /// Where payouts go.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    #[serde(with = "super::pubkey_text")]
    pub destination: Option<Pubkey>,
    /// The lamports in the wallet account, its rent included.
    pub sol_balance_lamports: Lamports,
    /// All that the node has earned in its life.
    pub earned_lamports: Lamports,
    /// How much of it has been credited on the chain.
    pub credited_lamports: Lamports,
    /// Credited on the chain, not yet paid out.
    pub pending_rewards_lamports: Lamports,
    /// Earned, not yet credited on the chain.
    pub unsettled_lamports: Lamports,
    /// Credited on the chain beyond what this ledger says was earned. Above zero only when the ledger has lost
    /// records.
    pub over_credited_lamports: Lamports,
    /// All that has been paid out.
    pub total_rewards_distributed_lamports: Lamports,
    /// From how much pending on a payout is made.
    pub threshold_lamports: Lamports,
    /// Why a payout that was due has not been made.
    pub hold_reason: Option<String>,
    /// The last finalized transaction that credited or paid the node.
    pub last_signature: Option<String>,
    /// When the chain was read for this, Unix milliseconds; `None` when it never was.
    pub last_updated_at: Option<i64>,
}
