//! The outflow window: the most that a stolen settler key can credit.
//!
//! Regardless of the batches and their timing, at most `limit * (1 + t / seconds)` leaves the treasury
//! within t seconds: one full window, and the amount that drains from it meanwhile.

use settlement::client::{SettleEntry, set_settler_ix, settle_ix, unpause_ix};
use settlement::error::SettlementError;
use settlement::rules::{MAX_SETTLE_ENTRIES, SkipReason};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, SOL, START, assert_refused, header, skip_reasons};

const LIMIT: u64 = 100 * SOL;
const WINDOW_SECONDS: u64 = 6 * 3_600;
const PER_NODE: u64 = 7 * SOL;
const PER_BATCH: u64 = 30 * SOL;
const DAY: u64 = 24 * 3_600;
/// The number of the thief's nodes.
const NODES: usize = MAX_SETTLE_ENTRIES;

/// A deterministic random number generator (xorshift64*), so that failures are reproducible.
struct Rng(u64);

impl Rng {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

/// The instructions that credit.
#[derive(Clone, Copy)]
enum BatchInstruction {
    Credit,
    Settle,
}

/// A network with large funds whose settler key was stolen, and what the thief has credited.
struct Theft {
    fixture: ProgramFixture,
    /// The thief's nodes.
    nodes: Vec<Node>,
    /// The credited total of each node.
    totals: Vec<u64>,
    /// Lamports credited so far.
    taken: u64,
    /// The latest time of the clock, in seconds after the first batch.
    latest: u64,
}

impl Theft {
    fn new() -> Self {
        let mut fixture = ProgramFixture::with_args(|args| {
            args.window_limit = LIMIT;
            args.window_seconds = WINDOW_SECONDS;
            args.per_node_cap = PER_NODE;
            args.per_batch_cap = PER_BATCH;
        });
        fixture.set_surplus(1_000_000 * SOL);
        // The settler can also register nodes.
        let nodes = fixture.register_nodes(NODES);
        Self { fixture, totals: vec![0; NODES], nodes, taken: 0, latest: 0 }
    }

    /// Sets the clock to this many seconds after the first batch.
    fn set_time(&mut self, seconds: i64) {
        self.fixture.set_time(START + seconds);
        self.latest = self.latest.max(u64::try_from(seconds).unwrap_or(0));
    }

    /// Sends a batch that would credit `deltas`, and checks the caps and the bound. Returns the
    /// credited lamports.
    fn take(&mut self, deltas: &[u64], instruction: BatchInstruction) -> u64 {
        let entries: Vec<SettleEntry> = deltas
            .iter()
            .zip(&self.nodes)
            .zip(&self.totals)
            .map(|((delta, node), total)| node.entry(total.saturating_add(*delta)))
            .collect();
        let before = self.fixture.surplus();
        let event = match instruction {
            BatchInstruction::Settle => self.fixture.settle(&entries).event,
            BatchInstruction::Credit => {
                let credits: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
                self.fixture.credit(&credits).event
            }
        };
        assert!(event.credited <= PER_BATCH);
        for (node, total) in self.nodes.iter().zip(&mut self.totals) {
            let credited = self.fixture.wallet_state(node).credited_total;
            assert!(credited - *total <= PER_NODE);
            *total = credited;
        }
        assert_eq!(before - self.fixture.surplus(), event.credited);
        self.taken += event.credited;
        let (taken, limit, window) = (u128::from(self.taken), u128::from(LIMIT), u128::from(WINDOW_SECONDS));
        let latest = u128::from(self.latest);
        assert!(taken * window <= limit * (window + latest), "{taken} lamports in {latest} s");
        event.credited
    }

    /// Takes everything that the limits allow at this time, in ever smaller amounts.
    fn take_all(&mut self) {
        let halves: Vec<u64> = (0..NODES).map(|i| PER_NODE >> (i / 2)).collect();
        let singles = [1; NODES];
        while self.take(&halves, BatchInstruction::Settle) > 0 {}
        for small in [1_000_000, 1_000, 1] {
            let deltas = singles.map(|one| one * small);
            while self.take(&deltas, BatchInstruction::Credit) > 0 && small > 1_000 {}
        }
    }
}

#[test]
fn a_thief_gets_one_window_at_once_and_then_only_what_drains_in_a_day() {
    let mut theft = Theft::new();
    for seconds in (0..=DAY).step_by(600) {
        theft.set_time(seconds as i64);
        theft.take_all();
        if seconds == 0 {
            assert!(theft.taken > LIMIT - SOL / 100, "only {} lamports at once", theft.taken);
        }
    }
    // The bound is tight: 4 windows drain in a day.
    assert!(theft.taken > 5 * LIMIT - SOL / 100, "{}", theft.taken);
    let paid: u64 = theft.nodes.iter().map(|node| theft.fixture.lamports(&node.destination)).sum();
    assert!(paid <= theft.taken);
    assert_eq!(theft.fixture.surplus(), 1_000_000 * SOL - theft.taken);
}

#[test]
fn no_timing_or_mix_of_batches_exceeds_the_window() {
    for seed in 1..=5 {
        let mut rng = Rng(seed);
        let mut theft = Theft::new();
        let mut seconds = 0;
        while seconds <= DAY {
            // Bursts, followed by waits of up to an hour.
            for _ in 0..1 + rng.below(6) {
                let count = 1 + rng.below(NODES as u64) as usize;
                let size = [1, SOL / 10, SOL, PER_NODE, 2 * PER_NODE, u64::MAX][rng.below(6) as usize];
                let deltas: Vec<_> = (0..count).map(|_| rng.below(size).max(1)).collect();
                let settles = rng.below(2) == 0;
                theft.take(&deltas, if settles { BatchInstruction::Settle } else { BatchInstruction::Credit });
            }
            seconds += rng.below(3_600);
            theft.set_time(seconds as i64);
        }
        assert!(theft.taken > 2 * LIMIT, "seed {seed} took only {} lamports, too few to test the bound", theft.taken);
    }
}

#[test]
fn a_stopped_clock_allows_one_window_at_most() {
    let mut theft = Theft::new();
    for _ in 0..5 {
        theft.take_all();
    }
    assert!(theft.taken <= LIMIT);
}

#[test]
fn a_clock_that_moves_back_and_forth_counts_each_second_once() {
    let mut theft = Theft::new();
    for seconds in [0, 60, -86_400, 60, 30, 120, i64::MIN / 2, 0, 119, 121, -1, 600, 3, 600] {
        theft.set_time(seconds);
        theft.take_all();
    }
}

#[test]
fn a_clock_jump_of_any_length_frees_one_window_at_most() {
    for jump in [WINDOW_SECONDS as i64, 365 * 86_400, i64::MAX - START] {
        let mut theft = Theft::new();
        theft.take_all();
        theft.set_time(jump);
        theft.take_all();
        assert!(theft.taken <= 2 * LIMIT);
        theft.take_all();
        assert!(theft.taken <= 2 * LIMIT);
    }
}

#[test]
fn registering_more_nodes_gains_a_thief_nothing() {
    let mut theft = Theft::new();
    theft.take_all();
    let more: Vec<_> = (0..5).map(|i| theft.fixture.register_node(&format!("more-{i}"))).collect();
    let entries: Vec<_> = more.iter().map(|node| node.entry(SOL)).collect();
    let batch = theft.fixture.settle(&entries);
    assert_eq!(batch.event.credited, 0);
    let window = Some(SkipReason::WindowLimit);
    assert_eq!(skip_reasons(&batch.event), [0, 1, 2, 3, 4].map(|entry| (entry, window, None)));
}

#[test]
fn a_pause_stops_a_thief_and_a_new_settler_can_continue() {
    let mut theft = Theft::new();
    theft.take(&[PER_NODE; 3], BatchInstruction::Settle);
    theft.fixture.pause();
    let settler = theft.fixture.settler.pubkey();
    let stolen = settle_ix(settler, theft.fixture.network, header(2), &[theft.nodes[0].entry(100 * SOL)]);
    assert_refused(theft.fixture.send_batch(stolen.clone()), SettlementError::Paused);

    let (admin, new) = (theft.fixture.admin.insecure_clone(), Keypair::new());
    let network = theft.fixture.network;
    let recover = [set_settler_ix(admin.pubkey(), network, new.pubkey()), unpause_ix(admin.pubkey(), network)];
    theft.fixture.send(&recover, &[&admin]).expect("the admin recovers the network");
    assert_refused(theft.fixture.send_batch(stolen), SettlementError::Unauthorized);
    theft.fixture.settler = new;
    let honest = &theft.nodes[9];
    assert_eq!(theft.fixture.settle(&[honest.entry(SOL)]).event.paid, SOL);
}
