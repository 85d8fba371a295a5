//! A complete network on a chain: created, funded, and with a running Worker.

use std::path::{Path, PathBuf};

use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use crate::artifacts::Artifacts;
use crate::balances::{BalanceSources, NodeBalances};
use crate::chain::ChainClient;
use crate::ledger_file::LedgerFile;
use crate::relay_cli::{NetworkSettings, RelayCli};
use crate::sample_nodes::{RewardParameters, SampleNode};
use crate::worker::{Worker, WorkerOptions};
use crate::{HarnessError, files, ports};

/// Lamports per SOL.
pub const SOL: u64 = 1_000_000_000;

/// Initial balance of the admin and of the settler of a [`TestNetwork`], for rent and fees.
const OPERATING_LAMPORTS: u64 = 100 * SOL;

/// Default funding of a treasury, transferred from the admin.
pub const TREASURY_LAMPORTS: u64 = 50 * SOL;

/// A network on a chain, together with its relay, its Worker and an independent RPC client.
pub struct TestNetwork {
    /// RPC client that does not use the relay's code.
    pub chain: ChainClient,
    /// `williw-relay` with the keys of the network's admin and settler.
    pub relay_cli: RelayCli,
    /// The Worker with the network's ledger.
    pub worker: Worker,
    /// Parameters that determine the rewards of the sample nodes.
    pub parameters: RewardParameters,
    directory: PathBuf,
}

/// Name, cluster, API port and funding of a [`TestNetwork`].
#[derive(Clone, Copy, Debug)]
pub struct TestNetworkOptions<'a> {
    /// A network name that is not in use on the cluster yet.
    pub name: &'a str,
    /// URL of the cluster's JSON-RPC API.
    pub rpc_url: &'a str,
    /// Port of the Worker's API.
    pub api_port: u16,
    /// Lamports transferred to the treasury; 0 leaves it unfunded.
    pub treasury_lamports: u64,
    /// The mint that the network pays in; `None` for SOL.
    pub mint: Option<Pubkey>,
}

impl<'a> TestNetworkOptions<'a> {
    /// Options for a network with [`TREASURY_LAMPORTS`] and its Worker on a free port.
    ///
    /// # Errors
    /// [`HarnessError::Io`] if there is no free port.
    pub fn on_free_port(name: &'a str, rpc_url: &'a str) -> Result<Self, HarnessError> {
        Ok(Self { name, rpc_url, api_port: ports::free()?, treasury_lamports: TREASURY_LAMPORTS, mint: None })
    }
}

impl TestNetwork {
    /// Creates and funds the network, and starts its Worker. Keys, state and logs are written to `directory`.
    /// `on_progress` is called with a description of each completed step.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn set_up(
        artifacts: &Artifacts,
        options: TestNetworkOptions<'_>,
        directory: &Path,
        mut on_progress: impl FnMut(&str),
    ) -> Result<Self, HarnessError> {
        let chain = ChainClient::new(options.rpc_url);
        let parameters = RewardParameters::for_cluster(chain.rent_minimum(0)?);
        let relay_cli = RelayCli::new(artifacts, options.rpc_url, options.name, &directory.join("keys"))?;
        chain.airdrop(&relay_cli.admin(), OPERATING_LAMPORTS)?;
        chain.airdrop(&relay_cli.settler(), OPERATING_LAMPORTS)?;
        let threshold = parameters.threshold_lamports;
        relay_cli.create_network(NetworkSettings { threshold_lamports: threshold, mint: options.mint })?;
        on_progress(&format!("network '{}' created, payout threshold {threshold} lamports", options.name));
        if options.treasury_lamports > 0 {
            relay_cli.fund(options.treasury_lamports)?;
            on_progress(&format!("treasury funded with {} lamports", options.treasury_lamports));
        }
        let worker_options = WorkerOptions {
            port: options.api_port,
            network: options.name.to_owned(),
            network_creator: relay_cli.admin().to_string(),
            rpc_url: options.rpc_url.to_owned(),
            lamports_per_score: parameters.lamports_per_score,
            solana_private_key: relay_cli.settler_secret(),
            admin_key: random_api_key(),
        };
        let worker = Worker::start(artifacts, worker_options, directory)?;
        on_progress(&format!("Worker listening on {}", worker.api().url()));
        Ok(Self { chain, relay_cli, worker, parameters, directory: directory.to_owned() })
    }

    /// Directory with the network's keys, state and logs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The network's address.
    pub fn address(&self) -> Pubkey {
        self.relay_cli.network()
    }

    /// Reads the balances of `nodes` from the chain, D1 and the API.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn node_balances(&self, nodes: &[SampleNode]) -> Result<Vec<NodeBalances>, HarnessError> {
        let ledger = self.worker.d1()?;
        let sources = self.sources(&ledger);
        nodes.iter().map(|node| sources.node_balances(node)).collect()
    }

    /// Describes every balance that differs from the expected one. See [`BalanceSources::mismatches`].
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn mismatches(&self, nodes: &[SampleNode]) -> Result<Vec<String>, HarnessError> {
        let ledger = self.worker.d1()?;
        self.sources(&ledger).mismatches(nodes)
    }

    fn sources<'a>(&'a self, ledger: &'a LedgerFile) -> BalanceSources<'a> {
        BalanceSources { chain: &self.chain, ledger, api: Some(self.worker.api()), network: self.address() }
    }
}

fn random_api_key() -> String {
    // Fresh addresses are as random as keys, and safe to quote in the secrets file.
    format!("{}{}", Keypair::new().pubkey(), Keypair::new().pubkey())
}

/// Creates an empty directory for a run below Cargo's target directory.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn run_directory(artifacts: &Artifacts, name: &str) -> Result<PathBuf, HarnessError> {
    let directory = artifacts.target.join("williw").join(name);
    files::create_empty_directory(&directory)?;
    Ok(directory)
}

/// Creates an empty directory for `name` that only this process uses, and removes the directories of processes that
/// have exited. The files of a failed run therefore remain available until the next run.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn process_directory(artifacts: &Artifacts, kind: &str, name: &str) -> Result<PathBuf, HarnessError> {
    let all = artifacts.target.join("williw").join(kind);
    files::create_directory(&all)?;
    for entry in std::fs::read_dir(&all).map_err(HarnessError::io(format!("reading {}", all.display())))?.flatten() {
        let process = Path::new("/proc").join(entry.file_name());
        if !process.exists() {
            // Another process may be removing the same directory.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let directory = all.join(std::process::id().to_string()).join(name);
    files::create_empty_directory(&directory)?;
    Ok(directory)
}
