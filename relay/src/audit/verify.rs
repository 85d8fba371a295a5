//! Checking a receipt against the chain, without a ledger and without trust in whoever wrote it.

use serde::Serialize;
use settlement::state::{ClosedNetwork, ClosedNode, Network, NodeWallet};
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::executed::ExecutedBatch;
use super::receipt::{Flaw, Part, Receipt, ReceiptNetwork};
use super::text;
use crate::chain::{Account, AccountData, Chain, ChainError, Commitment, History};
use crate::engine::Asset;
use crate::types::{Lamports, NodeId, text_enum};

/// What the chain says about a receipt that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The reward's id in the ledger.
    pub reward_id: String,
    /// The node.
    pub node_id: NodeId,
    /// The genesis hash of the cluster, in base58.
    pub genesis_hash: String,
    /// The network that paid. Anyone can create one, with any name and with a worthless mint: compare it with the one that is
    /// expected.
    pub network: ReceiptNetwork,
    /// What the amounts are counted in: `SOL`, or a mint with its token program and decimals. Null once the network was closed.
    #[serde(serialize_with = "text::optional::serialize")]
    pub asset: Option<Asset>,
    /// The owner of the node's wallet account, in base58.
    pub owner: String,
    /// The node's wallet account, in base58.
    pub wallet_address: String,
    /// Where the wallet account's payouts go, in base58; null if it was closed or deleted.
    pub destination: Option<String>,
    /// Whether the owner has set the destination, or it is the owner's own; null if the account was closed or deleted. If not,
    /// the network's admin has chosen it.
    pub destination_confirmed: Option<bool>,
    /// The amount of the reward.
    pub amount_lamports: Lamports,
    /// The sum of the node's rewards up to and including this one.
    pub node_total_lamports: Lamports,
    /// The transactions that credited it, in base58, oldest first.
    pub signatures: Vec<String>,
    /// Whether the wallet account still exists.
    pub wallet: WalletState,
    /// The total that the chain has credited to the node, at least `node_total_lamports`; null if the account was deleted.
    #[serde(serialize_with = "text::optional::serialize")]
    pub credited_lamports: Option<u64>,
    /// How much of it was paid out; null if the account was deleted.
    #[serde(serialize_with = "text::optional::serialize")]
    pub paid_lamports: Option<u64>,
    /// The finalized slot at which the wallet account was read.
    pub slot: u64,
}

text_enum! {
    /// The state of a node's wallet account.
    pub enum WalletState: "wallet state" {
        /// It exists.
        Open = "open",
        /// It was closed; its total is kept.
        Closed = "closed",
        /// It was deleted after the network was closed, which is possible only once every node has been paid.
        Deleted = "deleted",
    }
}

/// Why a receipt is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The receipt contradicts itself.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// The receipt is of another network than the one that is expected.
    #[error("the receipt is of network {name} of creator {creator}, and not of {expected}")]
    OtherNetwork {
        /// The name in the receipt.
        name: String,
        /// The creator in the receipt.
        creator: Pubkey,
        /// What differs from it.
        expected: String,
    },
    /// The RPC node belongs to another cluster.
    #[error(
        "the receipt is of the cluster with genesis hash {receipt}, but the RPC node belongs to {node}: use another RPC URL"
    )]
    OtherCluster {
        /// The genesis hash in the receipt.
        receipt: Hash,
        /// That of the RPC node.
        node: Hash,
    },
    /// The RPC node does not have the transaction.
    #[error(
        "the RPC node has no finalized transaction {0}: either there is none, or the node does not keep so much history; \
         try another one"
    )]
    NoTransaction(Signature),
    /// The RPC node does not have all of the transaction's log.
    #[error("the RPC node has only a part of the log of transaction {0}, or none: try another one")]
    NoLog(Signature),
    /// The transaction is not what the receipt says.
    #[error("transaction {signature} {reason}")]
    Transaction {
        /// The transaction in the receipt.
        signature: Signature,
        /// How it differs.
        reason: String,
    },
    /// The accounts are not what the receipt says.
    #[error("{0}")]
    Account(String),
}

impl VerifyError {
    /// Whether the receipt itself is wrong, instead of the RPC node being unable to tell.
    pub fn is_refuted(&self) -> bool {
        match self {
            Self::Flaw(_) | Self::OtherNetwork { .. } | Self::Transaction { .. } | Self::Account(_) => true,
            Self::Chain(_) | Self::OtherCluster { .. } | Self::NoTransaction(_) | Self::NoLog(_) => false,
        }
    }
}

/// Checks a receipt against the finalized chain.
///
/// # Errors
/// [`VerifyError`], with the first thing that does not hold.
pub async fn verify<C: Chain + History>(receipt: &Receipt, chain: &C) -> Result<Verified, VerifyError> {
    receipt.check()?;
    let node = chain.genesis_hash().await?;
    if node != receipt.genesis_hash {
        return Err(VerifyError::OtherCluster { receipt: receipt.genesis_hash, node });
    }
    for part in &receipt.parts {
        verify_part(receipt, part, chain).await?;
    }
    let min_slot = receipt.parts.iter().map(|part| part.slot).max().unwrap_or(0);
    let addresses = [receipt.network.address, receipt.node.wallet_address];
    let read = chain.accounts(&addresses, AccountData::Full, Commitment::Finalized, min_slot).await?;
    let [network, wallet] = read.accounts.as_slice() else {
        return Err(ChainError::InvalidResponse("the RPC node returned the wrong number of accounts".to_owned()).into());
    };
    let Found { state: wallet, totals, destination } = check_accounts(receipt, network.as_ref(), wallet.as_ref())?;
    let asset = network.as_ref().and_then(|network| Asset::of(&Network::decode(&network.data).ok()?));
    Ok(Verified {
        reward_id: receipt.reward.id.clone(),
        node_id: receipt.node.id.clone(),
        genesis_hash: receipt.genesis_hash.to_string(),
        network: receipt.network.clone(),
        asset,
        owner: receipt.node.owner.to_string(),
        wallet_address: receipt.node.wallet_address.to_string(),
        destination: destination.map(|(destination, _)| destination.to_string()),
        destination_confirmed: destination.map(|(_, is_confirmed)| is_confirmed),
        amount_lamports: receipt.reward.amount_lamports,
        node_total_lamports: receipt.reward.node_total_lamports,
        signatures: receipt.parts.iter().map(|part| part.signature.to_string()).collect(),
        wallet,
        credited_lamports: totals.map(|(credited, _)| credited),
        paid_lamports: totals.map(|(_, paid)| paid),
        slot: read.slot,
    })
}

/// Checks that a part's transaction is finalized, has succeeded, and did what the receipt says.
async fn verify_part<H: History>(receipt: &Receipt, part: &Part, chain: &H) -> Result<(), VerifyError> {
    let signature = part.signature;
    let differs = |reason: String| VerifyError::Transaction { signature, reason };
    let transaction = chain.recorded(&signature).await?.ok_or(VerifyError::NoTransaction(signature))?;
    if let Some(error) = &transaction.error {
        return Err(differs(format!("failed, so it credited nothing: {}", error.text)));
    }
    if transaction.slot != part.slot {
        return Err(differs(format!("is in slot {}, and not in slot {}", transaction.slot, part.slot)));
    }
    let batches = ExecutedBatch::all_of(&transaction).map_err(|_| VerifyError::NoLog(signature))?;
    let of_network = |batch: &&ExecutedBatch| batch.network == receipt.network.address;
    let batch = batches
        .iter()
        .filter(of_network)
        .find(|batch| batch.header.batch_id == part.batch_id)
        .ok_or_else(|| differs(format!("has no batch {} of this network", part.batch_id)))?;
    if batch.event.records_root != part.records_root {
        return Err(differs("has another Merkle root, which does not cover the reward".to_owned()));
    }
    if batch.event.sequence != part.batch_sequence {
        return Err(differs(format!(
            "was the network's batch {}, and not {}",
            batch.event.sequence, part.batch_sequence
        )));
    }
    let position = usize::from(part.entry);
    let entry = batch.entries.get(position).filter(|entry| entry.wallet == receipt.node.wallet_address);
    let entry = entry.ok_or_else(|| differs(format!("has another wallet account as entry {position}")))?;
    if entry.target != part.target_lamports.get() {
        return Err(differs(format!("credits the node up to {}, and not {}", entry.target, part.target_lamports)));
    }
    if !batch.has_credited(position) {
        let reason = batch.event.credit_skip_reason(position).map_or("unknown", |reason| reason.as_str());
        return Err(differs(format!("skipped the node, so it credited nothing to it (reason: {reason})")));
    }
    Ok(())
}

/// What the chain has at the address of a wallet account.
struct Found {
    state: WalletState,
    /// Credited and paid.
    totals: Option<(u64, u64)>,
    /// The destination, and whether the owner has confirmed it.
    destination: Option<(Pubkey, bool)>,
}

/// Checks that the node's wallet account has been credited what the receipt says.
fn check_accounts(
    receipt: &Receipt,
    network: Option<&Account>,
    wallet: Option<&Account>,
) -> Result<Found, VerifyError> {
    let wrong = |reason: &str| VerifyError::Account(format!("{reason} {}", receipt.node.wallet_address));
    let [network, wallet] = [network, wallet].map(|account| account.filter(|account| account.owner == settlement::ID));
    let is_closed = network.is_some_and(|network| ClosedNetwork::decode(&network.data).is_ok());
    if !is_closed && network.is_none_or(|network| Network::decode(&network.data).is_err()) {
        return Err(VerifyError::Account(format!("there is no network at {}", receipt.network.address)));
    }
    let Some(wallet) = wallet else {
        let deleted = Found { state: WalletState::Deleted, totals: None, destination: None };
        return if is_closed { Ok(deleted) } else { Err(wrong("there is no wallet account at")) };
    };
    let (state, credited, paid, destination) =
        match (NodeWallet::decode(&wallet.data), ClosedNode::decode(&wallet.data)) {
            (Ok(wallet), _) => {
                let is_of_node = wallet.network == receipt.network.address
                    && wallet.node_id == receipt.node.id.on_chain()
                    && wallet.owner == receipt.node.owner;
                if !is_of_node {
                    return Err(wrong("another node has the wallet account"));
                }
                let destination = (wallet.destination, wallet.is_destination_confirmed());
                (WalletState::Open, wallet.credited_total, wallet.paid_total, Some(destination))
            }
            (_, Ok(closed)) if closed.network == receipt.network.address => {
                (WalletState::Closed, closed.total, closed.total, None)
            }
            _ => return Err(wrong("this version cannot decode the wallet account")),
        };
    let last_target = receipt.parts.last().map_or(u64::MAX, |part| part.target_lamports.get());
    if credited < last_target {
        return Err(VerifyError::Account(format!(
            "the wallet account {} has been credited {credited} in total, less than {last_target}",
            receipt.node.wallet_address
        )));
    }
    Ok(Found { state, totals: Some((credited, paid)), destination })
}
