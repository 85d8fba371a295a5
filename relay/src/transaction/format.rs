//! The wire formats: v1 (SIMD-0385) where the cluster takes it, v0 otherwise.
//!
//! v1 carries its budget in its header and measures the priority fee in lamports; v0 carries it in ComputeBudget
//! instructions and measures a price per compute unit. Bytes come from wincode for both: bincode gives wrong bytes
//! for v1.

use std::fmt;
use std::str::FromStr;

use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_message::{VersionedMessage, v0, v1};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;

use super::Budget;

/// A transaction format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Version 0 without address lookup tables: 1,232 bytes.
    V0,
    /// Version 1: 4,096 bytes, 64 addresses.
    V1,
}

/// Why a transaction cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionBuildError {
    /// Too many accounts or instructions for the format.
    #[error("the transaction cannot be put together: {0}")]
    Compile(String),
    /// Too many bytes for the format.
    #[error("the transaction has {bytes} bytes where {format} takes {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The format.
        format: Format,
        /// The format's limit.
        limit: usize,
    },
}

impl Format {
    /// The most bytes of a signed transaction.
    pub const fn max_bytes(self) -> usize {
        match self {
            // IPv6's minimum MTU less headers (Agave's PACKET_DATA_SIZE).
            Self::V0 => 1_232,
            Self::V1 => v1::MAX_TRANSACTION_SIZE,
        }
    }

    /// The format's name in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0 => "v0",
            Self::V1 => "v1",
        }
    }

    /// Puts `instruction` into a transaction with `budget`, paid for by `payer`, its only signer.
    ///
    /// # Errors
    /// [`TransactionBuildError`] when it does not fit the format.
    pub fn build(
        self,
        payer: &Pubkey,
        instructions: &[Instruction],
        budget: &Budget,
        blockhash: Hash,
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
                    v0::Message::try_compile(payer, &all, &[], blockhash).map_err(|error| compile_error(&error))?,
                )
            }
            Self::V1 => {
                // An unset limit means zero in v1.
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
        let bytes = unsigned.clone().signed(Signature::default())?.bytes.len();
        if bytes > self.max_bytes() {
            return Err(TransactionBuildError::TooLarge { bytes, format: self, limit: self.max_bytes() });
        }
        Ok(unsigned)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "v0" => Ok(Self::V0),
            "v1" => Ok(Self::V1),
            other => Err(format!("'{other}' is no transaction format: v0 or v1")),
        }
    }
}

/// A message that waits for its one signature.
#[derive(Clone, Debug)]
pub struct UnsignedTransaction {
    message: VersionedMessage,
}

/// The bytes to send, and the signature that names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransaction {
    /// The transaction's first signature.
    pub signature: Signature,
    /// The wire format.
    pub bytes: Vec<u8>,
}

impl UnsignedTransaction {
    /// The bytes that the signature covers.
    pub fn message_bytes(&self) -> Vec<u8> {
        self.message.serialize()
    }

    /// The transaction with its signature (all zeros will do for a simulation).
    ///
    /// # Errors
    /// [`TransactionBuildError::Compile`] when the format cannot write it.
    pub fn signed(self, signature: Signature) -> Result<SignedTransaction, TransactionBuildError> {
        let transaction = VersionedTransaction { signatures: vec![signature], message: self.message };
        let bytes =
            wincode::serialize(&transaction).map_err(|error| TransactionBuildError::Compile(error.to_string()))?;
        Ok(SignedTransaction { signature, bytes })
    }
}
