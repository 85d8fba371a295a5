//! Writes content into a buffer, many transactions at a time, and never again what is there already.
//!
//! The buffer is the only record of progress: it is read, what differs from the content is written, and it is read
//! again. So an upload goes on after any interruption, and ends only when the chain has every byte.

use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::chain::{AccountData, Chain, Commitment, MAX_SIGNATURES_PER_READ, StatusSearch};

use super::transaction::{Keyring, POLL, POLLS_PER_SEND, Patience, Sender, Signed, explain};
use crate::failure::Failure;

/// Transactions under way at once: they are sent well within the life of one blockhash, also to a slow node.
const WAVE: usize = 64;

const _: () = assert!(WAVE <= MAX_SIGNATURES_PER_READ);

/// How many polls to give writes that have landed to show in the confirmed state, before they are sent again.
const POLLS_UNTIL_CONFIRMED: u32 = 50;

/// How many rounds may bring nothing before the upload is given up.
const MAX_IDLE_ROUNDS: u32 = 3;

/// Where in `content` the chunks begin that are not in `written` yet.
pub fn chunks_left(content: &[u8], written: &[u8], chunk: usize) -> Vec<usize> {
    let starts = (0..content.len()).step_by(chunk.max(1));
    starts
        .filter(|start| slice(content, *start, chunk) != slice(written, *start, chunk.min(content.len() - start)))
        .collect()
}

/// How many chunks `len` bytes that are not all zeros make up.
pub fn chunk_count(content: &[u8], chunk: usize) -> usize {
    chunks_left(content, &vec![0; content.len()], chunk).len()
}

fn slice(bytes: &[u8], start: usize, len: usize) -> &[u8] {
    let end = start.saturating_add(len).min(bytes.len());
    bytes.get(start..end).unwrap_or_default()
}

/// An upload.
pub struct Upload<'a> {
    /// What it is, for messages.
    pub name: &'a str,
    /// The buffer.
    pub buffer: Pubkey,
    /// Bytes in front of the buffer's content.
    pub header: usize,
    /// What is to be written.
    pub content: &'a [u8],
    /// Bytes of one transaction.
    pub chunk: usize,
    /// The instruction that writes bytes at an offset.
    pub write: &'a dyn Fn(u32, &[u8]) -> Instruction,
}

impl Upload<'_> {
    /// Writes what is missing, and returns the signatures of what was written.
    ///
    /// # Errors
    /// See [`Failure`]; the next run goes on where this one ended.
    pub async fn carry_out<C: Chain>(
        &self,
        sender: &Sender<'_, C>,
        keys: &Keyring<'_>,
    ) -> Result<Vec<Signature>, Failure> {
        let mut signatures = Vec::new();
        let mut patience = Patience::default();
        let mut idle_rounds = 0;
        let mut left = self.left(sender, &mut patience).await?;
        let mut budget = None;
        while let Some(first) = left.first() {
            let budget = match budget {
                Some(budget) => budget,
                // Every write takes the same.
                None => *budget.insert(sender.budget(self.name, &[self.instruction(*first)]).await?),
            };
            let latest = sender.chain.latest_blockhash().await?;
            let wave = left
                .iter()
                .take(WAVE)
                .map(|start| sender.sign(&[self.instruction(*start)], keys, &budget, latest.blockhash))
                .collect::<Result<Vec<_>, _>>()?;
            let landed = self.follow(sender, &wave, latest.last_valid_block_height, &mut patience).await?;
            signatures.extend(&landed);
            let before = left.len();
            left = self.confirmed(sender, before - landed.len(), &mut patience).await?;
            idle_rounds = if left.len() < before { 0 } else { idle_rounds + 1 };
            if idle_rounds >= MAX_IDLE_ROUNDS {
                let signature = wave.first().map(|signed| signed.signature).unwrap_or_default();
                return Err(Failure::Expired { step: self.name.to_owned(), signature });
            }
            let all = self.content.len().div_ceil(self.chunk.max(1));
            tracing::info!("{}: {} of {all} chunks written", self.name, all - left.len());
        }
        Ok(signatures)
    }

    fn instruction(&self, start: usize) -> Instruction {
        // A buffer is at most 10 MiB long.
        (self.write)(u32::try_from(start).unwrap_or(u32::MAX), slice(self.content, start, self.chunk))
    }

    /// What is missing in the confirmed state.
    async fn left<C: Chain>(&self, sender: &Sender<'_, C>, patience: &mut Patience) -> Result<Vec<usize>, Failure> {
        loop {
            let read = sender.chain.accounts(&[self.buffer], AccountData::Full, Commitment::Confirmed).await;
            if let Some(read) = patience.answer(read)? {
                let account = read.accounts.into_iter().next().flatten();
                let account = account.ok_or_else(|| {
                    Failure::Internal(format!("{}: the buffer {} is not there any more", self.name, self.buffer))
                })?;
                let written = account.data.get(self.header..).unwrap_or_default();
                return Ok(chunks_left(self.content, written, self.chunk));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What is missing once no more than `expected` is, or when that took too long.
    async fn confirmed<C: Chain>(
        &self,
        sender: &Sender<'_, C>,
        expected: usize,
        patience: &mut Patience,
    ) -> Result<Vec<usize>, Failure> {
        let mut left = self.left(sender, patience).await?;
        for _ in 0..POLLS_UNTIL_CONFIRMED {
            if left.len() <= expected {
                break;
            }
            tokio::time::sleep(POLL).await;
            left = self.left(sender, patience).await?;
        }
        Ok(left)
    }

    /// Sends a wave until each of it has landed or can land no more, and returns what has.
    async fn follow<C: Chain>(
        &self,
        sender: &Sender<'_, C>,
        wave: &[Signed],
        last_valid_block_height: u64,
        patience: &mut Patience,
    ) -> Result<Vec<Signature>, Failure> {
        let mut under_way: Vec<&Signed> = wave.iter().collect();
        let mut landed = Vec::new();
        let mut polls: u32 = 0;
        while !under_way.is_empty() {
            if polls.is_multiple_of(POLLS_PER_SEND) {
                for signed in &under_way {
                    // Only the status counts: a node that has the transaction already may say so with an error.
                    if let Err(error) = sender.chain.send(&signed.bytes).await {
                        tracing::debug!("sending {}: {error}", signed.signature);
                    }
                }
            }
            polls = polls.wrapping_add(1);
            tokio::time::sleep(POLL).await;
            // The height comes first: a transaction that lands in between still shows in the status.
            let height = patience.answer(sender.chain.block_height(Commitment::Finalized).await)?;
            let over = height.is_some_and(|height| height > last_valid_block_height);
            let names: Vec<Signature> = under_way.iter().map(|signed| signed.signature).collect();
            let Some(statuses) = patience.answer(sender.chain.statuses(&names, StatusSearch::Recent).await)? else {
                continue;
            };
            for (signature, status) in names.iter().zip(&statuses) {
                let Some(status) = status else { continue };
                if let Some(error) = &status.error {
                    let (step, reason) = (self.name.to_owned(), explain(error));
                    return Err(Failure::Failed { step, signature: *signature, reason });
                }
                landed.push(*signature);
            }
            under_way.retain(|signed| !landed.contains(&signed.signature));
            if over {
                break;
            }
        }
        Ok(landed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written() {
        let content = b"aabbccd";
        assert_eq!(chunks_left(content, &[0; 7], 2), [0, 2, 4, 6]);
        assert_eq!(chunks_left(content, b"aaXbccd", 2), [2]);
        assert_eq!(chunks_left(content, b"aabbccX", 2), [6]);
        assert_eq!(chunks_left(content, content, 2), [0_usize; 0]);
        assert_eq!(chunks_left(content, b"aabbccd and more", 2), [0_usize; 0]);
        assert_eq!(chunks_left(content, b"aabb", 2), [4, 6]);
        assert_eq!(chunks_left(content, b"", 100), [0]);
    }

    #[test]
    fn chunks_of_zeros_are_there_from_the_start() {
        assert_eq!(chunk_count(b"ab\0\0cd\0", 2), 2);
        assert_eq!(chunk_count(b"", 2), 0);
    }
}
