//! `williw-bench`: measures the cost of payments and the throughput of the relay, and writes `docs/BENCHMARKS.md`.
//!
//! Compute units, transaction sizes and fees are measured with the program's bytecode in LiteSVM, next to plain System
//! transfers as a baseline. The engine's own speed is measured without a network, and throughput with the relay on a
//! localnet. The benchmark only reports numbers; no test depends on them.

mod engine;
mod fill;
mod on_chain;
mod report;
mod size;
mod throughput;
mod versions;

use std::process::ExitCode;

use clap::Parser;
use williw_tests::HarnessError;
use williw_tests::artifacts::Artifacts;
use williw_tests::network::run_directory;

/// Measure the cost of payments and the throughput of the relay, and write the results to docs/BENCHMARKS.md.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Number of nodes for the throughput measurement
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    nodes: u32,

    /// Measure only the relay's engine, and print its section
    #[arg(long, conflicts_with = "throughput_only")]
    engine_only: bool,

    /// Measure only the relay's throughput on the localnet, and print its section
    #[arg(long)]
    throughput_only: bool,

    /// Print the results without writing docs/BENCHMARKS.md
    #[arg(long)]
    print_only: bool,
}

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// LiteSVM rejected the program or a transaction.
    #[error("LiteSVM measurement failed: {0}")]
    Svm(String),
    /// Running a component failed.
    #[error(transparent)]
    Harness(#[from] HarnessError),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), BenchError> {
    let artifacts = Artifacts::find()?;
    if arguments.engine_only {
        println!("{}", report::engine_section(&engine::measure(&artifacts)?));
        return Ok(());
    }
    let directory = run_directory(&artifacts, "bench")?;
    if arguments.throughput_only {
        println!("{}", report::throughput_section(&throughput::measure(&artifacts, &directory, arguments.nodes)?));
        return Ok(());
    }
    let program = std::fs::read(&artifacts.program).map_err(HarnessError::io("reading the program"))?;

    eprintln!("[1/4] measuring transactions in LiteSVM");
    let measurements = on_chain::measure(&program)?;
    eprintln!("[2/4] measuring the relay's engine without a network");
    let engine = engine::measure(&artifacts)?;
    eprintln!("[3/4] measuring relay throughput on the localnet (nodes: {})", arguments.nodes);
    let throughput = throughput::measure(&artifacts, &directory, arguments.nodes)?;
    eprintln!("[4/4] measuring artifact sizes");
    let sizes = size::measure(&artifacts)?;

    let path = artifacts.checkout.join("docs/BENCHMARKS.md");
    let page = std::fs::read_to_string(&path).map_err(HarnessError::io(format!("reading {}", path.display())))?;
    let costs = report::costs_section(&page);
    let text = report::markdown(&versions::read(&artifacts)?, &measurements, costs, &engine, &throughput, &sizes);
    println!("{text}");
    if !arguments.print_only {
        std::fs::write(&path, text).map_err(HarnessError::io(format!("writing {}", path.display())))?;
        eprintln!("wrote docs/BENCHMARKS.md");
    }
    Ok(())
}
