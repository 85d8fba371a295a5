//! The `williw-relay` command-line tool, run with the keys of a network's admin and settler.

use std::path::{Path, PathBuf};
use std::process::Command;

use settlement::client::{NetworkId, network_address};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use crate::artifacts::Artifacts;
use crate::process::run_to_success;
use crate::{HarnessError, files};

/// Settings of a sample network. Everything else has the relay's defaults.
#[derive(Clone, Copy, Debug)]
pub struct NetworkSettings {
    /// Minimum pending lamports, or base units of the mint, for a payout.
    pub threshold_lamports: u64,
    /// The mint that the network pays in; `None` for SOL.
    pub mint: Option<Pubkey>,
}

/// The ledger used by a relay.
#[derive(Clone, Debug)]
pub enum LedgerLocation {
    /// Path of an SQLite file.
    File(PathBuf),
    /// The D1 database of a Worker.
    Worker {
        /// Base URL of the Worker's API.
        url: String,
        /// API key with the scope `ledger`.
        key: String,
    },
}

/// Runs `williw-relay` commands for one network: creates it, funds it, and settles its ledger.
#[derive(Debug)]
pub struct RelayCli {
    artifacts: Artifacts,
    rpc_url: String,
    network: NetworkId,
    admin: Keypair,
    admin_file: PathBuf,
    settler: Keypair,
    settler_file: PathBuf,
}

impl RelayCli {
    /// Generates keypairs for the admin and the settler of `network`, and writes them to `directory`.
    ///
    /// # Errors
    /// [`HarnessError::Io`], and [`HarnessError::Unexpected`] if `network` is not a valid network name.
    pub fn new(artifacts: &Artifacts, rpc_url: &str, network: &str, directory: &Path) -> Result<Self, HarnessError> {
        files::create_directory(directory)?;
        let admin = Keypair::new();
        let settler = Keypair::new();
        Ok(Self {
            artifacts: artifacts.clone(),
            rpc_url: rpc_url.to_owned(),
            network: NetworkId::from_name(network).map_err(|error| {
                HarnessError::Unexpected(format!("'{network}' is not a valid network name: {error}"))
            })?,
            admin_file: files::write_keypair(directory, "admin", &admin)?,
            admin,
            settler_file: files::write_keypair(directory, "settler", &settler)?,
            settler,
        })
    }

    /// The admin's address.
    pub fn admin(&self) -> Pubkey {
        self.admin.pubkey()
    }

    /// The admin's keypair.
    pub fn admin_keypair(&self) -> &Keypair {
        &self.admin
    }

    /// The network's address. The admin is its creator.
    pub fn network(&self) -> Pubkey {
        network_address(&self.admin(), &self.network)
    }

    /// The settler's address.
    pub fn settler(&self) -> Pubkey {
        self.settler.pubkey()
    }

    /// The settler's keypair.
    pub fn settler_keypair(&self) -> &Keypair {
        &self.settler
    }

    /// The settler's keypair as a JSON array, the format of the Worker's `SOLANA_PRIVATE_KEY`.
    pub fn settler_secret(&self) -> String {
        files::keypair_json(&self.settler)
    }

    /// Path of the admin's keypair file.
    pub fn admin_file(&self) -> &Path {
        &self.admin_file
    }

    /// Path of the settler's keypair file.
    pub fn settler_file(&self) -> &Path {
        &self.settler_file
    }

    /// Creates the network on chain. The admin pays the rent and the fee.
    ///
    /// # Errors
    /// [`HarnessError::Command`] with the relay's output.
    pub fn create_network(&self, settings: NetworkSettings) -> Result<(), HarnessError> {
        let mut command = self.command(&self.admin_file);
        command
            .args(["network", "create"])
            .args(["--settler", &self.settler().to_string()])
            .args(["--threshold-lamports", &settings.threshold_lamports.to_string()]);
        if let Some(mint) = settings.mint {
            command.args(["--mint", &mint.to_string()]);
        }
        run_to_success(command).map(drop)
    }

    /// Transfers lamports, or base units of the mint that the network pays in, from the admin to the treasury.
    ///
    /// # Errors
    /// [`HarnessError::Command`] with the relay's output.
    pub fn fund(&self, amount: u64) -> Result<(), HarnessError> {
        let mut command = self.command(&self.admin_file);
        command.args(["fund", &amount.to_string()]);
        run_to_success(command).map(drop)
    }

    /// Returns the command `williw-relay run --once` with the settler's key.
    pub fn run_once(&self, ledger: &LedgerLocation) -> Command {
        let mut command = self.command(&self.settler_file);
        with_ledger(&mut command, ledger);
        command.args(["run", "--once"]);
        command
    }

    /// Returns a `williw-relay` command with the cluster, the network and a key file, but without a subcommand.
    pub fn command(&self, key_file: &Path) -> Command {
        let mut command = Command::new(&self.artifacts.relay);
        command
            .env_clear()
            .env("SOLANA_RPC_URL", &self.rpc_url)
            .env("NETWORK", self.network.name())
            .env("NETWORK_CREATOR", self.admin().to_string())
            .env("SOLANA_PRIVATE_KEY", key_file);
        command
    }
}

/// Configures the ledger of a `williw-relay` command.
pub fn with_ledger(command: &mut Command, ledger: &LedgerLocation) {
    match ledger {
        LedgerLocation::File(path) => {
            command.env("WILLIW_LEDGER", path);
        }
        LedgerLocation::Worker { url, key } => {
            command.env("WILLIW_LEDGER", url).env("WILLIW_API_KEY", key);
        }
    }
}
