//! Runs the engine until everything is settled.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use williw_relay::clock::{Clock as _, ManualClock};
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::engine::{Engine, EngineConfig, EngineParts, Progress, Trigger};
use williw_relay::events::NoEvents;
use williw_relay::signer::SecretKey;

use crate::chain::MemoryChain;
use crate::counted::CountedDatabase;
use crate::world::{CREDITED_BEFORE, NOW_MS, REWARD_LAMPORTS, network, settler};
use crate::{BenchError, ledger, process};

const TRIGGER: Trigger<'static> = Trigger { name: "bench", retry_held: false };

/// The number of idle calls that are measured.
const IDLE_CALLS: usize = 101;

/// The counts are printed per this many nodes.
const NODES_PER_COUNT: f64 = 3_000.0;

/// Settles the ledger in `file` and prints the measurement.
pub(crate) fn settle(file: &Path, nodes: u64, rewards: u64) -> Result<(), BenchError> {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let database = SqliteDatabase::open(file).map_err(BenchError::other)?;
    let of_database = Arc::clone(&clock);
    database.set_clock(move || of_database.now_ms())?;
    let database = CountedDatabase::new(database);
    let chain = MemoryChain::new(&clock, nodes)?;
    chain.check()?;
    let secret = settler().to_base58_string();
    let signer = SecretKey::parse(&secret).map_err(BenchError::other)?;
    let config = EngineConfig::new(network()?, "bench".to_owned()).with_local_ledger();
    let parts = EngineParts { database: &database, chain: &chain, signer, clock: &*clock, events: NoEvents };
    let engine = Engine::new(parts, config);
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(BenchError::other)?;

    process::reset_peak()?;
    let (start, processor) = (process::now(), process::processor_time()?);
    let (mut settlements, mut calls) = (0_u64, 0_u64);
    let mut longest_call = Duration::ZERO;
    loop {
        let call = process::now();
        let progress = runtime.block_on(engine.advance(TRIGGER))?;
        longest_call = longest_call.max(call.elapsed());
        calls += 1;
        match progress {
            Progress::Idle => break,
            Progress::Opened => {}
            Progress::Continue { after_ms } => clock.advance(i64::try_from(after_ms).map_err(BenchError::other)?),
            Progress::Finished { failure: None, .. } => settlements += 1,
            other => return Err(BenchError::Other(format!("the settlement failed: {other:?}"))),
        }
    }
    let total = start.elapsed();
    let processor = process::processor_time()?.saturating_sub(processor).saturating_sub(chain.time.get());
    let peak_kib = process::peak_kib()?;
    let engine_time = total.saturating_sub(chain.time.get());
    let (database_calls, database_time) = (database.calls.get(), database.total.get());
    let longest_write = database.longest.get();
    let requests: u64 = chain.requests.borrow().values().sum();
    let by_request: serde_json::Map<String, serde_json::Value> =
        chain.requests.borrow().iter().map(|(request, count)| (format!("{request:?}"), json!(count))).collect();

    let mut idle = Vec::with_capacity(IDLE_CALLS);
    for _ in 0..IDLE_CALLS {
        let call = process::now();
        let progress = runtime.block_on(engine.advance(TRIGGER))?;
        idle.push(call.elapsed());
        if progress != Progress::Idle {
            return Err(BenchError::Other(format!("not idle: {progress:?}")));
        }
    }
    idle.sort_unstable();
    let expected = nodes * (CREDITED_BEFORE + rewards * REWARD_LAMPORTS);
    if chain.credited_total() != expected {
        return Err(BenchError::Other(format!("{} credited, expected {expected}", chain.credited_total())));
    }
    drop(engine);
    drop(database);
    ledger::check(file, nodes, rewards)?;

    let of_count = nodes as f64 / NODES_PER_COUNT;
    let seconds = engine_time.as_secs_f64();
    let millis = |duration: Duration| (duration.as_secs_f64() * 10_000.0).round() / 10.0;
    println!(
        "{}",
        json!({
            "measurement": "settle",
            "nodes": nodes,
            "rewards_per_node": rewards,
            "seconds": (seconds * 1_000.0).round() / 1_000.0,
            "processor_seconds": (processor.as_secs_f64() * 1_000.0).round() / 1_000.0,
            "nodes_per_processor_second": (nodes as f64 / processor.as_secs_f64()).round(),
            "chain_seconds": (chain.time.get().as_secs_f64() * 1_000.0).round() / 1_000.0,
            "database_seconds": (database_time.as_secs_f64() * 1_000.0).round() / 1_000.0,
            "nodes_per_second": (nodes as f64 / seconds).round(),
            "settlements": settlements,
            "engine_calls": calls,
            "database_calls_per_3000_nodes": (database_calls as f64 / of_count * 10.0).round() / 10.0,
            "rpc_calls_per_3000_nodes": (requests as f64 / of_count * 10.0).round() / 10.0,
            "rpc_calls": by_request,
            "longest_write_ms": millis(longest_write),
            "longest_engine_call_ms": millis(longest_call),
            "peak_memory_mib": peak_kib / 1_024,
            "idle_call_ms": millis(idle.get(IDLE_CALLS / 2).copied().unwrap_or_default()),
            "ledger_mib": std::fs::metadata(file).map_err(BenchError::other)?.len() / (1 << 20),
        })
    );
    Ok(())
}
