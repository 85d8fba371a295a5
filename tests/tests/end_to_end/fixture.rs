//! Fixtures: one localnet shared by all tests, and a separate network for each test.

use std::fmt::Display;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use williw_tests::artifacts::Artifacts;
use williw_tests::balances::{BalanceSources, NodeBalances};
use williw_tests::chain::ChainClient;
use williw_tests::ingest::SqliteIngest;
use williw_tests::ledger_file::LedgerFile;
use williw_tests::localnet::{InitialProgram, Localnet, LocalnetOptions};
use williw_tests::network::{SOL, TestNetwork, TestNetworkOptions, process_directory};
use williw_tests::process::{Process, run_to_success};
use williw_tests::relay_cli::{LedgerLocation, NetworkSettings, RelayCli, with_ledger};
use williw_tests::sample_nodes::{NewNode, NodeKind, RewardParameters, SampleNode};
use williw_tests::settlements::{self, LatestSettlement, wake_until_idle};
use williw_tests::wait::{self, Poll};

/// Slot time in milliseconds. A block is finalized after 31 slots (3 s), a blockhash expires after 150 (15 s).
pub(crate) const SLOT_MS: u64 = 100;

/// A settlement of 135 nodes takes about 20 s; a loaded machine may need several times as long.
pub(crate) const SETTLEMENT_DEADLINE: Duration = Duration::from_secs(180);

/// Like `unwrap`, but panics with the error's `Display` text.
pub(crate) trait OrFail<T> {
    /// Returns the value.
    ///
    /// # Panics
    /// If this is an error.
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

/// The build artifacts of this checkout.
pub(crate) fn artifacts() -> &'static Artifacts {
    static ARTIFACTS: OnceLock<Artifacts> = OnceLock::new();
    ARTIFACTS.get_or_init(|| Artifacts::find().or_fail())
}

/// Creates an empty directory for `name` that only this process uses.
pub(crate) fn directory(name: &str) -> PathBuf {
    process_directory(artifacts(), "end-to-end", name).or_fail()
}

/// The localnet shared by all tests of this process.
pub(crate) fn localnet() -> &'static Localnet {
    static LOCALNET: OnceLock<Localnet> = OnceLock::new();
    LOCALNET.get_or_init(|| {
        let options = LocalnetOptions::on_free_ports(SLOT_MS, InitialProgram::Deployed);
        Localnet::start(artifacts(), options, &directory("localnet")).or_fail()
    })
}

/// A network with a Worker. If its test fails, the last lines of the logs are printed.
pub(crate) struct NetworkFixture(TestNetwork);

impl NetworkFixture {
    /// Creates a funded network.
    pub(crate) fn new(name: &str) -> Self {
        Self::with_options(name, |_| {})
    }

    /// Creates a network with modified options.
    pub(crate) fn with_options(name: &str, change: impl FnOnce(&mut TestNetworkOptions<'_>)) -> Self {
        let mut options = TestNetworkOptions::on_free_port(name, localnet().url()).or_fail();
        change(&mut options);
        Self(TestNetwork::set_up(artifacts(), options, &directory(name), |_| {}).or_fail())
    }

    /// Registers `nodes` and reports their contributions over HTTP.
    pub(crate) fn register_and_report(&self, nodes: &mut [SampleNode]) {
        for node in nodes {
            node.register(self.worker.api()).or_fail();
            node.report(self.worker.api(), self.parameters).or_fail();
        }
    }

    /// Settles through the cron trigger and updates the expected balances of `nodes`.
    pub(crate) fn settle(&mut self, nodes: &mut [SampleNode]) -> settlements::Settlement {
        let settlement = settlements::settle_by_cron(&mut self.worker, SETTLEMENT_DEADLINE, |_, _| {}).or_fail();
        expect_settlement(nodes, self.parameters);
        settlement
    }

    /// Fires the cron trigger and waits until the runner has nothing left to do.
    pub(crate) fn run_cron_until_idle(&mut self) -> LatestSettlement {
        wake_until_idle(&mut self.worker, SETTLEMENT_DEADLINE, |worker| worker.fire_cron()).or_fail()
    }

    /// Requests a settlement over the API, which also retries held rewards and payouts, and waits until the runner has
    /// nothing left to do.
    pub(crate) fn request_settlement_until_idle(&mut self) -> LatestSettlement {
        wake_until_idle(&mut self.worker, SETTLEMENT_DEADLINE, |worker| {
            worker.api().post("/v1/rewards/settle", &json!({}))?.data().map(drop)
        })
        .or_fail()
    }

    /// Location of the ledger for a relay, with the admin key.
    pub(crate) fn ledger_location(&self) -> LedgerLocation {
        LedgerLocation::Worker { url: self.worker.api().url().to_owned(), key: self.worker.options().admin_key.clone() }
    }

    /// Asserts that every balance matches. `nodes` must be all nodes of the network.
    #[track_caller]
    pub(crate) fn assert_balances_match(&self, nodes: &[SampleNode]) {
        let mismatches = self.mismatches(nodes).or_fail();
        assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    }

    /// Updates the expected balances of `nodes` for one settlement and asserts that every balance matches.
    #[track_caller]
    pub(crate) fn assert_settled(&self, nodes: &mut [SampleNode]) {
        expect_settlement(nodes, self.parameters);
        self.assert_balances_match(nodes);
    }

    /// Signatures of all transactions on the chain that the settler has signed.
    pub(crate) fn settler_signatures(&self) -> Vec<String> {
        let transactions = self.chain.transactions_of(&self.relay_cli.settler()).or_fail();
        transactions.into_iter().map(|transaction| transaction.signature).collect()
    }
}

impl Deref for NetworkFixture {
    type Target = TestNetwork;

    fn deref(&self) -> &TestNetwork {
        &self.0
    }
}

impl DerefMut for NetworkFixture {
    fn deref_mut(&mut self) -> &mut TestNetwork {
        &mut self.0
    }
}

impl Drop for NetworkFixture {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- last lines of the Worker's log\n{}", self.0.worker.log_tail());
            eprintln!("--- last lines of the localnet's log\n{}", localnet().log_tail());
        }
    }
}

/// A funded network whose ledger is an SQLite file. It has no Worker.
pub(crate) struct SqliteNetworkFixture {
    pub(crate) directory: PathBuf,
    pub(crate) chain: ChainClient,
    pub(crate) parameters: RewardParameters,
    pub(crate) relay_cli: RelayCli,
    pub(crate) ingest: SqliteIngest,
    pub(crate) ledger: LedgerFile,
    pub(crate) ledger_location: LedgerLocation,
}

impl SqliteNetworkFixture {
    pub(crate) fn new(name: &str) -> Self {
        let network = Self::unfunded(name, localnet().url(), None);
        network.relay_cli.fund(10 * SOL).or_fail();
        network
    }

    /// Creates a network with an empty treasury on the cluster at `url`. `mint` is what it pays in, instead of SOL.
    pub(crate) fn unfunded(name: &str, url: &str, mint: Option<Pubkey>) -> Self {
        let directory = directory(name);
        let chain = ChainClient::new(url);
        let parameters = RewardParameters::for_cluster(chain.rent_minimum(0).or_fail());
        let relay_cli = RelayCli::new(artifacts(), url, name, &directory.join("keys")).or_fail();
        chain.airdrop(&relay_cli.admin(), 20 * SOL).or_fail();
        chain.airdrop(&relay_cli.settler(), 5 * SOL).or_fail();
        let settings = NetworkSettings { threshold_lamports: parameters.threshold_lamports, mint };
        relay_cli.create_network(settings).or_fail();
        let file = directory.join("ledger.sqlite");
        let ingest = SqliteIngest::open(&file, parameters.lamports_per_score).or_fail();
        let ledger = LedgerFile::open(&file).or_fail();
        let ledger_location = LedgerLocation::File(file);
        Self { directory, chain, parameters, relay_cli, ingest, ledger, ledger_location }
    }

    /// Runs `williw-relay network` with these arguments and the admin's key.
    pub(crate) fn control(&self, arguments: &[&str]) -> Value {
        let mut command = self.relay_cli.command(self.relay_cli.admin_file());
        command.args(["--json", "network"]).args(arguments);
        serde_json::from_slice(&run_to_success(command).or_fail().stdout).or_fail()
    }

    /// `williw-relay` with these arguments, the ledger and the settler's key.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.relay_cli.command(self.relay_cli.settler_file());
        with_ledger(&mut command, &self.ledger_location);
        command.args(arguments);
        command
    }

    /// Registers `nodes` and reports their contributions.
    pub(crate) fn register_and_report(&self, nodes: &mut [SampleNode]) {
        for node in nodes {
            node.register(&self.ingest).or_fail();
            node.report(&self.ingest, self.parameters).or_fail();
        }
    }

    /// Reads the balances of `nodes` from the chain and the ledger.
    pub(crate) fn node_balances(&self, nodes: &[SampleNode]) -> Vec<NodeBalances> {
        let sources = self.sources();
        nodes.iter().map(|node| sources.node_balances(node).or_fail()).collect()
    }

    fn sources(&self) -> BalanceSources<'_> {
        BalanceSources { chain: &self.chain, ledger: &self.ledger, api: None, network: self.relay_cli.network() }
    }

    /// Updates the expected balances of `nodes` for one settlement and asserts that every balance matches. `nodes` must
    /// be all nodes of the network.
    #[track_caller]
    pub(crate) fn assert_settled(&self, nodes: &mut [SampleNode]) {
        expect_settlement(nodes, self.parameters);
        let mismatches = self.sources().mismatches(nodes).or_fail();
        assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    }
}

/// Updates the expected balances of `nodes` for one settlement.
fn expect_settlement(nodes: &mut [SampleNode], parameters: RewardParameters) {
    for node in nodes {
        node.expect_settlement(parameters);
    }
}

/// Waits until a relay process exits, whatever its exit status.
pub(crate) fn wait_until_exited(relay: &mut Process) {
    wait::until("the relay to exit", SETTLEMENT_DEADLINE, || {
        Ok(Poll::when(relay.check_running().is_err(), || relay.log_tail()))
    })
    .or_fail();
}

/// Returns the seed for a test's random choices: `WILLIW_TEST_SEED` or `default`. The seed is printed so that a failure
/// can be reproduced.
pub(crate) fn seed(default: u64) -> u64 {
    let seed = match std::env::var("WILLIW_TEST_SEED") {
        Ok(text) => text.parse().or_fail(),
        Err(_) => default,
    };
    eprintln!("WILLIW_TEST_SEED={seed}");
    seed
}

/// Creates `count` nodes of one kind with different scores.
pub(crate) fn nodes(kind: NodeKind, parameters: RewardParameters, count: u64) -> Vec<SampleNode> {
    (0..count)
        .map(|variation| {
            let id = &format!("{kind:?}-{variation:03}");
            SampleNode::new(parameters, NewNode { id, kind, contributions: 1 + variation % 3, variation })
        })
        .collect()
}

/// Creates nodes of several kinds.
pub(crate) fn mixed_nodes(parameters: RewardParameters, counts: &[(NodeKind, u64)]) -> Vec<SampleNode> {
    counts.iter().flat_map(|&(kind, count)| nodes(kind, parameters, count)).collect()
}
