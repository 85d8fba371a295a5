//! A process that dies at a chosen call to the outside, before or after the call has taken effect.

use std::cell::Cell;

use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::chain::{
    AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, LatestBlockhash, SignatureStatus,
    Simulation, StatusSearch,
};
use williw_relay::database::{Database, DatabaseError, Row, Statement};

/// Which side of the call's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// Counts calls, and fails the one with this number and all after it: a dead process calls nothing.
#[derive(Debug)]
pub struct CrashPoint {
    at: u64,
    when: When,
    calls: Cell<u64>,
}

impl CrashPoint {
    pub fn new(at: u64, when: When) -> Self {
        Self { at, when, calls: Cell::new(0) }
    }

    /// Never.
    pub fn never() -> Self {
        Self::new(u64::MAX, When::Before)
    }

    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    async fn call<T, E: Clone>(&self, dead: E, effect: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let number = self.calls.get();
        self.calls.set(number + 1);
        if number > self.at || (number == self.at && self.when == When::Before) {
            return Err(dead);
        }
        let answer = effect.await;
        if number == self.at { Err(dead) } else { answer }
    }
}

/// A database or a chain behind a [`CrashPoint`].
pub struct Crash<'a, T> {
    pub inner: &'a T,
    pub point: &'a CrashPoint,
}

impl<T: Database> Database for Crash<'_, T> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let dead = DatabaseError::Unavailable("the process is dead".to_owned());
        self.point.call(dead, self.inner.batch(statements)).await
    }
}

impl<T: Chain> Crash<'_, T> {
    async fn ask<R>(&self, effect: impl Future<Output = Result<R, ChainError>>) -> Result<R, ChainError> {
        self.point.call(ChainError::Unreachable("the process is dead".to_owned()), effect).await
    }
}

impl<T: Chain> Chain for Crash<'_, T> {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.ask(self.inner.genesis_hash()).await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        self.ask(self.inner.latest_blockhash()).await
    }

    async fn block_height(&self, commitment: Commitment) -> Result<u64, ChainError> {
        self.ask(self.inner.block_height(commitment)).await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
    ) -> Result<AccountsAtSlot, ChainError> {
        self.ask(self.inner.accounts(addresses, data, commitment)).await
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.ask(self.inner.minimum_balance(data_len)).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.ask(self.inner.simulate(transaction)).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        self.ask(self.inner.send(transaction)).await
    }

    async fn statuses(
        &self,
        signatures: &[Signature],
        search: StatusSearch,
    ) -> Result<Vec<Option<SignatureStatus>>, ChainError> {
        self.ask(self.inner.statuses(signatures, search)).await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        self.ask(self.inner.transaction(signature)).await
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.ask(self.inner.recent_priority_fees(writable)).await
    }
}
