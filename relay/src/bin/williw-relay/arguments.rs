//! The command line. No secret is an argument: arguments show in process lists and shell histories.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use settlement::client::NetworkId;
use solana_pubkey::Pubkey;
use williw_relay::engine::FormatChoice;
use williw_relay::transaction::Format;
use williw_relay::types::{ApiKeyId, Lamports, NodeId, Scope};

const AFTER_HELP: &str = "\
Examples:
  Settle what is due, with the ledger in a file:
    export SOLANA_RPC_URL=https://api.devnet.solana.com NETWORK=my-network
    export SOLANA_PRIVATE_KEY=./settler.json WILLIW_LEDGER=ledger.sqlite3
    williw-relay run

  Keep settling, with the ledger behind a Worker:
    export WILLIW_LEDGER=https://williw.example.workers.dev WILLIW_API_KEY=wk_...
    williw-relay run --watch

  Set a network up (with the admin's key) and put 2 SOL into its treasury:
    SOLANA_PRIVATE_KEY=./admin.json williw-relay network create --settler <ADDRESS>
    SOLANA_PRIVATE_KEY=./admin.json williw-relay fund 2000000000

  See what the last settlement did, and what a node has earned:
    williw-relay status --node node-1

Environment:
  SOLANA_PRIVATE_KEY  the key that signs: base58, a JSON array, or the path of a keypair file
  WILLIW_API_KEY      the key for a Worker's ledger: scope 'ledger' for run and status, 'admin' for key
  WILLIW_LEDGER, SOLANA_RPC_URL, NETWORK  instead of --ledger, --rpc-url, --network
  RUST_LOG            what is logged to standard error (default: info)

Exit codes:
  0    done
  1    something that should not happen
  2    the command line is wrong
  3    a setting is wrong: a key, a URL, a file
  4    the ledger cannot be reached
  5    the RPC node cannot be reached, or is none
  6    a settlement failed, or a transaction was refused or has expired
  7    the ledger refuses the request: unknown node, settlement or key
  130  interrupted before it was done; the next run goes on from there";

/// Settles the rewards of a compute network's nodes on Solana, each exactly once.
#[derive(Debug, Parser)]
#[command(name = "williw-relay", version, after_help = AFTER_HELP, subcommand_required = true)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    /// Where ledger and cluster are
    #[command(flatten)]
    pub at: Location,

    /// Print results as JSON, one document a line
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Where ledger and cluster are.
#[derive(Debug, Args)]
pub struct Location {
    /// The ledger: an SQLite file, or the URL of a Worker (with its key in WILLIW_API_KEY)
    #[arg(long, global = true, env = "WILLIW_LEDGER", value_name = "FILE|URL")]
    pub ledger: Option<LedgerLocation>,

    /// The URL of a Solana RPC node
    #[arg(long, global = true, env = "SOLANA_RPC_URL", hide_env_values = true, value_name = "URL")]
    pub rpc_url: Option<String>,

    /// The name of the network: 1 to 32 characters of a-z, 0-9 and '-'
    #[arg(long, global = true, env = "NETWORK", value_name = "NAME", value_parser = network_id)]
    pub network: Option<NetworkId>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Settle: turn what nodes have earned into finalized transactions
    Run(RunArguments),
    /// Show a settlement, and what a node has earned and been paid
    Status(StatusArguments),
    /// Set networks up
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Put lamports into the network's treasury
    Fund(FundArguments),
    /// Make, revoke and list the keys of the HTTP API
    #[command(subcommand)]
    Key(KeyCommand),
}

/// How to settle.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// End when nothing is left to settle (the default)
    #[arg(long, conflicts_with = "watch")]
    pub once: bool,

    /// Keep running, and look for new rewards again and again
    #[arg(long)]
    pub watch: bool,

    /// With --watch: how many seconds to wait when there is nothing to settle
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    #[arg(requires = "watch")]
    pub interval: u32,

    /// Without --watch: for how many seconds to try again while ledger or RPC node cannot be reached
    #[arg(long, value_name = "SECONDS", default_value_t = 30, conflicts_with = "watch")]
    pub patience: u32,

    /// The transaction format: auto, v0 or v1. 'auto' takes v1 where the cluster does
    #[arg(long, value_name = "FORMAT", default_value = "auto", value_parser = format_choice)]
    pub format: FormatChoice,

    /// The most to pay for priority, in micro-lamports per compute unit
    #[arg(long, value_name = "MICRO_LAMPORTS", default_value_t = 1_000_000)]
    pub max_compute_unit_price: u64,
}

/// What to show.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The number of a settlement (default: the latest)
    #[arg(long, value_name = "NUMBER")]
    pub settlement: Option<i64>,

    /// Show this node's balance as well
    #[arg(long, value_name = "NODE")]
    pub node: Option<NodeId>,
}

/// What to do with networks.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Create the network on the chain; the key in SOLANA_PRIVATE_KEY pays and becomes its admin
    Create(CreateNetworkArguments),
}

/// A network's terms. The defaults suit a network that pays up to about a thousand SOL a day.
#[derive(Debug, Args)]
pub struct CreateNetworkArguments {
    /// The address of the relay's key, which credits and settles (default: the admin)
    #[arg(long, value_name = "ADDRESS")]
    pub settler: Option<Pubkey>,

    /// The address of the key that may pause the network (default: the admin)
    #[arg(long, value_name = "ADDRESS")]
    pub guardian: Option<Pubkey>,

    /// From how much pending on a node is paid out; nodes may ask for more, never for less
    #[arg(long, value_name = "LAMPORTS", default_value = "1000000")]
    pub threshold_lamports: Lamports,

    /// The most that one node can be credited in one batch
    #[arg(long, value_name = "LAMPORTS", default_value = "10000000000")]
    pub per_node_cap_lamports: Lamports,

    /// The most that one batch can credit
    #[arg(long, value_name = "LAMPORTS", default_value = "100000000000")]
    pub per_batch_cap_lamports: Lamports,

    /// The most that can be credited within the window: what a stolen settler's key could move
    #[arg(long, value_name = "LAMPORTS", default_value = "1000000000000")]
    pub window_limit_lamports: Lamports,

    /// The length of the window
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub window_seconds: u64,

    /// After how long a smaller amount is paid out as well
    #[arg(long, value_name = "SECONDS", default_value_t = 2_592_000)]
    pub max_pending_age_seconds: u64,
}

/// How much to fund.
#[derive(Debug, Args)]
pub struct FundArguments {
    /// How many lamports to move from the key in SOLANA_PRIVATE_KEY into the treasury (1 SOL is 1000000000)
    #[arg(value_name = "LAMPORTS")]
    pub lamports: Lamports,
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key. It is shown once and stored nowhere
    Create(CreateKeyArguments),
    /// Revoke a key: it works no more
    Revoke(RevokeKeyArguments),
    /// List all keys
    List,
}

/// A key to make.
#[derive(Debug, Args)]
pub struct CreateKeyArguments {
    /// Who or what it is for
    #[arg(value_name = "NAME")]
    pub name: String,

    /// What it may do, once for each: nodes, contributions, rewards, settlement, read, ledger, admin
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub scopes: Vec<Scope>,
}

/// A key to revoke.
#[derive(Debug, Args)]
pub struct RevokeKeyArguments {
    /// The key's id, as 'key list' shows it (ak_...)
    #[arg(value_name = "ID")]
    pub id: ApiKeyId,
}

/// Where the ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerLocation {
    /// In a SQLite file.
    File(PathBuf),
    /// Behind the Worker at this URL.
    Worker(String),
}

impl FromStr for LedgerLocation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Ok(Self::Worker(text.to_owned()));
        }
        if text.is_empty() || text.contains("://") {
            return Err("name an SQLite file, or a Worker's URL that begins with https://".to_owned());
        }
        Ok(Self::File(text.into()))
    }
}

fn network_id(text: &str) -> Result<NetworkId, String> {
    NetworkId::from_name(text).map_err(|error| error.to_string())
}

fn format_choice(text: &str) -> Result<FormatChoice, String> {
    match text {
        "auto" => Ok(FormatChoice::Auto),
        _ => text.parse::<Format>().map(FormatChoice::Only),
    }
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
    fn a_ledger_is_a_file_or_a_worker() {
        assert_eq!("a/b.sqlite3".parse(), Ok(LedgerLocation::File("a/b.sqlite3".into())));
        assert_eq!("https://w.example".parse(), Ok(LedgerLocation::Worker("https://w.example".to_owned())));
        for refused in ["", "postgres://a", "sqlite://a"] {
            assert!(refused.parse::<LedgerLocation>().is_err(), "{refused}");
        }
    }

    #[test]
    fn no_secret_can_be_an_argument() {
        fn names(command: &clap::Command) -> Vec<String> {
            let own = command.get_arguments().map(|argument| argument.get_id().to_string());
            own.chain(command.get_subcommands().flat_map(names)).collect()
        }
        for name in names(&Arguments::command()) {
            assert!(!["secret", "private", "password", "api_key"].iter().any(|word| name.contains(word)), "{name}");
        }
    }
}
