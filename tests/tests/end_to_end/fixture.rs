//! What the tests stand on: one localnet for all, and a network with its Worker for each.

use std::fmt::Display;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use williw_tests::artifacts::Artifacts;
use williw_tests::localnet::{Localnet, LocalnetOptions};
use williw_tests::sample::{NodeKind, SampleNode, Tariff};
use williw_tests::settlements;
use williw_tests::stage::{Stage, StageOptions, process_directory};

/// Finality is 31 slots away: 3 s at this pace, and a blockhash lives for 15 s.
pub const SLOT_MS: u64 = 100;

/// A settlement of 135 nodes takes about 20 s here; a loaded machine takes several times that.
pub const SETTLEMENT_DEADLINE: Duration = Duration::from_secs(180);

/// Results whose error is told in words.
pub trait OrFail<T> {
    /// The value.
    ///
    /// # Panics
    /// With the error's own words.
    fn or_fail(self) -> T;
}

impl<T, E: Display> OrFail<T> for Result<T, E> {
    #[track_caller]
    fn or_fail(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }
}

/// What was built.
pub fn artifacts() -> &'static Artifacts {
    static ARTIFACTS: OnceLock<Artifacts> = OnceLock::new();
    ARTIFACTS.get_or_init(|| Artifacts::find().or_fail())
}

/// A folder of this process for `name`, empty.
pub fn directory(name: &str) -> PathBuf {
    process_directory(artifacts(), "end-to-end", name).or_fail()
}

/// The localnet of this process.
pub fn localnet() -> &'static Localnet {
    static LOCALNET: OnceLock<Localnet> = OnceLock::new();
    LOCALNET.get_or_init(|| {
        let options = LocalnetOptions { rpc_port: 0, ws_port: 0, slot_ms: SLOT_MS, deploy: true };
        Localnet::start(artifacts(), options, &directory("localnet")).or_fail()
    })
}

/// A network with its Worker; when its test fails, the ends of the logs are printed.
pub struct World(Stage);

impl World {
    /// A funded network called `name`.
    pub fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    /// A network called `name` with other options.
    pub fn with(name: &str, change: impl FnOnce(&mut StageOptions<'_>)) -> Self {
        let mut options = StageOptions::on_free_port(name, localnet().url()).or_fail();
        change(&mut options);
        Self(Stage::set_up(artifacts(), options, &directory(name), |_| {}).or_fail())
    }

    /// Registers `nodes` and reports their work over HTTP.
    pub fn load(&self, nodes: &mut [SampleNode]) {
        for node in nodes {
            node.register(self.edge.api()).or_fail();
            node.report(self.edge.api(), self.tariff).or_fail();
        }
    }

    /// Settles by cron, and moves what the nodes must have.
    pub fn settle(&mut self, nodes: &mut [SampleNode]) -> settlements::Settlement {
        let settlement = settlements::settle_by_cron(&mut self.edge, SETTLEMENT_DEADLINE, |_, _| {}).or_fail();
        for node in nodes {
            node.expect_settlement(self.tariff);
        }
        settlement
    }

    /// Fails unless every lamport of `nodes`, which are all of the network, is where it should be.
    #[track_caller]
    pub fn assert_books_agree(&self, nodes: &[SampleNode]) {
        let mismatches = self.audit(nodes).or_fail();
        assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    }

    /// Every transaction that the settler ever signed, by the chain.
    pub fn settler_signatures(&self) -> Vec<String> {
        let seals = self.chain.transactions_of(&self.operator.settler()).or_fail();
        seals.into_iter().map(|seal| seal.signature).collect()
    }
}

impl Deref for World {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.0
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Stage {
        &mut self.0
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the Worker's log ends with\n{}", self.0.edge.log_tail());
            eprintln!("--- the localnet's log ends with\n{}", localnet().log_tail());
        }
    }
}

/// The seed of a test's random choices: `WILLIW_TEST_SEED` to try another, `default` otherwise. Printed, so that a
/// failure can be had again.
pub fn seed(default: u64) -> u64 {
    let seed = match std::env::var("WILLIW_TEST_SEED") {
        Ok(text) => text.parse().or_fail(),
        Err(_) => default,
    };
    eprintln!("WILLIW_TEST_SEED={seed}");
    seed
}

/// `count` nodes of one kind, whose amounts differ.
pub fn nodes(kind: NodeKind, tariff: Tariff, count: u64) -> Vec<SampleNode> {
    let prefix = format!("{kind:?}");
    (0..count)
        .map(|index| SampleNode::new(&format!("{prefix}-{index:03}"), kind, tariff, 1 + index % 3, index))
        .collect()
}
