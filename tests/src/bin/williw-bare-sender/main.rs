//! `williw-bare-sender`: the baseline of the relay's throughput. It sends the same transactions as a relay has sent, all at once,
//! and waits for the same finality, without a ledger of its own, simulations or anything else that makes payments safe.
//!
//! The batches are read from the relay's ledger. Every total is raised by what the batch has credited, so that the transactions
//! do the same work again. Afterwards, ledger and chain disagree: the network is of no further use.

mod rpc;
mod send;
mod transactions;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;

/// Send the transactions of a relay's batches again, with higher totals, and wait until they are final.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The URL of the RPC node
    #[arg(long)]
    rpc_url: String,
    /// The address of the network
    #[arg(long)]
    network: Pubkey,
    /// The relay's ledger, an SQLite file
    #[arg(long)]
    ledger: PathBuf,
    /// The settler's keypair file
    #[arg(long)]
    keypair: PathBuf,
    /// Send the batches after this one
    #[arg(long, value_name = "ID")]
    after_batch: i64,
    /// How many times these batches have been sent before, by the relay and by this program
    #[arg(long, value_name = "N")]
    sent_before: u64,
    /// The maximum number of requests at the same time
    #[arg(long, value_name = "N")]
    in_flight: usize,
}

/// Why the transactions were not sent, or did not become final.
#[derive(Debug, thiserror::Error)]
enum SenderError {
    #[error("the ledger: {0}")]
    Ledger(#[from] rusqlite::Error),
    #[error("the RPC node: {0}")]
    Rpc(#[from] reqwest::Error),
    #[error(transparent)]
    Harness(#[from] williw_tests::HarnessError),
    #[error("{0}")]
    Other(String),
}

impl SenderError {
    fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), SenderError> {
    let settler = read_keypair(&arguments.keypair)?;
    let accounts = transactions::Accounts { settler: settler.pubkey(), network: arguments.network };
    let batches = transactions::Batches { after: arguments.after_batch, sent_before: arguments.sent_before };
    let prepared = transactions::read(&arguments.ledger, accounts, batches)?;
    let rpc = rpc::Rpc::new(&arguments.rpc_url)?;
    let sent = send::send_all(&rpc, &settler, &prepared, arguments.in_flight)?;
    send::wait_until_final(&rpc, sent)?;
    let nodes: usize = prepared.iter().map(|transaction| transaction.nodes).sum();
    println!("{}", json!({"transactions": prepared.len(), "nodes": nodes}));
    Ok(())
}

fn read_keypair(path: &Path) -> Result<Keypair, SenderError> {
    let failed = |reason: &dyn std::fmt::Display| SenderError::Other(format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    let bytes: Vec<u8> = serde_json::from_str(&text).map_err(|_| failed(&"not a keypair file"))?;
    Keypair::try_from(bytes.as_slice()).map_err(|_| failed(&"not a keypair"))
}
