//! `williw-demo`: the whole product on this machine, in front of your eyes.
//!
//! Starts a localnet and the Worker, creates and funds a network, has a dozen nodes report work over HTTP, settles
//! through cron and shows where every lamport went. Then it stays up until it is stopped, or ends with `--once`.
//! It leaves no process behind, however it ends.

mod run;
mod shutdown;
mod table;

use std::process::ExitCode;

use clap::Parser;

/// The whole product on this machine: localnet, Worker, a sample network, one settlement.
///
/// Ports: WILLIW_RPC_PORT (8899), WILLIW_WS_PORT (8900), WILLIW_API_PORT (8787).
///
/// Exit codes: 0 every reward is where it should be (and the run ended as asked), 1 something failed or is not.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// End after the table instead of staying up
    #[arg(long)]
    once: bool,

    /// Milliseconds from one slot of the localnet to the next; finality takes 31 slots
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    slot_ms: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let shutdown = match shutdown::Shutdown::listen() {
        Ok(shutdown) => shutdown,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    match run::run(&arguments, &shutdown) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A stopped server is no failure when it was we who stopped it.
            shutdown.wait_if_under_way();
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
