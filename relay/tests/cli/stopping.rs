//! Graceful shutdown on signals.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rusqlite::Connection;

use crate::process::Relay;

fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn a_watching_run_shuts_down_gracefully_on_a_signal() {
    for signal in ["-INT", "-TERM"] {
        let relay = Relay::with_settings().with("RUST_LOG", "williw_relay=debug");
        let mut command = relay.command(&["run", "--watch", "--interval", "3600"]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(log.by_ref().any(|line| line.unwrap().contains("nothing to settle")), "the run did not become idle");
        send(signal, child.id());
        let rest: Vec<String> = log.map(Result::unwrap).collect();
        assert!(child.wait().unwrap().success(), "{rest:?}");
        let leases: u32 = Connection::open(relay.file("ledger.sqlite3"))
            .unwrap()
            .query_row("SELECT COUNT(*) FROM leases WHERE expires_at > 0", [], |row| row.get(0))
            .unwrap();
        assert_eq!(leases, 0, "the lease was not released");
    }
}
