//! The command line. Secrets are never arguments: arguments are visible in process lists and shell histories.

use std::path::PathBuf;

use clap::Parser;

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
#[derive(Debug, Parser)]
#[command(name = "williw-deploy", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Configuration file: what to deploy, to which cluster, and which keys sign
    #[arg(long, value_name = "FILE", default_value = "migrations/deploy/localnet.toml")]
    pub(crate) config: PathBuf,

    /// Cluster to use instead of the configured one: an RPC URL, env:NAME, localnet, devnet, testnet or mainnet-beta
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Print the plan and simulate its transactions, but send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Confirm a deployment to mainnet-beta
    #[arg(long)]
    pub(crate) yes: bool,

    /// Confirm that the upgrade authority is to be removed permanently (authorities.upgrade = "none")
    #[arg(long)]
    pub(crate) immutable: bool,
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
