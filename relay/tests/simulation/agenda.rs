//! What is going to happen, by virtual time. Whatever happens at the same time happens in the order in which it was
//! scheduled.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::world::World;

/// A process and its number of starts, so that what belongs to a crashed process is told from what its successor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessId {
    /// The relay that the process belongs to.
    pub(crate) relay: usize,
    /// How often the relay was started before.
    pub(crate) incarnation: u32,
}

/// Something that is going to happen.
pub(crate) enum Task {
    /// A process goes on: an answer has arrived, or it has waited long enough.
    Wake(ProcessId, Waker),
    /// A relay's process is started.
    Start(usize),
    /// A relay's process crashes.
    Crash(usize),
    /// The cluster's next slot.
    Slot,
    /// Somebody other than the relays acts.
    Act,
    /// All faults end.
    Heal,
    /// Checks whether everything has been settled.
    Look,
    /// Anything else: a request arrives, an operator undoes something.
    Effect(Box<dyn FnOnce(&World)>),
}

/// All tasks that are still to come.
#[derive(Default)]
pub(crate) struct Agenda {
    tasks: BTreeMap<(i64, u64), Task>,
    scheduled: u64,
}

impl Agenda {
    /// Schedules a task.
    pub(crate) fn schedule(&mut self, at_ms: i64, task: Task) {
        self.tasks.insert((at_ms, self.scheduled), task);
        self.scheduled += 1;
    }

    /// Takes the next task with its time.
    pub(crate) fn next(&mut self) -> Option<(i64, Task)> {
        self.tasks.pop_first().map(|((at_ms, _), task)| (at_ms, task))
    }

    /// The time of the next task.
    pub(crate) fn next_at(&self) -> Option<i64> {
        self.tasks.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }
}
