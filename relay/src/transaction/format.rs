//! The wire formats: v1 (SIMD-0385) if the cluster supports it, v0 otherwise.
//!
//! v1 carries the compute budget in its header, with the priority fee in lamports. v0 carries it in ComputeBudget
//! instructions, with a price per compute unit, and can name accounts by their positions in address lookup tables
//! ([`Lookups`](super::Lookups)). Both are serialized with wincode; bincode does not serialize v1 correctly.

use std::fmt;

use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_message::{AddressLookupTableAccount, VersionedMessage, v0, v1};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;

use super::Budget;
use crate::types::text_enum;

text_enum! {
    /// A transaction format.
    pub enum Format: "transaction format" {
        /// Version 0: at most 1,232 bytes.
        V0 = "v0",
        /// Version 1: at most 4,096 bytes and 64 addresses.
        V1 = "v1",
    }
}

/// Why a transaction cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionBuildError {
    /// The message cannot be compiled or serialized in the format, for example because it has too many accounts.
    #[error("the transaction cannot be built: {0}")]
    Compile(String),
    /// The serialized transaction exceeds the size limit of the format.
    #[error("the transaction has {bytes} bytes, but {format} allows at most {limit}")]
    TooLarge {
        /// The size of the signed transaction in bytes.
        bytes: usize,
        /// The format that the transaction was built in.
        format: Format,
        /// The size limit of the format in bytes.
        limit: usize,
    },
    /// The transaction names more accounts than a transaction may lock.
    #[error("the transaction has {accounts} accounts, but at most {MAX_ACCOUNT_LOCKS} can be locked")]
    TooManyAccounts {
        /// The number of its accounts.
        accounts: usize,
    },
}

/// The maximum number of accounts of a transaction, those from lookup tables and the called programs included (Agave's
/// `get_transaction_account_lock_limit`).
pub const MAX_ACCOUNT_LOCKS: usize = 64;

impl Format {
    /// The maximum size of a signed transaction in bytes.
    pub const fn max_bytes(self) -> usize {
        match self {
            // The minimum IPv6 MTU minus headers (Agave's PACKET_DATA_SIZE).
            Self::V0 => 1_232,
            Self::V1 => v1::MAX_TRANSACTION_SIZE,
        }
    }

    /// Builds a transaction from `instructions` and `budget`. `payer` pays its fee and is its only signer.
    ///
    /// # Errors
    /// [`TransactionBuildError`] if the transaction does not fit the format.
    pub fn build(
        self,
        payer: &Pubkey,
        instructions: &[Instruction],
        budget: &Budget,
        blockhash: Hash,
    ) -> Result<UnsignedTransaction, TransactionBuildError> {
        self.build_with(payer, instructions, budget, blockhash, &[])
    }

    /// As [`Format::build`]; a v0 transaction names the accounts that are in `tables` by their positions there. v1 knows no
    /// tables.
    pub(super) fn build_with(
        self,
        payer: &Pubkey,
        instructions: &[Instruction],
        budget: &Budget,
        blockhash: Hash,
        tables: &[AddressLookupTableAccount],
    ) -> Result<UnsignedTransaction, TransactionBuildError> {
        let compile_error = |error: &dyn fmt::Display| TransactionBuildError::Compile(error.to_string());
        let message = match self {
            Self::V0 => {
                let mut all = vec![
                    ComputeBudgetInstruction::set_compute_unit_limit(budget.compute_unit_limit),
                    ComputeBudgetInstruction::set_loaded_accounts_data_size_limit(budget.loaded_accounts_data_limit),
                ];
                if budget.compute_unit_price > 0 {
                    all.push(ComputeBudgetInstruction::set_compute_unit_price(budget.compute_unit_price));
                }
                all.extend_from_slice(instructions);
                VersionedMessage::V0(
                    v0::Message::try_compile(payer, &all, tables, blockhash).map_err(|error| compile_error(&error))?,
                )
            }
            Self::V1 => {
                // In v1, a limit that is not set is zero.
                let config = v1::TransactionConfig::empty()
                    .with_compute_unit_limit(budget.compute_unit_limit)
                    .with_loaded_accounts_data_size_limit(budget.loaded_accounts_data_limit)
                    .with_priority_fee(budget.priority_fee_lamports());
                VersionedMessage::V1(
                    v1::Message::try_compile_with_config(payer, instructions, blockhash, config)
                        .map_err(|error| compile_error(&error))?,
                )
            }
        };
        let unsigned = UnsignedTransaction { message };
        let accounts = unsigned.accounts();
        if accounts > MAX_ACCOUNT_LOCKS {
            return Err(TransactionBuildError::TooManyAccounts { accounts });
        }
        let bytes = unsigned.clone().signed(Signature::default())?.bytes.len();
        if bytes > self.max_bytes() {
            return Err(TransactionBuildError::TooLarge { bytes, format: self, limit: self.max_bytes() });
        }
        Ok(unsigned)
    }
}

/// A message without its signature.
#[derive(Clone, Debug)]
pub struct UnsignedTransaction {
    message: VersionedMessage,
}

/// A signed transaction, ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransaction {
    /// The fee payer's signature, by which the chain identifies the transaction.
    pub signature: Signature,
    /// The transaction in Solana's wire format, at most [`Format::max_bytes`] long.
    pub bytes: Vec<u8>,
}

impl UnsignedTransaction {
    /// The number of accounts that it names.
    pub(super) fn accounts(&self) -> usize {
        let looked_up = self.message.address_table_lookups().unwrap_or_default().iter();
        let looked_up =
            looked_up.map(|table| table.writable_indexes.len().saturating_add(table.readonly_indexes.len()));
        looked_up.fold(self.message.static_account_keys().len(), usize::saturating_add)
    }

    /// The number of lookup tables that it names accounts of.
    pub fn lookup_tables(&self) -> usize {
        self.message.address_table_lookups().map_or(0, <[_]>::len)
    }

    /// The message.
    pub(super) fn message(&self) -> &VersionedMessage {
        &self.message
    }

    /// The bytes to sign.
    pub fn message_bytes(&self) -> Vec<u8> {
        self.message.serialize()
    }

    /// Adds the signature. Simulations do not check it, so it may be all zeros there.
    ///
    /// # Errors
    /// [`TransactionBuildError::Compile`] if the transaction cannot be serialized.
    pub fn signed(self, signature: Signature) -> Result<SignedTransaction, TransactionBuildError> {
        let transaction = VersionedTransaction { signatures: vec![signature], message: self.message };
        let bytes =
            wincode::serialize(&transaction).map_err(|error| TransactionBuildError::Compile(error.to_string()))?;
        Ok(SignedTransaction { signature, bytes })
    }
}
