//! `williw-demo`: the complete product on the local machine.
//!
//! Starts a localnet and the Worker, creates and funds a network, reports work of a dozen nodes over HTTP, settles it
//! through the cron trigger, and shows every node's balance. It then keeps running until it is stopped, or exits with
//! `--once`. It never leaves a process behind.

mod run;
mod shutdown;
mod table;

use std::process::ExitCode;

use clap::Parser;

/// Run the complete product locally: a localnet, the Worker, and one settlement of a sample network.
///
/// Ports are set by environment variables: WILLIW_RPC_PORT (default 8899), WILLIW_WS_PORT (8900), WILLIW_API_PORT
/// (8787).
///
/// Exit codes: 0 if every balance was verified and the demo ended as requested, 1 on any failure or mismatch.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Exit after the settlement is verified, instead of keeping the servers running
    #[arg(long)]
    once: bool,

    /// Slot time of the localnet in milliseconds; a block is finalized after 31 slots
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
            // During a shutdown, an exited server is expected and not an error.
            shutdown.block_if_in_progress();
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
