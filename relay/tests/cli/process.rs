//! Runs the binary in an isolated environment.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use tempfile::TempDir;

/// How long a test waits for a process before it fails. Other tests may keep the machine busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with a temporary directory and a set of environment variables.
pub(crate) struct Relay {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

/// The result of a command.
pub(crate) struct CommandResult {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Relay {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap(), environment: Vec::new() }
    }

    /// With all settings that `run` requires, and the URL of an RPC node that is down.
    pub(crate) fn with_settings() -> Self {
        let relay = Self::new();
        let keypair = relay.directory.path().join("settler.json");
        std::fs::write(&keypair, format!("{:?}", Keypair::new_from_array([7; 32]).to_bytes().as_slice())).unwrap();
        relay
            .with("SOLANA_RPC_URL", "http://127.0.0.1:1")
            .with("NETWORK", "test-net")
            .with("NETWORK_CREATOR", &Keypair::new_from_array([7; 32]).pubkey().to_string())
            .with("SOLANA_PRIVATE_KEY", keypair.to_str().unwrap())
            .with_ledger("ledger.sqlite3")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn with_ledger(self, file: &str) -> Self {
        let path = self.file(file);
        self.with("WILLIW_LEDGER", path.to_str().unwrap())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // Read at run time, because a rustc wrapper written in shell drops variables with a '-' in their name.
        let binary = std::env::var_os("CARGO_BIN_EXE_williw-relay").expect("cargo sets CARGO_BIN_EXE_williw-relay");
        let mut command = Command::new(binary);
        command.args(arguments).env_clear().envs(self.environment.iter().cloned()).current_dir(self.directory.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> CommandResult {
        CommandResult::from(self.command(arguments).output().unwrap())
    }

    /// Runs the command with `--json`, and asserts that it succeeds.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let result = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(result.exit_code, 0, "{}", result.stderr);
        serde_json::from_str(&result.stdout).unwrap()
    }
}

impl From<Output> for CommandResult {
    fn from(output: Output) -> Self {
        Self {
            exit_code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl CommandResult {
    /// Asserts that the command failed with a message containing `text` on standard error, and without other output.
    pub(crate) fn expect_failure(self, exit_code: i32, text: &str) {
        assert!(self.stderr.contains(text), "'{text}' is not in: {}", self.stderr);
        assert_eq!(self.exit_code, exit_code, "{}", self.stderr);
        assert_eq!(self.stdout, "");
    }
}
