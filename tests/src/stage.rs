//! One network, ready to be paid: created and funded on a chain, with a Worker in front of its ledger.

use std::path::{Path, PathBuf};

use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use crate::artifacts::Artifacts;
use crate::audit::{Sources, Statement};
use crate::chain::Witness;
use crate::edge::{Edge, EdgeOptions};
use crate::ledger_file::LedgerFile;
use crate::operator::{Operator, Terms};
use crate::sample::{SampleNode, Tariff};
use crate::{HarnessError, files, ports};

/// Lamports in a SOL.
pub const SOL: u64 = 1_000_000_000;

/// What the admin and the settler of a sample network begin with: rent of many wallet accounts, and fees.
const OPERATING_LAMPORTS: u64 = 100 * SOL;

/// What the treasury of a sample network is funded with, out of the admin's lamports.
pub const TREASURY_LAMPORTS: u64 = 50 * SOL;

/// A network on a chain, with its operator, its Worker and witnesses.
pub struct Stage {
    /// The chain, past the relay.
    pub chain: Witness,
    /// Creates, funds, and runs the relay.
    pub operator: Operator,
    /// The Worker.
    pub edge: Edge,
    /// What the sample's numbers follow from.
    pub tariff: Tariff,
    directory: PathBuf,
}

/// Where and under which name a [`Stage`] is set up.
#[derive(Clone, Copy, Debug)]
pub struct StageOptions<'a> {
    /// The network's name.
    pub network: &'a str,
    /// The chain.
    pub rpc_url: &'a str,
    /// The port of the Worker.
    pub api_port: u16,
    /// What the treasury is funded with.
    pub treasury_lamports: u64,
}

impl<'a> StageOptions<'a> {
    /// A well-funded network with its Worker on a free port.
    ///
    /// # Errors
    /// [`HarnessError::Io`] when there is no free port.
    pub fn on_free_port(network: &'a str, rpc_url: &'a str) -> Result<Self, HarnessError> {
        Ok(Self { network, rpc_url, api_port: ports::free()?, treasury_lamports: TREASURY_LAMPORTS })
    }
}

impl Stage {
    /// Creates and funds the network, and starts its Worker. `directory` takes keys, state and logs; `on_step` hears
    /// what has been done.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn set_up(
        artifacts: &Artifacts,
        options: StageOptions<'_>,
        directory: &Path,
        mut on_step: impl FnMut(&str),
    ) -> Result<Self, HarnessError> {
        let chain = Witness::new(options.rpc_url);
        let tariff = Tariff::for_cluster(chain.rent_minimum(0)?);
        let operator = Operator::new(artifacts, options.rpc_url, options.network, &directory.join("keys"))?;
        chain.airdrop(&operator.admin(), OPERATING_LAMPORTS)?;
        chain.airdrop(&operator.settler(), OPERATING_LAMPORTS)?;
        operator.create_network(Terms { threshold_lamports: tariff.threshold_lamports })?;
        on_step(&format!("network '{}' created, threshold {} lamports", options.network, tariff.threshold_lamports));
        if options.treasury_lamports > 0 {
            operator.fund(options.treasury_lamports)?;
            on_step(&format!("treasury funded with {} lamports", options.treasury_lamports));
        }
        let edge_options = EdgeOptions {
            port: options.api_port,
            network: options.network.to_owned(),
            rpc_url: options.rpc_url.to_owned(),
            lamports_per_score: tariff.lamports_per_score,
            solana_private_key: operator.settler_secret(),
            // 64 characters of base58 and more: far above the least that the Worker takes.
            admin_key: format!("{}{}", fresh_address(), fresh_address()),
        };
        let edge = Edge::start(artifacts, edge_options, directory)?;
        on_step(&format!("Worker up at {}", edge.api().url()));
        Ok(Self { chain, operator, edge, tariff, directory: directory.to_owned() })
    }

    /// Where this stage keeps its files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The name of the network.
    pub fn network(&self) -> &str {
        &self.edge.options().network
    }

    /// Where the money of each of `nodes` is, by the chain, D1 and HTTP.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn statements(&self, nodes: &[SampleNode]) -> Result<Vec<Statement>, HarnessError> {
        let ledger = self.edge.d1()?;
        let sources = self.sources(&ledger);
        nodes.iter().map(|node| sources.statement(&node.id)).collect()
    }

    /// What is not where it should be; see [`Sources::audit`].
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn audit(&self, nodes: &[SampleNode]) -> Result<Vec<String>, HarnessError> {
        let ledger = self.edge.d1()?;
        self.sources(&ledger).audit(nodes)
    }

    fn sources<'a>(&'a self, ledger: &'a LedgerFile) -> Sources<'a> {
        Sources { chain: &self.chain, ledger, api: Some(self.edge.api()), network: self.network() }
    }
}

fn fresh_address() -> Pubkey {
    Keypair::new().pubkey()
}

/// A folder for one run below cargo's target directory, emptied.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn run_directory(artifacts: &Artifacts, name: &str) -> Result<PathBuf, HarnessError> {
    let directory = artifacts.target.join("williw").join(name);
    files::fresh_directory(&directory)?;
    Ok(directory)
}

/// A folder for `name` that belongs to this process alone, emptied. Folders of processes that have ended are removed:
/// what a failed run left can be read until the next one.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn process_directory(artifacts: &Artifacts, kind: &str, name: &str) -> Result<PathBuf, HarnessError> {
    let all = artifacts.target.join("williw").join(kind);
    files::create_directory(&all)?;
    for entry in std::fs::read_dir(&all).map_err(HarnessError::io(format!("reading {}", all.display())))?.flatten() {
        let process = Path::new("/proc").join(entry.file_name());
        if !process.exists() {
            // Another process may be removing it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let directory = all.join(std::process::id().to_string()).join(name);
    files::fresh_directory(&directory)?;
    Ok(directory)
}
