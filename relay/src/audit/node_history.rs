//! What is known about one node on both sides, for a person who has to decide whose books are right.

use serde::Serialize;
use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::executed::ExecutedBatch;
use super::text;
use crate::chain::{ChainError, History};
use crate::database::{Database, DatabaseError, Statement, statements};
use crate::types::{Lamports, NodeId};

statements! {
    /// The last ?2 rewards of node ?1, newest first.
    SELECT_REWARDS = "SELECT id, kind, status, period, reason, CAST(amount_lamports AS TEXT) AS amount,
            CAST(node_total_lamports AS TEXT) AS total, transaction_signature
        FROM rewards WHERE node_id = ?1 ORDER BY node_total_lamports DESC LIMIT CAST(?2 AS INTEGER)";

    /// The last ?2 entries of the audit log about ?1, newest first.
    SELECT_AUDIT = "SELECT CAST(at AS TEXT) AS at, actor, action, details FROM audit_log
        WHERE subject = ?1 ORDER BY id DESC LIMIT CAST(?2 AS INTEGER)";

    /// Those of the signatures in JSON array ?1 that this ledger has signed.
    SELECT_KNOWN = "SELECT signature FROM attempts WHERE signature IN (SELECT value FROM json_each(?1))";
}

/// The number of rewards, audit entries and transactions that are listed.
const LISTED: usize = 20;

/// A reward of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeReward {
    /// Its id.
    pub id: String,
    /// `reward` or `correction`.
    pub kind: String,
    /// `pending`, `batched` or `confirmed`.
    pub status: String,
    /// The UTC day on which it was earned.
    pub period: String,
    /// Why it was granted.
    pub reason: String,
    /// Its amount.
    pub amount_lamports: Lamports,
    /// The sum of the node's rewards up to and including this one.
    pub node_total_lamports: Lamports,
    /// The transaction that credited it, in base58.
    pub transaction_signature: Option<String>,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Unix milliseconds.
    pub at: i64,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// The details of the action.
    pub details: Value,
}

/// A batch on the chain that had the node's wallet account as an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WalletBatch {
    /// The transaction, in base58.
    pub signature: String,
    /// The slot of its block.
    pub slot: u64,
    /// The program's number of the batch.
    pub batch_sequence: u64,
    /// The relay's number of the batch.
    pub batch_id: u64,
    /// The total that it was to raise the wallet account to.
    #[serde(with = "text::display")]
    pub target: u64,
    /// Whether it did, or the program skipped the entry.
    pub credited: bool,
    /// Whether this ledger has signed the transaction.
    pub signed_by_this_ledger: bool,
}

/// The latest of what the ledger and the chain have recorded about a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeHistory {
    /// Its last rewards, newest first.
    pub rewards: Vec<NodeReward>,
    /// The last entries about it in the audit log, newest first.
    pub audit: Vec<AuditEntry>,
    /// The batches among the last transactions of its wallet account, newest first.
    pub batches: Vec<WalletBatch>,
    /// The number of transactions whose log the RPC node does not have, so that their batches are not listed.
    pub without_log: usize,
}

/// Why the history of a node cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] DatabaseError),
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// Reads the latest of what ledger and chain have recorded about a node, whose wallet account is at `wallet`.
///
/// # Errors
/// [`HistoryError`].
pub async fn node_history<D: Database, H: History>(
    database: &D,
    chain: &H,
    network: &Pubkey,
    node_id: &NodeId,
    wallet: Option<&Pubkey>,
) -> Result<NodeHistory, HistoryError> {
    let [rewards, audit] = database
        .batch_of([SELECT_REWARDS, SELECT_AUDIT].map(|sql| Statement::new(sql).bind(node_id).bind(LISTED)))
        .await?;
    let rewards = rewards.iter().map(|row| {
        Ok(NodeReward {
            id: row.get("id")?,
            kind: row.get("kind")?,
            status: row.get("status")?,
            period: row.get("period")?,
            reason: row.get("reason")?,
            amount_lamports: row.get("amount")?,
            node_total_lamports: row.get("total")?,
            transaction_signature: row.optional("transaction_signature")?,
        })
    });
    let audit = audit.iter().map(|row| {
        Ok(AuditEntry {
            at: row.get("at")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            details: row.json("details")?,
        })
    });
    let mut history = NodeHistory {
        rewards: rewards.collect::<Result<_, DatabaseError>>()?,
        audit: audit.collect::<Result<_, DatabaseError>>()?,
        batches: Vec::new(),
        without_log: 0,
    };
    let Some(wallet) = wallet else { return Ok(history) };
    let latest: Vec<Signature> = chain
        .signatures_of(wallet, None)
        .await?
        .into_iter()
        .filter(|one| one.succeeded)
        .take(LISTED)
        .map(|one| one.signature)
        .collect();
    let texts: Vec<String> = latest.iter().map(Signature::to_string).collect();
    let known = database.query(Statement::new(SELECT_KNOWN).bind(json!(texts).to_string())).await?;
    let known = known.iter().map(|row| row.get("signature")).collect::<Result<Vec<String>, _>>()?;
    for signature in latest {
        let Some(transaction) = chain.recorded(&signature).await? else {
            history.without_log = history.without_log.saturating_add(1);
            continue;
        };
        let Ok(batches) = ExecutedBatch::all_of(&transaction) else {
            history.without_log = history.without_log.saturating_add(1);
            continue;
        };
        let signature = signature.to_string();
        for batch in batches.iter().filter(|batch| batch.network == *network).rev() {
            for (position, entry) in batch.entries.iter().enumerate().filter(|(_, entry)| entry.wallet == *wallet) {
                history.batches.push(WalletBatch {
                    signature: signature.clone(),
                    slot: transaction.slot,
                    batch_sequence: batch.event.sequence,
                    batch_id: batch.header.batch_id,
                    target: entry.target,
                    credited: batch.has_credited(position),
                    signed_by_this_ledger: known.contains(&signature),
                });
            }
        }
    }
    Ok(history)
}
