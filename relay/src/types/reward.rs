//! Rewards and balances of nodes.

use serde::{Deserialize, Serialize};
use solana_pubkey::Pubkey;

use super::text_enum::text_enum;
use super::{ContributionId, Lamports, NodeId, PublicKey};

/// A reward granted to a node by an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RewardDistribution {
    /// The recipient, which must be registered.
    pub node_id: NodeId,
    /// The amount in lamports, at least 1.
    pub amount_lamports: Lamports,
    /// The reason for the grant, up to 200 characters. Defaults to `distribution`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    pub reason: Option<String>,
}

text_enum! {
    /// The settlement state of a reward.
    pub enum RewardStatus: "reward status" {
        /// Earned, waiting for a settlement.
        Pending = "pending",
        /// Part of a batch in progress.
        Batched = "batched",
        /// Credited on-chain by a finalized transaction.
        Confirmed = "confirmed",
    }
}

/// A reward in the ledger, for a contribution or granted by an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RewardRecord {
    /// The id of the reward: `rw_` followed by 32 hexadecimal digits.
    pub id: String,
    /// The node that is paid.
    pub node_id: NodeId,
    /// The contribution that earned the reward; null if an operator granted it.
    pub contribution_id: Option<ContributionId>,
    /// The amount of this reward alone, at least 1.
    pub amount_lamports: Lamports,
    /// How much of it has been credited on-chain so far. Less than the amount while the network's caps let only a part
    /// through, and zero while ledger and chain disagree.
    pub credited_lamports: Lamports,
    /// The node's cumulative rewards up to and including this one.
    pub node_total_lamports: Lamports,
    /// The UTC day the reward was earned, `YYYY-MM-DD`.
    pub period: String,
    /// `contribution`, or the reason given by the operator.
    pub reason: String,
    /// How far the reward has been settled.
    pub status: RewardStatus,
    /// Why the last settlement did not credit the reward; null if it was not held back.
    pub hold_reason: Option<String>,
    /// The id of the batch that contains the reward; null while it is pending.
    pub batch_id: Option<i64>,
    /// The base58 signature of the transaction that credited the reward; null until it is finalized.
    pub transaction_signature: Option<String>,
    /// When the ledger recorded the credit, Unix milliseconds; null until then.
    pub distributed_at: Option<i64>,
    /// When the record was created, Unix milliseconds.
    pub created_at: i64,
}

/// The rewards of a node: earned, credited on-chain, and paid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeWalletBalance {
    /// The node whose rewards are summarized.
    pub node_id: NodeId,
    /// The Solana address registered for the node.
    pub address: Option<PublicKey>,
    /// The node's wallet account on-chain; null until it is created.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    #[serde(with = "optional_address")]
    pub wallet_address: Option<Pubkey>,
    /// The address that receives payouts.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    #[serde(with = "optional_address")]
    pub destination: Option<Pubkey>,
    /// The balance of the wallet account, including rent.
    pub sol_balance_lamports: Lamports,
    /// The total rewards ever earned by the node.
    pub earned_lamports: Lamports,
    /// The part of `earned_lamports` that has been credited on-chain.
    pub credited_lamports: Lamports,
    /// Credited on-chain, but not yet paid out.
    pub pending_rewards_lamports: Lamports,
    /// Earned, but not yet credited on-chain.
    pub unsettled_lamports: Lamports,
    /// Credited on-chain in excess of `earned_lamports`. Non-zero only if the ledger has lost records.
    pub over_credited_lamports: Lamports,
    /// The total amount paid out.
    pub total_rewards_distributed_lamports: Lamports,
    /// The pending amount from which a payout is made.
    pub threshold_lamports: Lamports,
    /// Why a due payout was not made; null if none is held back.
    pub hold_reason: Option<String>,
    /// The signature of the last finalized transaction that credited or paid the node.
    pub last_signature: Option<String>,
    /// When the on-chain values were last read, Unix milliseconds; null if never.
    pub last_updated_at: Option<i64>,
}

/// Serializes an optional address as base58 text or null, for `#[serde(with = …)]`.
mod optional_address {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use solana_pubkey::Pubkey;

    pub(super) fn serialize<S: Serializer>(address: &Option<Pubkey>, serializer: S) -> Result<S::Ok, S::Error> {
        address.map(|address| address.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pubkey>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| text.parse().map_err(|_| D::Error::custom(format!("'{text}' is not a valid base58 address"))))
            .transpose()
    }
}
