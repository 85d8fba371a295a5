//! Everything that a run consists of, and how time passes in it.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use solana_signature::Signature;

use crate::agenda::{Agenda, ProcessId, Task};
use crate::checker::{Checker, Evaluations, Rule};
use crate::cluster::{Cluster, Keys};
use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::random::{Random, Stream, Streams};
use crate::scenario::{Node, Scenario};
use crate::story::Story;

/// The time at which every run starts, in Unix milliseconds.
pub(crate) const START_MS: i64 = 1_800_000_000_000;

/// One of the relays that settle the network.
pub(crate) struct Relay {
    pub(crate) name: &'static str,
    /// By how much its clock is ahead.
    pub(crate) skew_ms: Rc<Cell<i64>>,
    /// The RPC node that it usually asks.
    pub(crate) view: usize,
    pub(crate) incarnation: Cell<u32>,
}

/// Everything that a run consists of.
pub(crate) struct World {
    pub(crate) streams: Streams,
    pub(crate) story: RefCell<Story>,
    pub(crate) agenda: RefCell<Agenda>,
    /// The time, which the ledger's database shares.
    pub(crate) now: Arc<AtomicI64>,
    pub(crate) faults: Cell<Faults>,
    pub(crate) healed: Cell<bool>,
    pub(crate) cluster: RefCell<Cluster>,
    pub(crate) ledger: Ledger,
    pub(crate) keys: Keys,
    pub(crate) scenario: Scenario,
    pub(crate) relays: Vec<Relay>,
    pub(crate) checker: RefCell<Checker>,
    /// Sent transactions whose signature has been verified.
    pub(crate) verified: RefCell<BTreeSet<Signature>>,
    /// The number of grants so far.
    pub(crate) granted: Cell<u32>,
    /// Whether each relay's process was asked to stop.
    pub(crate) stop_requested: Vec<Cell<bool>>,
    /// Until when each relay's process stands still.
    pub(crate) suspended: Vec<Cell<i64>>,
    /// Whether the operator is about to restore the ledger, for which all relays are stopped.
    pub(crate) restore_requested: Cell<bool>,
    /// How often the ledger was restored. What was on its way to an earlier one does not arrive.
    pub(crate) restores: Cell<u32>,
    /// When all faults ended.
    pub(crate) healed_at: Cell<i64>,
    violation: RefCell<Option<Violation>>,
    evaluations: RefCell<Evaluations>,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl World {
    /// The world of a scenario before anything has happened.
    pub(crate) fn new(
        scenario: Scenario,
        seed: u64,
        story: Story,
        cluster: Cluster,
        ledger: Ledger,
        relays: Vec<Relay>,
    ) -> Self {
        let checker = Checker::new(&scenario);
        Self {
            streams: Streams::new(seed),
            story: RefCell::new(story),
            agenda: RefCell::default(),
            now: ledger.clock(),
            faults: Cell::new(scenario.faults),
            healed: Cell::new(false),
            cluster: RefCell::new(cluster),
            ledger,
            keys: Keys::new(),
            scenario,
            stop_requested: vec![Cell::new(false); relays.len()],
            suspended: vec![Cell::new(0); relays.len()],
            relays,
            checker: RefCell::new(checker),
            verified: RefCell::default(),
            granted: Cell::new(0),
            restore_requested: Cell::new(false),
            restores: Cell::new(0),
            healed_at: Cell::new(i64::MAX),
            violation: RefCell::default(),
            evaluations: RefCell::default(),
        }
    }

    /// The time in Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// The nodes of the network.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.scenario.nodes
    }

    /// Adds an event to the story.
    pub(crate) fn tell(&self, actor: &str, event: fmt::Arguments<'_>) {
        self.story.borrow_mut().tell(self.now_ms() - START_MS, actor, event);
    }

    /// Evaluates a rule. If it does not hold, `promise` says what was broken, with which the run ends.
    pub(crate) fn check(&self, rule: Rule, holds: bool, promise: impl FnOnce() -> String) {
        self.evaluations.borrow_mut().count(rule);
        if !holds {
            let text = promise();
            self.tell("checker", format_args!("VIOLATION: {text}"));
            self.violation.borrow_mut().get_or_insert(Violation { rule, text });
        }
    }

    /// How often each rule was evaluated.
    pub(crate) fn evaluations(&self) -> Evaluations {
        self.evaluations.borrow().clone()
    }

    /// The first broken promise.
    pub(crate) fn violation(&self) -> Option<Violation> {
        self.violation.borrow().clone()
    }

    /// Schedules a task.
    pub(crate) fn schedule(&self, in_ms: i64, task: Task) {
        self.agenda.borrow_mut().schedule(self.now_ms() + in_ms.max(0), task);
    }

    /// Schedules anything else.
    pub(crate) fn schedule_effect(&self, in_ms: i64, effect: impl FnOnce(&World) + 'static) {
        self.schedule(in_ms, Task::Effect(Box::new(effect)));
    }

    /// The operator makes a backup of the ledger, instead of an earlier one.
    pub(crate) fn back_up_ledger(&self) {
        self.tell("operator", format_args!("backs up the ledger"));
        self.ledger.back_up();
    }

    /// The operator restores the ledger from the backup while no relay runs.
    pub(crate) fn restore_ledger(&self) {
        self.tell("operator", format_args!("restores the ledger"));
        self.restores.set(self.restores.get() + 1);
        self.ledger.restore();
        self.checker.borrow_mut().restored();
    }

    /// The source of randomness for one kind of choice.
    pub(crate) fn random(&self, stream: Stream) -> RefMut<'_, Random> {
        self.streams.of(stream)
    }

    /// True in `per_mille` of 1,000 cases.
    pub(crate) fn chance(&self, stream: Stream, per_mille: u64) -> bool {
        self.random(stream).chance(per_mille)
    }

    /// A random number, both bounds included.
    pub(crate) fn between(&self, stream: Stream, low: i64, high: i64) -> i64 {
        self.random(stream).between(low, high)
    }
}

/// Lets time pass for a process.
pub(crate) struct Sleep {
    world: Rc<World>,
    process: ProcessId,
    until_ms: i64,
    scheduled: bool,
}

impl Sleep {
    /// Ends after `ms` milliseconds.
    pub(crate) fn new(world: &Rc<World>, process: ProcessId, ms: i64) -> Self {
        let until_ms = world.now_ms() + ms.max(0);
        Self { world: Rc::clone(world), process, until_ms, scheduled: false }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let now = self.world.now_ms();
        // Even a wait of no time lets others act first.
        if self.scheduled && now >= self.until_ms {
            return Poll::Ready(());
        }
        // Something else that the process waits for may have woken it.
        if !std::mem::replace(&mut self.scheduled, true) {
            self.world.schedule(self.until_ms - now, Task::Wake(self.process, context.waker().clone()));
        }
        Poll::Pending
    }
}

/// The clock of a relay, which may be wrong.
#[derive(Clone)]
pub(crate) struct RelayClock {
    pub(crate) now: Arc<AtomicI64>,
    pub(crate) skew_ms: Rc<Cell<i64>>,
}

impl williw_relay::clock::Clock for RelayClock {
    fn now_ms(&self) -> i64 {
        self.now.load(Ordering::Relaxed) + self.skew_ms.get()
    }
}
