//! RPC nodes whose transient errors do not end a command that reads for hours.
//!
//! Such a command may hold the lease meanwhile: it is renewed while a request waits to be repeated.

use std::cell::Cell;
use std::time::Duration;

use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::audit::keep_lease;
use williw_relay::chain::{
    AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, FinalizedBlock, History,
    LatestBlockhash, RecordedTransaction, SignatureAtSlot, Simulation, StatusSearch, StatusesAtSlot,
};
use williw_relay::database::Database;

use crate::shutdown::Shutdown;

/// The delays before a request is repeated, in milliseconds.
const DELAYS_MS: &[u64] = &[500, 1_000, 2_000, 4_000, 8_000];

/// The longest delay that a node can ask for, in milliseconds.
const MAX_DELAY_MS: u64 = 30_000;

/// The longest time between two renewals of the lease, in milliseconds: a sixth of a lease.
const INTERVAL_MS: u64 = 5_000;

/// What has to be done while a request waits to be repeated.
pub(crate) trait Keeper {
    /// Called again and again. Returns whether to go on waiting.
    async fn keep(&self) -> bool;
}

/// Keeps a lease until a shutdown is requested.
pub(crate) struct LeaseKeeper<'a, D> {
    pub(crate) database: &'a D,
    pub(crate) holder: &'a str,
    pub(crate) shutdown: &'a Shutdown,
}

impl<D: Database> Keeper for LeaseKeeper<'_, D> {
    async fn keep(&self) -> bool {
        if let Err(error) = keep_lease(self.database, self.holder).await {
            tracing::debug!("cannot renew the lease: {error}");
        }
        !self.shutdown.is_requested()
    }
}

/// Repeats requests that only read, a few times, once the nodes have answered at all: a wrong URL is reported at once.
pub(crate) struct Patient<C, K> {
    chain: C,
    keeper: K,
    delays_ms: &'static [u64],
    interval_ms: u64,
    has_answered: Cell<bool>,
}

impl<C, K: Keeper> Patient<C, K> {
    /// Calls `keeper` while a request waits.
    pub(crate) fn keeping(chain: C, keeper: K) -> Self {
        Self { chain, keeper, delays_ms: DELAYS_MS, interval_ms: INTERVAL_MS, has_answered: Cell::new(false) }
    }

    /// Waits for that long, unless the keeper says that it is to end. Returns whether it has waited.
    async fn wait(&self, delay_ms: u64) -> bool {
        let mut left_ms = delay_ms;
        while self.keeper.keep().await {
            let ms = left_ms.min(self.interval_ms);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            left_ms = left_ms.saturating_sub(ms);
            if left_ms == 0 {
                return self.keeper.keep().await;
            }
        }
        false
    }

    async fn retried<T>(&self, request: impl AsyncFn(&C) -> Result<T, ChainError>) -> Result<T, ChainError> {
        for delay_ms in self.delays_ms {
            match request(&self.chain).await {
                Err(error) if error.is_transient() && self.has_answered.get() => {
                    let asked_ms = match &error {
                        ChainError::RateLimited { retry_after_ms } => retry_after_ms.unwrap_or(0).min(MAX_DELAY_MS),
                        _ => 0,
                    };
                    let delay_ms = asked_ms.max(*delay_ms);
                    tracing::warn!("{error}; retrying in {delay_ms} ms");
                    if !self.wait(delay_ms).await {
                        return Err(error);
                    }
                }
                result => {
                    self.has_answered.set(self.has_answered.get() || result.is_ok());
                    return result;
                }
            }
        }
        request(&self.chain).await
    }
}

impl<C: Chain, K: Keeper> Chain for Patient<C, K> {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.retried(async |chain| chain.genesis_hash().await).await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        self.retried(async |chain| chain.latest_blockhash().await).await
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        self.retried(async |chain| chain.finalized_block().await).await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        self.retried(async |chain| chain.accounts(addresses, data, commitment, min_slot).await).await
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.retried(async |chain| chain.minimum_balance(data_len).await).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.retried(async |chain| chain.simulate(transaction).await).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        self.chain.send(transaction).await
    }

    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        self.retried(async |chain| chain.statuses(signatures, search).await).await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        self.retried(async |chain| chain.transaction(signature).await).await
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.retried(async |chain| chain.recent_priority_fees(writable).await).await
    }
}

impl<C: History, K: Keeper> History for Patient<C, K> {
    async fn recorded(&self, signature: &Signature) -> Result<Option<RecordedTransaction>, ChainError> {
        self.retried(async |chain| chain.recorded(signature).await).await
    }

    async fn signatures_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
    ) -> Result<Vec<SignatureAtSlot>, ChainError> {
        self.retried(async |chain| chain.signatures_of(address, before).await).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts down, and wants to end at zero.
    struct Counting {
        left: Cell<u32>,
    }

    impl Keeper for &Counting {
        async fn keep(&self) -> bool {
            self.left.set(self.left.get().saturating_sub(1));
            self.left.get() > 0
        }
    }

    #[tokio::test]
    async fn the_lease_is_renewed_before_during_and_after_a_wait_which_a_shutdown_ends() {
        let keeper = Counting { left: Cell::new(100) };
        let patient = Patient { interval_ms: 1, ..Patient::keeping((), &keeper) };
        assert!(patient.wait(4).await);
        assert_eq!(keeper.left.get(), 95, "four times, and once at the end");
        const { assert!(INTERVAL_MS <= 5_000 && MAX_DELAY_MS > INTERVAL_MS) };
        keeper.left.set(3);
        assert!(!patient.wait(1_000_000_000).await);
    }

    /// Requests `requests` times from nodes of which the answers `errors` are errors. Returns the results and the number of
    /// requests that were sent.
    async fn answers(requests: usize, error: &ChainError, errors: std::ops::Range<usize>) -> (Vec<bool>, usize) {
        let sent = Cell::new(0_usize);
        let keeper = Counting { left: Cell::new(u32::MAX) };
        let patient = Patient { delays_ms: &[0, 0], ..Patient::keeping(&sent, &keeper) };
        let mut results = Vec::new();
        for _ in 0..requests {
            let answer = patient.retried(async |sent| {
                let position = sent.replace(sent.get() + 1);
                if errors.contains(&position) { Err(error.clone()) } else { Ok(()) }
            });
            results.push(answer.await.is_ok());
        }
        (results, sent.get())
    }

    #[tokio::test]
    async fn transient_errors_are_retried_a_bounded_number_of_times() {
        let unreachable = ChainError::Unreachable("no answer".to_owned());
        assert_eq!(answers(2, &unreachable, 1..3).await, (vec![true, true], 4));
        assert_eq!(answers(2, &unreachable, 1..99).await, (vec![true, false], 4));
        // Before the first answer, and errors that stay.
        assert_eq!(answers(1, &unreachable, 0..1).await, (vec![false], 1));
        assert_eq!(answers(2, &ChainError::NodesDisagree(String::new()), 1..2).await, (vec![true, false], 2));
    }
}
