//! Which faults occur in a run, and how often. Every run has another mixture, so that no fault hides another.

use crate::random::Random;

/// The chances of faults, per 1,000 occasions, and the bounds of delays in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// A process crashes, in each slot.
    pub(crate) crash: u64,
    /// A process stands still while everything else goes on, as when its machine is suspended, in each slot.
    pub(crate) hang: u64,
    /// A process is asked to stop, in each slot.
    pub(crate) stop: u64,
    /// A process is started with the URL of another cluster.
    pub(crate) other_cluster: u64,
    /// A request to the ledger is lost before it takes effect.
    pub(crate) ledger_unavailable: u64,
    /// A request to the ledger takes effect, and its answer is lost.
    pub(crate) ledger_answer_lost: u64,
    /// A request to the ledger takes effect only after its sender has given up.
    pub(crate) ledger_late: u64,
    /// A request to an RPC node is lost before it takes effect.
    pub(crate) rpc_unreachable: u64,
    /// An RPC node's answer is lost.
    pub(crate) rpc_answer_lost: u64,
    /// An RPC node refuses a request: too many of them, unhealthy, an internal error.
    pub(crate) rpc_refused: u64,
    /// An answer takes several seconds.
    pub(crate) rpc_slow: u64,
    /// An answer of the node that lies is false.
    pub(crate) lie: u64,
    /// A request goes to another RPC node than the relay's usual one, where its URL is that of a load balancer.
    pub(crate) other_view: u64,
    /// A sent transaction never arrives.
    pub(crate) dropped: u64,
    /// A sent transaction arrives again later.
    pub(crate) duplicated: u64,
    /// A transaction that could be included in a block waits for a later one.
    pub(crate) postponed: u64,
    /// Leaders build on an earlier block.
    pub(crate) fork: u64,
    /// A slot has no block.
    pub(crate) skipped_slot: u64,
    /// An RPC node stops processing blocks for a while.
    pub(crate) stuck_view: u64,
    /// The clock of a relay jumps.
    pub(crate) clock_jump: u64,
}

impl Faults {
    /// Whether a runner may lose its lease: it waits for answers that do not come.
    pub(crate) fn can_cost_the_lease(self) -> bool {
        let Self { ledger_unavailable, ledger_answer_lost, ledger_late, .. } = self;
        let Self { rpc_unreachable, rpc_answer_lost, rpc_slow, .. } = self;
        [ledger_unavailable, ledger_answer_lost, ledger_late, rpc_unreachable, rpc_answer_lost, rpc_slow] != [0; 6]
    }

    /// No faults at all.
    pub(crate) const NONE: Self = Self {
        crash: 0,
        hang: 0,
        stop: 0,
        other_cluster: 0,
        ledger_unavailable: 0,
        ledger_answer_lost: 0,
        ledger_late: 0,
        rpc_unreachable: 0,
        rpc_answer_lost: 0,
        rpc_refused: 0,
        rpc_slow: 0,
        lie: 0,
        other_view: 0,
        dropped: 0,
        duplicated: 0,
        postponed: 0,
        fork: 0,
        skipped_slot: 0,
        stuck_view: 0,
        clock_jump: 0,
    };

    /// A random mixture: about half of the faults do not occur.
    pub(crate) fn mixture(random: &mut Random) -> Self {
        let mut up_to = |most: u64| if random.chance(500) { random.amount(1, most) } else { 0 };
        Self {
            crash: up_to(70),
            hang: up_to(40),
            stop: up_to(40),
            other_cluster: up_to(600),
            ledger_unavailable: up_to(30),
            ledger_answer_lost: up_to(30),
            ledger_late: up_to(30),
            rpc_unreachable: up_to(60),
            rpc_answer_lost: up_to(60),
            rpc_refused: up_to(80),
            rpc_slow: up_to(30),
            lie: 0,
            other_view: up_to(700),
            dropped: up_to(1_000),
            duplicated: up_to(300),
            postponed: up_to(900),
            fork: up_to(120),
            skipped_slot: up_to(300),
            stuck_view: up_to(40),
            clock_jump: up_to(20),
        }
    }
}
