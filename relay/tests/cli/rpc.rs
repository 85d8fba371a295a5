//! An RPC node for the binary: the real program in LiteSVM, over HTTP. It executes what it is sent, at once and finally.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use litesvm::LiteSVM;
use serde_json::{Value, json};
use settlement::client::{CreateNetworkArgs, NetworkId, create_network_ix, fund_ix, network_address, pause_ix};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_message::{Message, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use solana_slot_hashes::SlotHashes;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::clock::{Clock as _, SystemClock};

use crate::process::PATIENCE;
use crate::program::program_file;

/// What the treasury is funded with.
pub(crate) const FUNDS: u64 = 50_000_000_000;

/// The slot before anything is sent. Every transaction gets the next one.
const FIRST_SLOT: u64 = 100;

/// By how much the height of a block is less than its slot.
const SKIPPED_SLOTS: u64 = 10;

/// The cluster that the node belongs to, and the network `test-net` on it, of the key that [`crate::process::Relay`] uses.
pub(crate) struct Cluster {
    pub(crate) genesis: u8,
    pub(crate) has_program: bool,
    pub(crate) has_network: bool,
    pub(crate) paused: bool,
    /// The seed of the settler's key.
    pub(crate) settler: u8,
    pub(crate) settler_lamports: u64,
    /// The first read of accounts is announced, and answered once that is allowed.
    pub(crate) gate: Option<(Sender<()>, Receiver<()>)>,
    /// What is answered instead: each once, to the next request of its method.
    pub(crate) faults: Vec<(&'static str, Fault)>,
}

/// An HTTP response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The status with its text, and headers.
    pub(crate) head: &'static str,
    pub(crate) body: &'static str,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            genesis: 1,
            has_program: true,
            has_network: true,
            paused: false,
            settler: 7,
            settler_lamports: 5_000_000_000,
            gate: None,
            faults: Vec::new(),
        }
    }
}

/// A request: when it came, in Unix milliseconds, its method, and whether it was answered with a fault.
pub(crate) type Request = (i64, String, bool);

/// A running node, which stops when it is dropped. A request that it cannot answer fails the test.
pub(crate) struct Rpc {
    pub(crate) url: String,
    address: SocketAddr,
    sends: Arc<AtomicU64>,
    skipped: Arc<AtomicU64>,
    requests: Arc<Mutex<Vec<Request>>>,
    stops: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Rpc {
    pub(crate) fn start(cluster: Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sends, stops) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let skipped = Arc::new(AtomicU64::new(0));
        let requests = Arc::default();
        let (counters, flag) = ((Arc::clone(&sends), Arc::clone(&skipped)), Arc::clone(&stops));
        let log = Arc::clone(&requests);
        let thread = std::thread::spawn(move || {
            let mut node = Node::new(cluster, counters, log);
            for stream in listener.incoming() {
                if flag.load(Ordering::SeqCst) {
                    return;
                }
                node.serve(&stream.unwrap());
            }
        });
        Self { url: format!("http://{address}"), address, sends, skipped, requests, stops, thread: Some(thread) }
    }

    /// Lets slots pass in which nothing is executed.
    pub(crate) fn skip_slots(&self, slots: u64) {
        self.skipped.fetch_add(slots, Ordering::SeqCst);
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// How many transactions it was sent.
    pub(crate) fn sends(&self) -> u64 {
        self.sends.load(Ordering::SeqCst)
    }
}

impl Drop for Rpc {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::SeqCst);
        // It waits for a connection. If it has panicked, there is nobody to connect to.
        let _ = TcpStream::connect(self.address);
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

impl Cluster {
    fn build(&self) -> LiteSVM {
        let mut svm = LiteSVM::new().with_sigverify(false).with_blockhash_check(false);
        let mut clock: solana_clock::Clock = svm.get_sysvar();
        clock.unix_timestamp = SystemClock.now_ms() / 1_000;
        svm.set_sysvar(&clock);
        if self.has_program {
            svm.add_program_from_file(settlement::ID, program_file()).unwrap();
        }
        let (admin, settler) = (Keypair::new_from_array([7; 32]), Keypair::new_from_array([self.settler; 32]));
        svm.airdrop(&admin.pubkey(), 100_000_000_000).unwrap();
        if self.has_program && self.has_network {
            let id = NetworkId::from_name("test-net").unwrap();
            let network = network_address(&admin.pubkey(), &id);
            let args = CreateNetworkArgs {
                id: id.0,
                settler: settler.pubkey(),
                guardian: admin.pubkey(),
                default_threshold: 1_000_000,
                per_node_cap: u64::MAX,
                per_batch_cap: u64::MAX,
                window_limit: u64::MAX,
                window_seconds: 3_600,
                max_pending_age: 86_400,
                max_pause_seconds: 86_400,
            };
            let mut instructions =
                vec![create_network_ix(admin.pubkey(), args), fund_ix(admin.pubkey(), network, admin.pubkey(), FUNDS)];
            if self.paused {
                instructions.push(pause_ix(admin.pubkey(), network));
            }
            let message = Message::new_with_blockhash(&instructions, Some(&admin.pubkey()), &svm.latest_blockhash());
            let transaction = VersionedTransaction::try_new(VersionedMessage::Legacy(message), &[&admin]).unwrap();
            svm.send_transaction(transaction).unwrap();
        }
        let account = solana_account::Account { lamports: self.settler_lamports, ..Default::default() };
        svm.set_account(settler.pubkey(), account).unwrap();
        svm
    }
}

/// An executed transaction.
struct Executed {
    slot: u64,
    error: Value,
    fee: u64,
    logs: Vec<String>,
}

struct Node {
    svm: LiteSVM,
    genesis: Hash,
    gate: Option<(Sender<()>, Receiver<()>)>,
    sends: Arc<AtomicU64>,
    skipped: Arc<AtomicU64>,
    requests: Arc<Mutex<Vec<Request>>>,
    faults: Vec<(&'static str, Fault)>,
    /// By signature.
    executed: BTreeMap<String, Executed>,
}

impl Node {
    fn new(
        cluster: Cluster,
        (sends, skipped): (Arc<AtomicU64>, Arc<AtomicU64>),
        requests: Arc<Mutex<Vec<Request>>>,
    ) -> Self {
        let genesis = Hash::new_from_array([cluster.genesis; 32]);
        let (svm, executed) = (cluster.build(), BTreeMap::new());
        Self { svm, genesis, gate: cluster.gate, sends, skipped, requests, faults: cluster.faults, executed }
    }

    /// What is answered to a request instead, if anything.
    fn fault(&mut self, method: &str) -> Option<Fault> {
        let position = self.faults.iter().position(|(of, _)| *of == method);
        let fault = position.map(|position| self.faults.remove(position).1);
        self.requests.lock().unwrap().push((SystemClock.now_ms(), method.to_owned(), fault.is_some()));
        fault
    }

    fn serve(&mut self, stream: &TcpStream) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            // A client may have given up.
            if reader.read_line(&mut line).is_err() {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() || body.is_empty() {
            return;
        }
        let request: Value = serde_json::from_slice(&body).unwrap();
        let method = request["method"].as_str().unwrap();
        let (head, body) = match self.fault(method) {
            Some(Fault { head, body }) => (head, body.to_owned()),
            None => {
                let result = self.answer(method, &request["params"]);
                ("200 OK", json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string())
            }
        };
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        // The client may have given up.
        let _ = { stream }.write_all((head + &body).as_bytes());
    }

    fn answer(&mut self, method: &str, params: &Value) -> Value {
        let slot = FIRST_SLOT + self.executed.len() as u64 + self.skipped.load(Ordering::SeqCst);
        self.set_slot(slot + 1);
        let height = slot - SKIPPED_SLOTS;
        let with_context = |value: Value| json!({"context": {"slot": slot}, "value": value});
        match method {
            "getGenesisHash" => json!(self.genesis.to_string()),
            "getEpochInfo" => json!({"absoluteSlot": slot, "blockHeight": height}),
            "getLatestBlockhash" => with_context(json!({
                "blockhash": self.svm.latest_blockhash().to_string(), "lastValidBlockHeight": height + 150,
            })),
            "getRecentPrioritizationFees" => json!([{"slot": slot, "prioritizationFee": 0}]),
            "getMinimumBalanceForRentExemption" => {
                json!(self.svm.minimum_balance_for_rent_exemption(params[0].as_u64().unwrap() as usize))
            }
            "getMultipleAccounts" => {
                if let Some((asked, allowed)) = self.gate.take() {
                    asked.send(()).unwrap();
                    allowed.recv_timeout(PATIENCE).expect("the first read of accounts is allowed");
                }
                let addresses = params[0].as_array().unwrap();
                with_context(addresses.iter().map(|address| account(&self.svm, address)).collect())
            }
            "simulateTransaction" => {
                let (error, meta) = match self.svm.simulate_transaction(transaction(params)) {
                    Ok(info) => (Value::Null, info.meta),
                    Err(failed) => (serde_json::to_value(&failed.err).unwrap(), failed.meta),
                };
                with_context(json!({"err": error, "logs": meta.logs, "unitsConsumed": meta.compute_units_consumed}))
            }
            "sendTransaction" => {
                self.sends.fetch_add(1, Ordering::SeqCst);
                let transaction = transaction(params);
                let signature = transaction.signatures[0].to_string();
                if !self.executed.contains_key(&signature) {
                    let (error, meta) = match self.svm.send_transaction(transaction) {
                        Ok(meta) => (Value::Null, meta),
                        Err(failed) => (serde_json::to_value(&failed.err).unwrap(), failed.meta),
                    };
                    let executed = Executed { slot: slot + 1, error, fee: meta.fee, logs: meta.logs };
                    self.executed.insert(signature.clone(), executed);
                }
                json!(signature)
            }
            "getSignatureStatuses" => {
                let status = |signature: &Value| {
                    self.executed.get(signature.as_str().unwrap()).map(|executed| {
                        json!({
                            "slot": executed.slot, "confirmations": null, "err": executed.error,
                            "confirmationStatus": "finalized",
                        })
                    })
                };
                with_context(params[0].as_array().unwrap().iter().map(status).collect())
            }
            "getTransaction" => {
                let executed = self.executed.get(params[0].as_str().unwrap());
                executed.map_or(Value::Null, |Executed { slot, error, fee, logs }| {
                    json!({"slot": slot, "meta": {"err": error, "fee": fee, "logMessages": logs}})
                })
            }
            method => panic!("the RPC node does not know {method}"),
        }
    }
}

fn transaction(params: &Value) -> VersionedTransaction {
    wincode::deserialize(&BASE64.decode(params[0].as_str().unwrap()).unwrap()).unwrap()
}

impl Node {
    /// Lets the runtime know the slot of the next block, which lookup tables depend on.
    fn set_slot(&mut self, slot: u64) {
        self.svm.warp_to_slot(slot);
        let recent: Vec<_> = (slot.saturating_sub(512)..slot).rev().map(|slot| (slot, Hash::default())).collect();
        self.svm.set_sysvar(&SlotHashes::new(&recent));
    }
}

fn account(svm: &LiteSVM, address: &Value) -> Value {
    let address: Pubkey = address.as_str().unwrap().parse().unwrap();
    let Some(account) = svm.get_account(&address).filter(|account| account.lamports > 0) else { return Value::Null };
    json!({
        "lamports": account.lamports,
        "owner": account.owner.to_string(),
        "executable": account.executable,
        "data": [BASE64.encode(&account.data), "base64"],
        "space": account.data.len(),
    })
}
