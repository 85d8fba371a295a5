//! `run`: drives the engine until there is nothing left to settle, or for ever.

use std::time::Duration;

use serde_json::json;
use williw_relay::chain::Chain;
use williw_relay::clock::{Clock, SystemClock};
use williw_relay::database::Database;
use williw_relay::engine::{Engine, EngineConfig, EngineError, EngineParts, Progress, Trigger};
use williw_relay::events::Events;
use williw_relay::ledger::settlements;
use williw_relay::signer::Signer;

use crate::arguments::{Location, RunArguments};
use crate::environment;
use crate::failure::Failure;
use crate::ledger::{self, WhenMissing};
use crate::output::Output;
use crate::progress::LogEvents;
use crate::shutdown::Shutdown;

use super::status::Summary;

/// The first pause after an error that passes; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest pause between two tries.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// How long to leave the ledger to a runner that has taken over.
const AFTER_LEASE_LOST: Duration = Duration::from_secs(1);

/// The longest pause before a lease that another runner holds is tried again: it may be given back early.
const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(2);

/// Settles.
pub async fn run(at: &Location, arguments: &RunArguments, output: &Output) -> Result<(), Failure> {
    let chain = environment::cluster(at)?;
    let network = environment::network(at)?;
    let signer = environment::secret_key()?;
    let database = ledger::open(at, WhenMissing::Create)?;
    let mut config = EngineConfig::new(*network, holder()?);
    config.format = arguments.format;
    config.max_compute_unit_price = arguments.max_compute_unit_price;

    let parts = EngineParts { database: &database, chain, signer, clock: SystemClock, events: LogEvents };
    let engine = Engine::new(parts, config);
    let mut shutdown = Shutdown::listen()?;
    let outcome = drive(&engine, &database, arguments, output, &mut shutdown).await;
    // However the run ended, the next runner need not wait for the lease to end by itself.
    if let Err(error) = engine.stop().await {
        tracing::warn!("the lease could not be given back and ends by itself: {error}");
    }
    outcome
}

async fn drive<D: Database, C: Chain, S: Signer, K: Clock, E: Events>(
    engine: &Engine<&D, C, S, K, E>,
    database: &D,
    arguments: &RunArguments,
    output: &Output,
    shutdown: &mut Shutdown,
) -> Result<(), Failure> {
    let interval = Duration::from_secs(arguments.interval.into());
    // Whoever starts a run wants held rewards tried now; after that they wait for their time.
    let mut retry_held = true;
    let mut settled = false;
    let mut trouble = Trouble::default();
    let mut busy_with = None;
    loop {
        if shutdown.is_requested() {
            if arguments.watch {
                return Ok(());
            }
            return Err(Failure::Interrupted(
                "stopped before everything was settled; the next run goes on from here".to_owned(),
            ));
        }
        let progress = match engine.advance(Trigger { name: "cli", retry_held }).await {
            Ok(progress) => progress,
            Err(EngineError::LeaseLost) => {
                tracing::warn!("another runner has taken over");
                shutdown.sleep(AFTER_LEASE_LOST).await;
                continue;
            }
            Err(error) if error.is_transient() => {
                let pause = trouble.next_pause(SystemClock.now_ms());
                if !arguments.watch && trouble.lasts_longer_than(arguments.patience, SystemClock.now_ms()) {
                    return Err(error.into());
                }
                tracing::warn!("{error}; trying again in {} s", pause.as_secs());
                shutdown.sleep(pause).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        trouble = Trouble::default();
        match progress {
            Progress::Opened => busy_with = None,
            Progress::Continue { after_ms } => {
                busy_with = None;
                if after_ms > 0 {
                    shutdown.sleep(Duration::from_millis(after_ms)).await;
                }
            }
            Progress::Busy { holder, retry_after_ms } => {
                if busy_with.as_ref() != Some(&holder) {
                    tracing::info!("another runner, {holder}, has the lease: waiting for it");
                }
                busy_with = Some(holder);
                shutdown.sleep(Duration::from_millis(retry_after_ms).min(LONGEST_BUSY_PAUSE)).await;
            }
            Progress::Finished { settlement_id, failure } => {
                retry_held = false;
                settled = true;
                let settlement = settlements::get(database, settlement_id).await?;
                let outcome = if failure.is_some() { "failed" } else { "settled" };
                output.result(&json!({"outcome": outcome, "settlement": settlement}), &Summary(&settlement))?;
                match failure {
                    Some(reason) if !arguments.watch => return Err(Failure::Settlement { id: settlement_id, reason }),
                    Some(reason) => {
                        tracing::error!("settlement {settlement_id} failed: {reason}");
                        shutdown.sleep(interval).await;
                    }
                    None => {}
                }
            }
            Progress::Idle if arguments.watch => {
                retry_held = false;
                tracing::debug!("nothing to settle, looking again in {} s", arguments.interval);
                shutdown.sleep(interval).await;
            }
            Progress::Idle => {
                if !settled {
                    output.result(&json!({"outcome": "idle", "settlement": null}), &"there is nothing to settle")?;
                }
                return Ok(());
            }
        }
    }
}

/// Errors in a row that may pass.
#[derive(Default)]
struct Trouble {
    errors: u32,
    since_ms: Option<i64>,
}

impl Trouble {
    /// Counts one more error at `now_ms`; returns how long to wait before the next try.
    fn next_pause(&mut self, now_ms: i64) -> Duration {
        /// 2⁵ s is above the longest pause.
        const MOST_DOUBLINGS: u32 = 5;

        let pause = FIRST_RETRY.saturating_mul(1 << self.errors.min(MOST_DOUBLINGS)).min(LONGEST_RETRY);
        self.errors = self.errors.saturating_add(1);
        self.since_ms.get_or_insert(now_ms);
        pause
    }

    /// Whether the first of the errors is at least `seconds` ago.
    fn lasts_longer_than(&self, seconds: u32, now_ms: i64) -> bool {
        self.since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) >= i64::from(seconds) * 1000)
    }
}

/// A name for the lease that no other runner has, living or dead.
fn holder() -> Result<String, Failure> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::Internal(format!("the system gives no random bytes: {error}")))?;
    Ok(format!("williw-relay-{}-{}", std::process::id(), hex::encode(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_patience_counts_from_the_first_error() {
        let mut trouble = Trouble::default();
        let pauses: Vec<u64> = (0..7).map(|error| trouble.next_pause(error * 1000).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert!(!trouble.lasts_longer_than(10, 9_999));
        assert!(trouble.lasts_longer_than(10, 10_000));
        assert!(!Trouble::default().lasts_longer_than(0, 0), "without an error there is no trouble");
    }
}
