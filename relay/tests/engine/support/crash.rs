//! Simulates a process that crashes at a chosen external call, before or after the call takes effect.

use std::cell::Cell;

use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::chain::{
    AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, FinalizedBlock, LatestBlockhash,
    Simulation, StatusSearch, StatusesAtSlot,
};
use williw_relay::database::{Database, DatabaseError, Row, Statement};

/// Whether the crash happens before or after the call takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CrashTiming {
    BeforeEffect,
    AfterEffect,
}

/// Counts external calls. The call with number `at` and all later ones fail: a crashed process makes no calls.
#[derive(Debug)]
pub(crate) struct CrashPoint {
    at: u64,
    timing: CrashTiming,
    calls: Cell<u64>,
}

impl CrashPoint {
    pub(crate) fn new(at: u64, timing: CrashTiming) -> Self {
        Self { at, timing, calls: Cell::new(0) }
    }

    /// A process that does not crash.
    pub(crate) fn never() -> Self {
        Self::new(u64::MAX, CrashTiming::BeforeEffect)
    }

    /// The number of calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.get()
    }

    async fn call<T, E: Clone>(&self, crashed: E, effect: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let number = self.calls.get();
        self.calls.set(number + 1);
        if number > self.at || (number == self.at && self.timing == CrashTiming::BeforeEffect) {
            return Err(crashed);
        }
        let result = effect.await;
        if number == self.at { Err(crashed) } else { result }
    }
}

/// A database or a chain behind a [`CrashPoint`].
pub(crate) struct Crash<'a, T> {
    pub(crate) inner: &'a T,
    pub(crate) point: &'a CrashPoint,
}

impl<T: Database> Database for Crash<'_, T> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let crashed = DatabaseError::Unavailable("the process has crashed".to_owned());
        self.point.call(crashed, self.inner.batch(statements)).await
    }
}

impl<T: Chain> Crash<'_, T> {
    async fn request<R>(&self, effect: impl Future<Output = Result<R, ChainError>>) -> Result<R, ChainError> {
        self.point.call(ChainError::Unreachable("the process has crashed".to_owned()), effect).await
    }
}

impl<T: Chain> Chain for Crash<'_, T> {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.request(self.inner.genesis_hash()).await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        self.request(self.inner.latest_blockhash()).await
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        self.request(self.inner.finalized_block()).await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        self.request(self.inner.accounts(addresses, data, commitment, min_slot)).await
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.request(self.inner.minimum_balance(data_len)).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.request(self.inner.simulate(transaction)).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        self.request(self.inner.send(transaction)).await
    }

    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        self.request(self.inner.statuses(signatures, search)).await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        self.request(self.inner.transaction(signature)).await
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.request(self.inner.recent_priority_fees(writable)).await
    }
}
