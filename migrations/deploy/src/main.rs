//! `williw-deploy`: program, IDL, network and authorities on a cluster, as one command.
//!
//! It reads the chain, prints a plan, carries it out and reads the chain again. It keeps no record of its own but the
//! keys of the buffers: what the chain shows is what counts, so a run can be interrupted anywhere and started again.

mod arguments;
mod carry_out;
mod cluster;
mod config;
mod content;
mod facts;
mod failure;
mod keys;
mod plan;
mod program_metadata;
mod report;
mod run;
mod state;

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use arguments::Arguments;
use failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,williw_deploy=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(false);
    log.with_ansi(stderr().is_terminal()).init();
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(format!("the async runtime cannot be started: {error}")))
        .and_then(|runtime| runtime.block_on(run::run(&arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
