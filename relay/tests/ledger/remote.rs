//! The ledger client against misbehaving HTTP servers. The end-to-end tests run it against a Worker.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use williw_relay::database::DatabaseError;
use williw_relay::database::remote::RemoteDatabase;
use williw_relay::ledger::{LedgerError, settlements};

const KEY: &str = "wk_swordfish";

/// Accepts one request, passes its text to the receiver, and sends `response` verbatim.
fn serve_once(response: String) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        sender.send(read_request(&mut connection)).unwrap();
        connection.write_all(response.as_bytes()).unwrap();
    });
    (url, requests)
}

/// Reads a request with the body length given by its header.
fn read_request(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = connection.read(&mut chunk).unwrap();
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if read == 0 || body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
    }
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
}

async fn query_error(url: &str) -> DatabaseError {
    let error = settlements::latest(&RemoteDatabase::new(url, KEY).unwrap()).await.unwrap_err();
    assert!(!error.to_string().contains("swordfish"), "{error}");
    match error {
        LedgerError::Database(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_batch_is_posted_to_the_endpoint_with_the_api_key() {
    let body = r#"{"success":true,"data":{"results":[[],[],[],[]]},"timestamp":1,"request_id":"r"}"#;
    let (url, requests) = serve_once(http("200 OK", "", body));
    let latest = settlements::latest(&RemoteDatabase::new(&url, KEY).unwrap()).await.unwrap();
    assert_eq!(latest, None);
    let request = requests.recv().unwrap();
    assert!(request.starts_with("POST /v1/ledger/batch HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer wk_swordfish\r\n"), "{request}");
    assert!(request.contains(r#""parameters":[null]"#), "{request}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let location = format!("Location: http://{}/v1/ledger/batch\r\n", elsewhere.local_addr().unwrap());
    let (url, _requests) = serve_once(http("307 Temporary Redirect", &location, ""));
    assert!(matches!(query_error(&url).await, DatabaseError::Unavailable(_)));
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err(), "the API key was sent to the target of the redirect");
}

#[tokio::test]
async fn after_a_lost_response_the_outcome_is_unknown() {
    let complete = http("200 OK", "", r#"{"success":true,"data":{"results":[[],[],[],[]]}}"#);
    let without_results = http("200 OK", "", r#"{"success":true}"#);
    let with_too_few = http("200 OK", "", r#"{"success":true,"data":{"results":[[]]}}"#);
    for response in [String::new(), complete[..complete.len() - 5].to_owned(), without_results, with_too_few] {
        let (url, _requests) = serve_once(response);
        assert!(matches!(query_error(&url).await, DatabaseError::Unavailable(_)));
    }
}
