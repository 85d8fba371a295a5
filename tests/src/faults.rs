//! Fault injection: a proxy in front of a Solana RPC node that misbehaves on demand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::{HarnessError, wait};

/// Time after which the connection of a silent client is closed.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How the proxy handles a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Forwards the request and returns the node's response.
    Forward,
    /// Forwards the request and returns the node's response after this time.
    Delay(Duration),
    /// Forwards the request but drops the node's response.
    DropResponse,
    /// Closes the connection without forwarding the request.
    CloseConnection,
    /// Responds with this body and status 200 without forwarding the request.
    Respond(&'static str),
    /// Responds with this result without forwarding the request.
    Answer(Value),
    /// Forwards the request and changes the `result` of the node's response.
    Change(fn(&mut Value)),
}

type Decide = dyn Fn(&str, &Value) -> Fault + Send + Sync;

/// A faulty proxy for an RPC node. Dropping it closes the listener.
///
/// # Panics
/// When it is dropped, if a call of `decide` or of [`Fault::Change`] has panicked.
pub struct FaultyRpc {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
    panicked: Arc<AtomicBool>,
}

impl FaultyRpc {
    /// Listens on a free port. `decide` is called with the JSON-RPC method and its parameters for each request and
    /// determines whether it is forwarded to `upstream`.
    ///
    /// # Errors
    /// [`HarnessError::Io`] if the listener cannot be opened, [`HarnessError::Http`] if the client cannot be created.
    pub fn start(
        upstream: &str,
        decide: impl Fn(&str, &Value) -> Fault + Send + Sync + 'static,
    ) -> Result<Self, HarnessError> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(HarnessError::io("opening the faulty RPC proxy"))?;
        let address = listener.local_addr().map_err(HarnessError::io("opening the faulty RPC proxy"))?;
        let client = Client::builder()
            .no_proxy()
            .build()
            .map_err(|source| HarnessError::Http { what: "creating an HTTP client".to_owned(), source })?;
        let (closing, panicked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stop, has_panicked) = (Arc::clone(&closing), Arc::clone(&panicked));
        let (upstream, decide) = (upstream.to_owned(), Arc::new(decide) as Arc<Decide>);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (client, upstream, decide) = (client.clone(), upstream.clone(), Arc::clone(&decide));
                let has_panicked = Arc::clone(&has_panicked);
                if let Ok(connection) = connection {
                    std::thread::spawn(move || {
                        // Broken connections are expected here. To the client, a panic would look like one.
                        let serve = AssertUnwindSafe(|| drop(serve(&connection, &client, &upstream, &*decide)));
                        if catch_unwind(serve).is_err() {
                            has_panicked.store(true, Ordering::SeqCst);
                        }
                    });
                }
            }
        });
        Ok(Self { address, closing, panicked })
    }

    /// URL of the proxy.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for FaultyRpc {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wake the listener thread, so that it notices the flag.
        let _ = TcpStream::connect(self.address);
        let has_panicked = self.panicked.load(Ordering::SeqCst) && !std::thread::panicking();
        assert!(!has_panicked, "the faulty RPC proxy has panicked, see above");
    }
}

/// Holds requests back: a point in a run at which something else happens.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum GateState {
    /// Nothing has arrived.
    #[default]
    Waiting,
    /// A request has arrived and is held back.
    Arrived,
    /// Requests pass.
    Open,
    /// A request was held back for too long, and has passed.
    TimedOut,
}

impl Gate {
    /// Holds the caller, a request, back until the gate is open, at most for [`READ_TIMEOUT`]. Returns whether it was held
    /// back.
    pub fn pass(&self) -> bool {
        let mut state = self.lock();
        if *state == GateState::Open {
            return false;
        }
        *state = GateState::Arrived;
        self.changed.notify_all();
        let waited = self.changed.wait_timeout_while(state, READ_TIMEOUT, |state| *state == GateState::Arrived);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            *state = GateState::TimedOut;
        }
        true
    }

    /// Waits for a request to arrive.
    ///
    /// # Errors
    /// [`HarnessError::Timeout`] after `deadline`.
    pub fn wait_for_request(&self, deadline: Duration) -> Result<(), HarnessError> {
        let waited = self.changed.wait_timeout_while(self.lock(), deadline, |state| *state == GateState::Waiting);
        if waited.unwrap_or_else(PoisonError::into_inner).1.timed_out() {
            return Err(HarnessError::Timeout {
                what: "a request at the gate".to_owned(),
                waited: deadline,
                last: None,
            });
        }
        Ok(())
    }

    /// Lets what is held back and everything that follows pass.
    ///
    /// # Errors
    /// [`HarnessError::Timeout`] if a request has passed already, because it was held back for too long.
    pub fn open(&self) -> Result<(), HarnessError> {
        let before = std::mem::replace(&mut *self.lock(), GateState::Open);
        self.changed.notify_all();
        if before == GateState::TimedOut {
            return Err(HarnessError::Timeout {
                what: "the gate to open".to_owned(),
                waited: READ_TIMEOUT,
                last: None,
            });
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handles one request and closes the connection.
fn serve(connection: &TcpStream, client: &Client, upstream: &str, decide: &Decide) -> std::io::Result<()> {
    connection.set_read_timeout(Some(READ_TIMEOUT))?;
    let body = read_request(connection)?;
    let request: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
    let forward = || -> std::io::Result<Vec<u8>> {
        let sent = client.post(upstream).header("Content-Type", "application/json").body(body.clone()).send();
        Ok(sent.and_then(reqwest::blocking::Response::bytes).map_err(std::io::Error::other)?.to_vec())
    };
    let response = match decide(method, request.get("params").unwrap_or(&Value::Null)) {
        Fault::CloseConnection => return Ok(()),
        Fault::Respond(text) => text.as_bytes().to_vec(),
        Fault::Answer(result) => {
            json!({"jsonrpc": "2.0", "id": request.get("id"), "result": result}).to_string().into()
        }
        Fault::Forward => forward()?,
        Fault::Delay(time) => {
            let response = forward()?;
            wait::sleep(time);
            response
        }
        Fault::DropResponse => {
            forward()?;
            return Ok(());
        }
        Fault::Change(change) => {
            let mut response: Value = serde_json::from_slice(&forward()?)?;
            response.get_mut("result").into_iter().for_each(change);
            response.to_string().into()
        }
    };
    let mut connection = connection;
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        response.len()
    )?;
    connection.write_all(&response)
}

/// Reads the body of a request with a `Content-Length` header.
fn read_request(connection: &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}
