//! The operator of a network: its keys, and what is done with the relay's command line.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use crate::artifacts::Artifacts;
use crate::{HarnessError, files, process};

/// The terms that a sample network is created with.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Lamports pending from which a payout is made.
    pub threshold_lamports: u64,
}

/// Where a relay keeps its ledger.
#[derive(Clone, Debug)]
pub enum LedgerAt {
    /// In a SQLite file.
    File(PathBuf),
    /// In the D1 behind a Worker: its URL and a key with the scope `ledger`.
    Worker {
        /// The Worker's URL.
        url: String,
        /// The key.
        key: String,
    },
}

/// Creates and funds a network, and runs the relay, by the `williw-relay` binary.
#[derive(Debug)]
pub struct Operator {
    artifacts: Artifacts,
    rpc_url: String,
    network: String,
    admin: Pubkey,
    admin_file: PathBuf,
    settler: Keypair,
    settler_file: PathBuf,
}

impl Operator {
    /// An operator with fresh keys, whose files go to `directory`.
    ///
    /// # Errors
    /// [`HarnessError::Io`].
    pub fn new(artifacts: &Artifacts, rpc_url: &str, network: &str, directory: &Path) -> Result<Self, HarnessError> {
        files::create_directory(directory)?;
        let admin = Keypair::new();
        let settler = Keypair::new();
        Ok(Self {
            artifacts: artifacts.clone(),
            rpc_url: rpc_url.to_owned(),
            network: network.to_owned(),
            admin: admin.pubkey(),
            admin_file: files::write_keypair(directory, "admin", &admin)?,
            settler_file: files::write_keypair(directory, "settler", &settler)?,
            settler,
        })
    }

    /// The admin's address.
    pub fn admin(&self) -> Pubkey {
        self.admin
    }

    /// The settler's address.
    pub fn settler(&self) -> Pubkey {
        self.settler.pubkey()
    }

    /// The settler's secret key, as a Worker takes it: a JSON array.
    pub fn settler_secret(&self) -> String {
        files::keypair_json(&self.settler)
    }

    /// The file of the admin's key.
    pub fn admin_file(&self) -> &Path {
        &self.admin_file
    }

    /// Creates the network on the chain; the admin pays.
    ///
    /// # Errors
    /// [`HarnessError::Command`] with what the relay said.
    pub fn create_network(&self, terms: Terms) -> Result<(), HarnessError> {
        let mut command = self.relay(&self.admin_file);
        command
            .args(["network", "create"])
            .args(["--settler", &self.settler().to_string()])
            .args(["--threshold-lamports", &terms.threshold_lamports.to_string()]);
        succeed(command).map(drop)
    }

    /// Moves lamports of the admin's into the treasury.
    ///
    /// # Errors
    /// [`HarnessError::Command`] with what the relay said.
    pub fn fund(&self, lamports: u64) -> Result<(), HarnessError> {
        let mut command = self.relay(&self.admin_file);
        command.args(["fund", &lamports.to_string()]);
        succeed(command).map(drop)
    }

    /// `williw-relay run --once` with the settler's key, not started yet.
    pub fn run_once(&self, ledger: &LedgerAt) -> Command {
        let mut command = self.relay(&self.settler_file);
        with_ledger(&mut command, ledger);
        command.args(["run", "--once"]);
        command
    }

    /// `williw-relay` with a key file and the chain, its subcommand still missing.
    pub fn relay(&self, key_file: &Path) -> Command {
        let mut command = Command::new(&self.artifacts.relay);
        command
            .env_clear()
            .env("SOLANA_RPC_URL", &self.rpc_url)
            .env("NETWORK", &self.network)
            .env("SOLANA_PRIVATE_KEY", key_file);
        command
    }
}

/// Tells `command` where the ledger is.
pub fn with_ledger(command: &mut Command, ledger: &LedgerAt) {
    match ledger {
        LedgerAt::File(path) => {
            command.env("WILLIW_LEDGER", path);
        }
        LedgerAt::Worker { url, key } => {
            command.env("WILLIW_LEDGER", url).env("WILLIW_API_KEY", key);
        }
    }
}

/// Runs a command to its end.
///
/// # Errors
/// [`HarnessError::Io`] when it cannot be started, [`HarnessError::Command`] when it fails.
pub fn succeed(command: Command) -> Result<Output, HarnessError> {
    let (name, output) = finish(command)?;
    if output.status.success() {
        return Ok(output);
    }
    Err(HarnessError::Command {
        command: name,
        status: process::describe(output.status),
        output: format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    })
}

/// Runs a command to its end, however it ends; also returns the command in words (secrets stand in no argument).
///
/// # Errors
/// [`HarnessError::Io`] when it cannot be started.
pub fn finish(command: Command) -> Result<(String, Output), HarnessError> {
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = format!("{program} {}", arguments.join(" "));
    let output = process::output(command).map_err(HarnessError::io(format!("starting {program}")))?;
    Ok((name, output))
}
