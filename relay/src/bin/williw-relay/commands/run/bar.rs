//! The progress bar of a run: what the ledger says about the open settlement, at the pace since this run has first seen it.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use williw_relay::ledger::progress::{self, SettlementProgress};

use crate::ledger::Ledger;
use crate::screen::Screen;

/// How often a ledger in a file is read.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often the ledger of a Worker is read, which charges for the rows that it reads.
const WORKER_INTERVAL: Duration = Duration::from_secs(10);

/// Draws the bar again and again, whenever a settlement is open. Never returns.
pub(super) async fn draw(screen: &Screen, database: &Ledger) {
    let mut ticks = interval(match database {
        Ledger::File(_) => INTERVAL,
        Ledger::Worker(_) => WORKER_INTERVAL,
    });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut first: Option<(SettlementProgress, Instant)> = None;
    loop {
        let now = ticks.tick().await;
        match progress::of_open_settlement(database).await {
            Ok(Some(current)) => {
                let same = first.filter(|(progress, _)| progress.settlement_id == current.settlement_id);
                let (begun, since) = *first.insert(same.unwrap_or((current, now)));
                let pace = Pace { done: current.done.saturating_sub(begun.done), elapsed: now.duration_since(since) };
                screen.draw(current.settlement_id, current.done, current.nodes, message(&current, pace));
            }
            Ok(None) => {
                first = None;
                screen.clear();
            }
            Err(error) => tracing::debug!("no progress to show: {error}"),
        }
    }
}

/// How many nodes were done in how much time.
#[derive(Clone, Copy)]
struct Pace {
    done: u64,
    elapsed: Duration,
}

impl Pace {
    /// Nodes per minute; `None` before the first.
    fn per_minute(self) -> Option<u128> {
        let elapsed_ms = self.elapsed.as_millis();
        (self.done > 0).then(|| u128::from(self.done).saturating_mul(60_000).checked_div(elapsed_ms)).flatten()
    }

    /// How many seconds `nodes` more nodes take; `None` before the first.
    fn seconds_for(self, nodes: u64) -> Option<u128> {
        let ms = u128::from(nodes).saturating_mul(self.elapsed.as_millis());
        (self.elapsed > Duration::ZERO)
            .then(|| ms.checked_div(u128::from(self.done)))
            .flatten()
            .map(|ms| ms.div_ceil(1_000))
    }
}

/// What follows the bar.
fn message(progress: &SettlementProgress, pace: Pace) -> String {
    let mut parts = vec![format!(", {} batches in flight", progress.batches_in_flight)];
    parts.extend(pace.per_minute().map(|nodes| format!("{nodes} nodes/min")));
    let left = progress.nodes.saturating_sub(progress.done);
    parts.extend(
        pace.seconds_for(left)
            .map(|seconds| format!("{}:{:02}:{:02} left", seconds / 3_600, seconds / 60 % 60, seconds % 60)),
    );
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(done: u64, of: u64, before: u64, elapsed: Duration) -> String {
        let progress = SettlementProgress { settlement_id: 1, nodes: of, done, batches_in_flight: 3 };
        message(&progress, Pace { done: done - before, elapsed })
    }

    #[test]
    fn rate_and_time_left_are_those_since_the_run_began() {
        let minute = Duration::from_secs(60);
        assert_eq!(shown(2_000, 8_000, 1_000, minute), ", 3 batches in flight, 1000 nodes/min, 0:06:00 left");
        assert_eq!(shown(8_000, 8_000, 0, minute), ", 3 batches in flight, 8000 nodes/min, 0:00:00 left");
        assert_eq!(shown(1, 50_001, 0, minute), ", 3 batches in flight, 1 nodes/min, 833:20:00 left");
    }

    #[test]
    fn before_the_first_node_is_done_nothing_is_said_about_the_time_left() {
        for elapsed in [Duration::ZERO, Duration::from_secs(60)] {
            assert_eq!(shown(1_000, 8_000, 1_000, elapsed), ", 3 batches in flight");
        }
        assert_eq!(shown(8_000, 8_000, 0, Duration::ZERO), ", 3 batches in flight");
    }
}
