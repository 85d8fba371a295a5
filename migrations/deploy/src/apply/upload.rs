//! Writes content to a buffer account, many transactions at a time.
//!
//! The buffer is the only record of progress: it is read, the chunks that differ from the content are written, and it
//! is read again. So an upload resumes after any interruption, never writes a chunk twice, and completes only when the
//! chain has every byte.

use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::chain::{AccountData, Chain, Commitment, MAX_SIGNATURES_PER_READ};

use super::transaction::{POLL_INTERVAL, Retries, Sender, Until};
use crate::content::{Chunks, Content};
use crate::error::DeployError;
use crate::observed::header_bytes;

/// Transactions in flight at a time. They are sent well within the lifetime of a blockhash even to a slow node.
const MAX_IN_FLIGHT: usize = 64;

const _: () = assert!(MAX_IN_FLIGHT <= MAX_SIGNATURES_PER_READ);

/// Polls to wait for transactions that have landed to be confirmed, before their chunks are written again.
const POLLS_UNTIL_CONFIRMED: u32 = 50;

/// Rounds without progress after which the upload is aborted.
const MAX_IDLE_ROUNDS: u32 = 3;

pub(super) struct Upload<'a> {
    pub(super) content: Content,
    pub(super) chunks: &'a Chunks,
    pub(super) buffer: Pubkey,
    /// Builds the instruction that writes bytes at an offset.
    pub(super) write: &'a dyn Fn(u32, &[u8]) -> Instruction,
}

impl Upload<'_> {
    /// Writes the missing chunks and returns the signatures.
    pub(super) async fn run<C: Chain>(
        &self,
        sender: &Sender<'_, C>,
        keys: &[&Keypair],
    ) -> Result<Vec<Signature>, DeployError> {
        let name = self.name();
        let total = self.chunks.count();
        let mut signatures = Vec::new();
        let mut retries = Retries::default();
        let mut idle_rounds = 0;
        let mut missing = self.missing(sender, &mut retries).await?;
        let mut budget = None;
        while let Some(first) = missing.first() {
            let budget = match budget {
                Some(budget) => budget,
                // The same for all chunks.
                None => *budget.insert(sender.budget(&name, &[self.instruction(*first)]).await?),
            };
            let latest = sender.chain.latest_blockhash().await?;
            let transactions = missing
                .iter()
                .take(MAX_IN_FLIGHT)
                .map(|offset| sender.sign(&[self.instruction(*offset)], keys, &budget, latest.blockhash))
                .collect::<Result<Vec<_>, _>>()?;
            let expiry = latest.last_valid_block_height;
            let landed = sender.track(&name, &transactions, expiry, Until::Landed, &mut retries).await?;
            signatures.extend(&landed);
            let before = missing.len();
            missing = self.confirmed(sender, before - landed.len(), &mut retries).await?;
            idle_rounds = if missing.len() < before { 0 } else { idle_rounds + 1 };
            if idle_rounds >= MAX_IDLE_ROUNDS {
                let signature = transactions.first().map(|transaction| transaction.signature).unwrap_or_default();
                return Err(DeployError::Expired { step: name, signature });
            }
            tracing::info!("{name}: {} of {total} chunks written", total - missing.len());
        }
        Ok(signatures)
    }

    fn name(&self) -> String {
        format!("{} upload", self.content)
    }

    fn instruction(&self, offset: usize) -> Instruction {
        // An account is at most 10 MiB long, so every offset fits.
        (self.write)(u32::try_from(offset).unwrap_or(u32::MAX), self.chunks.at(offset))
    }

    /// The offsets of the chunks that are missing in the confirmed state.
    async fn missing<C: Chain>(
        &self,
        sender: &Sender<'_, C>,
        retries: &mut Retries,
    ) -> Result<Vec<usize>, DeployError> {
        loop {
            let read = sender.chain.accounts(&[self.buffer], AccountData::Full, Commitment::Confirmed, 0).await;
            if let Some(read) = retries.check(read)? {
                let account = read.accounts.into_iter().next().flatten();
                let account = account.ok_or_else(|| {
                    DeployError::Internal(format!("{}: the buffer {} does not exist", self.name(), self.buffer))
                })?;
                let written = account.data.get(header_bytes(self.content)..).unwrap_or_default();
                return Ok(self.chunks.missing(written));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until at most `expected` chunks are missing, or for a limited time, and returns the missing ones.
    async fn confirmed<C: Chain>(
        &self,
        sender: &Sender<'_, C>,
        expected: usize,
        retries: &mut Retries,
    ) -> Result<Vec<usize>, DeployError> {
        let mut missing = self.missing(sender, retries).await?;
        for _ in 0..POLLS_UNTIL_CONFIRMED {
            if missing.len() <= expected {
                break;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
            missing = self.missing(sender, retries).await?;
        }
        Ok(missing)
    }
}
