//! The local cluster as an RPC node: answers in JSON as Agave gives them, and a server for them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::chain::{
    AccountData, Chain as _, Commitment, History as _, RecordedTransaction, RpcError, TransactionVersion, Transport,
};

use super::{LocalChain, block_on};

/// Answers requests that read, as an RPC node does.
pub(crate) struct RpcNode<'a>(pub(crate) &'a LocalChain);

impl Transport for RpcNode<'_> {
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
        Ok(self.answer(method, &params[0], commitment_of(&params)))
    }
}

/// The commitment that the parameters of a request ask for. That of a request without one is `finalized`.
fn commitment_of(params: &Value) -> Commitment {
    match params[1]["commitment"].as_str() {
        None | Some("finalized") => Commitment::Finalized,
        Some(_) => Commitment::Confirmed,
    }
}

impl RpcNode<'_> {
    fn answer(&self, method: &str, subject: &Value, commitment: Commitment) -> Value {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        match method {
            "getGenesisHash" => json!(block_on(self.0.genesis_hash()).expect("a hash").to_string()),
            "getMultipleAccounts" => {
                let addresses: Vec<Pubkey> = subject
                    .as_array()
                    .expect("a list of addresses")
                    .iter()
                    .map(|address| text(address).parse().expect("an address"))
                    .collect();
                let read = block_on(self.0.accounts(&addresses, AccountData::Full, Commitment::Finalized, 0));
                let read = read.expect("accounts");
                let accounts: Vec<_> = read
                    .accounts
                    .iter()
                    .map(|account| {
                        account.as_ref().map(|account| {
                            json!({
                                "lamports": account.lamports,
                                "owner": account.owner.to_string(),
                                "executable": account.executable,
                                "data": [BASE64.encode(&account.data), "base64"],
                                "rentEpoch": u64::MAX,
                                "space": account.space,
                            })
                        })
                    })
                    .collect();
                json!({"context": {"apiVersion": "4.2.2", "slot": read.slot}, "value": accounts})
            }
            "getTransaction" => {
                let signature: Signature = text(subject).parse().expect("a signature");
                self.0.recorded_at(&signature, commitment).as_ref().map_or(Value::Null, transaction)
            }
            "getSignaturesForAddress" => {
                let address: Pubkey = text(subject).parse().expect("an address");
                let page = block_on(self.0.signatures_of(&address, None)).expect("signatures");
                page.iter()
                    .map(|one| {
                        json!({
                            "signature": one.signature.to_string(), "slot": one.slot, "memo": null, "blockTime": null,
                            "err": if one.succeeded { Value::Null } else { json!("AccountInUse") },
                            "confirmationStatus": "finalized",
                        })
                    })
                    .collect()
            }
            method => panic!("{method} is not answered"),
        }
    }
}

/// A transaction as `getTransaction` returns it with the encoding base64.
fn transaction(recorded: &RecordedTransaction) -> Value {
    let decoded: VersionedTransaction = wincode::deserialize(&recorded.bytes).expect("a transaction");
    let keys = decoded.message.static_account_keys();
    let index = |key: &Pubkey| keys.iter().position(|known| known == key).expect("a key of the transaction");
    let mut inner: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
    let mut position = 0_usize;
    for instruction in &recorded.instructions {
        if !instruction.is_inner {
            position += 1;
            continue;
        }
        inner.entry(position - 1).or_default().push(json!({
            "programIdIndex": index(&instruction.program),
            "accounts": instruction.accounts.iter().map(index).collect::<Vec<_>>(),
            "data": bs58::encode(&instruction.data).into_string(),
            "stackHeight": 2,
        }));
    }
    let inner: Vec<_> =
        inner.into_iter().map(|(index, instructions)| json!({"index": index, "instructions": instructions})).collect();
    json!({
        "slot": recorded.slot,
        "blockTime": recorded.block_time,
        "version": match recorded.version {
            TransactionVersion::Legacy => json!("legacy"),
            TransactionVersion::V0 => json!(0),
            TransactionVersion::V1 => json!(1),
        },
        "transaction": [BASE64.encode(&recorded.bytes), "base64"],
        "meta": {
            "err": recorded.error.as_ref().map(|error| error.text.clone()),
            "status": {"Ok": null},
            "fee": recorded.fee_lamports,
            "logMessages": recorded.log_messages,
            "innerInstructions": inner,
            "loadedAddresses": {"writable": [], "readonly": []},
            "preBalances": [], "postBalances": [],
        },
    })
}

/// Answers that were recorded, by method, first parameter and whether only what is finalized was asked for.
#[derive(Clone, Default)]
pub(crate) struct Answers(BTreeMap<(String, String, bool), Value>);

impl Answers {
    /// Records the answers of `node` to requests with these methods and first parameters.
    pub(crate) fn record(node: &RpcNode<'_>, requests: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self(
            requests
                .into_iter()
                .flat_map(|(method, subject)| {
                    [Commitment::Finalized, Commitment::Confirmed].map(|commitment| {
                        let answer = node.answer(method, &subject, commitment);
                        ((method.to_owned(), subject.to_string(), commitment == Commitment::Finalized), answer)
                    })
                })
                .collect(),
        )
    }

    /// Serves the answers over HTTP until the process ends, and returns the URL.
    pub(crate) fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that gives up fails its test by itself.
                let _ = stream.and_then(|stream| self.respond(stream));
            }
        });
        url
    }

    /// Answers one request. To one without a recorded answer, the answer is an error that says so.
    fn respond(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut line, mut length) = (String::new(), 0_usize);
        while reader.read_line(&mut line)? > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let request: Value = serde_json::from_slice(&body)?;
        let (method, params) = (request["method"].as_str().unwrap_or_default().to_owned(), &request["params"]);
        let key = |finalized| (method.clone(), params[0].to_string(), finalized);
        let finalized = commitment_of(params) == Commitment::Finalized;
        let answer = match (self.0.get(&key(finalized)), self.0.get(&key(!finalized))) {
            (Some(result), _) => json!({"jsonrpc": "2.0", "id": 1, "result": result}),
            // It is there, but not with this commitment.
            (None, Some(_)) => json!({"jsonrpc": "2.0", "id": 1, "result": null}),
            (None, None) => {
                let message = format!("the test has recorded no answer to {request}");
                json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": message}})
            }
        };
        let answer = answer.to_string();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ";
        write!(stream, "{head}{}\r\n\r\n{answer}", answer.len())
    }
}
