//! Injected faults: an RPC node that misbehaves on purpose, in front of the real one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::Value;

use crate::HarnessError;

/// A client that sends nothing for so long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the real node answers.
    None,
    /// The real node gets the request, its answer is lost.
    AnswerLost,
    /// The connection is closed and nothing reaches the real node.
    Refused,
    /// This comes as the answer, with status 200; nothing reaches the real node.
    Answer(&'static str),
}

type Decide = dyn Fn(&str, &Value) -> Fault + Send + Sync;

/// An RPC node in front of another, with faults. Dropping it closes it.
pub struct FaultyRpc {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
}

impl FaultyRpc {
    /// Listens on a free port and passes requests on to `upstream`, unless `decide` (called with the JSON-RPC method
    /// and its parameters) says otherwise.
    ///
    /// # Errors
    /// [`HarnessError`] when it cannot listen.
    pub fn start(
        upstream: &str,
        decide: impl Fn(&str, &Value) -> Fault + Send + Sync + 'static,
    ) -> Result<Self, HarnessError> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(HarnessError::io("opening the faulty RPC node"))?;
        let address = listener.local_addr().map_err(HarnessError::io("opening the faulty RPC node"))?;
        let client = Client::builder()
            .no_proxy()
            .build()
            .map_err(|source| HarnessError::Http { what: "making an HTTP client".to_owned(), source })?;
        let closing = Arc::new(AtomicBool::new(false));
        let (stop, upstream, decide) = (Arc::clone(&closing), upstream.to_owned(), Arc::new(decide) as Arc<Decide>);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (client, upstream, decide) = (client.clone(), upstream.clone(), Arc::clone(&decide));
                if let Ok(connection) = connection {
                    // A connection that breaks is what this is for.
                    std::thread::spawn(move || drop(serve(&connection, &client, &upstream, &*decide)));
                }
            }
        });
        Ok(Self { address, closing })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for FaultyRpc {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is to close.
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers one request and closes the connection.
fn serve(connection: &TcpStream, client: &Client, upstream: &str, decide: &Decide) -> std::io::Result<()> {
    connection.set_read_timeout(Some(READ_TIMEOUT))?;
    let body = read_request(connection)?;
    let request: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let answer = match decide(request["method"].as_str().unwrap_or_default(), &request["params"]) {
        Fault::Refused => return Ok(()),
        Fault::Answer(text) => text.as_bytes().to_vec(),
        fault @ (Fault::None | Fault::AnswerLost) => {
            let sent = client.post(upstream).header("Content-Type", "application/json").body(body).send();
            let answer = sent.and_then(reqwest::blocking::Response::bytes).map_err(std::io::Error::other)?;
            if fault == Fault::AnswerLost {
                return Ok(());
            }
            answer.to_vec()
        }
    };
    let mut connection = connection;
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        answer.len()
    )?;
    connection.write_all(&answer)
}

/// The body of a request with a `Content-Length`.
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
