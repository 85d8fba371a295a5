//! The run itself, step by step.

use std::time::Duration;

use williw_tests::artifacts::Artifacts;
use williw_tests::audit::Statement;
use williw_tests::localnet::{Localnet, LocalnetOptions};
use williw_tests::sample::{NodeKind, SampleNode, Tariff};
use williw_tests::stage::{Stage, StageOptions, TREASURY_LAMPORTS, run_directory};
use williw_tests::{HarnessError, ports, settlements};

use crate::shutdown::Shutdown;
use crate::{Arguments, table};

/// The name of the sample network.
const NETWORK: &str = "demo";

/// A dozen nodes: id, what is particular, and in how many reports they did their work.
const NODES: [(&str, NodeKind, u64); 12] = [
    ("lisbon-01", NodeKind::Paid, 1),
    ("lisbon-02", NodeKind::Paid, 3),
    ("nairobi-01", NodeKind::Paid, 2),
    ("osaka-01", NodeKind::Paid, 1),
    ("osaka-02", NodeKind::BelowThreshold, 2),
    ("osaka-03", NodeKind::Paid, 5),
    ("quito-01", NodeKind::Paid, 1),
    ("quito-02", NodeKind::UnpayableDestination, 1),
    ("tromso-01", NodeKind::WithoutAddress, 2),
    ("tromso-02", NodeKind::Paid, 1),
    ("wellington-01", NodeKind::BelowThreshold, 1),
    ("wellington-02", NodeKind::Paid, 4),
];

/// Two waves of transactions at 400 ms a slot take about 40 s; this leaves a slow machine room.
const SETTLEMENT_DEADLINE: Duration = Duration::from_secs(180);

/// How often the servers are looked after while the demo stays up.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the demo. Returns at once after the table with `--once`; otherwise only by an error, or never (a signal ends
/// the process).
///
/// # Errors
/// See [`HarnessError`].
pub fn run(arguments: &Arguments, shutdown: &Shutdown) -> Result<(), HarnessError> {
    let artifacts = Artifacts::find()?;
    let rpc_port = ports::named("WILLIW_RPC_PORT", 8899)?;
    let ws_port = ports::named("WILLIW_WS_PORT", 8900)?;
    let api_port = ports::named("WILLIW_API_PORT", 8787)?;
    let directory = run_directory(&artifacts, &format!("demo-{api_port}"))?;
    println!("Williw: one network, end to end, on this machine (logs in {})", directory.display());

    let options = LocalnetOptions { rpc_port, ws_port, slot_ms: arguments.slot_ms, deploy: true };
    let mut localnet = Localnet::start(&artifacts, options, &directory)?;
    println!("[1/5] localnet up at {}, program {} deployed", localnet.url(), settlement::ID);

    let rpc_url = localnet.url().to_owned();
    let options = StageOptions { network: NETWORK, rpc_url: &rpc_url, api_port, treasury_lamports: TREASURY_LAMPORTS };
    let mut stage = Stage::set_up(&artifacts, options, &directory, |done| println!("[2/5] {done}"))?;

    let mut nodes = sample(stage.tariff);
    let reports = load(&stage, &mut nodes)?;
    println!("[3/5] {} nodes registered, {reports} contributions reported over HTTP", nodes.len());

    println!("[4/5] cron fired, settling");
    let settlement = settlements::settle_by_cron(&mut stage.edge, SETTLEMENT_DEADLINE, |step, message| {
        println!("      {step:<9} {message}");
    })?;
    for node in &mut nodes {
        node.expect_settlement(stage.tariff);
    }

    println!("[5/5] settlement {} done; comparing the chain, D1 and HTTP", settlement.id);
    let mismatches = stage.audit(&nodes)?;
    let statements = stage.statements(&nodes)?;
    let rows: Vec<(SampleNode, Statement)> = nodes.iter().cloned().zip(statements).collect();
    println!("\n{}\n\ntransactions\n{}", table::balances(&rows), table::signatures(&rows));
    if !mismatches.is_empty() {
        return Err(HarnessError::Unexpected(format!(
            "not every reward is where it should be:\n  {}",
            mismatches.join("\n  ")
        )));
    }
    println!("{}", table::sum(&nodes));
    if arguments.once {
        return Ok(());
    }
    stay_up(&mut localnet, &mut stage, shutdown)
}

fn sample(tariff: Tariff) -> Vec<SampleNode> {
    NODES
        .iter()
        .zip(0..)
        .map(|((id, kind, reports), variation)| SampleNode::new(id, *kind, tariff, *reports, variation))
        .collect()
}

/// Registers the nodes and reports their work; returns the number of reports.
fn load(stage: &Stage, nodes: &mut [SampleNode]) -> Result<usize, HarnessError> {
    let mut reports = 0;
    for node in nodes {
        node.register(stage.edge.api())?;
        reports += node.report(stage.edge.api(), stage.tariff)?;
    }
    Ok(reports)
}

fn stay_up(localnet: &mut Localnet, stage: &mut Stage, shutdown: &Shutdown) -> Result<(), HarnessError> {
    let api = stage.edge.api().url();
    println!(
        "\nup until Ctrl-C:\n  API      {api} (bearer key: WILLIW_ADMIN_KEY in {})\n  docs     {api}/docs\n  cron     \
         {api}/cdn-cgi/handler/scheduled\n  Solana   {}",
        stage.edge.secrets_file().display(),
        localnet.url()
    );
    shutdown.all_shown();
    loop {
        localnet.check_running()?;
        stage.edge.check_running()?;
        std::thread::sleep(WATCH_INTERVAL);
    }
}
