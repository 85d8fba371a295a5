//! The only source of randomness: seeded generators (SplitMix64), one for each kind of choice.
//!
//! A request more or less of the engine must not change who acts when, which blocks are dropped, or what happens to other
//! requests. Otherwise every change of the engine would make another run of each seed, and a situation that a seed reaches
//! would be reached by accident only.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;

/// What is chosen at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    /// What a seed stands for.
    Scenario,
    /// What was added to what a seed stands for later: the earlier choices stay as they are.
    Variant,
    /// Who acts, when, and how.
    Actors,
    /// Forks, skipped slots, nodes that are stuck, clocks that jump.
    Cluster,
    /// The order of transactions in blocks, and which of them wait.
    Blocks,
    /// What happens to transactions on their way to leaders.
    Network,
    /// When a relay's process crashes and stands still, and its clock jumps.
    Process(usize),
    /// When a relay's process is started, and with which URLs.
    Start(usize),
    /// What happens to a relay's requests by one RPC method.
    Rpc(usize, &'static str),
    /// When lookup tables are extended and closed.
    Tables,
    /// What a node lies about.
    Lies,
    /// What happens to a relay's requests to the ledger that begin with the same statement.
    Ledger(usize, &'static str),
}

/// The generators of one run.
#[derive(Debug)]
pub(crate) struct Streams {
    seed: u64,
    generators: RefCell<BTreeMap<Stream, Random>>,
}

impl Streams {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, generators: RefCell::default() }
    }

    /// The generator for one kind of choice.
    pub(crate) fn of(&self, stream: Stream) -> RefMut<'_, Random> {
        RefMut::map(self.generators.borrow_mut(), |generators| {
            generators.entry(stream).or_insert_with(|| Random::of(self.seed, stream))
        })
    }
}

/// A deterministic random number generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Starts the sequence of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// Starts one of the sequences of `seed`.
    pub(crate) fn of(seed: u64, stream: Stream) -> Self {
        let (number, relay, name) = match stream {
            Stream::Scenario => (1, 0, ""),
            Stream::Variant => (11, 0, ""),
            Stream::Actors => (2, 0, ""),
            Stream::Cluster => (3, 0, ""),
            Stream::Blocks => (4, 0, ""),
            Stream::Network => (5, 0, ""),
            Stream::Process(relay) => (6, relay, ""),
            Stream::Start(relay) => (10, relay, ""),
            Stream::Rpc(relay, method) => (7, relay, method),
            Stream::Tables => (12, 0, ""),
            Stream::Lies => (8, 0, ""),
            Stream::Ledger(relay, statement) => (9, relay, statement),
        };
        let start = Self::new(seed).bits() ^ Self::new(number << 32 | relay as u64).bits();
        Self::new(name.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)))
    }

    /// The next 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = high.abs_diff(low).saturating_add(1);
        low.saturating_add_unsigned(self.bits() % width)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn amount(&mut self, low: u64, high: u64) -> u64 {
        low + self.bits() % (high - low + 1)
    }

    /// An index below `len`, which must not be 0.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        (self.bits() % len as u64) as usize
    }

    /// One of `items`.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// True in `per_mille` of 1,000 cases.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        // A chance of zero takes nothing from the sequence, so that a fault that is off costs nothing.
        per_mille > 0 && self.bits() % 1_000 < per_mille
    }

    /// 32 random bytes.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes());
        }
        bytes
    }

    /// Shuffles `items`.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}
