//! A signal ends a run between two steps, and leaves no lease behind.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rusqlite::Connection;

use crate::process::Relay;

fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// Starts a watching run and returns once it is idle: with `RUST_LOG=debug` it says so.
#[test]
fn a_watching_run_ends_cleanly_when_it_is_asked_to() {
    for signal in ["-INT", "-TERM"] {
        let relay = Relay::with_settings().with("RUST_LOG", "williw_relay=debug");
        let mut command = relay.command(&["run", "--watch", "--interval", "3600"]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(log.by_ref().any(|line| line.unwrap().contains("nothing to settle")), "it never became idle");
        send(signal, child.id());
        let rest: Vec<String> = log.map(Result::unwrap).collect();
        assert!(child.wait().unwrap().success(), "{rest:?}");
        let leases: u32 = Connection::open(relay.file("ledger.sqlite3"))
            .unwrap()
            .query_row("SELECT COUNT(*) FROM leases WHERE expires_at > 0", [], |row| row.get(0))
            .unwrap();
        assert_eq!(leases, 0, "the lease was not given back");
    }
}
