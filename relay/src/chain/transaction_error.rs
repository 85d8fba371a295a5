//! Why a transaction failed, as far as a settlement has to distinguish it.

use serde::Deserialize as _;
use serde_json::Value;
use solana_transaction_error::TransactionError as ClusterError;

/// Why a transaction failed, in a simulation or in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionError {
    /// What is at fault.
    pub fault: TransactionFault,
    /// The code of `InstructionError::Custom`, if the transaction failed with one.
    pub custom_code: Option<u32>,
    /// The node's `TransactionError`, as JSON text.
    pub text: String,
}

/// What is at fault when a transaction fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionFault {
    /// The fee payer does not exist, or holds less than the fee and its own rent-exempt minimum: no transaction of this
    /// payer can land.
    Payer,
    /// A program that the transaction calls does not exist or cannot be executed: nor can any other transaction call it.
    Program,
    /// The transaction's blockhash is too old or unknown to the node.
    Blockhash,
    /// The cluster does not support the version of the transaction.
    Version,
    /// This transaction as it is: one of its accounts or instructions.
    Transaction,
}

/// The index of the fee payer among a transaction's accounts.
const PAYER_INDEX: u8 = 0;

impl TransactionError {
    /// An error of the transaction as it is, found without executing it.
    pub fn of_transaction(text: String) -> Self {
        Self { fault: TransactionFault::Transaction, custom_code: None, text }
    }

    /// Decodes a node's transaction error, such as `{"InstructionError": [0, {"Custom": 7}]}`. Errors that this version
    /// does not know are the fault of the transaction.
    pub fn from_json(value: &Value) -> Self {
        let known = ClusterError::deserialize(value).ok();
        let custom_code = value
            .pointer("/InstructionError/1/Custom")
            .and_then(Value::as_u64)
            .and_then(|code| u32::try_from(code).ok());
        Self {
            fault: known.as_ref().map_or(TransactionFault::Transaction, fault_of),
            custom_code,
            text: value.to_string(),
        }
    }
}

fn fault_of(error: &ClusterError) -> TransactionFault {
    match error {
        // `AccountNotFound` means the fee payer: all other accounts may be missing.
        ClusterError::AccountNotFound
        | ClusterError::InsufficientFundsForFee
        | ClusterError::InvalidAccountForFee
        | ClusterError::InsufficientFundsForRent { account_index: PAYER_INDEX } => TransactionFault::Payer,
        ClusterError::ProgramAccountNotFound | ClusterError::InvalidProgramForExecution => TransactionFault::Program,
        ClusterError::BlockhashNotFound => TransactionFault::Blockhash,
        ClusterError::UnsupportedVersion => TransactionFault::Version,
        _ => TransactionFault::Transaction,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_of_the_payer_or_the_program_is_told_from_one_of_the_transaction() {
        for (value, fault) in [
            (json!("AccountNotFound"), TransactionFault::Payer),
            (json!("InsufficientFundsForFee"), TransactionFault::Payer),
            (json!({"InsufficientFundsForRent": {"account_index": 0}}), TransactionFault::Payer),
            (json!({"InsufficientFundsForRent": {"account_index": 1}}), TransactionFault::Transaction),
            (json!("ProgramAccountNotFound"), TransactionFault::Program),
            (json!("InvalidProgramForExecution"), TransactionFault::Program),
            (json!("BlockhashNotFound"), TransactionFault::Blockhash),
            (json!("UnsupportedVersion"), TransactionFault::Version),
            (json!("MaxLoadedAccountsDataSizeExceeded"), TransactionFault::Transaction),
            (json!({"InstructionError": [0, {"Custom": 1}]}), TransactionFault::Transaction),
            (json!({"InstructionError": [0, "ComputationalBudgetExceeded"]}), TransactionFault::Transaction),
            (json!({"FromTheFuture": {"AccountNotFound": 0}}), TransactionFault::Transaction),
            (json!(null), TransactionFault::Transaction),
        ] {
            assert_eq!(TransactionError::from_json(&value).fault, fault, "{value}");
        }
    }

    #[test]
    fn the_code_of_a_program_error_is_decoded() {
        let code = |value: Value| TransactionError::from_json(&value).custom_code;
        assert_eq!(code(json!({"InstructionError": [2, {"Custom": 6000}]})), Some(6000));
        assert_eq!(code(json!({"InstructionError": [2, {"Custom": 4_294_967_296_u64}]})), None);
        assert_eq!(code(json!({"InstructionError": [2, "InvalidAccountData"]})), None);
    }
}
