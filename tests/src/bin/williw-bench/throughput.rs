//! Throughput of the relay: the `williw-relay` binary with an SQLite ledger on a localnet.

use std::path::Path;
use std::time::Duration;

use williw_tests::artifacts::Artifacts;
use williw_tests::balances::BalanceSources;
use williw_tests::chain::ChainClient;
use williw_tests::ingest::SqliteIngest;
use williw_tests::ledger_file::LedgerFile;
use williw_tests::localnet::{InitialProgram, Localnet, LocalnetOptions};
use williw_tests::process::run_to_success;
use williw_tests::relay_cli::{LedgerLocation, NetworkSettings, RelayCli};
use williw_tests::sample_nodes::{NewNode, NodeKind, RewardParameters, SampleNode};
use williw_tests::{HarnessError, wait};

/// Slot time of Solana's public clusters in milliseconds.
const SLOT_MS: u64 = 400;
/// Lamports for the rent of a wallet account and its share of the fees, rounded up.
const LAMPORTS_PER_NODE: u64 = 10_000_000;
/// Contributions per node and phase. The relay combines the rewards of a node into one batch entry.
const CONTRIBUTIONS_PER_NODE: u64 = 2;

/// The measured throughput.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throughput {
    nodes: u32,
    phases: Vec<Phase>,
}

#[derive(Clone, Debug)]
struct Phase {
    name: &'static str,
    rewards: usize,
    duration: Duration,
}

impl Throughput {
    /// Describes the conditions of the measurement.
    pub(crate) fn conditions(&self) -> String {
        format!(
            "Duration of `williw-relay run --once` ({} build) with an SQLite ledger on a localnet with {SLOT_MS} ms \
             slots, for {} nodes with {CONTRIBUTIONS_PER_NODE} rewards each. It includes process startup and waiting \
             for finalization, which takes 31 slots after each round of transactions.",
            if cfg!(debug_assertions) { "debug" } else { "release" },
            self.nodes
        )
    }

    /// Formats the table rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        self.phases.iter().map(|phase| {
            let seconds = phase.duration.as_secs_f64();
            // Display only. The conversion to f64 is exact far beyond the number of rewards measured here.
            let rate = phase.rewards as f64 / seconds;
            vec![phase.name.to_owned(), phase.rewards.to_string(), format!("{seconds:.1}"), format!("{rate:.1}")]
        })
    }
}

/// Settles twice: first with nodes that have no wallet accounts yet, then with the same nodes again.
pub(crate) fn measure(artifacts: &Artifacts, directory: &Path, nodes: u32) -> Result<Throughput, HarnessError> {
    let options = LocalnetOptions::on_free_ports(SLOT_MS, InitialProgram::Deployed);
    let localnet = Localnet::start(artifacts, options, directory)?;
    let chain = ChainClient::new(localnet.url());
    let parameters = RewardParameters::for_cluster(chain.rent_minimum(0)?);
    let relay_cli = RelayCli::new(artifacts, localnet.url(), "bench", &directory.join("keys"))?;
    let lamports = u64::from(nodes) * LAMPORTS_PER_NODE;
    chain.airdrop(&relay_cli.admin(), 2 * lamports)?;
    chain.airdrop(&relay_cli.settler(), lamports)?;
    relay_cli.create_network(NetworkSettings { threshold_lamports: parameters.threshold_lamports })?;
    relay_cli.fund(lamports)?;

    let file = directory.join("ledger.sqlite");
    let mut sample: Vec<SampleNode> = (0..nodes)
        .map(|index| {
            let id = &format!("node-{index}");
            let (contributions, variation) = (CONTRIBUTIONS_PER_NODE, u64::from(index % 50));
            SampleNode::new(parameters, NewNode { id, kind: NodeKind::Paid, contributions, variation })
        })
        .collect();
    let mut phases = Vec::new();
    for name in ["register, credit and pay", "credit and pay"] {
        let ingest = SqliteIngest::open(&file, parameters.lamports_per_score)?;
        let mut rewards = 0;
        for node in &mut sample {
            if phases.is_empty() {
                node.register(&ingest)?;
            } else {
                for _ in 0..CONTRIBUTIONS_PER_NODE {
                    node.work(parameters.destination_minimum_lamports / parameters.lamports_per_score);
                }
            }
            rewards += node.report(&ingest, parameters)?;
            node.expect_settlement(parameters);
        }
        drop(ingest);
        let relay = relay_cli.run_once(&LedgerLocation::File(file.clone()));
        let (result, duration) = wait::timed(|| run_to_success(relay));
        result?;
        phases.push(Phase { name, rewards, duration });
    }

    let ledger = LedgerFile::open(&file)?;
    let sources = BalanceSources { chain: &chain, ledger: &ledger, api: None, network: relay_cli.network() };
    let mismatches = sources.mismatches(&sample)?;
    if !mismatches.is_empty() {
        return Err(HarnessError::Unexpected(format!("balance mismatches:\n{}", mismatches.join("\n"))));
    }
    Ok(Throughput { nodes, phases })
}
