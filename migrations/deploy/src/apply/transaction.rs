//! Transactions: simulated, signed, sent, and tracked until they are finalized or expired.

use std::time::Duration;

use settlement::client::error_message;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{VersionedMessage, v0};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::chain::verdict::{self, SentTransaction, Verdict};
use williw_relay::chain::{Chain, ChainError, Simulation, TransactionError};
use williw_relay::transaction::{Budget, Format, SignedTransaction};

use crate::error::DeployError;
use crate::plan::MAX_COMPUTE_UNITS;

/// The interval between status queries: about one slot.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(400);

/// Transactions are resent every 5 polls (2 s), because nodes drop those that they cannot process at once.
const POLLS_PER_SEND: u32 = 5;

/// After this many consecutive transient errors, the node is considered unreachable. A poll makes two requests, so this
/// takes 8 s if connections are refused immediately.
const MAX_TRANSIENT_ERRORS: u32 = 40;

fn internal(action: &str, error: impl ToString) -> DeployError {
    DeployError::Internal(format!("cannot {action}: {}", error.to_string()))
}

/// Compiles `instructions` into a v0 message.
fn message(
    payer: &Pubkey,
    instructions: &[Instruction],
    budget: &Budget,
    blockhash: Hash,
) -> Result<VersionedMessage, DeployError> {
    let mut all = vec![
        ComputeBudgetInstruction::set_compute_unit_limit(budget.compute_unit_limit),
        ComputeBudgetInstruction::set_loaded_accounts_data_size_limit(budget.loaded_accounts_data_limit),
        ComputeBudgetInstruction::set_compute_unit_price(budget.compute_unit_price),
    ];
    all.extend_from_slice(instructions);
    v0::Message::try_compile(payer, &all, &[], blockhash)
        .map(VersionedMessage::V0)
        .map_err(|error| internal("compile a transaction", error))
}

fn signers(message: &VersionedMessage) -> &[Pubkey] {
    let count = usize::from(message.header().num_required_signatures);
    message.static_account_keys().get(..count).unwrap_or_default()
}

fn encode(transaction: &VersionedTransaction) -> Result<Vec<u8>, DeployError> {
    let bytes = wincode::serialize(transaction).map_err(|error| internal("serialize a transaction", error))?;
    let limit = Format::V0.max_bytes();
    if bytes.len() > limit {
        return Err(DeployError::Internal(format!(
            "a transaction has {} bytes, but the limit is {limit}",
            bytes.len()
        )));
    }
    Ok(bytes)
}

/// Encodes a message with empty signatures, for simulating and measuring.
fn encode_unsigned(message: VersionedMessage) -> Result<Vec<u8>, DeployError> {
    let signatures = vec![Signature::default(); signers(&message).len()];
    encode(&VersionedTransaction { signatures, message })
}

/// The bytes of content that fit into one transaction with the otherwise empty `write` instruction.
pub(crate) fn chunk_size(payer: &Pubkey, write: Instruction) -> Result<usize, DeployError> {
    let empty = encode_unsigned(message(payer, &[write], &Budget::WIDEST, Hash::default())?)?.len();
    // From 128 bytes on, the length of the instruction's data takes a second byte.
    Format::V0
        .max_bytes()
        .checked_sub(empty.saturating_add(1))
        .filter(|size| *size > 0)
        .ok_or_else(|| DeployError::Internal("a transaction has no room for content".to_owned()))
}

/// How far transactions are tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Until they are in a block. A fork can still undo that, so the result has to be checked.
    Landed,
    Finalized,
}

pub(super) struct Sender<'a, C> {
    pub(super) chain: &'a C,
    pub(super) payer: Pubkey,
    /// Micro-lamports per compute unit.
    pub(super) compute_unit_price: u64,
}

impl<C: Chain> Sender<'_, C> {
    pub(super) async fn simulate(&self, instructions: &[Instruction]) -> Result<Simulation, DeployError> {
        let latest = self.chain.latest_blockhash().await?;
        let bytes = encode_unsigned(message(&self.payer, instructions, &Budget::WIDEST, latest.blockhash)?)?;
        Ok(self.chain.simulate(&bytes).await?)
    }

    /// Determines the budget for `instructions` by simulating them.
    pub(super) async fn budget(&self, step: &str, instructions: &[Instruction]) -> Result<Budget, DeployError> {
        let simulation = self.simulate(instructions).await?;
        if let Some(error) = simulation.error {
            return Err(DeployError::WouldFail { step: step.to_owned(), reason: describe(&error) });
        }
        let units = simulation.units_consumed;
        let budget = Budget::for_usage(units, simulation.loaded_accounts_data_bytes, self.compute_unit_price);
        if budget.compute_unit_limit > MAX_COMPUTE_UNITS && self.compute_unit_price > 0 {
            tracing::warn!("{step}: uses {units} compute units, more than the plan's fee estimate assumes");
        }
        Ok(budget)
    }

    /// Builds the transaction, signed with those of `keys` that it requires.
    pub(super) fn sign(
        &self,
        instructions: &[Instruction],
        keys: &[&Keypair],
        budget: &Budget,
        blockhash: Hash,
    ) -> Result<SignedTransaction, DeployError> {
        let message = message(&self.payer, instructions, budget, blockhash)?;
        let find = |address: &Pubkey| {
            let key = keys.iter().copied().find(|key| key.pubkey() == *address);
            key.ok_or_else(|| DeployError::Internal(format!("the key of the signer {address} is missing")))
        };
        let keys = signers(&message).iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let transaction =
            VersionedTransaction::try_new(message, &keys).map_err(|error| internal("sign a transaction", error))?;
        let signature = transaction.signatures.first().copied();
        let signature = signature.ok_or_else(|| DeployError::Internal("a transaction has no signature".to_owned()))?;
        Ok(SignedTransaction { signature, bytes: encode(&transaction)? })
    }

    /// Sends a transaction and waits until it is finalized.
    pub(super) async fn send(
        &self,
        step: &str,
        instructions: &[Instruction],
        keys: &[&Keypair],
    ) -> Result<Signature, DeployError> {
        let budget = self.budget(step, instructions).await?;
        let latest = self.chain.latest_blockhash().await?;
        let transaction = self.sign(instructions, keys, &budget, latest.blockhash)?;
        let signature = transaction.signature;
        let (expiry, mut retries) = (latest.last_valid_block_height, Retries::default());
        let finalized = self.track(step, &[transaction], expiry, Until::Finalized, &mut retries).await?;
        finalized.first().copied().ok_or_else(|| DeployError::Expired { step: step.to_owned(), signature })
    }

    /// Sends transactions, resends those that have not landed, and waits until each has reached `until` or has expired
    /// at block height `expiry`. Returns the signatures of those that have reached it.
    pub(super) async fn track(
        &self,
        step: &str,
        transactions: &[SignedTransaction],
        expiry: u64,
        until: Until,
        retries: &mut Retries,
    ) -> Result<Vec<Signature>, DeployError> {
        let mut pending: Vec<&SignedTransaction> = transactions.iter().collect();
        let mut landed: Vec<Signature> = Vec::new();
        let mut complete = Vec::new();
        let mut polls: u32 = 0;
        while !pending.is_empty() {
            if polls.is_multiple_of(POLLS_PER_SEND) {
                for transaction in pending.iter().filter(|transaction| !landed.contains(&transaction.signature)) {
                    // Only the status counts: a node may report an error for a transaction that it already has.
                    if let Err(error) = self.chain.send(&transaction.bytes).await {
                        tracing::debug!("sending {}: {error}", transaction.signature);
                    }
                }
            }
            polls = polls.wrapping_add(1);
            tokio::time::sleep(POLL_INTERVAL).await;
            let sent: Vec<SentTransaction> = pending
                .iter()
                .map(|one| SentTransaction { signature: one.signature, last_valid_block_height: expiry })
                .collect();
            let Some(found) = retries.check(verdict::verdicts(self.chain, &sent).await)? else { continue };
            if let Some(error) = found.missing {
                retries.check(Err::<(), _>(error))?;
            }
            // Emptied every time: a fork that is abandoned takes its transactions with it.
            landed.clear();
            let mut dead = 0_usize;
            for (SentTransaction { signature, .. }, verdict) in sent.iter().zip(found.verdicts) {
                match verdict {
                    Some(Verdict::Reverted { error, .. } | Verdict::Landed { error: Some(error), .. }) => {
                        let (step, signature) = (step.to_owned(), *signature);
                        return Err(DeployError::Failed { step, signature, reason: describe(&error) });
                    }
                    Some(Verdict::Finalized { .. }) => complete.push(*signature),
                    Some(Verdict::Landed { .. }) if until == Until::Landed => complete.push(*signature),
                    Some(Verdict::Landed { .. }) => landed.push(*signature),
                    Some(Verdict::Dead) => dead = dead.saturating_add(1),
                    Some(Verdict::Pending) | None => {}
                }
            }
            pending.retain(|transaction| !complete.contains(&transaction.signature));
            if dead == pending.len() {
                break;
            }
        }
        Ok(complete)
    }
}

/// Tolerates a limited number of consecutive transient errors.
#[derive(Debug, Default)]
pub(super) struct Retries {
    consecutive_errors: u32,
}

impl Retries {
    /// The response, or `None` after a transient error. Other errors, and too many transient ones, are returned.
    pub(super) fn check<T>(&mut self, result: Result<T, ChainError>) -> Result<Option<T>, DeployError> {
        match result {
            Ok(response) => {
                self.consecutive_errors = 0;
                Ok(Some(response))
            }
            Err(error) if error.is_transient() && self.consecutive_errors < MAX_TRANSIENT_ERRORS => {
                self.consecutive_errors += 1;
                tracing::debug!("{error}");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The settlement program's message for an error, or the cluster's.
pub(super) fn describe(error: &TransactionError) -> String {
    error.custom_code.and_then(error_message).unwrap_or_else(|| error.text.clone())
}

#[cfg(test)]
mod tests {
    use solana_instruction::AccountMeta;

    use super::*;

    #[test]
    fn a_chunk_fills_its_transaction() {
        let (payer, authority) = (Pubkey::new_from_array([1; 32]), Pubkey::new_from_array([2; 32]));
        let write = |bytes: usize| Instruction {
            program_id: Pubkey::new_from_array([3; 32]),
            accounts: vec![
                AccountMeta::new(Pubkey::new_from_array([4; 32]), false),
                AccountMeta::new_readonly(authority, true),
            ],
            data: vec![7; bytes],
        };
        let size = chunk_size(&payer, write(0)).unwrap();
        let encoded = |bytes| {
            let message = message(&payer, &[write(bytes)], &Budget::WIDEST, Hash::default()).unwrap();
            encode_unsigned(message).map(|bytes| bytes.len())
        };
        assert_eq!(encoded(size).unwrap(), Format::V0.max_bytes());
        assert!(matches!(encoded(size + 1), Err(DeployError::Internal(_))));
    }

    #[test]
    fn consecutive_transient_errors_are_tolerated_up_to_a_limit() {
        let mut retries = Retries::default();
        let unreachable = || Err::<(), _>(ChainError::Unreachable("gone".to_owned()));
        for _ in 0..MAX_TRANSIENT_ERRORS {
            assert!(matches!(retries.check(unreachable()), Ok(None)));
        }
        assert!(matches!(retries.check(Ok(1)), Ok(Some(1))));
        for _ in 0..MAX_TRANSIENT_ERRORS {
            assert!(matches!(retries.check(unreachable()), Ok(None)));
        }
        assert!(matches!(retries.check(unreachable()), Err(DeployError::Chain(_))));
        let garbage = retries.check(Err::<(), _>(ChainError::InvalidResponse("html".to_owned())));
        assert!(matches!(garbage, Err(DeployError::Chain(ChainError::InvalidResponse(_)))));
    }
}
