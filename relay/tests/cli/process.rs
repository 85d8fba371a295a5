//! Runs the binary with an environment of its own.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use solana_keypair::Keypair;
use tempfile::TempDir;

/// A folder with whatever a test needs, and the binary.
pub struct Relay {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// How a command ended.
pub struct Ended {
    pub exit_code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Relay {
    pub fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), environment: Vec::new() }
    }

    /// With everything that a run needs, and an RPC node that is down.
    pub fn with_settings() -> Self {
        let relay = Self::new();
        let keypair = relay.folder.path().join("settler.json");
        std::fs::write(&keypair, format!("{:?}", Keypair::new_from_array([7; 32]).to_bytes().as_slice())).unwrap();
        relay
            .with("SOLANA_RPC_URL", "http://127.0.0.1:1")
            .with("NETWORK", "test-net")
            .with("SOLANA_PRIVATE_KEY", keypair.to_str().unwrap())
            .with_ledger("ledger.sqlite3")
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn with_ledger(self, file: &str) -> Self {
        let path = self.file(file);
        self.with("WILLIW_LEDGER", path.to_str().unwrap())
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        // Read at run time: a rustc behind a shell script does not see variables with a '-' in their name.
        let binary = std::env::var_os("CARGO_BIN_EXE_williw-relay").expect("cargo names the binary");
        let mut command = Command::new(binary);
        command.args(arguments).env_clear().envs(self.environment.iter().cloned()).current_dir(self.folder.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::from(self.command(arguments).output().unwrap())
    }

    /// Runs with `--json` and expects success.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.exit_code, 0, "{}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            exit_code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Expects a failure that says `sentence`, on standard error and only there.
    pub fn expect_failure(self, exit_code: i32, sentence: &str) {
        assert!(self.stderr.contains(sentence), "'{sentence}' is not in: {}", self.stderr);
        assert_eq!(self.exit_code, exit_code, "{}", self.stderr);
        assert_eq!(self.stdout, "");
    }
}
