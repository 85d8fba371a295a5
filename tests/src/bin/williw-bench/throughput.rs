//! Throughput of the relay: `williw-relay run --once` with an SQLite ledger on a localnet, beside a bare sender of the same
//! transactions (`williw-bare-sender`). Both are processes built for release.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use williw_tests::artifacts::Artifacts;
use williw_tests::balances::BalanceSources;
use williw_tests::chain::ChainClient;
use williw_tests::faults::{Fault, FaultyRpc};
use williw_tests::ledger_file::LedgerFile;
use williw_tests::localnet::{InitialProgram, Localnet, LocalnetOptions};
use williw_tests::process::run_to_success;
use williw_tests::relay_cli::{LedgerLocation, NetworkSettings, RelayCli};
use williw_tests::sample_nodes::{NewNode, NodeKind, RewardParameters, SampleNode};
use williw_tests::{HarnessError, wait};

use crate::fill;

/// Slot time of Solana's public clusters in milliseconds.
const SLOT_MS: u64 = 400;
/// Lamports for the rent of a wallet account, its rewards and its share of the fees, rounded up.
const LAMPORTS_PER_NODE: u64 = 10_000_000;
/// How much later every answer of the distant RPC node comes.
const DISTANCE: Duration = Duration::from_millis(100);
/// The number of requests that relay and bare sender have at the same time at most.
const IN_FLIGHT: usize = 6;
/// Of how many nodes one is verified in all sources. The sums are those of all nodes.
const NODES_PER_CHECK: usize = 20;

/// The measured throughput.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throughput {
    nodes: u32,
    /// How long the first settlement takes, which creates the wallet accounts.
    first: Duration,
    comparisons: Vec<Comparison>,
}

/// The same settlement by the relay and by the bare sender.
#[derive(Clone, Debug)]
struct Comparison {
    name: &'static str,
    transactions: u64,
    relay: Duration,
    bare: Duration,
}

impl Throughput {
    /// Describes the conditions of the measurement.
    pub(crate) fn conditions(&self) -> String {
        format!(
            "Duration of `williw-relay run --once` with an SQLite ledger on a localnet with {SLOT_MS} ms slots, for {} nodes that \
             were settled before and have a new reward each: half of them are credited, the others credited and paid. The \
             bare sender reads the same transactions from the ledger, sends all of them at once, and does nothing else. \
             Both are release builds that have at most {IN_FLIGHT} requests at the same time. The durations are those of whole \
             processes, from their start until every transaction is final, which takes 31 slots ({:.1} s). The distant node's \
             answers come {} ms later. The first settlement, which creates the wallet accounts, took {:.0} s.",
            self.nodes,
            Duration::from_millis(31 * SLOT_MS).as_secs_f64(),
            DISTANCE.as_millis(),
            self.first.as_secs_f64()
        )
    }

    /// The header of the table.
    pub(crate) fn header() -> [&'static str; 6] {
        ["RPC node", "transactions", "relay (s)", "bare sender (s)", "ratio", "nodes per second"]
    }

    /// Formats the table rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        self.comparisons.iter().map(|it| {
            // Display only.
            let (relay, bare) = (it.relay.as_secs_f64(), it.bare.as_secs_f64());
            vec![
                it.name.to_owned(),
                it.transactions.to_string(),
                format!("{relay:.1}"),
                format!("{bare:.1}"),
                format!("{:.2}", relay / bare),
                format!("{:.0}", f64::from(self.nodes) / relay),
            ]
        })
    }
}

/// An RPC node: its name, and its URL.
type Node<'a> = (&'static str, &'a str);

/// Settles new wallets, then the same nodes once over each RPC node, by the relay and by the bare sender.
pub(crate) fn measure(artifacts: &Artifacts, directory: &Path, nodes: u32) -> Result<Throughput, HarnessError> {
    let released = Artifacts { relay: artifacts.released("williw-relay")?, ..artifacts.clone() };
    let bare_sender = artifacts.released("williw-bare-sender")?;
    let options = LocalnetOptions::on_free_ports(SLOT_MS, InitialProgram::Deployed);
    let localnet = Localnet::start(artifacts, options, directory)?;
    let distant = FaultyRpc::start(localnet.url(), |_, _| Fault::Delay(DISTANCE))?;
    let distant_url = distant.url();
    let rpc_nodes: [Node<'_>; 2] = [("local", localnet.url()), ("distant", &distant_url)];

    let mut bench = Bench::set_up(&released, localnet.url(), directory, nodes)?;
    let first = bench.settle(localnet.url())?;
    let mut settled = Vec::new();
    for (name, url) in rpc_nodes {
        let last_batch = bench.last_batch()?;
        // Every second node earns enough to be paid out.
        let payout = bench.parameters.destination_minimum_lamports;
        bench.earn(|index| if index % 2 == 0 { payout } else { 1_000 })?;
        settled.push((name, url, last_batch, bench.settle(url)?, bench.last_batch()? - last_batch));
    }
    bench.verify()?;
    // Only now, because the relay would find that somebody else has credited its nodes.
    let mut comparisons = Vec::new();
    let last_batch = settled.last().map_or(0, |(_, _, last_batch, ..)| *last_batch);
    for (sent_before, (name, url, _, relay, transactions)) in (1..).zip(settled) {
        let bare = bench.send_bare(&bare_sender, url, last_batch, sent_before)?;
        comparisons.push(Comparison { name, transactions, relay, bare });
    }
    Ok(Throughput { nodes, first, comparisons })
}

/// A network, its ledger and its nodes.
struct Bench {
    chain: ChainClient,
    relay_cli: RelayCli,
    parameters: RewardParameters,
    file: PathBuf,
    ledger: LedgerFile,
    nodes: Vec<SampleNode>,
}

impl Bench {
    /// Creates a network with nodes, all of which have earned enough to be paid out.
    fn set_up(artifacts: &Artifacts, url: &str, directory: &Path, nodes: u32) -> Result<Self, HarnessError> {
        let chain = ChainClient::new(url);
        let parameters = RewardParameters::for_cluster(chain.rent_minimum(0)?);
        let relay_cli = RelayCli::new(artifacts, url, "bench", &directory.join("keys"))?;
        let lamports = u64::from(nodes) * LAMPORTS_PER_NODE;
        chain.airdrop(&relay_cli.admin(), 2 * lamports)?;
        chain.airdrop(&relay_cli.settler(), lamports)?;
        relay_cli.create_network(NetworkSettings { threshold_lamports: parameters.threshold_lamports, mint: None })?;
        relay_cli.fund(lamports)?;
        let file = directory.join("ledger.sqlite");
        let nodes: Vec<SampleNode> = (0..nodes)
            .map(|index| {
                let (id, variation) = (&format!("node-{index}"), u64::from(index % 50));
                SampleNode::new(parameters, NewNode { id, kind: NodeKind::Paid, contributions: 1, variation })
            })
            .collect();
        fill::create(&file, nodes.iter().map(|node| (node.id.as_str(), node.address.to_string())))?;
        let ledger = LedgerFile::open(&file)?;
        let mut bench = Self { chain, relay_cli, parameters, file, ledger, nodes };
        // New addresses are paid enough to be rent-exempt.
        bench.earn(|_| 2 * parameters.destination_minimum_lamports)?;
        Ok(bench)
    }

    /// Every node earns, depending on its position.
    fn earn(&mut self, lamports: impl Fn(usize) -> u64) -> Result<(), HarnessError> {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.expected.earned += lamports(index);
        }
        fill::reward(&self.file, self.nodes.iter().enumerate().map(|(index, node)| (node.id.as_str(), lamports(index))))
    }

    /// Runs the relay, and returns how long it took.
    fn settle(&mut self, url: &str) -> Result<Duration, HarnessError> {
        let mut relay = self.relay_cli.run_once(&LedgerLocation::File(self.file.clone()));
        relay.env("SOLANA_RPC_URL", url);
        let (result, duration) = wait::timed(|| run_to_success(relay));
        result?;
        for node in &mut self.nodes {
            node.expect_settlement(self.parameters);
        }
        Ok(duration)
    }

    /// The number of batches so far.
    fn last_batch(&self) -> Result<u64, HarnessError> {
        self.ledger.number("SELECT COALESCE(MAX(id), 0) FROM batches", None)
    }

    /// Sends the batches after `last_batch` for another time, and returns how long it took.
    fn send_bare(
        &self,
        program: &Path,
        url: &str,
        last_batch: u64,
        sent_before: u64,
    ) -> Result<Duration, HarnessError> {
        let before = self.credited()?;
        let mut command = Command::new(program);
        command
            .args(["--rpc-url", url, "--network", &self.relay_cli.network().to_string()])
            .args(["--after-batch", &last_batch.to_string(), "--sent-before", &sent_before.to_string()])
            .args(["--in-flight", &IN_FLIGHT.to_string()])
            .arg("--ledger")
            .arg(&self.file)
            .arg("--keypair")
            .arg(self.relay_cli.settler_file());
        let (output, duration) = wait::timed(|| run_to_success(command));
        let printed: Value = serde_json::from_slice(&output?.stdout).unwrap_or_default();
        let sent = printed.get("nodes").and_then(Value::as_u64);
        let earned = format!("SELECT SUM(amount_lamports) FROM rewards WHERE batch_id > {last_batch}");
        let (credited, expected) = (self.credited()? - before, self.ledger.number(&earned, None)?);
        if sent != Some(self.nodes.len() as u64) || credited != expected {
            return Err(HarnessError::Unexpected(format!(
                "the bare sender has credited {credited} of {expected} lamports to {sent:?} of {} nodes",
                self.nodes.len()
            )));
        }
        Ok(duration)
    }

    /// What the treasury has credited.
    fn credited(&self) -> Result<u64, HarnessError> {
        Ok(self.chain.treasury(&self.relay_cli.network())?.map_or(0, |treasury| treasury.credited))
    }

    /// Verifies some of the nodes' balances, and all of their sums.
    fn verify(&self) -> Result<(), HarnessError> {
        let (chain, ledger, network) = (&self.chain, &self.ledger, self.relay_cli.network());
        let sources = BalanceSources { chain, ledger, api: None, network };
        let mut found = Vec::new();
        for node in self.nodes.iter().step_by(NODES_PER_CHECK) {
            found.extend(sources.node_balances(node)?.mismatches(node.expected));
        }
        let sum = |of: fn(&SampleNode) -> u64| self.nodes.iter().map(of).sum::<u64>();
        let expected = (sum(|node| node.expected.credited), sum(|node| node.expected.paid));
        let totals = chain.treasury(&network)?.map(|treasury| (treasury.credited, treasury.paid));
        if totals != Some(expected) {
            found.push(format!("credited and paid: expected {expected:?} lamports, found {totals:?}"));
        }
        if found.is_empty() {
            return Ok(());
        }
        Err(HarnessError::Unexpected(format!("balance mismatches:\n{}", found.join("\n"))))
    }
}
