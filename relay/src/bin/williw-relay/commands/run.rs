//! The `run` command: settles rewards until none are left to settle, or indefinitely with `--watch`.

mod bar;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use williw_relay::chain::{Chain, ChainError};
use williw_relay::clock::{Clock, SystemClock};
use williw_relay::database::Database;
use williw_relay::engine::{Asset, Engine, EngineConfig, EngineError, EngineParts, Progress, Trigger};
use williw_relay::events::Events;
use williw_relay::ledger::retention;
use williw_relay::ledger::{reviews, settlements};
use williw_relay::signer::Signer;

use crate::arguments::{ConnectionArguments, LedgerLocation, RunArguments};
use crate::environment;
use crate::error::CliError;
use crate::ledger::{self, IfMissing, Ledger};
use crate::logging::LogEvents;
use crate::metrics::Exporter;
use crate::output::Output;
use crate::shutdown::Shutdown;

use super::status::Summary;

/// The delay after the first transient error. It doubles with every further one.
const INITIAL_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The maximum delay between two retries.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(30);

/// The delay after losing the lease to another runner.
const LEASE_LOST_DELAY: Duration = Duration::from_secs(1);

/// The maximum delay before retrying to acquire the lease, which another runner may release early.
const MAX_BUSY_DELAY: Duration = Duration::from_secs(2);

pub(crate) async fn run(
    connection: &ConnectionArguments,
    arguments: &RunArguments,
    output: &Output,
) -> Result<(), CliError> {
    let counters = Rc::default();
    let chain = environment::counted_cluster(connection, &counters)?;
    let network = environment::network(connection)?;
    let signer = environment::secret_key()?;
    let database = ledger::open(connection, IfMissing::Create)?;
    let mut config = EngineConfig::new(network, lease_holder()?);
    if matches!(database, Ledger::File(_)) {
        config = config.with_local_ledger();
    }
    config.format = arguments.format;
    config.max_compute_unit_price = arguments.max_compute_unit_price;
    config.max_priority_fee_lamports = arguments.max_priority_fee;
    config.max_fees_lamports = arguments.max_fee_per_run;

    let exporter = match arguments.metrics_addr {
        Some(address) => Some(Exporter::listen(address, network.address(), signer.address(), counters).await?),
        None => None,
    };
    let parts = EngineParts { database: &database, chain: &chain, signer, clock: SystemClock, events: LogEvents };
    let engine = Engine::new(parts, config);
    let mut shutdown = Shutdown::listen()?;
    let retention = Retention {
        days: arguments.retention_days,
        includes_keys: matches!(connection.ledger, Some(LedgerLocation::File(_))),
        pruned_at_ms: Cell::new(SystemClock.now_ms()),
    };
    let metrics = async {
        match &exporter {
            Some(exporter) => exporter.collect(&database, &chain).await,
            None => std::future::pending().await,
        }
    };
    let bar = async {
        match output.screen().has_bar() {
            true => bar::draw(output.screen(), &database).await,
            false => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        outcome = advance_until_done(&engine, &database, arguments, &retention, output, &mut shutdown) => outcome,
        () = metrics => Err(CliError::Internal("the metrics have ended".to_owned())),
        () = bar => Err(CliError::Internal("the progress bar has ended".to_owned())),
    };
    output.screen().clear();
    // Whatever the outcome, release the lease, so that the next runner does not have to wait for it to expire.
    if let Err(error) = engine.stop().await {
        tracing::warn!("cannot release the lease, which will expire by itself: {error}");
    }
    outcome
}

async fn advance_until_done<D: Database, C: Chain, S: Signer, K: Clock, E: Events>(
    engine: &Engine<&D, C, S, K, E>,
    database: &D,
    arguments: &RunArguments,
    retention: &Retention,
    output: &Output,
    shutdown: &mut Shutdown,
) -> Result<(), CliError> {
    let interval = Duration::from_secs(arguments.interval.into());
    // Retry held rewards immediately when a run is started, and afterwards at the usual interval.
    let mut retry_held = true;
    // The settlements of this run, and their fees in lamports.
    let (mut settled, mut fees) = (0_u32, 0_u64);
    let mut backoff = Backoff::default();
    let mut busy_with = None;
    let mut blocked = Blocked::default();
    loop {
        // A call that only reads a local ledger waits for nothing, but signals must arrive.
        tokio::task::yield_now().await;
        if shutdown.is_requested() {
            if arguments.watch {
                return Ok(());
            }
            return Err(CliError::Interrupted(
                "interrupted before all rewards were settled; the next run resumes".to_owned(),
            ));
        }
        retention.prune_if_overdue(database).await;
        let progress = match engine.advance(Trigger { name: "cli", retry_held }).await {
            Ok(progress) => progress,
            Err(EngineError::LeaseLost) => {
                tracing::warn!("another runner has taken over the lease");
                shutdown.sleep(LEASE_LOST_DELAY).await;
                continue;
            }
            // With --watch, an answer that makes no sense is retried as well: a node or a proxy may recover.
            Err(error) if error.is_transient() || (arguments.watch && error.is_external()) => {
                let asked = retry_after(&error);
                let delay = backoff.next_delay(SystemClock.now_ms()).max(asked);
                // No request is sent before the node allows it, so that nothing can change until then.
                let is_hopeless = asked > Duration::from_secs(arguments.patience.into());
                if !arguments.watch && (is_hopeless || backoff.has_lasted(arguments.patience, SystemClock.now_ms())) {
                    return Err(error.into());
                }
                // Nobody else should wait for a runner that waits.
                if let Err(error) = engine.stop().await {
                    tracing::debug!("cannot release the lease, which will expire by itself: {error}");
                }
                tracing::warn!("{error}; retrying in {} s", delay.as_secs());
                shutdown.sleep(delay).await;
                continue;
            }
            // The open settlement cannot go on, but it can once the reason is gone.
            Err(EngineError::Rejected(reason)) if arguments.watch => {
                blocked.report(&reason);
                if let Err(error) = engine.stop().await {
                    tracing::debug!("cannot release the lease, which will expire by itself: {error}");
                }
                shutdown.sleep(interval).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if !matches!(progress, Progress::Blocked { .. }) {
            blocked = Blocked::default();
        }
        backoff = Backoff::default();
        match progress {
            Progress::Opened => {
                busy_with = None;
                // Only a settlement opened by this run has retried held rewards, not one that it inherited.
                retry_held = false;
            }
            Progress::Continue { after_ms } => {
                busy_with = None;
                if after_ms > 0 {
                    shutdown.sleep(Duration::from_millis(after_ms)).await;
                }
            }
            Progress::Busy { holder, retry_after_ms } => {
                if busy_with.as_ref() != Some(&holder) {
                    tracing::info!("waiting for the lease, which is held by another runner ({holder})");
                }
                busy_with = Some(holder);
                shutdown.sleep(Duration::from_millis(retry_after_ms).min(MAX_BUSY_DELAY)).await;
            }
            Progress::Finished { settlement_id, failure } => {
                retention.prune(database).await;
                let settlement = settlements::get(database, settlement_id).await?;
                settled = settled.saturating_add(1);
                fees = fees.saturating_add(settlement.fees_lamports.get());
                if !arguments.watch {
                    engine.limit_fees(arguments.max_fee_per_run.map(|max| max.saturating_sub(fees)));
                }
                let outcome = if failure.is_some() { "failed" } else { "settled" };
                let asset = Asset::of_ledger(database).await?;
                let summary = Summary { settlement: &settlement, asset: asset.as_ref() };
                output.result(&json!({"outcome": outcome, "settlement": settlement}), &summary)?;
                match failure {
                    Some(reason) if !arguments.watch => return Err(CliError::Settlement { id: settlement_id, reason }),
                    Some(reason) => {
                        tracing::error!("settlement {settlement_id} failed: {reason}");
                        shutdown.sleep(interval).await;
                    }
                    None => {}
                }
            }
            Progress::Blocked { reason, .. } if arguments.watch => {
                blocked.report(&reason);
                shutdown.sleep(interval).await;
            }
            Progress::Blocked { settlement_id, reason } => {
                let settlement = settlements::get(database, settlement_id).await?;
                let asset = Asset::of_ledger(database).await?;
                let summary = Summary { settlement: &settlement, asset: asset.as_ref() };
                output.result(&json!({"outcome": "blocked", "settlement": settlement}), &summary)?;
                return Err(CliError::Settlement { id: settlement_id, reason });
            }
            Progress::Idle if arguments.watch => {
                retry_held = false;
                retention.prune(database).await;
                tracing::debug!("nothing to settle, checking again in {} s", arguments.interval);
                shutdown.sleep(interval).await;
            }
            Progress::Idle => {
                retention.prune(database).await;
                if settled == 0 {
                    output.result(&json!({"outcome": "idle", "settlement": null}), &"nothing to settle")?;
                } else {
                    tracing::info!(
                        settlements = settled,
                        fees_lamports = fees,
                        "finished; fees of this run: {fees} lamports"
                    );
                }
                return match reviews::count(database).await? {
                    0 => Ok(()),
                    nodes => Err(CliError::BooksDisagree { nodes }),
                };
            }
        }
    }
}

/// How long the RPC node has asked to wait, up to an hour.
fn retry_after(error: &EngineError) -> Duration {
    match error {
        EngineError::Chain(ChainError::RateLimited { retry_after_ms: Some(ms) }) => Duration::from_millis(*ms),
        _ => Duration::ZERO,
    }
}

/// Exponential backoff for consecutive transient errors.
#[derive(Default)]
struct Backoff {
    errors: u32,
    since_ms: Option<i64>,
}

impl Backoff {
    /// Records an error at `now_ms` and returns the delay before the next retry.
    fn next_delay(&mut self, now_ms: i64) -> Duration {
        /// 2⁵ s exceeds the maximum delay.
        const MAX_DOUBLINGS: u32 = 5;

        let delay = INITIAL_RETRY_DELAY.saturating_mul(1 << self.errors.min(MAX_DOUBLINGS)).min(MAX_RETRY_DELAY);
        self.errors = self.errors.saturating_add(1);
        self.since_ms.get_or_insert(now_ms);
        delay
    }

    /// Whether the first of the errors occurred at least `seconds` ago.
    fn has_lasted(&self, seconds: u32, now_ms: i64) -> bool {
        self.since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) >= i64::from(seconds) * 1000)
    }
}

/// What becomes of old data.
struct Retention {
    /// For how long it is kept after its settlement was closed.
    days: u32,
    /// Whether idempotency keys are deleted as well. A Worker deletes its own.
    includes_keys: bool,
    /// When something was deleted last, or was to be, in Unix milliseconds.
    pruned_at_ms: Cell<i64>,
}

/// After how many milliseconds old data are deleted also while a settlement goes on or nothing can be settled.
const PRUNE_INTERVAL_MS: u64 = 10 * 60 * 1_000;

impl Retention {
    /// As [`Retention::prune`], if that was long ago.
    async fn prune_if_overdue<D: Database>(&self, database: &D) {
        if SystemClock.now_ms().abs_diff(self.pruned_at_ms.get()) >= PRUNE_INTERVAL_MS {
            self.prune(database).await;
        }
    }

    /// Deletes some of what is too old: with every settlement more than it has added. A failure is logged: nothing depends on it.
    async fn prune<D: Database>(&self, database: &D) {
        self.pruned_at_ms.set(SystemClock.now_ms());
        let pruned = retention::prune_some(database, SystemClock.now_ms(), self.days, self.includes_keys).await;
        if let Err(error) = pruned {
            tracing::warn!("cannot delete old data: {error}");
        }
    }
}

/// Why nothing can be settled at present.
#[derive(Default)]
struct Blocked(Option<String>);

impl Blocked {
    /// Logs the reason as an error, and if it is still the same, only for debugging.
    fn report(&mut self, reason: &str) {
        if self.0.as_deref() == Some(reason) {
            tracing::debug!("still blocked: {reason}");
        } else {
            tracing::error!("nothing can be settled: {reason}");
            self.0 = Some(reason.to_owned());
        }
    }
}

/// A unique name for this process as a lease holder.
pub(super) fn lease_holder() -> Result<String, CliError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .map_err(|error| CliError::Internal(format!("cannot get random bytes from the operating system: {error}")))?;
    Ok(format!("williw-relay-{}-{}", std::process::id(), hex::encode(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_a_maximum_and_the_duration_counts_from_the_first_error() {
        let mut backoff = Backoff::default();
        let delays: Vec<u64> = (0..7).map(|error| backoff.next_delay(error * 1000).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 30, 30]);
        assert!(!backoff.has_lasted(10, 9_999));
        assert!(backoff.has_lasted(10, 10_000));
        assert!(!Backoff::default().has_lasted(0, 0), "no error was recorded");
    }

    #[test]
    fn a_node_that_limits_the_rate_is_waited_for_as_long_as_it_asks() {
        let after = |retry_after_ms| retry_after(&ChainError::RateLimited { retry_after_ms }.into()).as_secs();
        assert_eq!([after(None), after(Some(7_000)), after(Some(3_600_000))], [0, 7, 3_600]);
    }
}
