//! The command line. No secret is an argument: arguments show in process lists and shell histories.

use std::path::PathBuf;

use clap::Parser;

const AFTER_HELP: &str = "\
Examples:
  See what would be done on the local network, and do it:
    williw-deploy --dry-run
    williw-deploy

  The same for a cluster, with a configuration made after migrations/deploy/cluster.example.toml:
    williw-deploy --config devnet.toml --dry-run
    williw-deploy --config devnet.toml

Whatever interrupts it, the next run goes on from what is on the chain. RUST_LOG chooses what is logged to standard
error (default: info).

Exit codes:
  0    done, or nothing to do
  1    something that should not happen
  2    the command line is wrong
  3    the configuration, a key or a file in it is wrong
  5    the RPC node cannot be reached, or is none
  6    refused: nothing was sent, or a transaction failed; the message says what to do";

/// Puts the settlement program, its IDL, a network and its authorities on a cluster.
///
/// Reads the chain first and prints a plan: what is there, what will be done, what it costs. A second run finds nothing
/// left to do.
#[derive(Debug, Parser)]
#[command(name = "williw-deploy", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// What is to be there, on which cluster and with which keys
    #[arg(long, value_name = "FILE", default_value = "migrations/deploy/localnet.toml")]
    pub config: PathBuf,

    /// The cluster, instead of the configuration's: an RPC URL, env:NAME, localnet, devnet, testnet or mainnet-beta
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// Print the plan, simulate what can be simulated, send nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Carry the plan out on mainnet as well
    #[arg(long)]
    pub yes: bool,

    /// Let the configuration take the upgrade authority away for good (upgrade = "none")
    #[arg(long)]
    pub immutable: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn nothing_dangerous_is_on_by_default() {
        let plain = Arguments::parse_from(["williw-deploy"]);
        assert!(!plain.yes && !plain.immutable && !plain.dry_run && plain.url.is_none());
    }
}
