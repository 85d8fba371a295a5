//! Fault injection: a proxy in front of a Solana RPC node that misbehaves on demand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::Value;

use crate::HarnessError;

/// Time after which the connection of a silent client is closed.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How the proxy handles a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Forwards the request and returns the node's response.
    Forward,
    /// Forwards the request but drops the node's response.
    DropResponse,
    /// Closes the connection without forwarding the request.
    CloseConnection,
    /// Responds with this body and status 200 without forwarding the request.
    Respond(&'static str),
}

type Decide = dyn Fn(&str, &Value) -> Fault + Send + Sync;

/// A faulty proxy for an RPC node. Dropping it closes the listener.
pub struct FaultyRpc {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
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
        let closing = Arc::new(AtomicBool::new(false));
        let (stop, upstream, decide) = (Arc::clone(&closing), upstream.to_owned(), Arc::new(decide) as Arc<Decide>);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (client, upstream, decide) = (client.clone(), upstream.clone(), Arc::clone(&decide));
                if let Ok(connection) = connection {
                    // Broken connections are expected here.
                    std::thread::spawn(move || drop(serve(&connection, &client, &upstream, &*decide)));
                }
            }
        });
        Ok(Self { address, closing })
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
    }
}

/// Handles one request and closes the connection.
fn serve(connection: &TcpStream, client: &Client, upstream: &str, decide: &Decide) -> std::io::Result<()> {
    connection.set_read_timeout(Some(READ_TIMEOUT))?;
    let body = read_request(connection)?;
    let request: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
    let response = match decide(method, request.get("params").unwrap_or(&Value::Null)) {
        Fault::CloseConnection => return Ok(()),
        Fault::Respond(text) => text.as_bytes().to_vec(),
        fault @ (Fault::Forward | Fault::DropResponse) => {
            let sent = client.post(upstream).header("Content-Type", "application/json").body(body).send();
            let response = sent.and_then(reqwest::blocking::Response::bytes).map_err(std::io::Error::other)?;
            if fault == Fault::DropResponse {
                return Ok(());
            }
            response.to_vec()
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
