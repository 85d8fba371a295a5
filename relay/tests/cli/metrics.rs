//! Metrics over HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Instant;

use crate::log::Log;
use crate::process::{PATIENCE, Relay};
use crate::rpc::{Cluster, Rpc};
use crate::status::relay_with_a_reward;

/// A relay that watches, and the address of its metrics.
struct Watching {
    child: Child,
    address: String,
}

impl Watching {
    fn start(relay: &Relay) -> Self {
        let mut command = relay.command(&["run", "--watch", "--metrics-addr", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let line = Log::of(&mut child).line_with("metrics at http://");
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        Self { child, address }
    }

    /// Sends a request and returns the response.
    fn request(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{line} HTTP/1.1\r\nHost: metrics\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// The first page of metrics.
    fn page(&self) -> String {
        #[allow(clippy::disallowed_methods, reason = "the time of another process")]
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "there is no page of metrics yet");
            let response = self.request("GET /metrics");
            if response.starts_with("HTTP/1.1 200") {
                return response;
            }
            assert!(response.starts_with("HTTP/1.1 503"), "{response}");
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn a_watching_run_serves_metrics_even_if_no_rpc_node_answers() {
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", "http://127.0.0.1:1/?token=swordfish");
    let watching = Watching::start(&relay);
    let page = watching.page();
    for part in [
        "content-type: text/plain; version=0.0.4; charset=utf-8\r\n",
        "\nwilliw_pending_rewards 1\n",
        "\nwilliw_pending_base_units 1500000000\n",
        "\nwilliw_collection_success{source=\"ledger\"} 1\n",
        "\nwilliw_collection_success{source=\"chain\"} 0\n",
        "\nwilliw_rpc_errors_total{node=\"0\",method=\"getGenesisHash\",kind=\"unreachable\"} ",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("swordfish"), "{page}");
    assert!(watching.request("POST /metrics").starts_with("HTTP/1.1 405"));
    assert!(watching.request("GET /").starts_with("HTTP/1.1 404"));
    assert!(watching.request("nonsense").starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn an_address_that_is_in_use_exits_with_3_before_anything_is_sent() {
    let other = Relay::with_settings();
    let watching = Watching::start(&other);
    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    let result = relay.run(&["run", "--metrics-addr", &watching.address]);
    result.expect_failure(3, "choose another --metrics-addr");
    assert_eq!(rpc.sends(), 0);
}
