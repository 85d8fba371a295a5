//! `williw-deploy` deploys the settlement program, its IDL, a network and its authorities to a cluster.
//!
//! It reads the chain, prints a plan, applies it and reads the chain again. The chain is the only record of progress:
//! apart from the keypairs of upload buffers nothing is stored, so an interrupted run is resumed by running it again.

mod apply;
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
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use error::DeployError;

const AFTER_HELP: &str = "\
Examples:
  Preview and run a deployment to the local network:
    williw-deploy --dry-run
    williw-deploy

  Deploy to another cluster, with a configuration based on migrations/deploy/cluster.example.toml:
    williw-deploy --config devnet.toml --dry-run
    williw-deploy --config devnet.toml

If a run is interrupted, run the same command again: it resumes from what is on the chain. Set RUST_LOG to change what
is logged to standard error (default: info).

Exit codes:
  0    deployed, or nothing to do
  1    internal error
  2    invalid command line
  3    invalid configuration, or a key or file that it names cannot be used
  5    the RPC node is unreachable, or the URL is not that of a Solana RPC node
  6    blocked (nothing was sent), or a transaction failed; the message says what to do";

/// Deploys the settlement program, its IDL, a network and its authorities to a cluster.
///
/// Reads the chain first and prints a plan: the current state, the steps to be taken and their cost. Running it again
/// after a successful deployment changes nothing.
// Secrets are never arguments: arguments are visible in process lists and shell histories.
#[derive(Debug, Parser)]
#[command(name = "williw-deploy", version, after_help = AFTER_HELP)]
struct Arguments {
    /// Configuration file: what to deploy, to which cluster, and which keys sign
    #[arg(long, value_name = "FILE", default_value = "migrations/deploy/localnet.toml")]
    config: PathBuf,

    /// Cluster to use instead of the configured one: an RPC URL, env:NAME, localnet, devnet, testnet or mainnet-beta
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Print the plan and simulate its transactions, but send nothing
    #[arg(long)]
    dry_run: bool,

    /// Confirm a deployment to mainnet-beta
    #[arg(long)]
    yes: bool,

    /// Confirm that the upgrade authority is to be removed permanently (authorities.upgrade = "none")
    #[arg(long)]
    immutable: bool,
}

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_definition_is_valid() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn confirmations_are_off_by_default() {
        let arguments = Arguments::parse_from(["williw-deploy"]);
        assert!(!arguments.yes && !arguments.immutable && !arguments.dry_run && arguments.url.is_none());
    }
}
