//! Each failure that a relay can meet, on a real cluster: every reward is paid once, and nobody has to clean up.
//!
//! The relay reaches the localnet through a proxy, which injects the failure at a chosen request of a settlement.

mod clock_jumps;
mod empty_treasury;
mod expired_blockhash;
mod killed_relay;
mod lying_rpc;
mod owner_acts;
mod paused_network;
mod restored_backup;
mod rpc_failures;
mod runbook;
mod stolen_settler_key;
mod two_relays;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use solana_keypair::Keypair;
use solana_signer::Signer;
use williw_tests::faults::{Fault, FaultyRpc, Gate};
use williw_tests::process::{Process, run_to_success};
use williw_tests::sample_nodes::{NodeKind, SampleNode};
use williw_tests::wait::{self, Poll};

use crate::fixture::{OrFail, SETTLEMENT_DEADLINE, SqliteNetworkFixture, localnet, nodes};

/// A network whose nodes are registered and paid, and have new rewards: its next settlement has exactly one transaction.
struct Scenario {
    network: SqliteNetworkFixture,
    nodes: Vec<SampleNode>,
    /// The keys of the nodes' owners.
    owners: Vec<Keypair>,
}

impl Scenario {
    fn new(name: &str) -> Self {
        let network = SqliteNetworkFixture::new(name);
        let mut nodes = nodes(NodeKind::Paid, network.parameters, 3);
        let owners: Vec<Keypair> = nodes.iter().map(|_| Keypair::new()).collect();
        for (node, owner) in nodes.iter_mut().zip(&owners) {
            node.address = owner.pubkey();
            node.register(&network.ingest).or_fail();
            node.report(&network.ingest, network.parameters).or_fail();
        }
        let mut scenario = Self { network, nodes, owners };
        scenario.run_and_verify();
        scenario.report_more();
        scenario
    }

    /// Every node earns enough for another payout.
    fn report_more(&mut self) {
        let parameters = self.network.parameters;
        for node in &mut self.nodes {
            node.work(parameters.destination_minimum_lamports / parameters.lamports_per_score);
            node.report(&self.network.ingest, parameters).or_fail();
        }
    }

    /// The command that settles everything over these RPC URLs.
    fn relay(&self, rpc_urls: &str) -> Command {
        let mut command = self.network.relay_cli.run_once(&self.network.ledger_location);
        command.env("SOLANA_RPC_URL", rpc_urls);
        command
    }

    fn log(&self) -> PathBuf {
        self.network.directory.join("relay.log")
    }

    /// The folder with the keypair files `admin.json` and `settler.json`.
    fn keys(&self) -> PathBuf {
        self.network.directory.join("keys")
    }

    /// Starts a relay.
    fn spawn(&self, rpc_urls: &str) -> Process {
        Process::spawn("the relay", self.relay(rpc_urls), &self.log()).or_fail()
    }

    /// Starts a relay with a proxy that holds back the first request with this method, and waits for that request. It is
    /// handled as `fault` says once the gate opens.
    fn spawn_up_to(&self, method: &'static str, fault: Fault) -> Held {
        self.spawn_changed_up_to(method, fault, |relay| relay)
    }

    /// The same, after a change of the relay's command.
    fn spawn_changed_up_to(&self, method: &'static str, fault: Fault, change: impl FnOnce(Command) -> Command) -> Held {
        let gate = Arc::new(Gate::default());
        let passing = Arc::clone(&gate);
        let proxy = FaultyRpc::start(localnet().url(), move |called, _| {
            if called == method && passing.pass() { fault.clone() } else { Fault::Forward }
        })
        .or_fail();
        let command = change(self.relay(&proxy.url()));
        let relay = Process::spawn("the relay", command, &self.log()).or_fail();
        gate.wait_for_request(SETTLEMENT_DEADLINE).or_fail();
        Held { relay, gate, _proxy: proxy }
    }

    /// Settles without any failure, and verifies that every reward is paid once.
    fn run_and_verify(&mut self) {
        run_to_success(self.relay(localnet().url())).or_fail();
        self.verify();
    }

    /// Verifies that every reward is paid once.
    fn verify(&mut self) {
        self.network.assert_settled(&mut self.nodes);
        let landed_twice = "SELECT batch_id FROM attempts WHERE state IN ('landed', 'finalized') GROUP BY batch_id \
                            HAVING COUNT(*) > 1";
        assert!(self.network.ledger.rows(landed_twice, None).or_fail().is_empty(), "a batch landed twice");
        let unfinished = "SELECT id, state FROM attempts WHERE state IN ('planned', 'signed', 'sent', 'landed')";
        assert_eq!(self.network.ledger.rows(unfinished, None).or_fail(), Vec::<Vec<_>>::new());
    }

    /// The states of the latest batch's attempts, in the order in which they were made.
    fn latest_attempts(&self) -> Vec<String> {
        let query = "SELECT state FROM attempts WHERE batch_id = (SELECT MAX(batch_id) FROM attempts) ORDER BY number";
        self.network.ledger.rows(query, None).or_fail().into_iter().flatten().flatten().collect()
    }

    /// What the latest batch has done for each of its nodes, in the order of their ids.
    fn latest_outcomes(&self) -> Vec<String> {
        let query = "SELECT COALESCE(outcome, '-') FROM batch_entries \
                     WHERE batch_id = (SELECT MAX(batch_id) FROM batch_entries) ORDER BY node_id";
        self.network.ledger.rows(query, None).or_fail().into_iter().flatten().flatten().collect()
    }

    /// Waits until an attempt has this state.
    fn wait_for_attempt(&self, state: &str) {
        wait::until(&format!("an attempt to be {state}"), SETTLEMENT_DEADLINE, || {
            let attempts = self.network.ledger.number("SELECT COUNT(*) FROM attempts WHERE state = ?1", Some(state))?;
            Ok(Poll::when(attempts > 0, String::new))
        })
        .or_fail();
    }

    /// Waits until all rewards are credited in a finalized block.
    fn wait_for_credits(&self) {
        let (chain, network) = (&self.network.chain, self.network.relay_cli.network());
        wait::until("the credits", SETTLEMENT_DEADLINE, || {
            let mut missing = Vec::new();
            for node in &self.nodes {
                let wallet = chain.wallet(&network, &node.id, &node.address)?;
                if wallet.map(|wallet| wallet.credited) != Some(node.expected.earned) {
                    missing.push(node.id.clone());
                }
            }
            Ok(Poll::when(missing.is_empty(), || format!("missing: {missing:?}")))
        })
        .or_fail();
    }

    /// Waits until no transaction with a blockhash of now can land any more, as every commitment sees it.
    fn wait_for_expiry(&self) {
        /// Slots for which a blockhash is valid, twice those until a block is finalized (the blockhash can be as much newer than the
        /// finalized slot as that), and some that are skipped.
        const SLOTS: u64 = 150 + 2 * 32 + 10;

        let chain = &self.network.chain;
        let last = chain.finalized_slot().or_fail() + SLOTS;
        wait::until("the blockhash to expire", SETTLEMENT_DEADLINE, || {
            let slot = chain.finalized_slot()?;
            Ok(Poll::when(slot > last, || format!("slot {slot} of {last}")))
        })
        .or_fail();
    }
}

/// A relay whose request is held back.
struct Held {
    relay: Process,
    gate: Arc<Gate>,
    _proxy: FaultyRpc,
}

impl Held {
    /// Lets the request pass, and waits for the relay to exit successfully.
    fn finish(mut self) {
        self.gate.open().or_fail();
        wait_for_success(&mut self.relay);
    }
}

/// Waits until a relay has exited, and fails if it has failed.
fn wait_for_success(relay: &mut Process) {
    let status = relay.wait(SETTLEMENT_DEADLINE).or_fail();
    assert!(status.success(), "{status}: {}", relay.log_tail());
}

/// A `getSignatureStatuses` result in which nothing is found.
fn forget_statuses(result: &mut Value) {
    for status in result.get_mut("value").and_then(Value::as_array_mut).into_iter().flatten() {
        *status = Value::Null;
    }
}
