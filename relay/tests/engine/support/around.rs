//! Something that happens around every call of a chain.

use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::chain::{
    AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, FinalizedBlock, LatestBlockhash,
    Simulation, StatusSearch, StatusesAtSlot,
};

/// What happens around the calls of a chain.
pub(crate) trait Around {
    /// Makes the call of the method `name`, or answers instead of it.
    async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError>;
}

/// A chain with something around every call.
pub(crate) struct Surrounded<'a, C, A> {
    pub(crate) chain: &'a C,
    pub(crate) around: A,
}

impl<C: Chain, A: Around> Chain for Surrounded<'_, C, A> {
    fn agreeing_nodes(&self) -> usize {
        self.chain.agreeing_nodes()
    }

    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.around.call("genesis_hash", self.chain.genesis_hash()).await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        self.around.call("latest_blockhash", self.chain.latest_blockhash()).await
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        self.around.call("finalized_block", self.chain.finalized_block()).await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        self.around.call("accounts", self.chain.accounts(addresses, data, commitment, min_slot)).await
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.around.call("minimum_balance", self.chain.minimum_balance(data_len)).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.around.call("simulate", self.chain.simulate(transaction)).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        self.around.call("send", self.chain.send(transaction)).await
    }

    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        self.around.call("statuses", self.chain.statuses(signatures, search)).await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        self.around.call("transaction", self.chain.transaction(signature)).await
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.around.call("recent_priority_fees", self.chain.recent_priority_fees(writable)).await
    }
}
