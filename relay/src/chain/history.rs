//! Read access to the cluster's history: executed transactions with everything that they contained.
//!
//! Separate from [`Chain`](super::Chain), because a settlement needs none of it. Proofs and audits do.

use solana_message::VersionedMessage;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;

use super::{ChainError, TransactionError};

/// Read access to the cluster's finalized history.
#[allow(async_fn_in_trait, reason = "callers are generic over the trait and never need Send")]
pub trait History {
    /// The finalized transaction with this signature, successful or not; `None` if the node does not have it or has purged
    /// it.
    ///
    /// # Errors
    /// [`ChainError::InvalidResponse`] if the answer is another transaction.
    async fn recorded(&self, signature: &Signature) -> Result<Option<RecordedTransaction>, ChainError>;

    /// The finalized transactions that name `address`, newest first: at most [`MAX_SIGNATURES_PER_PAGE`] of those before
    /// `before`, or the latest. Empty only if there are no more, or if the node has purged them.
    async fn signatures_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
    ) -> Result<Vec<SignatureAtSlot>, ChainError>;
}

/// The maximum number of signatures per `getSignaturesForAddress` request.
pub const MAX_SIGNATURES_PER_PAGE: usize = 1_000;

impl<H: History + ?Sized> History for &H {
    async fn recorded(&self, signature: &Signature) -> Result<Option<RecordedTransaction>, ChainError> {
        (**self).recorded(signature).await
    }

    async fn signatures_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
    ) -> Result<Vec<SignatureAtSlot>, ChainError> {
        (**self).signatures_of(address, before).await
    }
}

/// A transaction in the history of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureAtSlot {
    /// Its first signature.
    pub signature: Signature,
    /// The slot of the block that contains it.
    pub slot: u64,
    /// Whether it succeeded. A failed transaction changed nothing but its fee payer's balance.
    pub succeeded: bool,
}

/// A transaction as the cluster executed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedTransaction {
    /// The slot of the block that contains it.
    pub slot: u64,
    /// The time of the block in Unix seconds, if the node knows it.
    pub block_time: Option<i64>,
    /// The fee that the fee payer was charged, in lamports.
    pub fee_lamports: u64,
    /// Why it failed; `None` if it succeeded.
    pub error: Option<TransactionError>,
    /// The signed transaction in Solana's wire format.
    pub bytes: Vec<u8>,
    /// The wire format.
    pub version: TransactionVersion,
    /// Every instruction, those of called programs included, in the order of their execution. Without those of called
    /// programs if the node has not recorded them.
    pub instructions: Vec<RecordedInstruction>,
    /// The log, line by line. Empty if the node has not kept it. The cluster truncates logs of more than 10 KB.
    pub log_messages: Vec<String>,
}

/// The wire format of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionVersion {
    /// From before versions.
    Legacy,
    /// Version 0.
    V0,
    /// Version 1.
    V1,
}

/// An instruction that the cluster executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedInstruction {
    /// The program that was called.
    pub program: Pubkey,
    /// The accounts, in order.
    pub accounts: Vec<Pubkey>,
    /// The data.
    pub data: Vec<u8>,
    /// Whether another program called this one.
    pub is_inner: bool,
}

/// What a node adds to the bytes of a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionRecord {
    /// See [`RecordedTransaction::slot`].
    pub slot: u64,
    /// See [`RecordedTransaction::block_time`].
    pub block_time: Option<i64>,
    /// See [`RecordedTransaction::fee_lamports`].
    pub fee_lamports: u64,
    /// See [`RecordedTransaction::error`].
    pub error: Option<TransactionError>,
    /// The addresses from lookup tables: first the writable ones, then the others.
    pub loaded_addresses: Vec<Pubkey>,
    /// The instructions of called programs, each list with the position of the instruction that caused them.
    pub inner: Vec<(usize, Vec<CompiledInstruction>)>,
    /// See [`RecordedTransaction::log_messages`].
    pub log_messages: Vec<String>,
}

impl RecordedTransaction {
    /// Decodes the transaction `bytes`, whose first signature must be `signature`.
    ///
    /// # Errors
    /// [`ChainError::InvalidResponse`] if the bytes are not a transaction, or another one, or if the record does not fit it.
    pub fn decode(signature: &Signature, bytes: Vec<u8>, record: ExecutionRecord) -> Result<Self, ChainError> {
        let invalid = |what: &str| ChainError::InvalidResponse(format!("transaction {signature}: {what}"));
        let transaction: VersionedTransaction =
            wincode::deserialize(&bytes).map_err(|_| invalid("its bytes cannot be decoded"))?;
        if transaction.signatures.first() != Some(signature) {
            return Err(invalid("another transaction was returned"));
        }
        let instructions = instructions(&transaction.message, &record)
            .ok_or_else(|| invalid("an instruction names an account that the transaction does not have"))?;
        Ok(Self {
            slot: record.slot,
            block_time: record.block_time,
            fee_lamports: record.fee_lamports,
            error: record.error,
            version: match transaction.message {
                VersionedMessage::Legacy(_) => TransactionVersion::Legacy,
                VersionedMessage::V0(_) => TransactionVersion::V0,
                VersionedMessage::V1(_) => TransactionVersion::V1,
            },
            bytes,
            instructions,
            log_messages: record.log_messages,
        })
    }
}

impl RecordedTransaction {
    /// Whether two nodes have recorded the same, as far as both have: one of them may not have kept the log, nor the
    /// instructions of called programs. Which accounts a lookup table stood for, both must say.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let record = |one: &Self| {
            let named: Vec<_> = one.instructions.iter().filter(|one| !one.is_inner).cloned().collect();
            (one.slot, one.fee_lamports, one.error.clone(), one.bytes.clone(), named)
        };
        let (one_log, other_log) = (&self.log_messages, &other.log_messages);
        record(self) == record(other) && (one_log == other_log || one_log.is_empty() || other_log.is_empty())
    }
}

/// The instructions of a message, each followed by those that it caused.
fn instructions(message: &VersionedMessage, record: &ExecutionRecord) -> Option<Vec<RecordedInstruction>> {
    let address = |index: u8| {
        let (index, fixed) = (usize::from(index), message.static_account_keys());
        fixed.get(index).or_else(|| record.loaded_addresses.get(index.checked_sub(fixed.len())?)).copied()
    };
    let recorded = |compiled: &CompiledInstruction, is_inner| {
        Some(RecordedInstruction {
            program: address(compiled.program_id_index)?,
            accounts: compiled.accounts.iter().map(|index| address(*index)).collect::<Option<_>>()?,
            data: compiled.data.clone(),
            is_inner,
        })
    };
    let mut all = Vec::new();
    for (position, compiled) in message.instructions().iter().enumerate() {
        all.push(recorded(compiled, false)?);
        for (_, caused) in record.inner.iter().filter(|(caused_by, _)| *caused_by == position) {
            for compiled in caused {
                all.push(recorded(compiled, true)?);
            }
        }
    }
    Some(all)
}
