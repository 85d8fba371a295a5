//! What is known about one node on both sides, for a person who has to decide whose books are right.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::executed::ExecutedBatch;
use super::{rebuild, text};
use crate::chain::{ChainError, History, RecordedTransaction};
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{Lamports, NodeId, text_enum};

statements! {
    /// The last ?2 rewards of node ?1, newest first.
    SELECT_REWARDS = "SELECT id, kind, status, period, reason, CAST(amount_lamports AS TEXT) AS amount,
            CAST(node_total_lamports AS TEXT) AS total, transaction_signature
        FROM rewards WHERE node_id = ?1 ORDER BY node_total_lamports DESC LIMIT CAST(?2 AS INTEGER)";

    /// The last ?2 entries of the audit log about ?1, newest first.
    SELECT_AUDIT = "SELECT CAST(at AS TEXT) AS at, actor, action, details FROM audit_log
        WHERE subject = ?1 ORDER BY id DESC LIMIT CAST(?2 AS INTEGER)";

    /// Those of the signatures in JSON array ?1 that are in this ledger, and what has started their settlement.
    SELECT_KNOWN = "SELECT attempts.signature AS signature, trigger
        FROM attempts JOIN batches ON batches.id = attempts.batch_id
            JOIN settlements ON settlements.id = batches.settlement_id
        WHERE attempts.signature IN (SELECT value FROM json_each(?1))";
}

/// The number of rewards, audit entries and transactions that are listed.
const LISTED: usize = 20;

/// The maximum number of transactions that are read to find those with a batch: anyone can send payouts that name a wallet
/// account.
const MAX_EXAMINED: u64 = 200;

/// The maximum number of pages of signatures that are read for them: anyone can name a wallet account in failing transactions.
const MAX_PAGES: usize = 5;

/// The number of requests in flight at once. A Worker can have six connections open.
const REQUESTS_IN_FLIGHT: usize = 6;

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
    #[serde(with = "text::display")]
    pub batch_sequence: u64,
    /// The relay's number of the batch.
    #[serde(with = "text::display")]
    pub batch_id: u64,
    /// The total that it was to raise the wallet account to.
    #[serde(with = "text::display")]
    pub target: u64,
    /// Whether it did, or the program skipped the entry.
    pub credited: bool,
    /// Who has signed the transaction.
    pub signer: BatchSigner,
}

text_enum! {
    /// Who has signed the transaction of a batch.
    pub enum BatchSigner: "batch signer" {
        /// This ledger.
        ThisLedger = "this_ledger",
        /// The batch was taken from the chain when this ledger was rebuilt: the lost ledger, or somebody else.
        Rebuilt = "rebuilt",
        /// Somebody else with the settler's key.
        SomebodyElse = "somebody_else",
    }
}

/// The latest of what the ledger and the chain have recorded about a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeHistory {
    /// Its last rewards, newest first.
    pub rewards: Vec<NodeReward>,
    /// The last entries about it in the audit log, newest first.
    pub audit: Vec<AuditEntry>,
    /// The batches of its wallet account in the transactions that were examined, newest first.
    pub batches: Vec<WalletBatch>,
    /// The number of successful transactions of the wallet account that were examined, newest first.
    pub examined: u64,
    /// Whether there may be older transactions, which were not examined.
    pub has_unexamined: bool,
    /// The number of those examined whose log the RPC node does not have, so that their batches are not listed.
    pub without_log: u64,
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
        examined: 0,
        has_unexamined: false,
        without_log: 0,
    };
    if let Some(wallet) = wallet {
        history.find_batches(database, chain, network, wallet).await?;
    }
    Ok(history)
}

impl NodeHistory {
    /// Examines the transactions of the wallet account, newest first, until enough batches are found.
    async fn find_batches<D: Database, H: History>(
        &mut self,
        database: &D,
        chain: &H,
        network: &Pubkey,
        wallet: &Pubkey,
    ) -> Result<(), HistoryError> {
        let mut before: Option<Signature> = None;
        for _ in 0..MAX_PAGES {
            let page = chain.signatures_of(wallet, before.as_ref()).await?;
            let Some(last) = page.last() else {
                self.has_unexamined = false;
                return Ok(());
            };
            before = Some(last.signature);
            let succeeded: Vec<Signature> =
                page.into_iter().filter(|one| one.succeeded).map(|one| one.signature).collect();
            for piece in succeeded.chunks(LISTED) {
                self.has_unexamined = true;
                if self.batches.len() >= LISTED || self.examined >= MAX_EXAMINED {
                    return Ok(());
                }
                let signers = signers(database, piece).await?;
                let requests = piece.iter().map(|signature| chain.recorded(signature));
                let recorded: Vec<_> = stream::iter(requests).buffered(REQUESTS_IN_FLIGHT).try_collect().await?;
                for (signature, recorded) in piece.iter().zip(recorded) {
                    self.add(network, wallet, signature, recorded.as_ref(), &signers);
                }
            }
            // Of older pages, nothing is known yet.
            self.has_unexamined = true;
        }
        Ok(())
    }

    /// Adds the batches of a transaction that have the wallet account as an entry.
    fn add(
        &mut self,
        network: &Pubkey,
        wallet: &Pubkey,
        signature: &Signature,
        recorded: Option<&RecordedTransaction>,
        signers: &BTreeMap<String, BatchSigner>,
    ) {
        self.examined = self.examined.saturating_add(1);
        let batches = recorded.and_then(|recorded| Some((recorded.slot, ExecutedBatch::all_of(recorded).ok()?)));
        let Some((slot, batches)) = batches else {
            self.without_log = self.without_log.saturating_add(1);
            return;
        };
        let signature = signature.to_string();
        let signer = signers.get(&signature).copied().unwrap_or(BatchSigner::SomebodyElse);
        for batch in batches.iter().filter(|batch| batch.network == *network).rev() {
            for (position, entry) in batch.entries.iter().enumerate().filter(|(_, entry)| entry.wallet == *wallet) {
                self.batches.push(WalletBatch {
                    signature: signature.clone(),
                    slot,
                    batch_sequence: batch.event.sequence,
                    batch_id: batch.header.batch_id,
                    target: entry.target,
                    credited: batch.has_credited(position),
                    signer,
                });
            }
        }
    }
}

/// Who has signed those transactions that are in this ledger.
async fn signers<D: Database>(
    database: &D,
    signatures: &[Signature],
) -> Result<BTreeMap<String, BatchSigner>, DatabaseError> {
    let texts: Vec<String> = signatures.iter().map(Signature::to_string).collect();
    let rows = database.query(Statement::new(SELECT_KNOWN).bind(json!(texts).to_string())).await?;
    let signer = |row: &Row| {
        let is_rebuilt = row.get::<String>("trigger")? == rebuild::TRIGGER;
        Ok((row.get("signature")?, if is_rebuilt { BatchSigner::Rebuilt } else { BatchSigner::ThisLedger }))
    };
    rows.iter().map(signer).collect()
}
