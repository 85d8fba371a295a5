//! The steps of the demo.

use std::time::Duration;

use williw_tests::artifacts::Artifacts;
use williw_tests::balances::NodeBalances;
use williw_tests::localnet::{InitialProgram, Localnet, LocalnetOptions};
use williw_tests::network::{TREASURY_LAMPORTS, TestNetwork, TestNetworkOptions, run_directory};
use williw_tests::sample_nodes::{NewNode, NodeKind, RewardParameters, SampleNode};
use williw_tests::{HarnessError, ports, settlements};

use crate::shutdown::Shutdown;
use crate::{Arguments, table};

/// Name of the sample network.
const NETWORK: &str = "demo";

/// Node id, kind, and number of contributions that each node reports.
const NODES: [(&str, NodeKind, u64); 12] = [
    ("lisbon-01", NodeKind::Paid, 1),
    ("lisbon-02", NodeKind::Paid, 3),
    ("nairobi-01", NodeKind::Paid, 2),
    ("osaka-01", NodeKind::Paid, 1),
    ("osaka-02", NodeKind::BelowThreshold, 2),
    ("osaka-03", NodeKind::Paid, 5),
    ("quito-01", NodeKind::Paid, 1),
    ("quito-02", NodeKind::UnpayableDestination, 1),
    ("tromso-01", NodeKind::NoAddress, 2),
    ("tromso-02", NodeKind::Paid, 1),
    ("wellington-01", NodeKind::BelowThreshold, 1),
    ("wellington-02", NodeKind::Paid, 4),
];

/// Two rounds of transactions with 400 ms slots take about 40 s; the rest is a margin for slow machines.
const SETTLEMENT_DEADLINE: Duration = Duration::from_secs(180);

/// Interval between checks that the servers are still running.
const HEALTH_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the demo. With `--once`, returns after the balances are verified. Otherwise it returns only on an error, and a
/// signal ends the process.
///
/// # Errors
/// See [`HarnessError`].
pub(crate) fn run(arguments: &Arguments, shutdown: &Shutdown) -> Result<(), HarnessError> {
    let artifacts = Artifacts::find()?;
    let rpc_port = ports::from_env("WILLIW_RPC_PORT", 8899)?;
    let ws_port = ports::from_env("WILLIW_WS_PORT", 8900)?;
    let api_port = ports::from_env("WILLIW_API_PORT", 8787)?;
    let directory = run_directory(&artifacts, &format!("demo-{api_port}"))?;
    println!("Williw end-to-end demo (logs in {})", directory.display());

    let program = InitialProgram::Deployed;
    let options = LocalnetOptions { rpc_port, ws_port, slot_ms: arguments.slot_ms, program };
    let mut localnet = Localnet::start(&artifacts, options, &directory)?;
    println!("[1/5] localnet listening on {}, program {} deployed", localnet.url(), settlement::ID);

    let rpc_url = localnet.url().to_owned();
    let treasury_lamports = TREASURY_LAMPORTS;
    let options = TestNetworkOptions { name: NETWORK, rpc_url: &rpc_url, api_port, treasury_lamports, mint: None };
    let mut network = TestNetwork::set_up(&artifacts, options, &directory, |step| println!("[2/5] {step}"))?;

    let mut nodes = sample_nodes(network.parameters);
    let contributions = register_and_report(&network, &mut nodes)?;
    println!("[3/5] {} nodes registered, {contributions} contributions reported over HTTP", nodes.len());

    println!("[4/5] cron trigger fired, settling");
    let settlement = settlements::settle_by_cron(&mut network.worker, SETTLEMENT_DEADLINE, |step, message| {
        println!("      {step:<9} {message}");
    })?;
    for node in &mut nodes {
        node.expect_settlement(network.parameters);
    }

    println!("[5/5] settlement {} done, verifying balances on the chain, in D1 and over HTTP", settlement.id);
    let mismatches = network.mismatches(&nodes)?;
    let balances = network.node_balances(&nodes)?;
    let rows: Vec<(SampleNode, NodeBalances)> = nodes.iter().cloned().zip(balances).collect();
    println!("\n{}\n\nTransactions:\n{}", table::balances(&rows), table::transactions(&rows));
    if !mismatches.is_empty() {
        return Err(HarnessError::Unexpected(format!("balance mismatches:\n  {}", mismatches.join("\n  "))));
    }
    println!("{}", table::summary(&nodes));
    if arguments.once {
        return Ok(());
    }
    keep_running(&mut localnet, &mut network, shutdown)
}

fn sample_nodes(parameters: RewardParameters) -> Vec<SampleNode> {
    NODES
        .iter()
        .zip(0..)
        .map(|(&(id, kind, contributions), variation)| {
            SampleNode::new(parameters, NewNode { id, kind, contributions, variation })
        })
        .collect()
}

/// Registers the nodes and reports their contributions; returns the number of contributions.
fn register_and_report(network: &TestNetwork, nodes: &mut [SampleNode]) -> Result<usize, HarnessError> {
    let mut contributions = 0;
    for node in nodes {
        node.register(network.worker.api())?;
        contributions += node.report(network.worker.api(), network.parameters)?;
    }
    Ok(contributions)
}

fn keep_running(localnet: &mut Localnet, network: &mut TestNetwork, shutdown: &Shutdown) -> Result<(), HarnessError> {
    let api = network.worker.api().url();
    println!(
        "\nRunning; press Ctrl-C to stop.\n  API         {api} (admin key: WILLIW_ADMIN_KEY in {})\n  \
         API docs    {api}/docs\n  cron        {api}/cdn-cgi/handler/scheduled\n  Solana RPC  {}",
        network.worker.secrets_file().display(),
        localnet.url()
    );
    shutdown.expect_signal();
    loop {
        localnet.check_running()?;
        network.worker.check_running()?;
        std::thread::sleep(HEALTH_CHECK_INTERVAL);
    }
}
