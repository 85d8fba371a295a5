//! `williw-engine-bench`: measures the relay's engine on an SQLite ledger, against a chain in memory that answers at once.
//!
//! What remains is the engine's own bookkeeping: statements, commits, building and signing. Each measurement runs in a
//! process of its own, so that its peak memory is its own. Prints one JSON object per line; `williw-bench` reads them.

mod baseline;
mod chain;
mod counted;
mod ledger;
mod measure;
mod process;
mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use williw_relay::engine::EngineError;

/// Measure the relay's engine without a network.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Create a ledger
    Prepare(Scenario),
    /// Settle a ledger that was prepared, and measure it
    Settle(Scenario),
    /// Write what a settlement writes at least, with plain statements, into a ledger that was prepared
    Bare(Scenario),
    /// Build and sign batches, without a ledger
    Sign,
    /// Run one scenario: prepare and settle it
    Run(Scenario),
}

/// Nodes with pending rewards.
#[derive(Clone, Debug, clap::Args)]
struct Scenario {
    /// Number of nodes
    #[arg(long)]
    nodes: u64,
    /// Pending rewards per node
    #[arg(long, default_value_t = 2)]
    rewards: u64,
    /// The file of the ledger
    #[arg(long)]
    file: Option<PathBuf>,
}

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("the engine: {0}")]
    Engine(#[from] EngineError),
    #[error("the ledger: {0}")]
    Ledger(#[from] rusqlite::Error),
    #[error("{0}")]
    Other(String),
}

impl BenchError {
    fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

/// Nodes and rewards per node of each measurement.
const SCENARIOS: &[(u64, u64)] = &[(1_000, 2), (10_000, 2), (100_000, 2), (500_000, 2), (1_000, 1_000)];

/// The scenario for which the plain statements are measured as well.
const BARE: (u64, u64) = (100_000, 2);

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Option<Task>) -> Result<(), BenchError> {
    match task {
        Some(Task::Prepare(scenario)) => ledger::prepare(&file_of(&scenario)?, scenario.nodes, scenario.rewards),
        Some(Task::Settle(scenario)) => measure::settle(&file_of(&scenario)?, scenario.nodes, scenario.rewards),
        Some(Task::Bare(scenario)) => baseline::bare(&file_of(&scenario)?, scenario.nodes, scenario.rewards),
        Some(Task::Sign) => baseline::sign(),
        Some(Task::Run(scenario)) => run_scenario(scenario.nodes, scenario.rewards, &["settle"]),
        None => {
            run_self("sign", None)?;
            run_scenario(BARE.0, BARE.1, &["bare"])?;
            SCENARIOS.iter().try_for_each(|(nodes, rewards)| run_scenario(*nodes, *rewards, &["settle"]))
        }
    }
}

fn file_of(scenario: &Scenario) -> Result<PathBuf, BenchError> {
    scenario.file.clone().ok_or_else(|| BenchError::Other("--file is missing".to_owned()))
}

/// Runs tasks on a new ledger, each in a process of its own.
fn run_scenario(nodes: u64, rewards: u64, tasks: &[&str]) -> Result<(), BenchError> {
    let directory = std::env::current_exe().map_err(BenchError::other)?.with_file_name("engine-bench");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).map_err(BenchError::other)?;
    let file = directory.join("ledger.sqlite3");
    let result = ["prepare"].iter().chain(tasks).try_for_each(|task| run_self(task, Some((nodes, rewards, &file))));
    let _ = std::fs::remove_dir_all(&directory);
    result
}

fn run_self(task: &str, scenario: Option<(u64, u64, &Path)>) -> Result<(), BenchError> {
    let mut command = Command::new(std::env::current_exe().map_err(BenchError::other)?);
    command.arg(task);
    if let Some((nodes, rewards, file)) = scenario {
        command.args(["--nodes", &nodes.to_string(), "--rewards", &rewards.to_string(), "--file"]).arg(file);
    }
    let status = command.status().map_err(BenchError::other)?;
    if status.success() { Ok(()) } else { Err(BenchError::Other(format!("'{task}' failed"))) }
}
