//! `williw-deploy` deploys the settlement program, its IDL, a network and its authorities to a cluster.
//!
//! It reads the chain, prints a plan, applies it and reads the chain again. The chain is the only record of progress:
//! apart from the keypairs of upload buffers nothing is stored, so an interrupted run is resumed by running it again.

mod apply;
mod arguments;
mod artifacts;
mod cluster;
mod config;
mod content;
mod desired;
mod error;
mod key_store;
mod keys;
mod observed;
mod plan;
mod program_metadata;
mod report;
mod run;
mod text;

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use arguments::Arguments;
use error::DeployError;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,williw_deploy=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(false);
    log.with_ansi(stderr().is_terminal()).init();
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| DeployError::Internal(format!("cannot start the async runtime: {error}")))
        .and_then(|runtime| runtime.block_on(run::run(&arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
