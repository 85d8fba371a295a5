//! A Solana localnet with the project's program deployed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::artifacts::Artifacts;
use crate::process::{self, Process};
use crate::wait::{self, Seen};
use crate::{HarnessError, files};

/// It starts in about 0.2 s; a loaded machine may take longer.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// Selects the localnet: a command on `PATH` with the arguments of `williw-localnet`, which is the default.
const COMMAND_VARIABLE: &str = "WILLIW_LOCALNET";

/// Additional arguments of the localnet, separated by spaces.
const ARGUMENTS_VARIABLE: &str = "WILLIW_LOCALNET_ARGS";

/// The name of the localnet's command.
pub fn command_name() -> String {
    std::env::var(COMMAND_VARIABLE).unwrap_or_else(|_| "williw-localnet".to_owned())
}

/// Where a localnet listens and how fast it runs.
#[derive(Clone, Copy, Debug)]
pub struct LocalnetOptions {
    /// The port of the JSON-RPC API; 0 takes a free one.
    pub rpc_port: u16,
    /// The port of the subscriptions; 0 takes a free one.
    pub ws_port: u16,
    /// Milliseconds of a slot. Finality is 31 slots later, and a blockhash lives for 150.
    pub slot_ms: u64,
    /// Whether the program is there. Off only to show what happens without it.
    pub deploy: bool,
}

/// A running localnet. Dropping it stops it.
#[derive(Debug)]
pub struct Localnet {
    process: Process,
    url: String,
}

impl Localnet {
    /// Starts a localnet and waits until it answers with the program deployed. `directory` takes its log.
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
        if options.deploy {
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
            Ok(url.map_or(Seen::NotYet(text), Seen::Done))
        })?;
        Ok(Self { process, url })
    }

    /// The URL of the JSON-RPC API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The end of its log, for the report of a failure.
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    /// An error when it has ended.
    ///
    /// # Errors
    /// [`HarnessError::Exited`].
    pub fn check_running(&mut self) -> Result<(), HarnessError> {
        self.process.check_running()
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.process.stop();
    }
}
