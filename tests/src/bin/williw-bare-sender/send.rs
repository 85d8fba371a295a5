//! Signs and sends all transactions, and waits for them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer as _;
use williw_relay::transaction::SignedTransaction;
use williw_tests::wait::{self, Poll};

use crate::SenderError;
use crate::rpc::{MAX_STATUSES, Rpc};
use crate::transactions::Transaction;

/// Several times as long as a localnet with 400 ms slots takes to finalize a block.
const DEADLINE: Duration = Duration::from_secs(120);

/// Sends all transactions with one blockhash, at most `in_flight` at the same time. Returns their signatures.
pub(crate) fn send_all(
    rpc: &Rpc,
    settler: &Keypair,
    transactions: &[Transaction],
    in_flight: usize,
) -> Result<Vec<Signature>, SenderError> {
    let blockhash = rpc.latest_blockhash()?;
    let next = AtomicUsize::new(0);
    let send_some = || {
        let mut sent = Vec::new();
        while let Some(transaction) = transactions.get(next.fetch_add(1, Ordering::Relaxed)) {
            let unsigned = transaction.build(&settler.pubkey(), blockhash)?;
            let signature = settler.sign_message(&unsigned.message_bytes());
            let SignedTransaction { signature, bytes } = unsigned.signed(signature).map_err(SenderError::other)?;
            rpc.send(&bytes)?;
            sent.push(signature);
        }
        Ok(sent)
    };
    let of_threads: Vec<Result<Vec<Signature>, SenderError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..in_flight).map(|_| scope.spawn(send_some)).collect();
        let panicked = |_| Err(SenderError::Other("a sending thread has panicked".to_owned()));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
    });
    let mut all = Vec::with_capacity(transactions.len());
    for sent in of_threads {
        all.extend(sent?);
    }
    Ok(all)
}

/// Waits until all transactions are final.
pub(crate) fn wait_until_final(rpc: &Rpc, mut waiting: Vec<Signature>) -> Result<(), SenderError> {
    let mut failure = None;
    let waited = wait::until("the transactions to be final", DEADLINE, || {
        let mut pending = Vec::new();
        for piece in waiting.chunks(MAX_STATUSES) {
            match rpc.final_ones(piece) {
                Ok(found) => pending.extend(piece.iter().filter(|signature| found.get(signature) != Some(&true))),
                Err(error) => {
                    failure = Some(error);
                    return Ok(Poll::Ready(()));
                }
            }
        }
        waiting = pending;
        Ok(Poll::when(waiting.is_empty(), || format!("{} transactions are not", waiting.len())))
    });
    waited?;
    failure.map_or(Ok(()), Err)
}
