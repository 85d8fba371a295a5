//! A local Solana cluster with the settlement program deployed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::artifacts::Artifacts;
use crate::process::{self, Process};
use crate::wait::{self, Poll};
use crate::{HarnessError, files};

/// A localnet starts in about 0.2 s; a loaded machine may need longer.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// Selects the localnet: a command on `PATH` with the arguments of `williw-localnet`, which is the default.
const COMMAND_VARIABLE: &str = "WILLIW_LOCALNET";

/// Additional arguments of the localnet, separated by spaces.
const ARGUMENTS_VARIABLE: &str = "WILLIW_LOCALNET_ARGS";

/// The name of the localnet's command.
pub fn command_name() -> String {
    std::env::var(COMMAND_VARIABLE).unwrap_or_else(|_| "williw-localnet".to_owned())
}

/// Whether the settlement program exists when a localnet starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialProgram {
    /// The program is deployed in the genesis state.
    Deployed,
    /// The program does not exist, for tests that deploy it or depend on its absence.
    Absent,
}

/// Ports, slot time and initial state of a localnet.
#[derive(Clone, Copy, Debug)]
pub struct LocalnetOptions {
    /// Port of the JSON-RPC API; 0 selects a free port.
    pub rpc_port: u16,
    /// Port of the WebSocket subscriptions; 0 selects a free port.
    pub ws_port: u16,
    /// Slot time in milliseconds. A block is finalized after 31 slots; a blockhash expires after 150.
    pub slot_ms: u64,
    /// Whether the settlement program is deployed.
    pub program: InitialProgram,
}

impl LocalnetOptions {
    /// Options for a localnet on free ports.
    pub fn on_free_ports(slot_ms: u64, program: InitialProgram) -> Self {
        Self { rpc_port: 0, ws_port: 0, slot_ms, program }
    }
}

/// A running localnet. Dropping it stops the process.
#[derive(Debug)]
pub struct Localnet {
    process: Process,
    url: String,
}

impl Localnet {
    /// Starts a localnet and waits until it is ready. Its log is written to `directory`.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn start(artifacts: &Artifacts, options: LocalnetOptions, directory: &Path) -> Result<Self, HarnessError> {
        files::create_directory(directory)?;
        let mut command = Command::new(&artifacts.localnet);
        command
            .args(["--rpc-port", &options.rpc_port.to_string()])
            .args(["--ws-port", &options.ws_port.to_string()])
            .args(["--slot-ms", &options.slot_ms.to_string()])
            .arg("--exit-with-parent")
            .args(std::env::var(ARGUMENTS_VARIABLE).unwrap_or_default().split_whitespace());
        if options.program == InitialProgram::Deployed {
            command.arg("--program").arg(format!("{}={}", settlement::ID, artifacts.program.display()));
        }
        let log = directory.join("localnet.log");
        let mut process = Process::spawn("the localnet", command, &log)?;
        // "ready http://127.0.0.1:PORT ws://127.0.0.1:PORT"
        let url = wait::until("the localnet to be ready", START_DEADLINE, || {
            process.check_running()?;
            let text = process::tail(&log);
            let ready = text.lines().find_map(|line| line.strip_prefix("ready "));
            let url = ready.and_then(|addresses| addresses.split_whitespace().next()).map(str::to_owned);
            Ok(url.map_or(Poll::Pending(text), Poll::Ready))
        })?;
        Ok(Self { process, url })
    }

    /// The URL of the JSON-RPC API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The last lines of the log, for failure reports.
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    /// Returns an error if the process has exited.
    ///
    /// # Errors
    /// [`HarnessError::Exited`].
    pub fn check_running(&mut self) -> Result<(), HarnessError> {
        self.process.check_running()
    }

    /// Stops the process.
    pub fn stop(&mut self) {
        self.process.stop();
    }
}
