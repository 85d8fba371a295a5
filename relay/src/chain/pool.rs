//! Several RPC nodes of one cluster, used as one: failover for everything, and comparison for what decides about money.
//!
//! Every answer by which a settlement gives up an attempt or confirms a reward comes from at least two nodes, if there are as
//! many: finalized accounts, executed transactions, and that a signature is nowhere in the history. A node that lags delays
//! such an answer, and one that lies prevents it; neither makes the ledger record something that did not happen.

use std::cell::Cell;

use futures_util::future::join_all;
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::{
    AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, FinalizedBlock, History,
    LatestBlockhash, RecordedTransaction, SignatureAtSlot, SignatureStatus, Simulation, StatusSearch, StatusesAtSlot,
};

/// How often two nodes are asked for the same finalized accounts before their answers must agree.
const ROUNDS: usize = 3;

/// RPC nodes of one cluster.
pub struct Pool<C> {
    nodes: Vec<Node<C>>,
    /// The position of the node that answered last.
    preferred: Cell<usize>,
    /// The cluster, once a node has named it.
    genesis: Cell<Option<Hash>>,
}

struct Node<C> {
    chain: C,
    /// Whether the node has named the cluster since this process started.
    is_checked: Cell<bool>,
}

impl<C: Chain> Pool<C> {
    /// Uses `nodes` as one, in order of preference.
    pub fn new(nodes: impl IntoIterator<Item = C>) -> Self {
        let nodes = nodes.into_iter().map(|chain| Node { chain, is_checked: Cell::new(false) }).collect();
        Self { nodes, preferred: Cell::new(0), genesis: Cell::new(None) }
    }

    /// The nodes, beginning with the one that answered last.
    fn in_order(&self) -> impl Iterator<Item = (usize, &Node<C>)> {
        let preferred = self.preferred.get();
        self.nodes.iter().enumerate().cycle().skip(preferred).take(self.nodes.len())
    }

    /// Checks, before a node is first used, that it belongs to the cluster of the others.
    async fn check(&self, node: &Node<C>) -> Result<(), ChainError> {
        if node.is_checked.get() {
            return Ok(());
        }
        let genesis = node.chain.genesis_hash().await?;
        match self.genesis.get() {
            Some(known) if known != genesis => {
                return Err(ChainError::NodesDisagree(format!(
                    "one names the genesis hash {known}, another one {genesis}"
                )));
            }
            _ => self.genesis.set(Some(genesis)),
        }
        node.is_checked.set(true);
        Ok(())
    }

    /// The first answer of any node.
    async fn any<T>(&self, request: impl AsyncFn(&C) -> Result<T, ChainError>) -> Result<T, ChainError> {
        let mut failure = None;
        for (position, node) in self.in_order() {
            let answer = match self.check(node).await {
                Ok(()) => request(&node.chain).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) => {
                    self.preferred.set(position);
                    return Ok(answer);
                }
                // A node of another cluster is a setting to correct, not a node to do without.
                Err(error @ ChainError::NodesDisagree(_)) => return Err(error),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        Err(failure.unwrap_or_else(no_node))
    }

    /// The answers of all nodes that give one: at least two, if there are as many nodes.
    async fn several<T>(&self, request: impl AsyncFn(&C) -> Result<T, ChainError>) -> Result<Vec<T>, ChainError> {
        let requests = self.in_order().map(async |(_, node)| {
            self.check(node).await?;
            request(&node.chain).await
        });
        let (mut answers, mut failure) = (Vec::with_capacity(self.nodes.len()), None);
        for answer in join_all(requests).await {
            match answer {
                Ok(answer) => answers.push(answer),
                Err(error @ ChainError::NodesDisagree(_)) => return Err(error),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        if answers.len() >= self.nodes.len().min(2) && !answers.is_empty() {
            return Ok(answers);
        }
        Err(failure.unwrap_or_else(no_node))
    }

    /// Finalized accounts as two nodes agree on them.
    async fn agreed_accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        mut min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        for _ in 0..ROUNDS {
            let mut answers = self
                .several(async |chain| chain.accounts(addresses, data, Commitment::Finalized, min_slot).await)
                .await?;
            answers.sort_by_key(|answer| answer.slot);
            let newest = answers.last().map_or(0, |answer| answer.slot);
            for pair in answers.windows(2) {
                if let [one, other] = pair
                    && one.slot == other.slot
                    && one.accounts != other.accounts
                {
                    return Err(ChainError::NodesDisagree(format!("about accounts at the finalized slot {newest}")));
                }
            }
            let agreeing = answers.windows(2).position(|pair| match pair {
                [one, other] => one.accounts == other.accounts,
                _ => false,
            });
            // The older of two equal answers: the accounts have not changed since.
            if let Some(answer) = agreeing.and_then(|position| answers.get(position)) {
                return Ok(answer.clone());
            }
            if let [only] = answers.as_slice() {
                return Ok(only.clone());
            }
            // The accounts have changed between the slots of the answers.
            min_slot = newest;
        }
        Err(ChainError::Behind { slot: 0, min_slot })
    }
}

fn no_node() -> ChainError {
    ChainError::Unreachable("no RPC node is configured".to_owned())
}

impl<C: Chain> Chain for Pool<C> {
    fn agreeing_nodes(&self) -> usize {
        self.nodes.len().min(2)
    }

    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.any(async |chain| chain.genesis_hash().await).await
    }

    /// The blockhash of one node. Until when it is valid, two nodes must say of their own: a single one could make an attempt
    /// look expired that can still land, or of three make it wait.
    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        let answers = self.several(async |chain| chain.latest_blockhash().await).await?;
        let mut heights: Vec<u64> = answers.iter().map(|latest| latest.last_valid_block_height).collect();
        heights.sort_unstable_by(|one, other| other.cmp(one));
        let last_valid = if heights.len() > 2 { heights.get(1) } else { heights.first() };
        match (answers.first(), last_valid) {
            (Some(latest), Some(height)) => Ok(LatestBlockhash { last_valid_block_height: *height, ..*latest }),
            _ => Err(no_node()),
        }
    }

    /// The latest block that two nodes have finalized.
    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        let mut blocks = self.several(async |chain| chain.finalized_block().await).await?;
        blocks.sort_by_key(|block| std::cmp::Reverse((block.height, block.slot)));
        blocks.get(1).or(blocks.first()).copied().ok_or_else(no_node)
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        match commitment {
            Commitment::Finalized => self.agreed_accounts(addresses, data, min_slot).await,
            Commitment::Confirmed => {
                self.any(async |chain| chain.accounts(addresses, data, commitment, min_slot).await).await
            }
        }
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.any(async |chain| chain.minimum_balance(data_len).await).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.any(async |chain| chain.simulate(transaction).await).await
    }

    /// Sends to all nodes, and succeeds if one accepts the transaction.
    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        let sent = join_all(self.in_order().map(async |(_, node)| {
            self.check(node).await?;
            node.chain.send(transaction).await
        }))
        .await;
        let mut failure = no_node();
        for result in sent {
            match result {
                Ok(()) => return Ok(()),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// The statuses that any node knows; finalized are those that two nodes call so. That a signature has none is known as far
    /// as the answers of two nodes reach.
    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        let mut answers = self.several(async |chain| chain.statuses(signatures, search).await).await?;
        answers.sort_by_key(|answer| std::cmp::Reverse(answer.slot));
        let slot = answers.get(1).or(answers.first()).map_or(0, |answer| answer.slot);
        let statuses = (0..signatures.len()).map(|position| {
            let found: Vec<&SignatureStatus> =
                answers.iter().filter_map(|answer| answer.statuses.get(position)?.as_ref()).collect();
            let agreed = found
                .iter()
                .filter(|one| one.finalized)
                .find(|one| self.nodes.len() < 2 || found.iter().filter(|other| other == one).count() > 1);
            agreed.or(found.first()).map(|status| SignatureStatus { finalized: agreed.is_some(), ..(**status).clone() })
        });
        Ok(StatusesAtSlot { slot, statuses: statuses.collect() })
    }

    /// The transaction as two nodes have executed it; `None` while only one of them has it.
    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        let answers = self.several(async |chain| chain.transaction(signature).await).await?;
        let mut found = answers.into_iter().flatten();
        match (found.next(), found.next()) {
            (Some(one), Some(other)) if one.slot != other.slot || one.fee_lamports != other.fee_lamports => {
                Err(ChainError::NodesDisagree(format!("about transaction {signature}")))
            }
            // One of them may not have kept the log.
            (Some(one), Some(other)) if one.log_messages.is_empty() => Ok(Some(other)),
            (Some(one), Some(other)) if !other.log_messages.is_empty() && one.log_messages != other.log_messages => {
                Err(ChainError::NodesDisagree(format!("about the log of transaction {signature}")))
            }
            (Some(one), Some(_)) => Ok(Some(one)),
            (one, _) if self.nodes.len() < 2 => Ok(one),
            _ => Ok(None),
        }
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.any(async |chain| chain.recent_priority_fees(writable).await).await
    }
}

impl<C: Chain + History> History for Pool<C> {
    /// The transaction as two nodes have recorded it; `None` while only one of them has it.
    async fn recorded(&self, signature: &Signature) -> Result<Option<RecordedTransaction>, ChainError> {
        let answers = self.several(async |chain| chain.recorded(signature).await).await?;
        let mut found = answers.into_iter().flatten();
        match (found.next(), found.next()) {
            (Some(one), Some(other)) if !one.agrees_with(&other) => {
                Err(ChainError::NodesDisagree(format!("about transaction {signature}")))
            }
            // One of them may not have kept the log.
            (Some(one), Some(other)) if one.log_messages.is_empty() => Ok(Some(other)),
            (Some(one), Some(_)) => Ok(Some(one)),
            (one, _) if self.nodes.len() < 2 => Ok(one),
            _ => Ok(None),
        }
    }

    /// The answer of one node. Whoever needs a complete list checks it against the treasury's history hash.
    async fn signatures_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
    ) -> Result<Vec<SignatureAtSlot>, ChainError> {
        self.any(async |chain| chain.signatures_of(address, before).await).await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::chain::{Account, TransactionError, TransactionVersion};

    /// A node that answers from fields.
    #[derive(Default)]
    struct Fake {
        genesis: u8,
        down: Cell<bool>,
        slot: Cell<u64>,
        lamports: Cell<u64>,
        knows: RefCell<Option<SignatureStatus>>,
        executed: RefCell<Option<ExecutedTransaction>>,
        recorded: RefCell<Option<RecordedTransaction>>,
        sent: Cell<u32>,
    }

    impl Fake {
        fn answer<T>(&self, answer: T) -> Result<T, ChainError> {
            if self.down.get() { Err(ChainError::Unreachable("down".to_owned())) } else { Ok(answer) }
        }
    }

    impl Chain for &Fake {
        async fn genesis_hash(&self) -> Result<Hash, ChainError> {
            self.answer(Hash::new_from_array([self.genesis; 32]))
        }

        async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
            self.answer(LatestBlockhash { blockhash: Hash::default(), last_valid_block_height: self.slot.get() })
        }

        async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
            self.answer(FinalizedBlock { slot: self.slot.get(), height: self.slot.get() })
        }

        async fn accounts(
            &self,
            addresses: &[Pubkey],
            _data: AccountData,
            _commitment: Commitment,
            min_slot: u64,
        ) -> Result<AccountsAtSlot, ChainError> {
            let slot = self.slot.get();
            if slot < min_slot {
                return Err(ChainError::Behind { slot, min_slot });
            }
            let account = Account {
                lamports: self.lamports.get(),
                owner: Pubkey::default(),
                executable: false,
                data: Vec::new(),
                space: 0,
            };
            self.answer(AccountsAtSlot { slot, accounts: vec![Some(account); addresses.len()] })
        }

        async fn minimum_balance(&self, _data_len: u64) -> Result<u64, ChainError> {
            self.answer(1)
        }

        async fn simulate(&self, _transaction: &[u8]) -> Result<Simulation, ChainError> {
            self.answer(Simulation::default())
        }

        async fn send(&self, _transaction: &[u8]) -> Result<(), ChainError> {
            self.answer(())?;
            self.sent.set(self.sent.get() + 1);
            Ok(())
        }

        async fn statuses(&self, signatures: &[Signature], _: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
            let statuses = vec![self.knows.borrow().clone(); signatures.len()];
            self.answer(StatusesAtSlot { slot: self.slot.get(), statuses })
        }

        async fn transaction(&self, _signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
            self.answer(self.executed.borrow().clone())
        }

        async fn recent_priority_fees(&self, _writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
            self.answer(Vec::new())
        }
    }

    impl History for &Fake {
        async fn recorded(&self, _: &Signature) -> Result<Option<RecordedTransaction>, ChainError> {
            self.answer(self.recorded.borrow().clone())
        }

        async fn signatures_of(&self, _: &Pubkey, _: Option<&Signature>) -> Result<Vec<SignatureAtSlot>, ChainError> {
            self.answer(Vec::new())
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..100 {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
        }
        panic!("the future is pending");
    }

    fn at(slot: u64) -> Fake {
        Fake { slot: Cell::new(slot), lamports: Cell::new(5), ..Fake::default() }
    }

    fn finalized_accounts(pool: &Pool<&Fake>, min_slot: u64) -> Result<AccountsAtSlot, ChainError> {
        block_on(pool.accounts(&[Pubkey::default()], AccountData::Full, Commitment::Finalized, min_slot))
    }

    fn status_in_history(pool: &Pool<&Fake>) -> Result<(u64, Option<SignatureStatus>), ChainError> {
        let found = block_on(pool.statuses(&[Signature::default()], StatusSearch::FullHistory))?;
        Ok((found.slot, found.statuses[0].clone()))
    }

    #[test]
    fn another_node_answers_when_one_fails_and_is_kept_from_then_on() {
        let (one, other) = (at(1), at(2));
        let pool = Pool::new([&one, &other]);
        let confirmed = || block_on(pool.accounts(&[], AccountData::Full, Commitment::Confirmed, 0));
        let slot = || confirmed().map(|read| read.slot);
        assert_eq!(slot(), Ok(1));
        one.down.set(true);
        assert_eq!(slot(), Ok(2));
        one.down.set(false);
        assert_eq!(slot(), Ok(2));
        one.down.set(true);
        other.down.set(true);
        assert!(matches!(slot(), Err(ChainError::Unreachable(_))));
    }

    #[test]
    fn no_single_node_decides_when_a_blockhash_expires() {
        let last_valid = |heights: &[u64]| {
            let nodes: Vec<Fake> = heights.iter().map(|height| at(*height)).collect();
            block_on(Pool::new(nodes.iter()).latest_blockhash()).map(|latest| latest.last_valid_block_height)
        };
        assert_eq!([last_valid(&[7]), last_valid(&[1, 9]), last_valid(&[9, 1])], [Ok(7), Ok(9), Ok(9)]);
        assert_eq!([last_valid(&[1, 8, 9]), last_valid(&[8, 9_999, 9])], [Ok(8), Ok(9)]);
        let (one, other) = (at(1), at(9));
        other.down.set(true);
        assert!(block_on(Pool::new([&one, &other]).latest_blockhash()).is_err(), "one of two is not enough");
    }

    #[test]
    fn a_node_of_another_cluster_is_never_used() {
        let (one, other) = (at(1), Fake { genesis: 1, ..at(1) });
        let pool = Pool::new([&one, &other]);
        assert_eq!(block_on(pool.minimum_balance(0)), Ok(1));
        one.down.set(true);
        for _ in 0..2 {
            assert!(matches!(block_on(pool.minimum_balance(0)), Err(ChainError::NodesDisagree(_))));
            assert!(matches!(finalized_accounts(&pool, 0), Err(ChainError::NodesDisagree(_))));
        }
        assert_eq!(other.sent.get(), 0);
    }

    #[test]
    fn a_signature_is_in_no_history_only_as_far_as_two_answers_reach() {
        let (one, other, third) = (at(9), at(7), at(8));
        let pool = Pool::new([&one, &other]);
        assert_eq!(status_in_history(&pool), Ok((7, None)));
        other.down.set(true);
        assert!(status_in_history(&pool).is_err(), "one node alone is not enough");
        assert_eq!(status_in_history(&Pool::new([&one])), Ok((9, None)), "unless only one is configured");
        other.down.set(false);
        other.slot.set(1);
        assert_eq!(status_in_history(&Pool::new([&other, &one, &third])), Ok((8, None)), "a third one may hang");
    }

    #[test]
    fn a_transaction_is_finalized_once_two_nodes_say_so() {
        let (one, other) = (at(9), at(9));
        let pool = Pool::new([&one, &other]);
        let status = |finalized, error: Option<&str>| SignatureStatus {
            slot: 6,
            finalized,
            error: error.map(|text| TransactionError::from_json(&text.into())),
        };
        let is_finalized = || status_in_history(&pool).map(|(_, found)| found.is_some_and(|found| found.finalized));
        other.knows.replace(Some(status(true, Some("AccountInUse"))));
        assert_eq!(is_finalized(), Ok(false), "the first node has no history, or the second one lies");
        one.knows.replace(Some(status(false, None)));
        assert_eq!(is_finalized(), Ok(false));
        one.knows.replace(Some(status(true, None)));
        assert_eq!(is_finalized(), Ok(false), "they contradict each other");
        other.knows.replace(Some(status(true, None)));
        assert_eq!(status_in_history(&pool), Ok((9, Some(status(true, None)))));
    }

    #[test]
    fn a_block_is_finalized_once_two_nodes_have_reached_it() {
        let nodes = [at(1), at(700), at(9)];
        let block = |nodes: &[&Fake]| block_on(Pool::new(nodes.iter().copied()).finalized_block());
        let all: Vec<&Fake> = nodes.iter().collect();
        assert_eq!(block(&all), Ok(FinalizedBlock { slot: 9, height: 9 }), "one hangs, and one exaggerates");
        assert_eq!(block(&all[..1]), Ok(FinalizedBlock { slot: 1, height: 1 }));
        nodes[0].down.set(true);
        nodes[1].down.set(true);
        assert!(block(&all).is_err());
    }

    #[test]
    fn finalized_accounts_are_what_two_nodes_agree_on() {
        let (one, other) = (at(9), at(7));
        let pool = Pool::new([&one, &other]);
        assert_eq!(finalized_accounts(&pool, 0).map(|read| read.slot), Ok(7), "nothing has changed since slot 7");
        other.lamports.set(4);
        assert!(matches!(finalized_accounts(&pool, 0), Err(ChainError::Behind { .. })), "the older one may just lag");
        other.slot.set(9);
        assert!(matches!(finalized_accounts(&pool, 0), Err(ChainError::NodesDisagree(_))), "one of them lies");
        other.lamports.set(5);
        assert_eq!(finalized_accounts(&pool, 0).map(|read| read.slot), Ok(9));
        other.down.set(true);
        assert!(matches!(finalized_accounts(&pool, 0), Err(ChainError::Unreachable(_))));
        let third = at(9);
        let pool = Pool::new([&one, &other, &third]);
        assert_eq!(finalized_accounts(&pool, 0).map(|read| read.slot), Ok(9), "two of three");
    }

    #[test]
    fn a_transaction_is_executed_once_two_nodes_say_so() {
        let (one, other) = (at(9), at(9));
        let pool = Pool::new([&one, &other]);
        let executed = || block_on(pool.transaction(&Signature::default()));
        let of = |fee_lamports, log: &[&str]| ExecutedTransaction {
            slot: 8,
            fee_lamports,
            log_messages: log.iter().map(|line| (*line).to_owned()).collect(),
        };
        one.executed.replace(Some(of(5_000, &["log"])));
        assert_eq!(executed(), Ok(None));
        other.executed.replace(Some(of(5_000, &[])));
        assert_eq!(executed(), Ok(Some(of(5_000, &["log"]))), "one of them has not kept the log");
        other.executed.replace(Some(of(5_000, &["another"])));
        assert!(matches!(executed(), Err(ChainError::NodesDisagree(_))));
        other.executed.replace(Some(of(6_000, &["log"])));
        assert!(matches!(executed(), Err(ChainError::NodesDisagree(_))));
    }

    #[test]
    fn a_transaction_is_recorded_once_two_nodes_have_it_and_the_one_with_the_log_is_returned() {
        let (one, other) = (at(9), at(9));
        let pool = Pool::new([&one, &other]);
        let recorded = |slot, log: &[&str]| RecordedTransaction {
            slot,
            block_time: None,
            fee_lamports: 5_000,
            error: None,
            bytes: vec![1],
            version: TransactionVersion::V0,
            instructions: Vec::new(),
            log_messages: log.iter().map(|line| (*line).to_owned()).collect(),
        };
        let found = || block_on(pool.recorded(&Signature::default()));
        one.recorded.replace(Some(recorded(3, &[])));
        assert_eq!(found(), Ok(None));
        other.recorded.replace(Some(recorded(3, &["log"])));
        assert_eq!(found(), Ok(Some(recorded(3, &["log"]))));
        for different in [recorded(4, &["log"]), recorded(3, &["another log"])] {
            one.recorded.replace(Some(different));
            other.recorded.replace(Some(recorded(3, &["log"])));
            assert!(matches!(found(), Err(ChainError::NodesDisagree(_))));
        }
        other.down.set(true);
        assert!(found().is_err(), "one node alone is not enough");
        let alone = block_on(Pool::new([&one]).recorded(&Signature::default()));
        assert_eq!(alone, Ok(Some(recorded(3, &["another log"]))), "unless only one is configured");
    }

    #[test]
    fn a_transaction_is_sent_to_every_node() {
        let (one, other) = (at(1), at(1));
        let pool = Pool::new([&one, &other]);
        block_on(pool.send(&[])).unwrap();
        one.down.set(true);
        block_on(pool.send(&[])).unwrap();
        assert_eq!((one.sent.get(), other.sent.get()), (1, 2));
        other.down.set(true);
        assert!(block_on(pool.send(&[])).is_err());
    }
}
