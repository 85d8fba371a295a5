use std::cell::RefCell;

use super::*;
use crate::chain::{Account, SignatureStatus, TransactionError, TransactionVersion};

/// A node that answers from fields.
#[derive(Default)]
struct Fake {
    genesis: Cell<u8>,
    down: Cell<bool>,
    slot: Cell<u64>,
    lamports: Cell<u64>,
    knows: RefCell<Option<SignatureStatus>>,
    executed: RefCell<Option<ExecutedTransaction>>,
    recorded: RefCell<Option<RecordedTransaction>>,
    sent: Cell<u32>,
    /// The blockhash, made of this byte.
    blockhash: u8,
    /// How often it was asked for anything, but for its genesis hash only while it is down.
    asked: Cell<u32>,
    /// It never answers, except with its genesis hash.
    hangs: Cell<bool>,
}

impl Fake {
    async fn answer<T>(&self, answer: T) -> Result<T, ChainError> {
        self.asked.set(self.asked.get() + 1);
        if self.hangs.get() {
            std::future::pending::<()>().await;
        }
        if self.down.get() { Err(ChainError::Unreachable("down".to_owned())) } else { Ok(answer) }
    }
}

impl Chain for &Fake {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        if self.down.get() {
            self.asked.set(self.asked.get() + 1);
            return Err(ChainError::Unreachable("down".to_owned()));
        }
        Ok(Hash::new_from_array([self.genesis.get(); 32]))
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        self.answer(LatestBlockhash {
            blockhash: Hash::new_from_array([self.blockhash; 32]),
            last_valid_block_height: self.slot.get(),
        })
        .await
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        self.answer(FinalizedBlock { slot: self.slot.get(), height: self.slot.get() }).await
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
        self.answer(AccountsAtSlot { slot, accounts: vec![Some(account); addresses.len()] }).await
    }

    async fn minimum_balance(&self, _data_len: u64) -> Result<u64, ChainError> {
        self.answer(self.lamports.get()).await
    }

    async fn simulate(&self, _transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.answer(Simulation::default()).await
    }

    async fn send(&self, _transaction: &[u8]) -> Result<(), ChainError> {
        self.answer(()).await?;
        self.sent.set(self.sent.get() + 1);
        Ok(())
    }

    async fn statuses(&self, signatures: &[Signature], _: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        let statuses = vec![self.knows.borrow().clone(); signatures.len()];
        self.answer(StatusesAtSlot { slot: self.slot.get(), statuses }).await
    }

    async fn transaction(&self, _signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        let executed = self.executed.borrow().clone();
        self.answer(executed).await
    }

    async fn recent_priority_fees(&self, _writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.answer(Vec::new()).await
    }
}

impl History for &Fake {
    async fn recorded(&self, _: &Signature) -> Result<Option<RecordedTransaction>, ChainError> {
        let recorded = self.recorded.borrow().clone();
        self.answer(recorded).await
    }

    async fn signatures_of(&self, _: &Pubkey, _: Option<&Signature>) -> Result<Vec<SignatureAtSlot>, ChainError> {
        self.answer(Vec::new()).await
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
    let (one, other) = (at(1), Fake { genesis: Cell::new(1), ..at(1) });
    let pool = Pool::new([&one, &other]);
    assert_eq!(block_on(pool.recent_priority_fees(&[])), Ok(Vec::new()));
    one.down.set(true);
    for _ in 0..2 {
        assert!(matches!(block_on(pool.recent_priority_fees(&[])), Err(ChainError::NodesDisagree(_))));
        assert!(matches!(finalized_accounts(&pool, 0), Err(ChainError::NodesDisagree(_))));
    }
    assert_eq!(other.sent.get(), 0);
}

#[test]
fn a_node_that_has_failed_to_answer_is_used_again_only_if_it_still_belongs_to_the_cluster() {
    let nodes = [at(1), at(1), at(1)];
    for count in 1..=3 {
        let pool = Pool::new(nodes[..count].iter());
        let moving = &nodes[count - 1];
        assert_eq!(block_on(pool.send(&[1])), Ok(()));
        moving.down.set(true);
        let _ = block_on(pool.send(&[1]));
        moving.down.set(false);
        // The same URL leads to a node of another cluster.
        moving.genesis.set(1);
        let sent = moving.sent.get();
        for node in &nodes[..count - 1] {
            node.down.set(true);
        }
        for _ in 0..3 {
            assert!(matches!(block_on(pool.send(&[1])), Err(ChainError::NodesDisagree(_))));
        }
        assert_eq!(moving.sent.get(), sent, "it was sent something");
        moving.genesis.set(0);
        assert_eq!(block_on(pool.send(&[1])), Ok(()));
        for node in &nodes {
            node.down.set(false);
        }
    }
}

#[test]
fn of_three_nodes_one_that_moves_to_another_cluster_stops_nothing_and_is_sent_nothing() {
    let nodes = [at(1), at(1), at(1)];
    let (pool, moving) = (Pool::new(nodes.iter()), &nodes[2]);
    assert_eq!(block_on(pool.send(&[1])), Ok(()));
    moving.down.set(true);
    assert_eq!(block_on(pool.send(&[1])), Ok(()));
    moving.down.set(false);
    moving.genesis.set(1);
    let sent = moving.sent.get();
    // More often than a node that was silent is left out.
    for _ in 0..100 {
        assert_eq!(block_on(pool.send(&[1])), Ok(()));
        assert!(block_on(pool.finalized_block()).is_ok());
    }
    assert_eq!(moving.sent.get(), sent);
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

#[test]
fn a_silent_node_is_left_out_while_enough_others_answer() {
    let (one, other, third) = (at(9), at(9), at(9));
    let pool = Pool::new([&one, &other, &third]);
    let ask = |times: u32| -> Vec<bool> {
        third.asked.set(0);
        (0..times).map(|_| block_on(pool.finalized_block()).is_ok() && block_on(pool.send(&[])).is_ok()).collect()
    };
    assert_eq!((ask(3), third.asked.get()), (vec![true; 3], 6));
    third.down.set(true);
    let is_asked = |times| ask(times).iter().all(|answered| *answered) && third.asked.get() > 0;
    assert!(!ask(1).contains(&false));
    assert!(!is_asked(15), "it costs no second timeout");
    assert!(is_asked(2), "until it is tried again");
    one.down.set(true);
    assert!(block_on(pool.finalized_block()).is_err(), "one node alone is not enough");
    third.down.set(false);
    assert_eq!(block_on(pool.finalized_block()), Ok(FinalizedBlock { slot: 9, height: 9 }), "the others need it");
    assert!(is_asked(1), "and it is back");
}

#[test]
fn a_silent_node_among_two_is_always_asked_because_both_are_needed() {
    let (one, other) = (at(9), at(9));
    let pool = Pool::new([&one, &other]);
    other.down.set(true);
    for _ in 0..3 {
        assert!(block_on(pool.finalized_block()).is_err());
    }
    other.down.set(false);
    assert!(block_on(pool.finalized_block()).is_ok());
    other.down.set(true);
    block_on(pool.send(&[])).unwrap();
    other.asked.set(0);
    block_on(pool.send(&[])).unwrap();
    assert_eq!(other.asked.get(), 0, "one node is enough to send");
    one.down.set(true);
    other.down.set(false);
    block_on(pool.send(&[])).unwrap();
    assert_eq!(other.sent.get(), 1);
}

#[test]
fn an_answer_that_can_change_nothing_is_not_waited_for() {
    let (one, other, third) = (at(9), at(9), at(9));
    let pool = Pool::new([&third, &one, &other]);
    let status = SignatureStatus { slot: 6, finalized: true, error: None };
    let executed = ExecutedTransaction { slot: 6, fee_lamports: 5_000, log_messages: vec!["log".to_owned()] };
    for node in [&one, &other] {
        node.knows.replace(Some(status.clone()));
        node.executed.replace(Some(executed.clone()));
    }
    third.hangs.set(true);
    assert_eq!(finalized_accounts(&pool, 0).map(|read| read.slot), Ok(9));
    assert_eq!(status_in_history(&pool), Ok((9, Some(status))));
    assert_eq!(block_on(pool.transaction(&Signature::default())), Ok(Some(executed)));
    for node in [&one, &other] {
        node.executed.replace(None);
    }
    assert_eq!(block_on(pool.transaction(&Signature::default())), Ok(None));
}

/// What a node says of an account that changes in every slot.
fn goes_to(node: &Fake, slot: u64) {
    node.slot.set(slot);
    node.lamports.set(slot);
}

#[test]
fn accounts_that_change_in_every_slot_are_agreed_on_although_a_node_lags() {
    for lag in [1, 2, 20] {
        let (one, other) = (at(0), at(0));
        let pool = Pool::new([&one, &other]);
        let mut min_slot = 0;
        let mut agreed = 0;
        for slot in 100..200 {
            goes_to(&one, slot);
            goes_to(&other, slot - lag);
            match finalized_accounts(&pool, min_slot) {
                Ok(read) => {
                    assert_eq!(read.accounts[0].as_ref().map(|account| account.lamports), Some(read.slot));
                    assert!(read.slot >= min_slot && read.slot + lag >= slot);
                    agreed += 1;
                    min_slot = slot;
                }
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
        assert!(agreed >= 100 / (lag + 1) - 1, "{agreed} of 100 with a lag of {lag}");
    }
}

#[test]
fn an_earlier_answer_counts_only_together_with_another_nodes_and_only_for_a_while() {
    let (one, other) = (at(0), at(0));
    let pool = Pool::new([&one, &other]);
    let read = |slots: [u64; 2], lamports: [u64; 2], min_slot| {
        for ((node, slot), lamports) in [&one, &other].into_iter().zip(slots).zip(lamports) {
            node.slot.set(slot);
            node.lamports.set(lamports);
        }
        finalized_accounts(&pool, min_slot).map(|read| read.slot)
    };
    let is_behind = |answer| matches!(answer, Err(ChainError::Behind { .. }));
    assert!(is_behind(read([9, 8], [1, 2], 0)));
    assert!(is_behind(read([10, 9], [1, 3], 10)), "the other one has not reached the slot");
    assert!(is_behind(read([10, 10], [1, 3], 11)));
    assert!(is_behind(read([12, 11], [1, 3], 0)));
    assert!(is_behind(read([90, 91], [4, 1], 0)), "too long ago");
    assert!(is_behind(read([92, 93], [5, 6], 0)), "a node does not confirm itself");
    assert_eq!(read([94, 95], [7, 5], 0), Ok(92));
    assert!(is_behind(read([96, 97], [8, 9], 0)));
    assert!(matches!(read([98, 96], [10, 11], 0), Err(ChainError::NodesDisagree(_))), "about slot 96");
}

#[test]
fn any_two_nodes_that_agree_decide_whatever_a_third_one_says() {
    let status = |slot| SignatureStatus { slot, finalized: true, error: None };
    let executed = |slot| ExecutedTransaction { slot, fee_lamports: 5_000, log_messages: vec!["log".to_owned()] };
    for liar in 0..3 {
        for slots in [[9, 9, 9], [7, 8, 9], [9, 8, 7], [8, 9, 7]] {
            let nodes = slots.map(at);
            for node in &nodes {
                node.knows.replace(Some(status(6)));
                node.executed.replace(Some(executed(6)));
            }
            nodes[liar].lamports.set(4);
            nodes[liar].knows.replace(Some(status(5)));
            nodes[liar].executed.replace(Some(executed(5)));
            let pool = Pool::new(nodes.iter());
            let read = finalized_accounts(&pool, 0).unwrap();
            assert_eq!(read.accounts[0].as_ref().map(|account| account.lamports), Some(5));
            assert_eq!(status_in_history(&pool).unwrap().1, Some(status(6)));
            assert_eq!(block_on(pool.transaction(&Signature::default())), Ok(Some(executed(6))));
            // A node that does not have it yet may still show that the liar lies.
            let honest = (liar + 1) % 3;
            nodes[honest].executed.replace(None);
            assert_eq!(block_on(pool.transaction(&Signature::default())), Ok(None));
            // One that is left out is asked if the others contradict each other.
            nodes[honest].executed.replace(Some(executed(6)));
            nodes[honest].down.set(true);
            let _ = block_on(pool.finalized_block());
            nodes[honest].down.set(false);
            assert_eq!(block_on(pool.transaction(&Signature::default())), Ok(Some(executed(6))));
        }
    }
}

#[test]
fn the_rent_is_what_two_nodes_name() {
    let (liar, one, other) = (at(9), at(9), at(9));
    liar.lamports.set(9_999);
    let pool = Pool::new([&liar, &one, &other]);
    assert_eq!(block_on(pool.minimum_balance(0)), Ok(5));
    other.down.set(true);
    let one_lies = block_on(pool.minimum_balance(0));
    assert!(one_lies.is_err_and(|error| error.is_transient()), "the third one will tell who");
    liar.down.set(true);
    assert!(block_on(pool.minimum_balance(0)).is_err(), "one node alone is not enough");
    liar.down.set(false);
    let both = block_on(Pool::new([&liar, &one]).minimum_balance(0));
    assert!(matches!(both, Err(ChainError::NodesDisagree(_))));
}

#[test]
fn no_attempt_outlives_its_recorded_expiry_nor_waits_for_a_height_that_only_one_node_names() {
    let chosen = |heights: &[u64]| {
        let nodes: Vec<Fake> =
            (0..).zip(heights).map(|(blockhash, height)| Fake { blockhash, ..at(*height) }).collect();
        let latest = block_on(Pool::new(nodes.iter()).latest_blockhash()).unwrap();
        (latest.blockhash.to_bytes()[0], latest.last_valid_block_height)
    };
    assert_eq!([chosen(&[9_999, 9, 8]), chosen(&[9, 9_999, 8]), chosen(&[1, 8, 9])], [(1, 9), (0, 9), (0, 8)]);
    assert_eq!([chosen(&[7]), chosen(&[1, 9]), chosen(&[9, 1])], [(0, 7), (0, 9), (0, 9)]);
    // A blockhash that two nodes know is more likely to be one.
    let [one, other, third] = [3, 4, 4].map(|blockhash| Fake { blockhash, ..at(9) });
    let latest = block_on(Pool::new([&one, &other, &third]).latest_blockhash()).unwrap();
    assert_eq!(latest.blockhash.to_bytes(), [4; 32]);
}
