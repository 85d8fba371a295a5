//! Command-line arguments. Secrets are never arguments, because arguments are visible in process lists and shell
//! histories.

pub(crate) mod audit;
pub(crate) mod tables;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use settlement::client::NetworkId;
use settlement::rules::pause::MAX_PAUSE_SECONDS;
use solana_pubkey::Pubkey;
use williw_relay::chain::throttle::DEFAULT_REQUESTS_PER_SECOND;
use williw_relay::engine::FormatChoice;
use williw_relay::ledger::retention::DEFAULT_RETENTION_DAYS;
use williw_relay::transaction::Format;
use williw_relay::types::{ApiKeyId, Lamports, NodeId, Scope};

use crate::output::OutputFormat;

use audit::{
    AcceptUnknownArguments, ReceiptArguments, ReconcileArguments, ResolveArguments, ShowArguments, VerifyArguments,
};
use tables::TablesCommand;

const AFTER_HELP: &str = "\
Examples:
  Settle all pending rewards, with the ledger in a local file:
    export SOLANA_RPC_URL=https://api.devnet.solana.com NETWORK=my-network NETWORK_CREATOR=<ADDRESS>
    export SOLANA_PRIVATE_KEY=./settler.json WILLIW_LEDGER=ledger.sqlite3
    williw-relay run

  Settle continuously, with the ledger of a Worker:
    export WILLIW_LEDGER=https://williw.example.workers.dev WILLIW_API_KEY=wk_...
    williw-relay run --watch

  Create a network (with the admin's key) and transfer 2 SOL to its treasury:
    SOLANA_PRIVATE_KEY=./admin.json williw-relay network create --settler <ADDRESS>
    SOLANA_PRIVATE_KEY=./admin.json williw-relay fund 2000000000

  Check everything that a run needs:
    williw-relay doctor

  Show the latest settlement, and the balance of a node:
    williw-relay status --node node-1

  After a fall of the cluster's rent, move what the accounts of the nodes hold too much to the treasury:
    williw-relay rent sweep

  On a cluster without v1 transactions, put the nodes that are paid most often into lookup tables, for 0.1 SOL of rent:
    williw-relay tables extend --max-rent 100000000

  Compare every wallet and the treasury with the ledger, to the lamport:
    williw-relay reconcile

  List the nodes whose books disagree with the chain, look at one, and decide what the difference was for:
    williw-relay review list
    williw-relay review show node-1
    williw-relay review resolve node-1 --accept-chain --yes

  Prove that a reward was paid; anyone can check it with an RPC node alone:
    williw-relay receipt rw_0123456789abcdef0123456789abcdef > receipt.json
    williw-relay verify receipt.json --rpc-url https://api.devnet.solana.com

Environment:
  SOLANA_PRIVATE_KEY  The keypair to sign with: base58, a JSON array of 64 numbers, or the path of a keypair file
  WILLIW_API_KEY      The API key for the ledger of a Worker. Scope: 'ledger' for run, status, doctor, rent, tables,
                      receipt, reconcile, review list and review show, 'admin' for key, rebuild, review resolve and
                      reconcile --repair
  WILLIW_LEDGER       Same as --ledger
  SOLANA_RPC_URL      Same as --rpc-url
  MAX_RPC_REQUESTS_PER_SECOND  Same as --max-rpc-requests-per-second
  NETWORK             Same as --network
  NETWORK_CREATOR     Same as --network-creator
  NETWORK_ADMIN       Same as --network-admin
  WILLIW_CONFIG       Same as --config
  WILLIW_LOG_FORMAT   Same as --log-format
  WILLIW_METRICS_ADDR Same as --metrics-addr of run
  RUST_LOG            The log filter; logs go to standard error [default: warn,williw_relay=info]
  NO_COLOR            If set, nothing is coloured on a terminal. With TERM=dumb, there is no progress bar either

Exit codes:
  0    Success
  1    Internal error
  2    Invalid or missing command-line argument
  3    Invalid or missing setting: key, URL or ledger file
  4    The ledger cannot be reached
  5    The RPC node cannot be reached, or returned an error or an invalid response
  6    The settlement failed, or the transaction was rejected or expired
  7    The ledger rejected the request: unknown node, settlement or API key, invalid value, or nothing to resolve
  8    Ledger and chain disagree; after run, everything else is settled
  9    A receipt is invalid, or the chain does not confirm that the reward was credited
  10   The doctor has found something because of which a run would fail
  130  Interrupted before completion; the next run resumes";

const SIGNER_HELP: &str = "\
Environment:
  SOLANA_PRIVATE_KEY  The keypair that signs the transaction and pays for it: base58, a JSON array of 64 numbers, or
                      the path of a keypair file [required]";

const RUN_HELP: &str = "\
Environment:
  SOLANA_PRIVATE_KEY  The settler's keypair: base58, a JSON array of 64 numbers, or the path of a keypair file [required]
  WILLIW_API_KEY      The API key for the ledger of a Worker, with scope 'ledger' [required if --ledger is a URL]";

const RENT_HELP: &str = "\
Environment:
  SOLANA_PRIVATE_KEY  The keypair that signs the transactions and pays for them: base58, a JSON array of 64 numbers, or
                      the path of a keypair file [required]
  WILLIW_API_KEY      The API key for the ledger of a Worker, with scope 'ledger' [required if --ledger is a URL]";

const STATUS_HELP: &str = "\
Environment:
  WILLIW_API_KEY  The API key for the ledger of a Worker, with scope 'ledger' [required if --ledger is a URL]";

const DOCTOR_HELP: &str = "\
The same settings as for run. The exit code is 0 if a run can begin, also with warnings, and 10 if a run would
fail. Migrations that the ledger lacks are named and left to the next run.

Environment:
  SOLANA_PRIVATE_KEY  The settler's keypair: base58, a JSON array of 64 numbers, or the path of a keypair file
  WILLIW_API_KEY      The API key for the ledger of a Worker, with scope 'ledger'";

const KEY_HELP: &str = "\
Environment:
  WILLIW_API_KEY  The API key for the ledger of a Worker, with scope 'admin' [required if --ledger is a URL]";

const REVIEW_LIST_HELP: &str = STATUS_HELP;

/// The help heading of options that all commands accept.
const GLOBAL_OPTIONS: &str = "Global options";

/// Settles the rewards of a compute network's nodes on Solana, each exactly once.
#[derive(Debug, Parser)]
#[command(name = "williw-relay", version, after_help = AFTER_HELP, subcommand_required = true)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// The ledger and the cluster to work with
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,

    /// Print results as JSON, one document per line
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS)]
    pub(crate) json: bool,

    /// The format of the log, which goes to standard error [default: json with --json, otherwise text]
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, env = "WILLIW_LOG_FORMAT", value_name = "FORMAT")]
    pub(crate) log_format: Option<OutputFormat>,

    /// Read settings from a TOML file, except for those given as options or in the environment: ledger, rpc_url,
    /// max_rpc_requests_per_second, network, network_creator, network_admin, and in the table [run] format, interval, max_compute_unit_price, metrics_addr and
    /// retention_days
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, env = "WILLIW_CONFIG", value_name = "FILE")]
    #[allow(dead_code, reason = "read before everything else, in config.rs")]
    pub(crate) config: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The ledger and the cluster to work with.
#[derive(Debug, Args)]
pub(crate) struct ConnectionArguments {
    /// The ledger, required by run, status, doctor, review, reconcile, rebuild, receipt, rent, tables and key: the path of an SQLite file, or the URL of a Worker
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, env = "WILLIW_LEDGER", value_name = "FILE|URL")]
    pub(crate) ledger: Option<LedgerLocation>,

    /// The URL of a Solana RPC node, required by run, doctor, review (except list), reconcile, rebuild, receipt, verify, network,
    /// fund, rent and tables. With several URLs, separated by commas, another node is used when one fails, and two must agree
    /// before anything is recorded as paid or as never landed; each node is named once
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, env = "SOLANA_RPC_URL", hide_env_values = true)]
    #[arg(value_name = "URL", value_delimiter = ',')]
    pub(crate) rpc_url: Vec<String>,

    /// How many requests each of the RPC nodes is sent in any second, at most. A node that answers 'too many requests' is left alone
    /// for as long as it asks, up to an hour
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, env = "MAX_RPC_REQUESTS_PER_SECOND", value_name = "NUMBER")]
    #[arg(default_value_t = DEFAULT_REQUESTS_PER_SECOND)]
    pub(crate) max_rpc_requests_per_second: NonZeroU32,

    /// The name of the network, required by run, doctor, review (except list), reconcile, rebuild, receipt, network, fund, rent and tables: 1 to 32 characters of
    /// a-z, 0-9 and '-'
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, env = "NETWORK", value_name = "NAME")]
    #[arg(value_parser = network_id)]
    pub(crate) network: Option<NetworkId>,

    /// The address of the key that created the network, required by run, doctor, review (except list), reconcile, rebuild,
    /// receipt, network show, pause, unpause and set-settler, fund, rent and tables: other creators' networks can have the same name
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, env = "NETWORK_CREATOR", value_name = "ADDRESS")]
    pub(crate) network_creator: Option<Pubkey>,

    /// The address that must be the network's admin, otherwise nothing is sent; set it after a handover [default: the
    /// creator]
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, env = "NETWORK_ADMIN", value_name = "ADDRESS")]
    pub(crate) network_admin: Option<Pubkey>,
}

/// The command to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Settle: pay out earned rewards in finalized transactions
    Run(RunArguments),
    /// Show a settlement, and optionally the balance of a node
    Status(StatusArguments),
    /// Check everything that a run needs, and say what to do about what is wrong. Sends nothing and changes nothing
    #[command(after_help = DOCTOR_HELP)]
    Doctor,
    /// Resolve differences between the ledger and the chain that the relay cannot decide
    #[command(subcommand)]
    Review(ReviewCommand),
    /// Compare every wallet of the network, its treasury and the ledger, to the lamport
    Reconcile(ReconcileArguments),
    /// Rebuild a lost ledger from the chain: batches, transactions and wallets
    #[command(after_help = audit::REBUILD_HELP)]
    Rebuild,
    /// Print the receipt of a credited reward: a file by which anyone can check that it was paid
    Receipt(ReceiptArguments),
    /// Check receipts against the chain; needs only an RPC node
    Verify(VerifyArguments),
    /// Create a network on-chain, show who controls it, pause it, and replace its settler
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Transfer lamports, or tokens of the mint that the network pays in, to its treasury
    Fund(FundArguments),
    /// Adjust the accounts of all nodes after a change of the cluster's rent
    #[command(subcommand)]
    Rent(RentCommand),
    /// Manage address lookup tables, with which a v0 transaction pays three times as many nodes
    #[command(subcommand)]
    Tables(TablesCommand),
    /// Create, revoke and list the API keys of the HTTP API
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
pub(crate) struct RunArguments {
    /// Exit when there is nothing left to settle (the default)
    #[arg(long, conflicts_with = "watch")]
    pub(crate) once: bool,

    /// Keep running, and check for new rewards periodically
    #[arg(long)]
    pub(crate) watch: bool,

    /// With --watch: how long to wait between checks when there is nothing to settle, in seconds, 1 to 86400
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    #[arg(requires = "watch")]
    pub(crate) interval: u32,

    /// Without --watch: how long to keep retrying while the ledger or the RPC node is unavailable, in seconds; 0 to fail immediately
    #[arg(long, value_name = "SECONDS", default_value_t = 30, conflicts_with = "watch")]
    pub(crate) patience: u32,

    /// The transaction format: 'v0', 'v1', or 'auto' for v1 if the cluster supports it
    #[arg(long, value_name = "FORMAT", default_value = "auto", value_parser = format_choice)]
    pub(crate) format: FormatChoice,

    /// The maximum priority fee, in micro-lamports per compute unit
    #[arg(long, value_name = "MICRO_LAMPORTS", default_value_t = 1_000_000)]
    pub(crate) max_compute_unit_price: u64,

    /// The maximum priority fee of one transaction, in lamports
    #[arg(long, value_name = "LAMPORTS", default_value_t = 200_000)]
    pub(crate) max_priority_fee: u64,

    /// The maximum sum of the fees of this run, in lamports, or with --watch of each settlement; what it does not cover is held for
    /// ten minutes. Rent of new wallet accounts comes on top [default: no maximum]
    #[arg(long, value_name = "LAMPORTS")]
    pub(crate) max_fee_per_run: Option<u64>,

    /// Serve metrics for Prometheus at http://ADDRESS/metrics, to anybody who can reach the address, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", env = "WILLIW_METRICS_ADDR")]
    pub(crate) metrics_addr: Option<SocketAddr>,

    /// After how many days the log lines of a closed settlement and the bytes of its transactions are deleted, and with a
    /// ledger in a file also idempotency keys; what proves payments is kept for ever
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_RETENTION_DAYS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) retention_days: u32,
}

#[derive(Debug, Args)]
#[command(after_help = STATUS_HELP)]
pub(crate) struct StatusArguments {
    /// The id of the settlement to show [default: the latest]
    #[arg(long, value_name = "ID")]
    pub(crate) settlement: Option<i64>,

    /// The id of a node whose balance to show as well
    #[arg(long, value_name = "NODE_ID")]
    pub(crate) node: Option<NodeId>,
}

/// The subcommands of `review`.
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// List the nodes whose credited total on the chain the ledger cannot explain, as the last settlement has seen it
    #[command(after_help = REVIEW_LIST_HELP)]
    List,
    /// Show everything that ledger and chain know about a node
    Show(ShowArguments),
    /// Decide what the chain has credited to a node for, beyond what the ledger has signed, so that the node goes on
    Resolve(ResolveArguments),
    /// Accept what the treasury has credited to wallet accounts of no node in this ledger, so that wallet accounts are created
    /// again
    AcceptUnknown(AcceptUnknownArguments),
}

/// The subcommands of `network`.
#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// Create a network and its treasury. The signer of the transaction pays for it and becomes the network's creator and
    /// admin
    Create(CreateNetworkArguments),
    /// Show who controls a network, what it pays in, and whether it is paused
    Show,
    /// Stop credits, payouts and registrations at once. Signed by the guardian or the admin
    #[command(after_help = SIGNER_HELP)]
    Pause,
    /// Put a paused network back into service. Signed by the admin
    #[command(after_help = SIGNER_HELP)]
    Unpause,
    /// Give the settler's role to another key, and take it from the present one. Signed by the admin
    SetSettler(SetSettlerArguments),
}

#[derive(Debug, Args)]
#[command(after_help = SIGNER_HELP)]
pub(crate) struct SetSettlerArguments {
    /// The address of the new settler
    #[arg(value_name = "ADDRESS")]
    pub(crate) settler: Pubkey,
}

/// The parameters of a network. The defaults suit a network that pays up to about a thousand SOL per day.
#[derive(Debug, Args)]
#[command(after_help = SIGNER_HELP)]
pub(crate) struct CreateNetworkArguments {
    /// The address of the settler, whose key the relay uses to credit and settle [default: the admin]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) settler: Option<Pubkey>,

    /// The address of the guardian, which can pause the network [default: the admin]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) guardian: Option<Pubkey>,

    /// The mint in whose tokens the network pays, of SPL Token or Token-2022 [default: it pays in SOL]. The amounts below are then
    /// in base units of the mint, and their defaults hardly suit it
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) mint: Option<Pubkey>,

    /// The pending amount from which a node is paid, in lamports; a node can choose a higher one, but not a lower one
    #[arg(long, value_name = "LAMPORTS", default_value = "1000000")]
    pub(crate) threshold_lamports: Lamports,

    /// The maximum credit per node and batch, in lamports
    #[arg(long, value_name = "LAMPORTS", default_value = "10000000000")]
    pub(crate) per_node_cap_lamports: Lamports,

    /// The maximum credit per batch, in lamports
    #[arg(long, value_name = "LAMPORTS", default_value = "100000000000")]
    pub(crate) per_batch_cap_lamports: Lamports,

    /// The maximum credit per window, in lamports: what could be lost per window if the settler's key is stolen
    #[arg(long, value_name = "LAMPORTS", default_value = "1000000000000")]
    pub(crate) window_limit_lamports: Lamports,

    /// The length of the window, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub(crate) window_seconds: u64,

    /// The age from which pending amounts below the threshold are paid as well, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2_592_000)]
    pub(crate) max_pending_age_seconds: u64,

    /// How long a pause can keep the owners of nodes from withdrawing, in seconds, 1 to 2592000 (30 days)
    #[arg(long, value_name = "SECONDS", default_value_t = 604_800)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=MAX_PAUSE_SECONDS))]
    pub(crate) max_pause_seconds: u64,
}

#[derive(Debug, Args)]
#[command(after_help = SIGNER_HELP)]
pub(crate) struct FundArguments {
    /// The amount to transfer from the signer to the treasury, in lamports (1 SOL is 1000000000 lamports). If the network pays in
    /// tokens, in base units of the mint, from the signer's associated token account
    #[arg(value_name = "AMOUNT")]
    pub(crate) lamports: Lamports,
}

/// The subcommands of `rent`.
#[derive(Debug, Subcommand)]
pub(crate) enum RentCommand {
    /// After a fall of the rent: move what is neither rent nor owed to the nodes from their accounts to the treasury
    Sweep(RentArguments),
    /// After a rise of the rent: bring the wallets with a pending amount to their new minimum, from the treasury. Signed
    /// by the settler or the admin
    TopUp(RentArguments),
}

#[derive(Debug, Args)]
#[command(after_help = RENT_HELP)]
pub(crate) struct RentArguments {
    /// The transaction format: 'v0', 'v1', or 'auto' for v1 if the cluster supports it
    #[arg(long, value_name = "FORMAT", default_value = "auto", value_parser = format_choice)]
    pub(crate) format: FormatChoice,
}

/// The subcommands of `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create an API key and print it. Only its hash is stored, so it cannot be shown again
    Create(CreateKeyArguments),
    /// Revoke an API key, effective immediately
    Revoke(RevokeKeyArguments),
    /// List all API keys, including revoked ones
    #[command(after_help = KEY_HELP)]
    List,
}

#[derive(Debug, Args)]
#[command(after_help = KEY_HELP)]
pub(crate) struct CreateKeyArguments {
    /// A label for the owner or the purpose of the key, 1 to 100 characters
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// A permission of the key, repeatable: nodes, contributions, rewards, settlement, read, ledger or admin
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub(crate) scopes: Vec<Scope>,
}

#[derive(Debug, Args)]
#[command(after_help = KEY_HELP)]
pub(crate) struct RevokeKeyArguments {
    /// The id of the key, as shown by 'key list' (ak_...)
    #[arg(value_name = "ID")]
    pub(crate) id: ApiKeyId,
}

/// Where the ledger is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LedgerLocation {
    File(PathBuf),
    /// In the database of the Worker at this URL.
    Worker(String),
}

impl FromStr for LedgerLocation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Ok(Self::Worker(text.to_owned()));
        }
        if text.is_empty() || text.contains("://") {
            return Err("must be the path of an SQLite file, or a Worker's URL starting with https://".to_owned());
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
        _ => text.parse::<Format>().map(FormatChoice::Only).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_argument_definitions_are_valid() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_of_doctor_names_its_exit_code() {
        let code = crate::error::CliError::Doctor { errors: 1 }.exit_code();
        assert!(DOCTOR_HELP.contains(&format!("and {code} if a run would")), "{DOCTOR_HELP}");
        assert!(AFTER_HELP.contains(&format!("\n  {code}   The doctor has found")), "{AFTER_HELP}");
    }

    #[test]
    fn the_help_of_a_setting_names_every_command_that_requires_it() {
        let mut arguments = Arguments::command();
        let help = arguments.render_long_help().to_string();
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.contains(
                "receipt, network show, pause, unpause and set-settler, fund, rent and tables: other creators"
            ),
            "{words}"
        );
        assert!(
            words.contains("Scope: 'ledger' for run, status, doctor, rent, tables, receipt, reconcile,"),
            "{words}"
        );
    }

    #[test]
    fn a_ledger_is_a_file_or_a_worker_url() {
        assert_eq!("a/b.sqlite3".parse(), Ok(LedgerLocation::File("a/b.sqlite3".into())));
        assert_eq!("https://w.example".parse(), Ok(LedgerLocation::Worker("https://w.example".to_owned())));
        for invalid in ["", "postgres://a", "sqlite://a"] {
            assert!(invalid.parse::<LedgerLocation>().is_err(), "{invalid}");
        }
    }

    #[test]
    fn no_argument_takes_a_secret() {
        fn names(command: &clap::Command) -> Vec<String> {
            let own = command.get_arguments().map(|argument| argument.get_id().to_string());
            own.chain(command.get_subcommands().flat_map(names)).collect()
        }
        for name in names(&Arguments::command()) {
            assert!(!["secret", "private", "password", "api_key"].iter().any(|word| name.contains(word)), "{name}");
        }
    }
}
