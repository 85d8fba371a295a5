//! The Worker in workerd, run by `wrangler dev`, with a D1 of its own in a folder.
//!
//! The folder holds the state: an [`Edge`] that is killed and started again on the same folder goes on with the same
//! ledger, as a Worker does that lost its machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::api::Api;
use crate::artifacts::Artifacts;
use crate::ledger_file::LedgerFile;
use crate::process::{self, Process};
use crate::wait::{self, Seen};
use crate::{HarnessError, files};

/// wrangler starts in about 2 s; a loaded machine takes several times that.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// The name of the D1 binding in `worker/wrangler.jsonc`.
const D1_BINDING: &str = "DB";

/// What a Worker is started with.
#[derive(Clone, Debug)]
pub struct EdgeOptions {
    /// The port of the API.
    pub port: u16,
    /// `NETWORK`: the name of the network that it pays.
    pub network: String,
    /// `SOLANA_RPC_URL`.
    pub rpc_url: String,
    /// `LAMPORTS_PER_SCORE`.
    pub lamports_per_score: u64,
    /// `SOLANA_PRIVATE_KEY`, a secret.
    pub solana_private_key: String,
    /// `WILLIW_ADMIN_KEY`, a secret.
    pub admin_key: String,
}

/// A running Worker. Dropping it stops it.
#[derive(Debug)]
pub struct Edge {
    artifacts: Artifacts,
    options: EdgeOptions,
    directory: PathBuf,
    process: Process,
    api: Api,
}

impl Edge {
    /// Applies the migrations to the D1 in `directory`, starts the Worker and waits until it answers.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn start(artifacts: &Artifacts, options: EdgeOptions, directory: &Path) -> Result<Self, HarnessError> {
        files::create_directory(directory)?;
        migrate(artifacts, directory)?;
        let api = Api::new(&format!("http://127.0.0.1:{}", options.port), Some(&options.admin_key))?;
        let process = spawn(artifacts, &options, directory)?;
        let mut edge = Self { artifacts: artifacts.clone(), options, directory: directory.to_owned(), process, api };
        edge.wait_until_ready()?;
        Ok(edge)
    }

    /// Kills wrangler and workerd at once, as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the Worker again on the same state, after [`Edge::kill`] or [`Edge::stop`].
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn start_again(&mut self) -> Result<(), HarnessError> {
        self.process = spawn(&self.artifacts, &self.options, &self.directory)?;
        self.wait_until_ready()
    }

    /// As [`Edge::start_again`] with other options, for example a repaired secret.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn start_again_with(&mut self, change: impl FnOnce(&mut EdgeOptions)) -> Result<(), HarnessError> {
        change(&mut self.options);
        self.start_again()
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Fires the cron trigger, as the platform does every minute, and returns when the handler has.
    ///
    /// # Errors
    /// [`HarnessError::Unexpected`] when the handler failed.
    pub fn fire_cron(&self) -> Result<(), HarnessError> {
        let answer = self.api.get("/cdn-cgi/handler/scheduled")?;
        if answer.status != 200 {
            return Err(HarnessError::Unexpected(format!(
                "the cron handler failed (status {}). The end of the Worker's log:\n{}",
                answer.status,
                self.process.log_tail()
            )));
        }
        Ok(())
    }

    /// The API, asked with the admin key.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The file that holds its secrets, readable by its owner alone.
    pub fn secrets_file(&self) -> PathBuf {
        secrets_file(&self.directory)
    }

    /// The options that it runs with.
    pub fn options(&self) -> &EdgeOptions {
        &self.options
    }

    /// The ledger's own file, read past the Worker.
    ///
    /// # Errors
    /// See [`LedgerFile::open_d1`].
    pub fn d1(&self) -> Result<LedgerFile, HarnessError> {
        LedgerFile::open_d1(&self.directory.join("state"))
    }

    /// The whole log so far.
    ///
    /// # Errors
    /// [`HarnessError::Io`].
    pub fn log_text(&self) -> Result<String, HarnessError> {
        let log = self.process.log();
        let bytes = std::fs::read(log).map_err(HarnessError::io(format!("reading {}", log.display())))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
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

    fn wait_until_ready(&mut self) -> Result<(), HarnessError> {
        wait::until("the Worker to answer /health", START_DEADLINE, || {
            self.process.check_running()?;
            Ok(match self.api.get("/health") {
                Ok(answer) if answer.status == 200 => Seen::Done(()),
                Ok(answer) => Seen::NotYet(format!("{}: {}", answer.status, answer.body)),
                Err(error) => Seen::NotYet(error.to_string()),
            })
        })
        .map_err(|error| match error {
            HarnessError::Timeout { .. } => {
                HarnessError::Unexpected(format!("{error}. The end of its log:\n{}", self.process.log_tail()))
            }
            other => other,
        })
    }
}

/// Applies the migrations with wrangler's own command.
fn migrate(artifacts: &Artifacts, directory: &Path) -> Result<(), HarnessError> {
    let mut command = wrangler(artifacts, directory);
    command.args(["d1", "migrations", "apply", D1_BINDING, "--local"]);
    let output = process::output(command).map_err(HarnessError::io("starting wrangler"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(HarnessError::Command {
        command: "wrangler d1 migrations apply".to_owned(),
        status: process::describe(output.status),
        output: format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    })
}

fn spawn(artifacts: &Artifacts, options: &EdgeOptions, directory: &Path) -> Result<Process, HarnessError> {
    // Secrets never stand on a command line, where every user of the machine could read them.
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
        .args(["--var", &format!("LAMPORTS_PER_SCORE:{}", options.lamports_per_score)])
        .args(["--show-interactive-dev-session", "false"]);
    Process::spawn("the Worker", command, &directory.join("worker.log"))
}

fn secrets_file(directory: &Path) -> PathBuf {
    directory.join("secrets.env")
}

/// wrangler with what all its commands share: the project's configuration, the folder, and no word to the outside.
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
        // No question to the registry for a newer version, none to Cloudflare for a sample of `request.cf`.
        .env("WRANGLER_HIDE_BANNER", "true")
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
        .env("WRANGLER_LOG_PATH", directory.join("wrangler-logs"))
        // The Worker has been built already.
        .env("WILLIW_PREBUILT", "1")
        // Workers of the same name on one machine would otherwise find each other.
        .env("WRANGLER_REGISTRY_PATH", directory.join("registry"));
    command
}
