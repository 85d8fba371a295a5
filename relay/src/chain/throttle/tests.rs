//! Nodes with a virtual time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use serde_json::json;

use super::*;
use crate::chain::{Chain as _, ChainError, JsonRpc, Pool, concurrently};

/// A time that passes only when everything waits for it.
#[derive(Default)]
struct Virtual {
    now_ms: Cell<u64>,
    sleeping: RefCell<Vec<(u64, Waker)>>,
}

impl Timer for &Virtual {
    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    async fn sleep_ms(&self, ms: u64) {
        let at = self.now_ms.get() + ms;
        poll_fn(|context| {
            if self.now_ms.get() >= at {
                return Poll::Ready(());
            }
            self.sleeping.borrow_mut().push((at, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

impl Virtual {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        for _ in 0..10_000 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return value;
            }
            let next = self.sleeping.borrow().iter().map(|(at, _)| *at).min().expect("nothing waits for time");
            self.now_ms.set(next.max(self.now_ms.get()));
            let (due, later): (Vec<_>, Vec<_>) = self.sleeping.take().into_iter().partition(|(at, _)| *at <= next);
            self.sleeping.replace(later);
            due.into_iter().for_each(|(_, waker)| waker.wake());
        }
        panic!("the future is pending");
    }
}

/// An RPC node that answers after a while.
struct Node<'a> {
    time: &'a Virtual,
    latency_ms: u64,
    /// What it answers first.
    refusals: RefCell<VecDeque<Option<u64>>>,
    /// When it was asked.
    asked: RefCell<Vec<u64>>,
    in_flight: &'a Cell<usize>,
    most_in_flight: &'a Cell<usize>,
}

impl Transport for &Node<'_> {
    async fn call(&self, method: &'static str, _: Value) -> Result<Value, RpcError> {
        self.asked.borrow_mut().push(self.time.now_ms.get());
        self.in_flight.set(self.in_flight.get() + 1);
        self.most_in_flight.set(self.most_in_flight.get().max(self.in_flight.get()));
        self.time.sleep_ms(self.latency_ms).await;
        self.in_flight.set(self.in_flight.get() - 1);
        if let Some(retry_after_ms) = self.refusals.borrow_mut().pop_front() {
            return Err(RpcError::RateLimited { retry_after_ms });
        }
        Ok(match method {
            "getGenesisHash" => json!("11111111111111111111111111111111"),
            "sendTransaction" => json!("signature"),
            _ => json!({"absoluteSlot": 1_000, "blockHeight": 900}),
        })
    }
}

/// Three nodes that share a count of the requests in flight.
struct World {
    time: Virtual,
    in_flight: Cell<usize>,
    most_in_flight: Cell<usize>,
}

impl World {
    fn new() -> Self {
        Self { time: Virtual::default(), in_flight: Cell::new(0), most_in_flight: Cell::new(0) }
    }

    fn node(&self, latency_ms: u64, refusals: &[Option<u64>]) -> Node<'_> {
        Node {
            time: &self.time,
            latency_ms,
            refusals: RefCell::new(refusals.iter().copied().collect()),
            asked: RefCell::default(),
            in_flight: &self.in_flight,
            most_in_flight: &self.most_in_flight,
        }
    }

    fn throttled<'a>(&'a self, node: &'a Node<'a>, per_second: u32, in_flight: usize) -> JsonRpc<impl Transport> {
        let rate = Rc::new(Rate::new(NonZeroU32::new(per_second).unwrap()));
        JsonRpc::new(Throttled::new(node, &self.time, rate, in_flight))
    }
}

#[test]
fn a_request_waits_for_a_fraction_of_a_lease_at_most() {
    assert!(MAX_WAIT_MS * 4 <= crate::engine::store::leases::LEASE_MS.cast_unsigned());
}

#[test]
fn a_node_is_sent_no_more_requests_per_second_and_at_a_time_than_allowed() {
    let world = World::new();
    let node = world.node(30, &[]);
    let rpc = world.throttled(&node, 10, 4);
    let answers = world.time.block_on(concurrently((0..45).map(|_| rpc.finalized_block())));
    assert_eq!(answers.map(|answers| answers.len()), Ok(45));
    let asked = node.asked.borrow();
    assert!(asked.windows(11).all(|window| window[10] - window[0] >= 1_000), "{asked:?}");
    assert_eq!(world.most_in_flight.get(), 4);
    assert_eq!(world.time.now_ms.get(), 4_060, "no slower than necessary");
}

#[test]
fn several_nodes_together_work_on_no_more_requests_than_allowed() {
    assert_eq!([1, 2, 3, 5, 12, 50].map(|nodes| share_of_requests(12, nodes)), [12, 6, 4, 2, 1, 1]);
    let world = World::new();
    let nodes = [1, 2, 3].map(|number| world.node(number * 20, &[]));
    let pool = Pool::new(nodes.iter().map(|node| world.throttled(node, 1_000, share_of_requests(6, 3))));
    let answers = world.time.block_on(concurrently((0..30).map(|_| pool.finalized_block())));
    assert_eq!(answers.map(|answers| answers.len()), Ok(30));
    assert_eq!(world.most_in_flight.get(), 6);
}

#[test]
fn a_node_that_limits_the_rate_is_asked_nothing_until_it_allows_it() {
    let world = World::new();
    let node = world.node(100, &[Some(40_000)]);
    let rpc = world.throttled(&node, 50, 6);
    let refused_for = |ms| Err(ChainError::RateLimited { retry_after_ms: Some(ms) });
    assert_eq!(world.time.block_on(rpc.send(&[1])), refused_for(40_000));
    // Whatever is sent or asked, and without waiting under a lease.
    for later in [1_000, 2_000, 30_000] {
        world.time.now_ms.set(100 + later);
        assert_eq!(world.time.block_on(rpc.send(&[1])), refused_for(40_000 - later));
        assert_eq!(world.time.block_on(rpc.finalized_block()).map(drop), refused_for(40_000 - later));
        assert_eq!(world.time.now_ms.get(), 100 + later);
    }
    assert_eq!(*node.asked.borrow(), [0]);
    world.time.now_ms.set(40_100);
    assert_eq!(world.time.block_on(rpc.send(&[1])), Ok(()));
}

#[test]
fn requests_that_wait_for_their_turn_are_not_sent_to_a_node_that_has_refused_meanwhile() {
    let world = World::new();
    let node = world.node(100, &[Some(60_000)]);
    let rpc = world.throttled(&node, 2, 6);
    let all = futures_util::future::join_all((0..6).map(|_| rpc.finalized_block()));
    let answers = world.time.block_on(all);
    assert_eq!(*node.asked.borrow(), [0, 0], "two in the first second");
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 5);
}

#[test]
fn of_three_nodes_one_that_limits_the_rate_is_left_out_while_the_others_answer() {
    let world = World::new();
    let nodes = [world.node(10, &[]), world.node(10, &[Some(7_000)]), world.node(10, &[])];
    let pool = Pool::new(nodes.iter().map(|node| world.throttled(node, 50, 4)));
    let asked = || nodes.iter().map(|node| node.asked.borrow().len()).collect::<Vec<_>>();
    assert!(world.time.block_on(pool.finalized_block()).is_ok());
    let after_the_first = asked();
    for _ in 0..50 {
        assert!(world.time.block_on(pool.finalized_block()).is_ok());
        world.time.now_ms.set(world.time.now_ms.get() + 100);
    }
    assert!(world.time.now_ms.get() < 7_000);
    assert_eq!(asked()[1], after_the_first[1], "it was asked while it limits the rate");
    assert_eq!(asked()[0], after_the_first[0] + 50);
    world.time.now_ms.set(7_010);
    assert!(world.time.block_on(pool.finalized_block()).is_ok());
    assert!(asked()[1] > after_the_first[1], "it is asked again");
}

#[test]
fn of_the_pauses_that_several_nodes_ask_for_the_shortest_counts() {
    let world = World::new();
    let nodes = [world.node(10, &[Some(50_000)]), world.node(10, &[Some(9_000)])];
    let pool = Pool::new(nodes.iter().map(|node| world.throttled(node, 50, 4)));
    let refused = world.time.block_on(pool.finalized_block());
    assert_eq!(refused.map(drop), Err(ChainError::RateLimited { retry_after_ms: Some(9_000) }));
    // A node that does not answer for another reason may do so before that.
    let nodes = [world.node(10, &[Some(50_000)]), world.node(60_000, &[])];
    let pool = Pool::new(nodes.iter().map(|node| world.throttled(node, 50, 1)));
    let (one, other) = world.time.block_on(futures_util::future::join(pool.finalized_block(), pool.finalized_block()));
    assert!([one, other].iter().any(|answer| matches!(answer, Err(ChainError::Unreachable(_)))));
}

#[test]
fn a_request_to_a_node_that_does_not_answer_earlier_ones_is_given_up_in_time() {
    let world = World::new();
    let node = world.node(60_000, &[]);
    let rpc = world.throttled(&node, 50, 1);
    let (_, given_up) = world.time.block_on(futures_util::future::join(rpc.finalized_block(), async {
        let answer = rpc.finalized_block().await;
        (answer, world.time.now_ms.get())
    }));
    assert!(matches!(given_up, (Err(ChainError::Unreachable(_)), MAX_WAIT_MS)), "{given_up:?}");
    assert_eq!(node.asked.borrow().len(), 1);
}
