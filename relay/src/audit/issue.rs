//! Writing receipts from the ledger. What is written has been verified against the chain.

use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::binding::{self, BindingError};
use super::executed::ExecutedBatch;
use super::receipt::{MAX_PARTS, Part, Receipt, ReceiptNetwork, ReceiptNode, ReceiptReward};
use super::verify::{VerifyError, verify};
use crate::chain::{Chain, ChainError, History};
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::engine::NetworkRef;
use crate::engine::store::rewards;
use crate::merkle::{self, Hash32};
use crate::types::{Lamports, NodeId, RewardStatus};

statements! {
    /// The reward with id ?1.
    SELECT_REWARD = "SELECT CAST(sequence AS TEXT) AS sequence, id, node_id, kind, status,
            CAST(amount_lamports AS TEXT) AS amount_lamports, CAST(node_total_lamports AS TEXT) AS node_total_lamports,
            period
        FROM rewards WHERE id = ?1";

    /// The signed attempts of the batches with the record of reward ?1, and the entry of its node ?2 in them, newest first.
    SELECT_ATTEMPTS = "SELECT CAST(batches.id AS TEXT) AS batch_id, records_root,
            CAST(position AS TEXT) AS position, wallet_address, owner, CAST(target_lamports AS TEXT) AS target_lamports,
            attempts.signature AS signature
        FROM batch_records JOIN batches ON batches.id = batch_records.batch_id
            JOIN batch_entries ON batch_entries.batch_id = batches.id AND batch_entries.node_id = ?2
            JOIN attempts ON attempts.batch_id = batches.id
        WHERE batch_records.reward_sequence = CAST(?1 AS INTEGER) AND attempts.signature IS NOT NULL
            AND attempts.state <> 'failed'
        ORDER BY batches.id DESC, attempts.number DESC LIMIT 200";
}

/// Why there is no receipt of a reward.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] DatabaseError),
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The chain does not confirm what the ledger says.
    #[error("the ledger's records of reward {reward_id} are not confirmed by the chain: {error}")]
    NotConfirmedByChain {
        /// The reward.
        reward_id: String,
        /// What does not hold.
        error: VerifyError,
    },
    /// The ledger belongs to another network or cluster, or to none yet.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The ledger has no such reward.
    #[error("reward {0} is not in this ledger: check the id")]
    UnknownReward(String),
    /// The reward has not been credited yet.
    #[error(
        "reward {reward_id} is {status}, and not credited in full yet: settle it with 'williw-relay run', and try again"
    )]
    NotCredited {
        /// The reward.
        reward_id: String,
        /// Its status.
        status: RewardStatus,
    },
    /// The row records what the chain had credited without a reward.
    #[error(
        "{0} is a correction: it records what the chain had credited without a reward in this ledger, so no batch of this \
         ledger paid it"
    )]
    Correction(String),
    /// No transaction of this ledger is known to have credited the reward.
    #[error(
        "reward {0} is confirmed, but none of this ledger's transactions can be shown to have credited it: the node's total \
         on the chain covers it without one, or the RPC node does not keep them; try another node"
    )]
    NoTransaction(String),
    /// The RPC node does not have all of the transaction's log.
    #[error("the RPC node has only a part of the log of transaction {0}, or none: try another one")]
    NoLog(Signature),
    /// The ledger's rewards are not those that were paid.
    #[error(
        "the records of batch {batch_id} do not have its Merkle root: the rewards in this ledger were changed after they were paid"
    )]
    RecordsChanged {
        /// The ledger's number of the batch.
        batch_id: i64,
    },
}

/// A reward in the ledger.
struct Reward {
    row: ReceiptReward,
    node_id: NodeId,
}

/// A signed attempt of a batch with the reward's record.
struct Attempt {
    batch_id: i64,
    records_root: Hash32,
    entry: u8,
    wallet: Pubkey,
    owner: Pubkey,
    target: Lamports,
    signature: Signature,
}

/// Writes the receipt of a reward that was credited in full.
///
/// The transactions are found by the batches that have the reward's record, even if its row names none.
///
/// # Errors
/// [`ReceiptError`].
pub async fn issue<D: Database, C: Chain + History>(
    database: &D,
    chain: &C,
    network: &NetworkRef,
    reward_id: &str,
) -> Result<Receipt, ReceiptError> {
    let genesis_hash = chain.genesis_hash().await?;
    binding::check(database, &genesis_hash, &network.address()).await??;
    let Reward { row, node_id } = credited_reward(database, reward_id).await?;
    let statement = Statement::new(SELECT_ATTEMPTS).bind(row.sequence).bind(&node_id);
    let attempts = database.query(statement).await?.iter().map(attempt).collect::<Result<Vec<_>, _>>()?;
    let from = row.node_total_lamports.get().saturating_sub(row.amount_lamports.get());
    let (mut parts, mut wallet) = (Vec::new(), None);
    for attempt in &attempts {
        // The last part covers the end of the reward, every earlier one ends where a later one begins or before.
        let is_part = match parts.last() {
            None => attempt.target >= row.node_total_lamports,
            Some(Part { target_lamports, .. }) => {
                attempt.target < row.node_total_lamports && attempt.target < *target_lamports
            }
        };
        if !is_part || attempt.target.get() <= from || parts.len() >= MAX_PARTS {
            continue;
        }
        if let Some(part) = part(database, chain, &network.address(), attempt, row.sequence).await? {
            wallet.get_or_insert((attempt.owner, attempt.wallet));
            parts.push(part);
        }
    }
    let (owner, wallet_address) = wallet.ok_or_else(|| ReceiptError::NoTransaction(reward_id.to_owned()))?;
    parts.reverse();
    let receipt = Receipt::new(
        genesis_hash,
        ReceiptNetwork { name: network.name(), creator: network.creator, address: network.address() },
        ReceiptNode { id: node_id, owner, wallet_address },
        row,
        parts,
    );
    match verify(&receipt, chain).await {
        Ok(_) => Ok(receipt),
        Err(VerifyError::Chain(error)) => Err(error.into()),
        Err(error) => Err(ReceiptError::NotConfirmedByChain { reward_id: reward_id.to_owned(), error }),
    }
}

/// Reads a reward that is credited in full.
async fn credited_reward(database: &impl Database, reward_id: &str) -> Result<Reward, ReceiptError> {
    let rows = database.query(Statement::new(SELECT_REWARD).bind(reward_id)).await?;
    let row = rows.first().ok_or_else(|| ReceiptError::UnknownReward(reward_id.to_owned()))?;
    if row.get::<String>("kind")? == "correction" {
        return Err(ReceiptError::Correction(reward_id.to_owned()));
    }
    let status: RewardStatus = row.get("status")?;
    if status != RewardStatus::Confirmed {
        return Err(ReceiptError::NotCredited { reward_id: reward_id.to_owned(), status });
    }
    Ok(Reward {
        row: ReceiptReward {
            sequence: row.get("sequence")?,
            id: row.get("id")?,
            amount_lamports: row.get("amount_lamports")?,
            node_total_lamports: row.get("node_total_lamports")?,
            period: row.get("period")?,
        },
        node_id: row.get("node_id")?,
    })
}

fn attempt(row: &Row) -> Result<Attempt, DatabaseError> {
    let root: String = row.get("records_root")?;
    let mut records_root = Hash32::default();
    hex::decode_to_slice(&root, &mut records_root)
        .map_err(|error| DatabaseError::Decode(format!("column 'records_root': {error}")))?;
    Ok(Attempt {
        batch_id: row.get("batch_id")?,
        records_root,
        entry: row.get("position")?,
        wallet: row.get("wallet_address")?,
        owner: row.get("owner")?,
        target: row.get("target_lamports")?,
        signature: row.get("signature")?,
    })
}

/// The part of the reward that an attempt has credited; `None` if it has not landed, or was skipped.
async fn part<D: Database, H: History>(
    database: &D,
    chain: &H,
    network: &Pubkey,
    attempt: &Attempt,
    sequence: i64,
) -> Result<Option<Part>, ReceiptError> {
    let Some(transaction) = chain.recorded(&attempt.signature).await? else { return Ok(None) };
    let batch_id = attempt.batch_id;
    let batches = ExecutedBatch::all_of(&transaction).map_err(|_| ReceiptError::NoLog(attempt.signature))?;
    let position = usize::from(attempt.entry);
    let executed = batches.iter().find(|batch| {
        batch.network == *network
            && i64::try_from(batch.header.batch_id) == Ok(batch_id)
            && batch.entries.get(position).is_some_and(|entry| entry.wallet == attempt.wallet)
            && batch.has_credited(position)
    });
    let Some(executed) = executed else { return Ok(None) };
    let records = rewards::records_of(database, batch_id).await?;
    let leaves: Vec<Hash32> = records.iter().map(|record| record.leaf().hash()).collect();
    let changed = || ReceiptError::RecordsChanged { batch_id };
    if merkle::root(&leaves) != attempt.records_root {
        return Err(changed());
    }
    let index = records.iter().position(|record| record.sequence == sequence).ok_or_else(changed)?;
    let proof = merkle::proof(&leaves, index).ok_or_else(changed)?;
    Ok(Some(Part {
        batch_id: executed.header.batch_id,
        batch_sequence: executed.event.sequence,
        records_root: attempt.records_root,
        proof: proof.into_iter().map(Into::into).collect(),
        entry: attempt.entry,
        target_lamports: attempt.target,
        signature: attempt.signature,
        slot: transaction.slot,
    }))
}
