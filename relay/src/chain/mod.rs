//! The chain as the engine sees it.
//!
//! [`Chain`] names the few questions a settlement asks of a cluster. [`JsonRpc`] answers them over Solana's JSON-RPC;
//! the codec is written once and the native process and the edge only differ in the [`Transport`] below it.
//! An answer that does not have the documented shape is an error, never a default.

mod error;
mod json_rpc;
#[cfg(feature = "native")]
mod native;

pub use error::ChainError;
pub use json_rpc::{JsonRpc, RpcError, Transport};
#[cfg(feature = "native")]
pub use native::HttpTransport;

use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

/// How sure a reading must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commitment {
    /// Voted on by a supermajority; a fork can still undo it.
    Confirmed,
    /// Rooted: it cannot be undone.
    Finalized,
}

/// A blockhash to sign with, and how long it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatestBlockhash {
    /// The blockhash.
    pub blockhash: Hash,
    /// The last block height at which a transaction with it can land.
    pub last_valid_block_height: u64,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its balance.
    pub lamports: u64,
    /// The program that owns it.
    pub owner: Pubkey,
    /// Whether it is a program.
    pub executable: bool,
    /// Its data, or what was asked for of it.
    pub data: Vec<u8>,
    /// The length of all its data in bytes.
    pub space: u64,
}

/// Accounts and the slot that they were read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountsAtSlot {
    /// The slot of the reading.
    pub slot: u64,
    /// In the order that they were asked for; `None` where there is no account.
    pub accounts: Vec<Option<Account>>,
}

/// How much of the accounts' data is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountData {
    /// All of it.
    Whole,
    /// None: balance, owner and length are enough.
    None,
}

/// What a simulation says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulation {
    /// Why the transaction would fail.
    pub error: Option<TransactionError>,
    /// Compute units it takes.
    pub units_consumed: u64,
    /// Bytes of account data it loads, where the cluster says so.
    pub loaded_accounts_data_bytes: Option<u32>,
}

/// Why a transaction failed on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionError {
    /// The cluster's error, as JSON text.
    pub text: String,
    /// The program's own error code, where an instruction failed with one.
    pub custom_code: Option<u32>,
}

/// What the cluster knows of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureStatus {
    /// The slot that it landed in.
    pub slot: u64,
    /// Whether that slot is rooted.
    pub finalized: bool,
    /// Set when the transaction failed: then it moved nothing but the fee.
    pub error: Option<TransactionError>,
}

/// A transaction that was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedTransaction {
    /// The slot that it landed in.
    pub slot: u64,
    /// What the fee payer paid.
    pub fee_lamports: u64,
    /// The data of every inner instruction, in order: events by self-CPI are among them.
    pub inner_instruction_data: Vec<Vec<u8>>,
}

/// Questions to a Solana cluster.
#[allow(async_fn_in_trait, reason = "the engine is generic over the trait and never needs Send")]
pub trait Chain {
    /// The hash that names the cluster.
    async fn genesis_hash(&self) -> Result<Hash, ChainError>;

    /// A confirmed blockhash.
    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError>;

    /// The block height at `commitment`.
    async fn block_height(&self, commitment: Commitment) -> Result<u64, ChainError>;

    /// The accounts at `addresses`, read in one slot (at most [`MAX_ACCOUNTS_PER_READ`]).
    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
    ) -> Result<AccountsAtSlot, ChainError>;

    /// The lamports that an account of `data_len` bytes has to hold.
    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError>;

    /// What the transaction would do now. Signatures are not checked.
    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError>;

    /// Hands the signed bytes to the cluster, without preflight and without retries of the node's own.
    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError>;

    /// The status of each signature (at most [`MAX_SIGNATURES_PER_READ`]). `search_history` also asks the node's
    /// long-term storage.
    async fn statuses(
        &self,
        signatures: &[Signature],
        search_history: bool,
    ) -> Result<Vec<Option<SignatureStatus>>, ChainError>;

    /// The finalized transaction with this signature; `None` when the node does not have it (any more).
    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError>;

    /// Priority fees that landed lately on transactions that write the accounts, in micro-lamports per compute unit.
    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError>;
}

/// The limit of `getMultipleAccounts`.
pub const MAX_ACCOUNTS_PER_READ: usize = 100;

/// The limit of `getSignatureStatuses`.
pub const MAX_SIGNATURES_PER_READ: usize = 256;

impl<C: Chain + ?Sized> Chain for &C {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        (**self).genesis_hash().await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        (**self).latest_blockhash().await
    }

    async fn block_height(&self, commitment: Commitment) -> Result<u64, ChainError> {
        (**self).block_height(commitment).await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
    ) -> Result<AccountsAtSlot, ChainError> {
        (**self).accounts(addresses, data, commitment).await
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        (**self).minimum_balance(data_len).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        (**self).simulate(transaction).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        (**self).send(transaction).await
    }

    async fn statuses(
        &self,
        signatures: &[Signature],
        search_history: bool,
    ) -> Result<Vec<Option<SignatureStatus>>, ChainError> {
        (**self).statuses(signatures, search_history).await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        (**self).transaction(signature).await
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        (**self).recent_priority_fees(writable).await
    }
}
