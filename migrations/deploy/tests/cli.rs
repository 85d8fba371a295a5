//! The binary's error messages and exit codes without a cluster.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that meets something unexpected fails by a panic")]

use std::process::{Command, Output};

use tempfile::TempDir;

struct Exit {
    code: i32,
    stderr: String,
}

fn run(configuration: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Exit {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("deploy.toml"), configuration).unwrap();
    // Read at run time: a rustc behind a shell script does not see variables with a '-' in their name.
    let binary = std::env::var_os("CARGO_BIN_EXE_williw-deploy").expect("cargo sets the binary's path");
    let mut command = Command::new(binary);
    command.env_clear().envs(environment.iter().copied()).current_dir(folder.path());
    let Output { status, stderr, .. } = command.args(["--config", "deploy.toml"]).args(arguments).output().unwrap();
    Exit { code: status.code().unwrap(), stderr: String::from_utf8(stderr).unwrap() }
}

const UNREACHABLE: &str = "[cluster]\nurl = \"http://127.0.0.1:1\"\n";

#[test]
fn an_invalid_configuration_is_reported_with_file_and_line() {
    let exit = run("[cluster]\nurl = \"localnet\"\n[keys]\npayee = \"a.json\"\n", &[], &[]);
    assert_eq!(exit.code, 3, "{}", exit.stderr);
    for part in ["deploy.toml", "line 4", "payee"] {
        assert!(exit.stderr.contains(part), "{part} in {}", exit.stderr);
    }
    let exit = run(UNREACHABLE, &["--config", "other.toml"], &[]);
    assert_eq!(exit.code, 2, "a repeated option: {}", exit.stderr);
}

#[test]
fn an_invalid_url_is_rejected_and_not_repeated() {
    for url in ["rpc.example/?api-key=secret", "env:MY_RPC"] {
        let exit = run(&format!("[cluster]\nurl = \"{url}\"\n"), &[], &[("MY_RPC", "rpc.example/?api-key=secret")]);
        assert_eq!(exit.code, 3, "{}", exit.stderr);
        assert!(exit.stderr.contains("not a valid URL") && !exit.stderr.contains("secret"), "{}", exit.stderr);
    }
}

#[test]
fn an_unreachable_node_is_reported_without_its_access_token() {
    let exit = run(UNREACHABLE, &["--url", "http://127.0.0.1:1/?api-key=secret"], &[("RUST_LOG", "debug")]);
    assert_eq!(exit.code, 5, "{}", exit.stderr);
    for part in ["cannot reach the RPC node", "cluster.url"] {
        assert!(exit.stderr.contains(part), "{part} in {}", exit.stderr);
    }
    assert!(!exit.stderr.contains("secret"), "{}", exit.stderr);
}
