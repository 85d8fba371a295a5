//! `williw-bench`: what a payment costs, measured and written to `docs/BENCHMARKS.md`.
//!
//! Compute units, bytes and fees come from the real bytecode in LiteSVM, and stand beside plain System transfers of
//! the same run; the rate comes from the real relay on the localnet; the size from the built Worker. Nothing here
//! judges a number: tests never depend on a time.

mod engine;
mod on_chain;
mod report;
mod size;
mod versions;

use std::process::ExitCode;

use clap::Parser;
use williw_tests::HarnessError;
use williw_tests::artifacts::Artifacts;
use williw_tests::stage::run_directory;

/// Measures what a payment costs, prints the tables and writes them to docs/BENCHMARKS.md.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// How many nodes the rate through the engine is measured with
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    nodes: u32,

    /// Print only, do not write docs/BENCHMARKS.md
    #[arg(long)]
    print_only: bool,
}

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// LiteSVM or a transaction refused.
    #[error("measuring in LiteSVM: {0}")]
    Svm(String),
    /// Starting or driving the parts failed.
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
    let directory = run_directory(&artifacts, "bench")?;
    let program = std::fs::read(&artifacts.program).map_err(HarnessError::io("reading the program"))?;

    eprintln!("[1/3] batches of the program in LiteSVM");
    let measured = on_chain::measure(&program)?;
    eprintln!("[2/3] {} nodes through the relay on the localnet", arguments.nodes);
    let rate = engine::measure(&artifacts, &directory, arguments.nodes)?;
    eprintln!("[3/3] sizes");
    let sizes = size::measure(&artifacts)?;

    let path = artifacts.checkout.join("docs/BENCHMARKS.md");
    let page = std::fs::read_to_string(&path).map_err(HarnessError::io(format!("reading {}", path.display())))?;
    let costs = report::costs_section(&page);
    let text = report::markdown(&versions::read(&artifacts)?, &measured, costs, &rate, &sizes);
    println!("{text}");
    if !arguments.print_only {
        std::fs::write(&path, text).map_err(HarnessError::io(format!("writing {}", path.display())))?;
        eprintln!("written to docs/BENCHMARKS.md");
    }
    Ok(())
}
