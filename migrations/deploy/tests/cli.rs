//! The binary on its own: what it says about its configuration before any cluster is asked.

use std::process::{Command, Output};

use tempfile::TempDir;

struct Ended {
    exit_code: i32,
    stderr: String,
}

fn run(configuration: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("deploy.toml"), configuration).unwrap();
    // Read at run time: a rustc behind a shell script does not see variables with a '-' in their name.
    let binary = std::env::var_os("CARGO_BIN_EXE_williw-deploy").expect("cargo names the binary");
    let mut command = Command::new(binary);
    command.env_clear().envs(environment.iter().copied()).current_dir(folder.path());
    let Output { status, stderr, .. } = command.args(["--config", "deploy.toml"]).args(arguments).output().unwrap();
    Ended { exit_code: status.code().unwrap(), stderr: String::from_utf8(stderr).unwrap() }
}

const DOWN: &str = "[cluster]\nurl = \"http://127.0.0.1:1\"\n";

#[test]
fn a_configuration_that_is_wrong_is_told_by_file_and_line() {
    let ended = run("[cluster]\nurl = \"localnet\"\n[keys]\npayee = \"a.json\"\n", &[], &[]);
    assert_eq!(ended.exit_code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("deploy.toml") && ended.stderr.contains("payee"), "{}", ended.stderr);
    let ended = run(DOWN, &["--config", "gone.toml"], &[]);
    assert_eq!(ended.exit_code, 2, "an option twice: {}", ended.stderr);
}

#[test]
fn a_url_that_is_none_is_refused_and_not_repeated() {
    for url in ["rpc.example/?api-key=hush", "env:MY_RPC"] {
        let ended = run(&format!("[cluster]\nurl = \"{url}\"\n"), &[], &[("MY_RPC", "rpc.example/?api-key=hush")]);
        assert_eq!(ended.exit_code, 3, "{}", ended.stderr);
        assert!(ended.stderr.contains("url is none") && !ended.stderr.contains("hush"), "{}", ended.stderr);
    }
}

#[test]
fn a_node_that_is_down_is_told_without_its_token() {
    let ended = run(DOWN, &["--url", "http://127.0.0.1:1/?api-key=hush"], &[("RUST_LOG", "debug")]);
    assert_eq!(ended.exit_code, 5, "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot be reached") && ended.stderr.contains("cluster.url"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
}
