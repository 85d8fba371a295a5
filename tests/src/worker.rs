//! The Worker in workerd, run by `wrangler dev`, with its own D1 database in a directory.
//!
//! The directory holds the state: a [`Worker`] that is killed and restarted on the same directory continues with the
//! same ledger, like a deployed Worker that lost its machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::api::Api;
use crate::artifacts::Artifacts;
use crate::ledger_file::LedgerFile;
use crate::process::{Process, run_to_success};
use crate::wait::{self, Poll};
use crate::{HarnessError, files};

/// wrangler starts in about 2 s; a loaded machine may need several times as long.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// Name of the D1 binding in `worker/wrangler.jsonc`.
const D1_BINDING: &str = "DB";

/// Port, variables and secrets of a Worker.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// TCP port of the API on 127.0.0.1.
    pub port: u16,
    /// `NETWORK`: name of the network that the Worker settles.
    pub network: String,
    /// `NETWORK_CREATOR`: address of the key that created the network.
    pub network_creator: String,
    /// `SOLANA_RPC_URL`: URL of the Solana JSON-RPC API.
    pub rpc_url: String,
    /// `LAMPORTS_PER_SCORE`: reward for one point of compute score.
    pub lamports_per_score: u64,
    /// `SOLANA_PRIVATE_KEY`: the settler's keypair. Secret.
    pub solana_private_key: String,
    /// `WILLIW_ADMIN_KEY`: API key with every scope. Secret.
    pub admin_key: String,
}

/// A running Worker. Dropping it stops the process.
#[derive(Debug)]
pub struct Worker {
    artifacts: Artifacts,
    options: WorkerOptions,
    directory: PathBuf,
    process: Process,
    api: Api,
}

impl Worker {
    /// Applies the migrations to the D1 database in `directory`, starts the Worker and waits until it responds.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn start(artifacts: &Artifacts, options: WorkerOptions, directory: &Path) -> Result<Self, HarnessError> {
        files::create_directory(directory)?;
        let mut migrate = wrangler(artifacts, directory);
        migrate.args(["d1", "migrations", "apply", D1_BINDING, "--local"]);
        run_to_success(migrate)?;
        let api = Api::new(&format!("http://127.0.0.1:{}", options.port), Some(&options.admin_key))?;
        let process = spawn(artifacts, &options, directory)?;
        let mut worker = Self { artifacts: artifacts.clone(), options, directory: directory.to_owned(), process, api };
        worker.wait_until_ready()?;
        Ok(worker)
    }

    /// Kills wrangler and workerd immediately, simulating a power failure.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Restarts the Worker on the same state, after [`Worker::kill`] or [`Worker::stop`].
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn restart(&mut self) -> Result<(), HarnessError> {
        self.process = spawn(&self.artifacts, &self.options, &self.directory)?;
        self.wait_until_ready()
    }

    /// Like [`Worker::restart`], but with changed options, such as a corrected secret.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn restart_with(&mut self, change: impl FnOnce(&mut WorkerOptions)) -> Result<(), HarnessError> {
        change(&mut self.options);
        self.restart()
    }

    /// Stops the Worker gracefully.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Fires the cron trigger, as the platform does every minute, and waits for the handler to return.
    ///
    /// # Errors
    /// [`HarnessError::Unexpected`] if the handler failed.
    pub fn fire_cron(&self) -> Result<(), HarnessError> {
        let response = self.api.get("/cdn-cgi/handler/scheduled")?;
        if response.status != 200 {
            return Err(HarnessError::Unexpected(format!(
                "the cron handler failed (status {}). Last lines of the Worker's log:\n{}",
                response.status,
                self.process.log_tail()
            )));
        }
        Ok(())
    }

    /// An API client with the admin key.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Path of the file with the Worker's secrets.
    pub fn secrets_file(&self) -> PathBuf {
        secrets_file(&self.directory)
    }

    /// The options that the Worker was last started with.
    pub fn options(&self) -> &WorkerOptions {
        &self.options
    }

    /// Opens the D1 database file directly, bypassing the Worker.
    ///
    /// # Errors
    /// See [`LedgerFile::open_d1`].
    pub fn d1(&self) -> Result<LedgerFile, HarnessError> {
        LedgerFile::open_d1(&self.directory.join("state"))
    }

    /// The complete log.
    ///
    /// # Errors
    /// [`HarnessError::Io`].
    pub fn log_text(&self) -> Result<String, HarnessError> {
        let log = self.process.log();
        let bytes = std::fs::read(log).map_err(HarnessError::io(format!("reading {}", log.display())))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
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

    fn wait_until_ready(&mut self) -> Result<(), HarnessError> {
        wait::until("the Worker to respond to /health", START_DEADLINE, || {
            self.process.check_running()?;
            Ok(match self.api.get("/health") {
                Ok(response) if response.status == 200 => Poll::Ready(()),
                Ok(response) => Poll::Pending(format!("{}: {}", response.status, response.body)),
                Err(error) => Poll::Pending(error.to_string()),
            })
        })
        .map_err(|error| match error {
            HarnessError::Timeout { .. } => {
                HarnessError::Unexpected(format!("{error}. Last lines of its log:\n{}", self.process.log_tail()))
            }
            other => other,
        })
    }
}

fn spawn(artifacts: &Artifacts, options: &WorkerOptions, directory: &Path) -> Result<Process, HarnessError> {
    // Never pass secrets on the command line, where every user of the machine could read them.
    let secrets = secrets_file(directory);
    files::write_secret(
        &secrets,
        &format!("SOLANA_PRIVATE_KEY='{}'\nWILLIW_ADMIN_KEY='{}'\n", options.solana_private_key, options.admin_key),
    )?;
    let mut command = wrangler(artifacts, directory);
    command
        .args(["dev", "--local", "--ip", "127.0.0.1", "--inspector-port", "0"])
        .args(["--port", &options.port.to_string()])
        .arg("--env-file")
        .arg(secrets)
        .args(["--var", &format!("SOLANA_RPC_URL:{}", options.rpc_url)])
        .args(["--var", &format!("NETWORK:{}", options.network)])
        .args(["--var", &format!("NETWORK_CREATOR:{}", options.network_creator)])
        .args(["--var", &format!("LAMPORTS_PER_SCORE:{}", options.lamports_per_score)])
        .args(["--show-interactive-dev-session", "false"]);
    Process::spawn("the Worker", command, &directory.join("worker.log"))
}

fn secrets_file(directory: &Path) -> PathBuf {
    directory.join("secrets.env")
}

/// wrangler with the arguments and settings shared by all its commands: the project's configuration, the state
/// directory, and no outbound requests.
fn wrangler(artifacts: &Artifacts, directory: &Path) -> Command {
    let mut command = Command::new(&artifacts.wrangler);
    command
        .arg("--config")
        .arg(artifacts.checkout.join("worker/wrangler.jsonc"))
        .arg("--persist-to")
        .arg(directory.join("state"))
        .current_dir(artifacts.checkout.join("worker"))
        .env("CI", "1")
        .env("NO_COLOR", "1")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("WRANGLER_SEND_ERROR_REPORTS", "false")
        // Do not check the registry for a newer version, and do not fetch a sample of `request.cf` from Cloudflare.
        .env("WRANGLER_HIDE_BANNER", "true")
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
        .env("WRANGLER_LOG_PATH", directory.join("wrangler-logs"))
        // The Worker is already built.
        .env("WILLIW_PREBUILT", "1")
        // Without a separate registry, Workers with the same name on one machine would discover each other.
        .env("WRANGLER_REGISTRY_PATH", directory.join("registry"));
    command
}
