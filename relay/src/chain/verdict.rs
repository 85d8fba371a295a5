//! What has become of sent transactions, as far as the chain shows it.
//!
//! A verdict decides only whether something is signed again, never whether somebody has been paid: every transaction of a
//! settlement raises totals to targets, so signing again is safe as soon as an earlier attempt cannot land any more, whatever
//! owners or other transactions have done in between.

use solana_signature::Signature;

use super::{
    Chain, ChainError, FinalizedBlock, MAX_SIGNATURES_PER_READ, SignatureStatus, StatusSearch, TransactionError,
    concurrently,
};

/// What has become of a sent transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in a finalized block and succeeded.
    Finalized {
        /// The slot of the block.
        slot: u64,
    },
    /// It is in a finalized block and failed. A failed transaction has no effect beyond its fee.
    Reverted {
        /// The slot of the block.
        slot: u64,
        /// Why it failed.
        error: TransactionError,
    },
    /// It is in a block that a fork can still undo.
    Landed {
        /// The slot of the block.
        slot: u64,
        /// Why it failed there, if it did.
        error: Option<TransactionError>,
    },
    /// It has not landed, and it still can.
    Pending,
    /// It has not landed and never will.
    Dead,
}

/// A signed transaction that may have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentTransaction {
    /// Its signature.
    pub signature: Signature,
    /// The last block height at which it can land.
    pub last_valid_block_height: u64,
}

/// The verdicts on some transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// The finalized block that was the latest one before the transactions were looked up.
    pub block: FinalizedBlock,
    /// The verdict on each transaction, in their order. `None` where it needs an answer that the node could not give.
    pub verdicts: Vec<Option<Verdict>>,
    /// Why some verdicts are missing; a transient error.
    pub missing: Option<ChainError>,
}

/// Looks up what has become of the transactions.
///
/// One without a status is [`Verdict::Pending`] until its blockhash has expired in the finalized chain. After that it is
/// [`Verdict::Dead`] once a node that has reached that finalized block has searched its history in vain. A node that lags
/// behind the block does not know, and there is no verdict yet.
///
/// # Errors
/// [`ChainError`] if the node cannot be asked at all.
pub async fn verdicts<C: Chain>(chain: &C, sent: &[SentTransaction]) -> Result<Verdicts, ChainError> {
    // The finalized block is read before the statuses: a transaction that lands in between is then found, not missed.
    let block = chain.finalized_block().await?;
    let signatures: Vec<Signature> = sent.iter().map(|one| one.signature).collect();
    let (_, recent) = statuses(chain, &signatures, StatusSearch::Recent).await?;
    let mut verdicts: Vec<Option<Verdict>> = recent.iter().map(|status| from_status(status.as_ref())).collect();
    let mut expired = Vec::new();
    for ((one, verdict), position) in sent.iter().zip(&mut verdicts).zip(0..) {
        if verdict.is_none() && has_expired(one.last_valid_block_height, block) {
            expired.push((position, one.signature));
        } else if verdict.is_none() {
            *verdict = Some(Verdict::Pending);
        }
    }
    if expired.is_empty() {
        return Ok(Verdicts { block, verdicts, missing: None });
    }
    let (positions, signatures): (Vec<usize>, Vec<Signature>) = expired.into_iter().unzip();
    let (slot, history) = match statuses(chain, &signatures, StatusSearch::FullHistory).await {
        Ok(found) => found,
        Err(error) if error.is_transient() => return Ok(Verdicts { block, verdicts, missing: Some(error) }),
        Err(error) => return Err(error),
    };
    // A node that has not reached the finalized block does not know whether the transaction has landed.
    let knows = slot >= block.slot;
    for (position, status) in positions.into_iter().zip(history) {
        if let Some(verdict) = verdicts.get_mut(position) {
            *verdict = from_status(status.as_ref()).or(knows.then_some(Verdict::Dead));
        }
    }
    let missing = (!knows).then_some(ChainError::Behind { slot, min_slot: block.slot });
    Ok(Verdicts { block, verdicts, missing })
}

/// The statuses of any number of signatures, and the lowest slot of the answers.
async fn statuses<C: Chain>(
    chain: &C,
    signatures: &[Signature],
    search: StatusSearch,
) -> Result<(u64, Vec<Option<SignatureStatus>>), ChainError> {
    let mut all = (u64::MAX, Vec::with_capacity(signatures.len()));
    let requests = signatures.chunks(MAX_SIGNATURES_PER_READ).map(|chunk| chain.statuses(chunk, search));
    for found in concurrently(requests).await? {
        all.0 = all.0.min(found.slot);
        all.1.extend(found.statuses);
    }
    Ok(all)
}

/// Whether no transaction that is valid up to `last_valid_block_height` can still land, on any fork.
fn has_expired(last_valid_block_height: u64, finalized: FinalizedBlock) -> bool {
    finalized.height > last_valid_block_height
}

/// The verdict that follows from a status; `None` without one.
fn from_status(status: Option<&SignatureStatus>) -> Option<Verdict> {
    Some(match status? {
        SignatureStatus { slot, finalized: true, error: None } => Verdict::Finalized { slot: *slot },
        SignatureStatus { slot, finalized: true, error: Some(error) } => {
            Verdict::Reverted { slot: *slot, error: error.clone() }
        }
        SignatureStatus { slot, finalized: false, error } => Verdict::Landed { slot: *slot, error: error.clone() },
    })
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::task::{Context, Poll, Waker};

    use serde_json::{Value, json};

    use crate::chain::{JsonRpc, RpcError, Transport};

    use super::*;

    /// A node that takes its time, and knows no transaction. Records how many requests wait for each answer.
    #[derive(Default)]
    struct Slow {
        waiting: Cell<usize>,
        most: RefCell<Vec<usize>>,
    }

    impl Transport for &Slow {
        async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
            if method == "getEpochInfo" {
                return Ok(json!({"absoluteSlot": 1_000, "blockHeight": 900}));
            }
            self.waiting.set(self.waiting.get() + 1);
            let mut is_first = true;
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            self.most.borrow_mut().push(self.waiting.get());
            self.waiting.set(self.waiting.get() - 1);
            let statuses = vec![Value::Null; params[0].as_array().unwrap().len()];
            Ok(json!({"context": {"slot": 1_000}, "value": statuses}))
        }
    }

    #[test]
    fn many_transactions_are_looked_up_at_the_same_time_so_that_the_lease_is_kept() {
        let sent: Vec<SentTransaction> = (0..1_200_u16)
            .map(|number| {
                let mut signature = [0; 64];
                signature[..2].copy_from_slice(&number.to_le_bytes());
                SentTransaction { signature: signature.into(), last_valid_block_height: 800 }
            })
            .collect();
        let slow = Slow::default();
        let node = JsonRpc::new(&slow);
        let mut future = std::pin::pin!(verdicts(&node, &sent));
        let found = loop {
            if let Poll::Ready(found) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                break found.unwrap();
            }
        };
        assert_eq!(found.verdicts, vec![Some(Verdict::Dead); 1_200]);
        assert_eq!(*slow.most.borrow(), [5, 4, 3, 2, 1, 5, 4, 3, 2, 1], "five requests, twice");
    }

    fn status(finalized: bool, error: Option<&str>) -> SignatureStatus {
        let error = error.map(|text| TransactionError::from_json(&json!(text)));
        SignatureStatus { slot: 7, finalized, error }
    }

    #[test]
    fn a_reverted_transaction_is_not_a_payment() {
        let verdict = from_status(Some(&status(true, Some("AccountInUse"))));
        assert!(matches!(verdict, Some(Verdict::Reverted { slot: 7, .. })));
    }

    #[test]
    fn a_failure_that_a_fork_can_undo_is_not_a_final_verdict() {
        let verdict = from_status(Some(&status(false, Some("any"))));
        assert!(matches!(verdict, Some(Verdict::Landed { slot: 7, .. })));
    }

    #[test]
    fn no_attempt_expires_while_its_blockhash_is_valid_at_finalized_commitment() {
        let at = |height| FinalizedBlock { slot: 1_000, height };
        assert!(!has_expired(100, at(100)));
        assert!(has_expired(100, at(101)));
    }
}
