//! An RPC node for the binary: the accounts of the real program in LiteSVM, over HTTP.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

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

/// What the treasury is funded with.
pub(crate) const FUNDS: u64 = 50_000_000_000;

/// The cluster that the node belongs to, and the network `test-net` on it, of the key that [`crate::process::Relay`] uses.
pub(crate) struct Cluster {
    pub(crate) genesis: u8,
    pub(crate) has_program: bool,
    pub(crate) has_network: bool,
    pub(crate) paused: bool,
    /// The seed of the settler's key.
    pub(crate) settler: u8,
    pub(crate) settler_lamports: u64,
    /// Whether it executes transactions. Then 40 slots pass with each of them, so that it is finalized at once.
    pub(crate) executes: bool,
    /// The first read of accounts is announced, and answered once that is allowed.
    pub(crate) gate: Option<(Sender<()>, Receiver<()>)>,
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
            executes: false,
            gate: None,
        }
    }
}

/// A running node.
pub(crate) struct Rpc {
    pub(crate) url: String,
    sends: Arc<AtomicU64>,
    slot: Arc<AtomicU64>,
}

/// What a node answers from.
struct Node {
    svm: LiteSVM,
    genesis: u8,
    executes: bool,
    gate: Option<(Sender<()>, Receiver<()>)>,
    sends: Arc<AtomicU64>,
    slot: Arc<AtomicU64>,
    /// The slots of the executed transactions, by signature.
    landed: BTreeMap<String, u64>,
}

impl Rpc {
    /// Starts a node. It ends with the test's process.
    pub(crate) fn start(cluster: Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sends, slot) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(100)));
        let counters = (Arc::clone(&sends), Arc::clone(&slot));
        std::thread::spawn(move || {
            let mut node = Node {
                svm: cluster.build(),
                genesis: cluster.genesis,
                executes: cluster.executes,
                gate: cluster.gate,
                sends: counters.0,
                slot: counters.1,
                landed: BTreeMap::new(),
            };
            for stream in listener.incoming() {
                node.answer(stream.unwrap());
            }
        });
        Self { url, sends, slot }
    }

    /// Lets slots pass.
    pub(crate) fn skip_slots(&self, slots: u64) {
        self.slot.fetch_add(slots, Ordering::SeqCst);
    }

    /// How many transactions it was sent.
    pub(crate) fn sends(&self) -> u64 {
        self.sends.load(Ordering::SeqCst)
    }
}

fn program_file() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")), PathBuf::from);
    std::env::var_os("WILLIW_PROGRAM_SO").map_or_else(|| target.join("deploy/settlement.so"), PathBuf::from)
}

impl Cluster {
    fn build(&self) -> LiteSVM {
        let mut svm = LiteSVM::new().with_sigverify(false).with_blockhash_check(false);
        let mut clock: solana_clock::Clock = svm.get_sysvar();
        clock.unix_timestamp = SystemClock.now_ms() / 1_000;
        svm.set_sysvar(&clock);
        if self.has_program {
            svm.add_program_from_file(settlement::ID, program_file()).expect("run `make program`");
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

impl Node {
    fn answer(&mut self, stream: TcpStream) {
        let mut reader = BufReader::new(&stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        // A client may have given up.
        if reader.read_exact(&mut body).is_err() || body.is_empty() {
            return;
        }
        let request: Value = serde_json::from_slice(&body).unwrap();
        let mut response = json!({"jsonrpc": "2.0", "id": request["id"]});
        match self.result(request["method"].as_str().unwrap(), &request["params"]) {
            Some(result) => response["result"] = result,
            None => response["error"] = json!({"code": -32601, "message": "method not found"}),
        }
        let body = response.to_string();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        // The client may have given up.
        let _ = (&stream).write_all((head + &body).as_bytes());
    }

    fn result(&mut self, method: &str, params: &Value) -> Option<Value> {
        let slot = self.slot.load(Ordering::SeqCst);
        let in_context = |value: Value| json!({"context": {"slot": slot}, "value": value});
        if method == "sendTransaction" {
            self.sends.fetch_add(1, Ordering::SeqCst);
        }
        Some(match method {
            "getGenesisHash" => json!(Hash::new_from_array([self.genesis; 32]).to_string()),
            "getEpochInfo" => json!({"absoluteSlot": slot, "blockHeight": slot - 10}),
            "getMinimumBalanceForRentExemption" => {
                json!(self.svm.minimum_balance_for_rent_exemption(params[0].as_u64().unwrap() as usize))
            }
            "getMultipleAccounts" => {
                if let Some((asked, allowed)) = self.gate.take() {
                    asked.send(()).unwrap();
                    allowed.recv().unwrap();
                }
                let addresses = params[0].as_array().unwrap().iter();
                in_context(addresses.map(|address| account(&self.svm, address)).collect())
            }
            _ if !self.executes => return None,
            "getLatestBlockhash" => in_context(json!({
                "blockhash": Hash::new_from_array([9; 32]).to_string(), "lastValidBlockHeight": slot + 140,
            })),
            "getRecentPrioritizationFees" => json!([]),
            "simulateTransaction" => {
                self.set_slot(slot);
                let meta = match self.svm.simulate_transaction(transaction(&params[0])) {
                    Ok(simulated) => simulated.meta,
                    Err(failed) => panic!("{failed:?}"),
                };
                let units = meta.compute_units_consumed;
                in_context(json!({"err": null, "unitsConsumed": units, "loadedAccountsDataSize": 500_000}))
            }
            "sendTransaction" => {
                self.set_slot(slot);
                let transaction = transaction(&params[0]);
                let signature = transaction.signatures[0].to_string();
                self.svm.send_transaction(transaction).unwrap();
                self.landed.insert(signature.clone(), slot);
                self.slot.fetch_add(40, Ordering::SeqCst);
                json!(signature)
            }
            "getSignatureStatuses" => {
                let status = |signature: &Value| {
                    self.landed.get(signature.as_str().unwrap()).map(|slot| {
                        json!({"slot": slot, "err": null, "confirmations": null, "confirmationStatus": "finalized"})
                    })
                };
                in_context(params[0].as_array().unwrap().iter().map(|signature| json!(status(signature))).collect())
            }
            _ => return None,
        })
    }

    fn set_slot(&mut self, slot: u64) {
        self.svm.warp_to_slot(slot);
        let recent: Vec<_> = (slot.saturating_sub(512)..=slot).rev().map(|slot| (slot, Hash::default())).collect();
        self.svm.set_sysvar(&SlotHashes::new(&recent));
    }
}

fn transaction(base64: &Value) -> VersionedTransaction {
    wincode::deserialize(&BASE64.decode(base64.as_str().unwrap()).unwrap()).unwrap()
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
