//! How fast rewards go through the relay: the real binary with a SQLite ledger, against the localnet.

use std::path::Path;
use std::time::Duration;

use williw_tests::artifacts::Artifacts;
use williw_tests::audit::Sources;
use williw_tests::chain::Witness;
use williw_tests::intake::FileIntake;
use williw_tests::ledger_file::LedgerFile;
use williw_tests::localnet::{Localnet, LocalnetOptions};
use williw_tests::operator::{LedgerAt, Operator, Terms, succeed};
use williw_tests::sample::{NodeKind, SampleNode, Tariff};
use williw_tests::{HarnessError, wait};

/// The slot time of Solana's clusters, in milliseconds.
const SLOT_MS: u64 = 400;
/// Lamports for the rent of a wallet account and its share of the fees, rounded up.
const LAMPORTS_PER_NODE: u64 = 10_000_000;
/// Pieces of work of each node in each phase: rewards of one node go into one entry.
const REPORTS_PER_NODE: u64 = 2;

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    nodes: u32,
    phases: Vec<Phase>,
}

#[derive(Clone, Debug)]
struct Phase {
    name: &'static str,
    rewards: u64,
    took: Duration,
}

impl Rate {
    /// Under which conditions, in a sentence.
    pub fn conditions(&self) -> String {
        format!(
            "`williw-relay run --once` ({} build) with a SQLite ledger against the localnet with slots of {SLOT_MS} ms: \
             {} nodes with {REPORTS_PER_NODE} rewards each, from the process's start to its end. It includes waiting \
             for finality, 31 slots after each wave of transactions.",
            if cfg!(debug_assertions) { "unoptimized" } else { "optimized" },
            self.nodes
        )
    }

    /// The table's rows.
    pub fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        self.phases.iter().map(|phase| {
            let seconds = phase.took.as_secs_f64();
            // A count of rewards: exact in f64 far beyond what is measured, and nothing is paid by it.
            let rate = phase.rewards as f64 / seconds;
            vec![phase.name.to_owned(), phase.rewards.to_string(), format!("{seconds:.1}"), format!("{rate:.1}")]
        })
    }
}

/// Settles twice: first with every wallet account to be opened, then with all of them there.
pub fn measure(artifacts: &Artifacts, directory: &Path, nodes: u32) -> Result<Rate, HarnessError> {
    let options = LocalnetOptions { rpc_port: 0, ws_port: 0, slot_ms: SLOT_MS, deploy: true };
    let localnet = Localnet::start(artifacts, options, directory)?;
    let chain = Witness::new(localnet.url());
    let tariff = Tariff::for_cluster(chain.rent_minimum(0)?);
    let operator = Operator::new(artifacts, localnet.url(), "bench", &directory.join("keys"))?;
    let lamports = u64::from(nodes) * LAMPORTS_PER_NODE;
    chain.airdrop(&operator.admin(), 2 * lamports)?;
    chain.airdrop(&operator.settler(), lamports)?;
    operator.create_network(Terms { threshold_lamports: tariff.threshold_lamports })?;
    operator.fund(lamports)?;

    let file = directory.join("ledger.sqlite");
    let mut sample: Vec<SampleNode> = (0..nodes)
        .map(|index| {
            SampleNode::new(&format!("node-{index}"), NodeKind::Paid, tariff, REPORTS_PER_NODE, u64::from(index % 50))
        })
        .collect();
    let mut phases = Vec::new();
    for name in ["open the wallet accounts, credit and pay", "credit and pay"] {
        let intake = FileIntake::open(&file, tariff.lamports_per_score)?;
        let mut rewards = 0;
        for node in &mut sample {
            if phases.is_empty() {
                node.register(&intake)?;
            } else {
                for _ in 0..REPORTS_PER_NODE {
                    node.work(tariff.destination_minimum_lamports / tariff.lamports_per_score);
                }
            }
            rewards += node.report(&intake, tariff)?;
            node.expect_settlement(tariff);
        }
        drop(intake);
        let (done, took) = wait::timed(|| succeed(operator.run_once(&LedgerAt::File(file.clone()))));
        done?;
        phases.push(Phase { name, rewards: rewards as u64, took });
    }

    let ledger = LedgerFile::open(&file)?;
    let sources = Sources { chain: &chain, ledger: &ledger, api: None, network: "bench" };
    let mismatches = sources.audit(&sample)?;
    if !mismatches.is_empty() {
        return Err(HarnessError::Unexpected(format!("not everyone was paid:\n{}", mismatches.join("\n"))));
    }
    Ok(Rate { nodes, phases })
}
