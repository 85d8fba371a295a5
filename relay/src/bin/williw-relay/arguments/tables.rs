//! The arguments of `tables`.

use clap::{Args, Subcommand};
use solana_pubkey::Pubkey;

const HELP: &str = "\
Lookup tables are used where transactions have format v0, if at least two RPC URLs are configured: two nodes must agree
what a table holds. A settlement uses a table about half a minute after it was last extended.

Environment:
  SOLANA_PRIVATE_KEY  The settler's keypair, which owns the tables and pays for them: base58, a JSON array of 64 numbers,
                      or the path of a keypair file [required]
  WILLIW_API_KEY      The API key for the ledger of a Worker, with scope 'ledger' [required if --ledger is a URL]";

/// The subcommands of `tables`.
#[derive(Debug, Subcommand)]
pub(crate) enum TablesCommand {
    /// List the lookup tables, compared with the chain, and what they cost and save. Sends nothing and changes nothing
    #[command(after_help = HELP)]
    List,
    /// Put the wallets and the destinations of nodes that are paid again and again into lookup tables, the oldest nodes first
    Extend(ExtendArguments),
    /// Close lookup tables for their rent: first they are deactivated, and about four minutes later closed by the next call
    Close(CloseArguments),
}

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ExtendArguments {
    /// In how many confirmed batches a node must have been paid
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) min_batches: u32,

    /// The maximum number of addresses to add: a node has one, and two once something was paid out to it
    #[arg(long, value_name = "N", default_value_t = 2_560, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_addresses: u32,

    /// The maximum rent to lock, in lamports; closing the tables returns it [default: no maximum]
    #[arg(long, value_name = "LAMPORTS")]
    pub(crate) max_rent: Option<u64>,
}

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct CloseArguments {
    /// The tables to deactivate. Tables that are deactivated already are closed in any case
    #[arg(value_name = "ADDRESS", conflicts_with = "all")]
    pub(crate) tables: Vec<Pubkey>,

    /// Deactivate all tables
    #[arg(long)]
    pub(crate) all: bool,
}
