//! Counts the requests to each RPC node, and the errors, for metrics.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::{
    AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, FinalizedBlock, History,
    LatestBlockhash, RecordedTransaction, SignatureAtSlot, Simulation, StatusSearch, StatusesAtSlot,
};

/// How many requests were sent to each RPC node, and how many of them failed.
#[derive(Debug, Default)]
pub struct RpcCounters {
    requests: RefCell<BTreeMap<(usize, &'static str), u64>>,
    errors: RefCell<BTreeMap<(usize, &'static str, &'static str), u64>>,
}

impl RpcCounters {
    /// Counts a request to the node at position `node`, whether or not its answer is waited for.
    pub fn count_request(&self, node: usize, method: &'static str) {
        increment(self.requests.borrow_mut().entry((node, method)).or_default());
    }

    /// Counts an error of the node at position `node`, and its kind.
    pub fn count_error(&self, node: usize, method: &'static str, kind: &'static str) {
        increment(self.errors.borrow_mut().entry((node, method, kind)).or_default());
    }

    /// The number of requests by node and JSON-RPC method.
    pub fn requests(&self) -> Vec<(usize, &'static str, u64)> {
        self.requests.borrow().iter().map(|((node, method), count)| (*node, *method, *count)).collect()
    }

    /// The number of errors by node, JSON-RPC method and kind.
    pub fn errors(&self) -> Vec<(usize, &'static str, &'static str, u64)> {
        self.errors.borrow().iter().map(|((node, method, kind), count)| (*node, *method, *kind, *count)).collect()
    }
}

fn increment(count: &mut u64) {
    *count = count.saturating_add(1);
}

/// An RPC node whose requests are counted.
pub struct Observed<C> {
    chain: C,
    node: usize,
    counters: Rc<RpcCounters>,
}

impl<C: Chain> Observed<C> {
    /// Counts the requests to `chain` as those to the node at position `node`.
    pub fn new(chain: C, node: usize, counters: Rc<RpcCounters>) -> Self {
        Self { chain, node, counters }
    }

    async fn observe<T>(
        &self,
        method: &'static str,
        request: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        self.counters.count_request(self.node, method);
        let answer = request.await;
        if let Err(error) = &answer {
            self.counters.count_error(self.node, method, error.kind());
        }
        answer
    }
}

impl<C: Chain> Chain for Observed<C> {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.observe("getGenesisHash", self.chain.genesis_hash()).await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        self.observe("getLatestBlockhash", self.chain.latest_blockhash()).await
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        self.observe("getEpochInfo", self.chain.finalized_block()).await
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.observe("getMinimumBalanceForRentExemption", self.chain.minimum_balance(data_len)).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.observe("simulateTransaction", self.chain.simulate(transaction)).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        self.observe("sendTransaction", self.chain.send(transaction)).await
    }

    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        self.observe("getSignatureStatuses", self.chain.statuses(signatures, search)).await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        self.observe("getTransaction", self.chain.transaction(signature)).await
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.observe("getRecentPrioritizationFees", self.chain.recent_priority_fees(writable)).await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        self.observe("getMultipleAccounts", self.chain.accounts(addresses, data, commitment, min_slot)).await
    }
}

impl<C: Chain + History> History for Observed<C> {
    async fn recorded(&self, signature: &Signature) -> Result<Option<RecordedTransaction>, ChainError> {
        self.observe("getTransaction", self.chain.recorded(signature)).await
    }

    async fn signatures_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
    ) -> Result<Vec<SignatureAtSlot>, ChainError> {
        self.observe("getSignaturesForAddress", self.chain.signatures_of(address, before)).await
    }
}
