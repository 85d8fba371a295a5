//! One transaction: simulated, signed by all who have to, sent, and followed until it is final or can land no more.

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
use williw_relay::chain::{Chain, ChainError, Commitment, Simulation, StatusSearch, TransactionError};
use williw_relay::transaction::{Budget, Format};

use crate::failure::Failure;
use crate::plan::MAX_COMPUTE_UNITS;

/// How often the cluster is asked what became of a transaction: about once a slot.
pub const POLL: Duration = Duration::from_millis(400);

/// After how many polls the bytes are sent again, because nodes drop what they cannot take at once: every 2 s.
pub const POLLS_PER_SEND: u32 = 5;

/// After how many unanswered questions in a row the node counts as gone: two are asked in a poll, so that it takes 8 s
/// where connections are refused at once. A run that ends so goes on when it is started again.
const MAX_UNANSWERED: u32 = 40;

/// A signed transaction.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Its first signature, which names it.
    pub signature: Signature,
    /// Its wire format.
    pub bytes: Vec<u8>,
}

/// The keys that may have to sign.
pub struct Keyring<'a>(Vec<&'a Keypair>);

impl<'a> Keyring<'a> {
    /// All of `keys`; the first is that of the payer.
    pub fn new(keys: Vec<&'a Keypair>) -> Self {
        Self(keys)
    }

    /// The same keys and one more.
    pub fn with(&self, key: &'a Keypair) -> Self {
        Self(self.0.iter().copied().chain([key]).collect())
    }

    fn find(&self, address: &Pubkey) -> Option<&'a Keypair> {
        self.0.iter().copied().find(|key| key.pubkey() == *address)
    }
}

/// Puts `instructions` into a v0 transaction that `payer` pays for.
fn message(
    payer: &Pubkey,
    instructions: &[Instruction],
    budget: &Budget,
    blockhash: Hash,
) -> Result<VersionedMessage, Failure> {
    let mut all = vec![
        ComputeBudgetInstruction::set_compute_unit_limit(budget.compute_unit_limit),
        ComputeBudgetInstruction::set_loaded_accounts_data_size_limit(budget.loaded_accounts_data_limit),
        ComputeBudgetInstruction::set_compute_unit_price(budget.compute_unit_price),
    ];
    all.extend_from_slice(instructions);
    v0::Message::try_compile(payer, &all, &[], blockhash)
        .map(VersionedMessage::V0)
        .map_err(|error| Failure::Internal(format!("a transaction cannot be put together: {error}")))
}

fn signers(message: &VersionedMessage) -> &[Pubkey] {
    let count = usize::from(message.header().num_required_signatures);
    message.static_account_keys().get(..count).unwrap_or_default()
}

fn encode(transaction: &VersionedTransaction) -> Result<Vec<u8>, Failure> {
    let bytes = wincode::serialize(transaction)
        .map_err(|error| Failure::Internal(format!("a transaction cannot be written: {error}")))?;
    let limit = Format::V0.max_bytes();
    if bytes.len() > limit {
        return Err(Failure::Internal(format!("a transaction has {} bytes where {limit} are allowed", bytes.len())));
    }
    Ok(bytes)
}

/// The wire format without signatures, for simulating and measuring.
fn unsigned(message: VersionedMessage) -> Result<Vec<u8>, Failure> {
    let signatures = vec![Signature::default(); signers(&message).len()];
    encode(&VersionedTransaction { signatures, message })
}

/// How many bytes of content an otherwise empty `write` instruction has room for in one transaction.
///
/// # Errors
/// [`Failure::Internal`] when not even the empty one fits.
pub fn room(payer: &Pubkey, write: &Instruction) -> Result<usize, Failure> {
    let empty = unsigned(message(payer, std::slice::from_ref(write), &Budget::WIDEST, Hash::default())?)?.len();
    // The length of the instruction's data takes a second byte from 128 on.
    Format::V0
        .max_bytes()
        .checked_sub(empty.saturating_add(1))
        .filter(|room| *room > 0)
        .ok_or_else(|| Failure::Internal("a transaction has no room for content".to_owned()))
}

/// Sends transactions to a cluster.
pub struct Sender<'a, C> {
    /// The cluster.
    pub chain: &'a C,
    /// Who pays.
    pub payer: Pubkey,
    /// Micro-lamports per compute unit.
    pub compute_unit_price: u64,
}

impl<C: Chain> Sender<'_, C> {
    /// What the instructions would do now.
    ///
    /// # Errors
    /// [`Failure::Chain`] when the cluster cannot be asked.
    pub async fn simulate(&self, instructions: &[Instruction]) -> Result<Simulation, Failure> {
        let latest = self.chain.latest_blockhash().await?;
        let bytes = unsigned(message(&self.payer, instructions, &Budget::WIDEST, latest.blockhash)?)?;
        Ok(self.chain.simulate(&bytes).await?)
    }

    /// The budget for `instructions` by simulating them; `step` says what they do.
    ///
    /// # Errors
    /// [`Failure::WouldFail`].
    pub async fn budget(&self, step: &str, instructions: &[Instruction]) -> Result<Budget, Failure> {
        let simulation = self.simulate(instructions).await?;
        if let Some(error) = simulation.error {
            return Err(Failure::WouldFail { step: step.to_owned(), reason: explain(&error) });
        }
        let usage = (simulation.units_consumed, simulation.loaded_accounts_data_bytes);
        let budget = Budget::for_usage(usage.0, usage.1, self.compute_unit_price);
        if budget.compute_unit_limit > MAX_COMPUTE_UNITS && self.compute_unit_price > 0 {
            tracing::warn!("{step}: takes {} compute units, more than the plan's fees are reckoned with", usage.0);
        }
        Ok(budget)
    }

    /// The transaction, signed by all who have to.
    ///
    /// # Errors
    /// [`Failure::Internal`] when a key is missing.
    pub fn sign(
        &self,
        instructions: &[Instruction],
        keys: &Keyring<'_>,
        budget: &Budget,
        blockhash: Hash,
    ) -> Result<Signed, Failure> {
        let message = message(&self.payer, instructions, budget, blockhash)?;
        let missing = |address: &Pubkey| Failure::Internal(format!("there is no key for {address}, who has to sign"));
        let keys = signers(&message)
            .iter()
            .map(|address| keys.find(address).ok_or_else(|| missing(address)))
            .collect::<Result<Vec<_>, _>>()?;
        let transaction = VersionedTransaction::try_new(message, &keys)
            .map_err(|error| Failure::Internal(format!("a transaction cannot be signed: {error}")))?;
        let signature = transaction
            .signatures
            .first()
            .copied()
            .ok_or_else(|| Failure::Internal("a transaction has no signature".to_owned()))?;
        Ok(Signed { signature, bytes: encode(&transaction)? })
    }

    /// Sends the instructions and waits until they are final.
    ///
    /// # Errors
    /// [`Failure::WouldFail`], [`Failure::Failed`] and [`Failure::Expired`].
    pub async fn send(
        &self,
        step: &str,
        instructions: &[Instruction],
        keys: &Keyring<'_>,
    ) -> Result<Signature, Failure> {
        let budget = self.budget(step, instructions).await?;
        let latest = self.chain.latest_blockhash().await?;
        let signed = self.sign(instructions, keys, &budget, latest.blockhash)?;
        let signature = signed.signature;
        let mut patience = Patience::default();
        let mut polls: u32 = 0;
        let mut landed = false;
        loop {
            if !landed && polls.is_multiple_of(POLLS_PER_SEND) {
                // Only the status counts: a node that has the transaction already may say so with an error.
                if let Err(error) = self.chain.send(&signed.bytes).await {
                    tracing::debug!("sending {signature}: {error}");
                }
            }
            polls = polls.wrapping_add(1);
            tokio::time::sleep(POLL).await;
            // The height comes first: a transaction that lands in between still shows in the status.
            let height = patience.answer(self.chain.block_height(Commitment::Finalized).await)?;
            let over = height.is_some_and(|height| height > latest.last_valid_block_height);
            let search = if over { StatusSearch::FullHistory } else { StatusSearch::Recent };
            let statuses = patience.answer(self.chain.statuses(&[signature], search).await)?;
            match statuses.map(|statuses| statuses.into_iter().next().flatten()) {
                Some(Some(status)) => {
                    if let Some(error) = status.error {
                        let reason = explain(&error);
                        return Err(Failure::Failed { step: step.to_owned(), signature, reason });
                    }
                    if status.finalized {
                        return Ok(signature);
                    }
                    landed = true;
                }
                Some(None) if over => return Err(Failure::Expired { step: step.to_owned(), signature }),
                // A fork that was given up takes its transactions with it.
                Some(None) => landed = false,
                None => {}
            }
        }
    }
}

/// Bears with a node that does not answer, for a while.
#[derive(Debug, Default)]
pub struct Patience {
    unanswered: u32,
}

impl Patience {
    /// The answer, or `None` after an error that passes.
    ///
    /// # Errors
    /// [`Failure::Chain`] with an error that does not pass, or when too many came in a row.
    pub fn answer<T>(&mut self, answer: Result<T, ChainError>) -> Result<Option<T>, Failure> {
        match answer {
            Ok(answer) => {
                self.unanswered = 0;
                Ok(Some(answer))
            }
            Err(error) if error.is_transient() && self.unanswered < MAX_UNANSWERED => {
                self.unanswered += 1;
                tracing::debug!("{error}");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A transaction's error in words.
pub fn explain(error: &TransactionError) -> String {
    error.custom_code.and_then(error_message).unwrap_or_else(|| error.text.clone())
}

#[cfg(test)]
mod tests {
    use solana_instruction::AccountMeta;

    use super::*;

    #[test]
    fn a_write_that_fills_its_room_fills_the_transaction() {
        let (payer, authority) = (Pubkey::new_from_array([1; 32]), Pubkey::new_from_array([2; 32]));
        let write = |bytes: usize| Instruction {
            program_id: Pubkey::new_from_array([3; 32]),
            accounts: vec![
                AccountMeta::new(Pubkey::new_from_array([4; 32]), false),
                AccountMeta::new_readonly(authority, true),
            ],
            data: vec![7; bytes],
        };
        let room = room(&payer, &write(0)).unwrap();
        let size = |bytes| {
            let message = message(&payer, &[write(bytes)], &Budget::WIDEST, Hash::default()).unwrap();
            unsigned(message).map(|bytes| bytes.len())
        };
        assert_eq!(size(room).unwrap(), Format::V0.max_bytes());
        assert!(matches!(size(room + 1), Err(Failure::Internal(_))));
    }

    #[test]
    fn an_unreachable_node_is_borne_with_for_a_while() {
        let mut patience = Patience::default();
        let gone = || Err::<(), _>(ChainError::Unreachable("gone".to_owned()));
        for _ in 0..MAX_UNANSWERED {
            assert!(matches!(patience.answer(gone()), Ok(None)));
        }
        assert!(matches!(patience.answer(Ok(1)), Ok(Some(1))));
        for _ in 0..MAX_UNANSWERED {
            assert!(matches!(patience.answer(gone()), Ok(None)));
        }
        assert!(matches!(patience.answer(gone()), Err(Failure::Chain(_))));
        let garbage = patience.answer(Err::<(), _>(ChainError::InvalidResponse("html".to_owned())));
        assert!(matches!(garbage, Err(Failure::Chain(ChainError::InvalidResponse(_)))));
    }
}
