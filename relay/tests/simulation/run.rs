//! One run: a seed's scenario from its start until everything is settled.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use litesvm::LiteSVM;
use settlement::client::update_network_ix;
use solana_account::Account;
use solana_signer::Signer as _;

use crate::agenda::Task;
use crate::checker::{Evaluations, Rule};
use crate::cluster::{Asset, Cluster, FollowedNode, REAL_BLOCKHASH_BLOCKS, SLOT_MS, template};
use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::process::{Process, start};
use crate::random::Stream;
use crate::scenario::Scenario;
use crate::story::Story;
use crate::tables;
use crate::world::{Relay, START_MS, Violation, World};

/// The slot at which every run starts.
const FIRST_SLOT: u64 = 1_000;

/// How long settling may take once all faults have ended: two retries of what is held, ten minutes each, and the time of a
/// settlement.
const PATIENCE_MS: i64 = 30 * 60 * 1_000;

/// The number of events after which a run is considered endless.
const MAX_EVENTS: usize = 400_000;

/// The interval between slots in which nothing can happen, once all faults have ended.
const QUIET_SLOT_MS: i64 = 12 * SLOT_MS;

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What the scenario is about.
    pub(crate) kind: &'static str,
    /// The first promise that was broken.
    pub(crate) violation: Option<Violation>,
    /// How often each rule was evaluated.
    pub(crate) evaluations: Evaluations,
    /// The hash of the story.
    pub(crate) hash: u64,
    /// The number of events.
    pub(crate) events: usize,
    /// The story, if it was recorded.
    pub(crate) story: String,
}

thread_local! {
    static TEMPLATES: RefCell<Vec<(Asset, LiteSVM)>> = const { RefCell::new(Vec::new()) };
}

/// A copy of the state from which runs with this asset start. Loading the programs takes much longer than copying them.
fn copy_of_template(asset: Asset) -> LiteSVM {
    TEMPLATES.with_borrow_mut(|templates| {
        if let Some((_, svm)) = templates.iter().find(|(known, _)| *known == asset) {
            return svm.clone();
        }
        let svm = template(asset, START_MS);
        templates.push((asset, svm.clone()));
        svm
    })
}

/// Runs the scenario of a seed.
pub(crate) fn run_seed(seed: u64, recorded: bool) -> Outcome {
    run(Scenario::of(seed), seed, recorded)
}

/// Runs a scenario. All further randomness comes from `seed`.
pub(crate) fn run(scenario: Scenario, seed: u64, recorded: bool) -> Outcome {
    run_with(scenario, seed, recorded, |_| {})
}

/// As [`run`], with something that happens besides.
pub(crate) fn run_with(scenario: Scenario, seed: u64, recorded: bool, besides: impl FnOnce(&Rc<World>)) -> Outcome {
    let mut story = Story::new(recorded);
    story.tell(0, "scenario", format_args!("{scenario:?}"));
    let tables = scenario.has_tables.then_some((&0, tables::NAME));
    let relays = scenario
        .skews_ms
        .iter()
        .zip(["relay-a", "relay-b"])
        .chain(tables)
        .enumerate()
        .map(|(number, (skew, name))| Relay {
            name,
            skew_ms: Rc::new(Cell::new(*skew)),
            view: number % scenario.views.len(),
            incarnation: Cell::new(0),
        })
        .collect();
    let cluster = cluster(&scenario);
    let world = Rc::new(World::new(scenario, seed, story, cluster, Ledger::empty(START_MS), relays));
    world.prepare();
    if world.scenario.actors.restores {
        world.schedule_restore();
    }
    if let Some(left) = world.scenario.treasury {
        world.withdraw_surplus(left);
    }
    if world.scenario.asset != Asset::Sol {
        world.spoil_token_accounts();
    }
    world.schedule(SLOT_MS, Task::Slot);
    world.schedule(world.between(Stream::Actors, 1, world.scenario.act_ms), Task::Act);
    world.schedule(world.scenario.heal_ms, Task::Heal);
    for relay in 0..world.relays.len() {
        world.schedule(world.between(Stream::Start(relay), 0, 3_000), Task::Start(relay));
    }
    besides(&world);
    drive(&world);
    if world.violation().is_none() {
        world.checker.borrow().at_rest(&world);
    }
    let story = world.story.borrow();
    Outcome {
        kind: world.scenario.kind(),
        violation: world.violation(),
        evaluations: world.evaluations(),
        hash: story.hash(),
        events: story.len(),
        story: story.text(),
    }
}

fn cluster(scenario: &Scenario) -> Cluster {
    let asset = scenario.asset;
    let mut svm = copy_of_template(asset);
    let keys = crate::cluster::Keys::new();
    let admin = keys.admin.pubkey();
    let followed = scenario
        .nodes
        .iter()
        .map(|node| {
            let receivers: Vec<_> = [node.owner, node.spare].into_iter().zip(node.funds).collect();
            for (address, lamports) in &receivers {
                let account = Account { lamports: *lamports, rent_epoch: u64::MAX, ..Account::default() };
                svm.set_account(*address, account).expect("the account is written");
            }
            if asset == Asset::Sol {
                return FollowedNode { wallet: node.wallet, receivers };
            }
            for (address, _) in receivers.iter().filter(|(_, lamports)| *lamports > 0) {
                asset.open_token_account(&mut svm, &admin, address);
            }
            let receivers = receivers.iter().map(|(address, _)| (asset.default_destination(address), 0)).collect();
            FollowedNode { wallet: node.wallet, receivers }
        })
        .collect();
    let update = update_network_ix(admin, keys.network().address(), scenario.parameters);
    crate::cluster::execute_as(&mut svm, admin, &[update]);
    let mut cluster = Cluster::new(asset, svm, FIRST_SLOT, START_MS, followed);
    cluster.views.clone_from(&scenario.views);
    cluster.rejects_v1 = scenario.rejects_v1;
    cluster.keeps_slot_hashes = scenario.has_tables;
    if scenario.is_slow() {
        cluster.blockhash_blocks = REAL_BLOCKHASH_BLOCKS;
    }
    cluster
}

/// Lets everything happen until all is settled or a promise is broken.
fn drive(world: &Rc<World>) {
    let mut processes: Vec<Option<(crate::agenda::ProcessId, Process)>> = world.relays.iter().map(|_| None).collect();
    let mut deadline = i64::MAX;
    while world.violation().is_none() {
        let next = world.agenda.borrow_mut().next();
        let Some((at_ms, task)) = next else {
            world.check(Rule::SomethingHappens, false, || "nothing happens any more".to_owned());
            return;
        };
        if at_ms > deadline || world.story.borrow().len() > MAX_EVENTS {
            let unsettled = world.checker.borrow().unsettled(world).unwrap_or_default();
            let promise = || format!("not everything was settled in time: {unsettled}");
            world.check(Rule::EverythingIsSettledInTime, false, promise);
            return;
        }
        world.check(Rule::SomethingHappens, true, String::new);
        world.now.store(at_ms, std::sync::atomic::Ordering::Relaxed);
        match task {
            Task::Wake(process, waker) => {
                let Some((running, future)) = &mut processes[process.relay] else { continue };
                if *running != process {
                    continue;
                }
                if world.suspended[process.relay].get() > world.now_ms() {
                    let until = world.suspended[process.relay].get() - world.now_ms();
                    world.schedule(until, Task::Wake(process, waker));
                    continue;
                }
                waker.wake();
                if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    processes[process.relay] = None;
                    // A human has looked.
                    world.schedule(
                        world.between(Stream::Start(process.relay), 2_000, 20_000),
                        Task::Start(process.relay),
                    );
                }
            }
            Task::Crash(relay) => {
                if processes[relay].take().is_some() {
                    world.tell(world.relays[relay].name, format_args!("CRASHES"));
                    world.schedule(world.between(Stream::Start(relay), 100, 8_000), Task::Start(relay));
                }
            }
            Task::Start(relay) => {
                if processes[relay].is_none() {
                    let (process, mut future) = start(world, relay);
                    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    processes[relay] = Some((process, future));
                }
            }
            Task::Slot => slot(world),
            Task::Act => {
                if !world.healed.get() {
                    world.act();
                    world.schedule(world.between(Stream::Actors, 1, 2 * world.scenario.act_ms), Task::Act);
                }
            }
            Task::Heal => {
                world.tell("world", format_args!("all faults end"));
                world.faults.set(Faults::NONE);
                world.healed.set(true);
                for view in &mut world.cluster.borrow_mut().views {
                    view.heal(world.scenario.urls);
                }
                world.put_right();
                // Again, once whatever was still on its way has arrived or expired.
                world.schedule_effect(8_000, World::put_right);
                world.schedule_effect(10_000, World::put_token_accounts_right);
                world.schedule_effect(12_000, World::put_nodes_right);
                world.schedule_effect(14_000, World::open_token_accounts);
                world.schedule(15_000, Task::Look);
                world.healed_at.set(world.now_ms());
                deadline = world.now_ms() + if world.scenario.is_slow() { 4 * PATIENCE_MS } else { PATIENCE_MS };
            }
            Task::Look => {
                if world.checker.borrow().unsettled(world).is_none() {
                    world.check(Rule::EverythingIsSettledInTime, true, String::new);
                    world.tell("world", format_args!("everything is settled"));
                    return;
                }
                world.schedule(10_000, Task::Look);
            }
            Task::Effect(effect) => effect(world),
        }
        if world.restore_requested.replace(false) {
            for (relay, process) in processes.iter_mut().enumerate() {
                *process = None;
                world.schedule(world.between(Stream::Start(relay), 500, 5_000), Task::Start(relay));
            }
            world.restore_ledger();
        }
    }
}

/// What happens to the relays' processes once a slot.
fn disturb_processes(world: &Rc<World>, faults: Faults) {
    for (number, relay) in world.relays.iter().enumerate() {
        let mut random = world.random(Stream::Process(number));
        let crash = random.chance(faults.crash).then(|| random.between(0, SLOT_MS));
        let hang = random.chance(faults.hang).then(|| random.between(5_000, 50_000));
        let stops = random.chance(faults.stop);
        let skew = random.chance(faults.clock_jump).then(|| random.between(-300_000, 300_000));
        drop(random);
        if let Some(in_ms) = crash {
            world.schedule(in_ms, Task::Crash(number));
        }
        if let Some(ms) = hang {
            world.tell(relay.name, format_args!("stands still for {ms} ms"));
            world.suspended[number].set(world.now_ms() + ms);
        }
        if stops {
            world.stop_requested[number].set(true);
        }
        if let Some(skew) = skew {
            relay.skew_ms.set(skew);
            world.tell(relay.name, format_args!("has a clock that is {skew} ms ahead"));
        }
    }
}

/// The next slot of the cluster, with what happens once a slot.
fn slot(world: &Rc<World>) {
    let faults = world.faults.get();
    let now = world.now_ms();
    let slot = FIRST_SLOT + ((now - START_MS) / SLOT_MS).unsigned_abs();
    disturb_processes(world, faults);
    if world.chance(Stream::Cluster, faults.fork) {
        let depth = world.between(Stream::Cluster, 1, 4).unsigned_abs();
        let kept = world.between(Stream::Cluster, 0, 1_000).unsigned_abs();
        let dropped = world.cluster.borrow_mut().fork(depth, || world.chance(Stream::Blocks, kept));
        if dropped > 0 {
            world.tell("cluster", format_args!("drops {dropped} blocks"));
        }
    }
    if world.chance(Stream::Cluster, faults.stuck_view) {
        let mut cluster = world.cluster.borrow_mut();
        let view = world.random(Stream::Cluster).index(cluster.views.len());
        cluster.views[view].stuck_until_slot = slot + world.between(Stream::Cluster, 2, 60).unsigned_abs();
        drop(cluster);
        world.tell("cluster", format_args!("node {view} is stuck"));
    }
    if !world.chance(Stream::Cluster, faults.skipped_slot) {
        let drift = if faults == Faults::NONE { 0 } else { world.between(Stream::Cluster, 0, 2) };
        let include = 1_000 - faults.postponed;
        let index = {
            let mut random = world.random(Stream::Blocks);
            world.cluster.borrow_mut().produce(slot, now / 1_000 - drift, include, &mut random)
        };
        for executed in &world.cluster.borrow().blocks[index].executed {
            let outcome = executed.error.as_ref().map_or("succeeds", |error| &error.text);
            world.tell("cluster", format_args!("slot {slot}: {} {outcome}", executed.signature));
        }
        world.checker.borrow_mut().block(world, index);
    }
    let cluster = world.cluster.borrow();
    let is_quiet = world.healed.get() && cluster.mempool.is_empty() && {
        let recent = (0..6).map(|depth| &cluster.blocks[cluster.ancestor(cluster.tip, depth)]);
        recent.into_iter().all(|block| block.executed.is_empty())
    };
    let wait = if is_quiet {
        let next = world.agenda.borrow().next_at().unwrap_or(now);
        (next - now).clamp(SLOT_MS, QUIET_SLOT_MS)
    } else {
        SLOT_MS
    };
    drop(cluster);
    world.schedule(wait, Task::Slot);
}
