//! Access to a Solana cluster.
//!
//! [`Chain`] lists the RPC calls that a settlement makes. [`JsonRpc`] implements them over Solana's JSON-RPC. The codec
//! is shared: the native process and the Worker differ only in the [`Transport`] below it. A response that does not
//! match the documented schema is an error and never replaced by a default.

mod error;
mod history;
mod json_rpc;
#[cfg(feature = "native")]
mod native;
mod node_text;
mod observed;
mod pool;
pub mod throttle;
mod transaction_error;
pub mod verdict;
pub mod wire;

pub use error::ChainError;
pub use history::{
    ExecutionRecord, History, MAX_SIGNATURES_PER_PAGE, RecordedInstruction, RecordedTransaction, SignatureAtSlot,
    TransactionVersion,
};
pub(crate) use json_rpc::INVALID_PARAMS;
pub use json_rpc::{JsonRpc, RpcError, Transport};
#[cfg(feature = "native")]
pub use native::{HttpTransport, TokioTimer};
pub use observed::{Observed, RpcCounters};
pub use pool::Pool;
pub use throttle::Throttled;
pub use transaction_error::{TransactionError, TransactionFault};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

/// The commitment level of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commitment {
    /// Voted on by a supermajority of stake; can in theory still be rolled back.
    Confirmed,
    /// Finalized (rooted): cannot be rolled back.
    Finalized,
}

/// A recent blockhash and its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatestBlockhash {
    /// The hash to put into the transaction message.
    pub blockhash: Hash,
    /// The last block height at which a transaction that uses this blockhash can land.
    pub last_valid_block_height: u64,
}

/// The latest finalized block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalizedBlock {
    /// Its slot.
    pub slot: u64,
    /// Its height: the number of blocks before it. Lower than the slot, because slots can be empty.
    pub height: u64,
}

impl FinalizedBlock {
    /// A slot at which the finalized chain was higher than `height`, if it is by now. Each block has a slot of its own, so that
    /// between two blocks there are at least as many slots as the difference of their heights.
    pub(crate) fn slot_above(self, height: u64) -> u64 {
        self.slot.saturating_sub(self.height.saturating_sub(height.saturating_add(1)))
    }
}

/// An on-chain account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The balance in lamports, including the rent-exempt minimum.
    pub lamports: u64,
    /// The program that owns the account.
    pub owner: Pubkey,
    /// Whether the account is an executable program.
    pub executable: bool,
    /// The account data, as much of it as was requested.
    pub data: Vec<u8>,
    /// The full length of the account data in bytes, however much of it was requested.
    pub space: u64,
}

/// Accounts, and the slot they were read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountsAtSlot {
    /// The slot of the bank that served the request.
    pub slot: u64,
    /// One entry per requested address, in the same order; `None` if the account does not exist.
    pub accounts: Vec<Option<Account>>,
}

/// How much of the data of accounts to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountData {
    /// All of it.
    Full,
    /// At most this many bytes from its start: for accounts that others can make as large as they like.
    First(usize),
    /// None: only balance, owner and length.
    Omitted,
}

impl AccountData {
    /// The maximum number of bytes to fetch; `None` for all of them.
    pub fn max_len(self) -> Option<usize> {
        match self {
            Self::Full => None,
            Self::First(len) => Some(len),
            Self::Omitted => Some(0),
        }
    }
}

/// Where to look for signature statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusSearch {
    /// The node's cache of recent statuses only.
    Recent,
    /// The cache, then the node's ledger and long-term storage (`searchTransactionHistory`).
    FullHistory,
}

/// The result of a simulation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulation {
    /// Why the transaction would fail; `None` if it would succeed.
    pub error: Option<TransactionError>,
    /// Compute units consumed up to the end of the transaction, or up to its failure.
    pub units_consumed: u64,
    /// Bytes of account data loaded, if the node reports it.
    pub loaded_accounts_data_bytes: Option<u32>,
}

/// The status of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureStatus {
    /// The slot of the block that contains the transaction.
    pub slot: u64,
    /// Whether that slot is finalized.
    pub finalized: bool,
    /// Set if the transaction failed: it then had no effect except charging the fee.
    pub error: Option<TransactionError>,
}

/// Signature statuses, and the slot up to which the node knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusesAtSlot {
    /// The slot of the bank that served the request. A transaction that landed later is missing.
    pub slot: u64,
    /// One entry per requested signature, in the same order; `None` if the signature is not found.
    pub statuses: Vec<Option<SignatureStatus>>,
}

/// A transaction that was executed, successfully or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedTransaction {
    /// The slot of the block that contains the transaction.
    pub slot: u64,
    /// The fee charged to the fee payer, in lamports.
    pub fee_lamports: u64,
    /// The log of the execution, line by line. Empty if the node has not kept it. The cluster truncates logs of more than
    /// 10 KB.
    pub log_messages: Vec<String>,
}

/// RPC access to a Solana cluster.
#[allow(async_fn_in_trait, reason = "the engine is generic over the trait and never needs Send")]
pub trait Chain {
    /// How many nodes must agree on an answer by which money moves: 2, or 1 if everything comes from a single node.
    fn agreeing_nodes(&self) -> usize {
        1
    }

    /// The genesis hash, which identifies the cluster.
    async fn genesis_hash(&self) -> Result<Hash, ChainError>;

    /// The latest blockhash at `confirmed` commitment.
    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError>;

    /// The latest finalized block.
    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError>;

    /// Fetches up to [`MAX_ACCOUNTS_PER_READ`] accounts, all at the same slot, which is `min_slot` or later.
    ///
    /// # Errors
    /// [`ChainError::Behind`] if the node has not reached `min_slot` at this commitment yet.
    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError>;

    /// The rent-exempt minimum in lamports for an account of `data_len` bytes.
    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError>;

    /// Simulates the transaction with a recent blockhash and without verifying signatures.
    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError>;

    /// Submits the signed transaction, without preflight checks and without retries by the node.
    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError>;

    /// The status of each of up to [`MAX_SIGNATURES_PER_READ`] signatures.
    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError>;

    /// The finalized transaction with this signature; `None` if the node does not have it or has purged it.
    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError>;

    /// Recently paid priority fees of transactions that lock the given accounts as writable, in micro-lamports per
    /// compute unit.
    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError>;
}

/// The maximum number of accounts per `getMultipleAccounts` request.
pub const MAX_ACCOUNTS_PER_READ: usize = 100;

/// The maximum number of signatures per `getSignatureStatuses` request.
pub const MAX_SIGNATURES_PER_READ: usize = 256;

/// The number of requests in flight at once. A Worker can have six connections open.
pub(crate) const REQUESTS_IN_FLIGHT: usize = 6;

/// Recently paid priority fees, as [`Chain::recent_priority_fees`], or none if the node answers with an error, as nodes without this
/// method do: fees only decide how soon a transaction lands, and each further attempt pays more in any case.
///
/// # Errors
/// Any other error of the node.
pub async fn priority_fees_if_known(chain: &impl Chain, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
    match chain.recent_priority_fees(writable).await {
        Err(ChainError::ErrorResponse { .. }) => Ok(Vec::new()),
        known => known,
    }
}

/// Runs requests concurrently, in order of their results.
///
/// # Errors
/// The first error; the other requests are then abandoned.
pub(crate) async fn concurrently<T, F: Future<Output = Result<T, ChainError>>>(
    requests: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, ChainError> {
    stream::iter(requests).buffered(REQUESTS_IN_FLIGHT).try_collect().await
}

impl<C: Chain + ?Sized> Chain for &C {
    fn agreeing_nodes(&self) -> usize {
        (**self).agreeing_nodes()
    }

    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        (**self).genesis_hash().await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        (**self).latest_blockhash().await
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        (**self).finalized_block().await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        (**self).accounts(addresses, data, commitment, min_slot).await
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

    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        (**self).statuses(signatures, search).await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        (**self).transaction(signature).await
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        (**self).recent_priority_fees(writable).await
    }
}
