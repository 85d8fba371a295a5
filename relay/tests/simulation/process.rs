//! A relay's process: it advances the engine as `williw-relay run --watch` does.

use std::pin::Pin;
use std::rc::Rc;

use williw_relay::chain::{ChainError, Pool};
use williw_relay::database::DatabaseError;
use williw_relay::engine::{Engine, EngineConfig, EngineError, EngineParts, FormatChoice, Progress, Trigger};
use williw_relay::events::NoEvents;
use williw_relay::signer::SecretKey;

use crate::agenda::{ProcessId, Task};
use crate::checker::{Rule, holder};
use crate::ledger::RemoteLedger;
use crate::random::Stream;
use crate::rpc::{Rpc, Url};
use crate::scenario::Urls;
use crate::tables;
use crate::world::{RelayClock, Sleep, World};

/// The interval at which an idle relay looks for work.
const IDLE_MS: i64 = 15_000;

/// A running process. It ends by itself only where a human has to look.
pub(crate) type Process = Pin<Box<dyn Future<Output = ()>>>;

/// The URLs that a process is started with.
fn urls(world: &World, relay: usize) -> Vec<Url> {
    let mut urls: Vec<Url> = match world.scenario.urls {
        Urls::One => vec![Url::Balanced],
        Urls::All { .. } => (0..world.scenario.views.len()).map(Url::Node).collect(),
    };
    // A ledger that has settled nothing yet cannot know its cluster.
    if world.ledger.is_bound() && world.chance(Stream::Start(relay), world.faults.get().other_cluster) {
        let wrong = world.random(Stream::Start(relay)).index(urls.len());
        urls[wrong] = Url::OtherCluster;
        world.tell(world.relays[relay].name, format_args!("is started with a URL of another cluster"));
        let ms = world.between(Stream::Start(relay), 3_000, 15_000);
        world.schedule(ms, Task::Crash(relay));
    }
    let first = world.relays[relay].view % urls.len();
    urls.rotate_left(first);
    urls
}

/// Starts the next process of a relay.
pub(crate) fn start(world: &Rc<World>, relay: usize) -> (ProcessId, Process) {
    let of_relay = &world.relays[relay];
    of_relay.incarnation.set(of_relay.incarnation.get() + 1);
    let process = ProcessId { relay, incarnation: of_relay.incarnation.get() };
    let nodes = urls(world, relay).into_iter().map(|url| Rpc { world: Rc::clone(world), process, url });
    let (database, chain) = (RemoteLedger { world: Rc::clone(world), process }, Pool::new(nodes));
    world.tell(of_relay.name, format_args!("starts process {}", process.incarnation));
    if of_relay.name == tables::NAME {
        return (process, Box::pin(tables::run(Rc::clone(world), process, database, chain)));
    }
    let holder = holder(world, process);
    let config = EngineConfig {
        format: world.scenario.format.map_or(FormatChoice::Auto, FormatChoice::Only),
        max_nodes: world.scenario.max_nodes,
        nodes_per_call: world.scenario.nodes_per_call,
        batches_per_call: world.scenario.batches_per_call,
        max_open_batches: world.scenario.max_open_batches,
        ..EngineConfig::new(world.keys.network(), holder)
    };
    let secret = bs58::encode(world.keys.settler.to_bytes()).into_string();
    let parts = EngineParts {
        database,
        chain,
        signer: SecretKey::parse(&secret).expect("a valid key"),
        clock: RelayClock { now: world.ledger.clock(), skew_ms: Rc::clone(&of_relay.skew_ms) },
        events: NoEvents,
    };
    (process, Box::pin(run(Rc::clone(world), process, Engine::new(parts, config))))
}

type SimulatedEngine = Engine<RemoteLedger, Pool<Rpc>, SecretKey, RelayClock, NoEvents>;

async fn run(world: Rc<World>, process: ProcessId, engine: SimulatedEngine) {
    let name = world.relays[process.relay].name;
    let mut retry_held = true;
    let mut errors = 0_u32;
    world.stop_requested[process.relay].set(false);
    loop {
        let wait = match engine.advance(Trigger { name: "simulation", retry_held }).await {
            Ok(progress) => {
                errors = 0;
                match progress {
                    Progress::Opened => {
                        retry_held = false;
                        0
                    }
                    Progress::Continue { after_ms } => i64::try_from(after_ms).unwrap_or(i64::MAX),
                    Progress::Busy { retry_after_ms, .. } => {
                        i64::try_from(retry_after_ms).unwrap_or(i64::MAX).min(2_000)
                    }
                    Progress::Finished { settlement_id, failure } => {
                        let outcome = failure.as_deref().unwrap_or("done");
                        world.tell(name, format_args!("settlement {settlement_id} ends: {outcome}"));
                        if failure.is_some() { IDLE_MS } else { 0 }
                    }
                    Progress::Blocked { reason, .. } => {
                        world.tell(name, format_args!("is blocked: {reason}"));
                        IDLE_MS
                    }
                    Progress::Idle => {
                        retry_held = false;
                        IDLE_MS
                    }
                }
            }
            Err(EngineError::LeaseLost) => {
                world.tell(name, format_args!("has lost the lease"));
                world.checker.borrow().lost_lease(&world, name);
                1_000
            }
            Err(error) if error.is_external() => {
                world.tell(name, format_args!("retries: {error}"));
                let asked = match &error {
                    EngineError::Chain(ChainError::RateLimited { retry_after_ms: Some(ms) }) => ms.cast_signed(),
                    _ => 0,
                };
                let delay = (1_000_i64 << errors.min(5)).min(30_000).max(asked);
                errors += 1;
                // Nobody else should wait for a relay that waits.
                let _ = engine.stop().await;
                delay
            }
            Err(error) => {
                world.tell(name, format_args!("stops: {error}"));
                let has_cause = !matches!(
                    &error,
                    EngineError::Ledger(
                        DatabaseError::Constraint(_) | DatabaseError::Statement(_) | DatabaseError::Decode(_),
                    )
                    // Whatever a node answers, a relay goes on asking.
                    | EngineError::Chain(_)
                    | EngineError::Build(_)
                    | EngineError::Signer(_)
                );
                world.check(Rule::ErrorsHaveACauseOutside, has_cause, || {
                    format!("{name} returns an error that has no cause outside of it: {error}")
                });
                let _ = engine.stop().await;
                return;
            }
        };
        if world.stop_requested[process.relay].replace(false) {
            world.tell(name, format_args!("is asked to stop"));
            if engine.stop().await.is_ok() {
                world.checker.borrow().leaves_no_lease(&world, process);
            }
            return;
        }
        if wait > 0 {
            Sleep::new(&world, process, wait).await;
        }
    }
}
