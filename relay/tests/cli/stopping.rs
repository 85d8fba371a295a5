//! Graceful shutdown on signals.

use std::process::{Command, Stdio};

use rusqlite::Connection;

use crate::log::Log;
use crate::process::{PATIENCE, Relay};
use crate::rpc::{Cluster, Rpc};
use crate::status::relay_with_a_reward;

fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn a_watching_run_shuts_down_gracefully_on_a_signal() {
    for signal in ["-INT", "-TERM"] {
        let relay = Relay::with_settings().with("RUST_LOG", "williw_relay=debug");
        let mut command = relay.command(&["run", "--watch", "--interval", "3600"]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Log::of(&mut child);
        log.line_with("nothing to settle");
        send(signal, child.id());
        let rest = log.rest();
        assert!(child.wait().unwrap().success(), "{rest:?}");
        let leases: u32 = Connection::open(relay.file("ledger.sqlite3"))
            .unwrap()
            .query_row("SELECT COUNT(*) FROM leases WHERE expires_at > 0", [], |row| row.get(0))
            .unwrap();
        assert_eq!(leases, 0, "the lease was not released");
    }
}

#[tokio::test]
async fn commands_that_change_the_ledger_finish_the_page_on_a_signal_and_leave_no_lease() {
    for (arguments, is_settled, exit_codes) in [
        (&["reconcile", "--repair"][..], true, &[130][..]),
        (&["rebuild"], false, &[130]),
        // It has only one page, and finds that there is nothing to resolve.
        (&["review", "resolve", "node-1", "--accept-chain", "--yes"], true, &[7]),
    ] {
        let relay = relay_with_a_reward().await;
        if is_settled {
            let rpc = Rpc::start(Cluster::default());
            let result = relay.run(&["run", "--rpc-url", &rpc.url]);
            assert_eq!(result.exit_code, 0, "{}", result.stderr);
        }
        let ((asked, is_asked), (allow, allowed)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let rpc = Rpc::start(Cluster { gate: Some((asked, allowed)), ..Cluster::default() });
        let mut command = relay.command(&[arguments, &["--rpc-url", &rpc.url]].concat());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Log::of(&mut child);
        is_asked.recv_timeout(PATIENCE).unwrap();
        let ledger = Connection::open(relay.file("ledger.sqlite3")).unwrap();
        let leases = || -> u32 {
            let count = "SELECT COUNT(*) FROM leases WHERE expires_at > 0";
            ledger.query_row(count, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(leases(), u32::from(is_settled), "{arguments:?}");
        send("-TERM", child.id());
        log.line_with("shutting down after the current step");
        allow.send(()).unwrap();
        let rest = log.rest();
        let code = child.wait().unwrap().code();
        assert!(code.is_some_and(|code| exit_codes.contains(&code)), "{arguments:?}: {code:?}, {rest:?}");
        assert_eq!(leases(), 0, "{arguments:?} has left its lease");
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_in_a_settlement_finishes_the_piece_and_leaves_no_lease() {
    for signal in ["-INT", "-TERM"] {
        let ((asked, is_asked), (allow, allowed)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let rpc = Rpc::start(Cluster { gate: Some((asked, allowed)), ..Cluster::default() });
        let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
        let mut command = relay.command(&["run"]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Log::of(&mut child);
        // The relay is within the first step, and holds the lease.
        is_asked.recv_timeout(PATIENCE).unwrap();
        send(signal, child.id());
        log.line_with("shutting down after the current step");
        allow.send(()).unwrap();
        log.rest();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let ledger = Connection::open(relay.file("ledger.sqlite3")).unwrap();
        let leases = "SELECT COUNT(*) FROM leases WHERE expires_at > 0";
        assert_eq!(ledger.query_row(leases, [], |row| row.get::<_, u32>(0)).unwrap(), 0, "the lease was not released");
        // The piece was finished: the next run goes on from there.
        let step = "SELECT step FROM settlements WHERE state = 'open'";
        assert_eq!(ledger.query_row(step, [], |row| row.get::<_, String>(0)).unwrap(), "sync");
        assert_eq!(rpc.sends(), 0);
    }
}
