//! The ledger behind HTTP, in front of a server that misbehaves. (In front of a Worker: the end-to-end tests.)

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use williw_relay::database::DatabaseError;
use williw_relay::database::remote::RemoteDatabase;
use williw_relay::ledger::{LedgerError, settlements};

const KEY: &str = "wk_swordfish";

/// Takes one request, hands its text on and answers with `answer` as it is.
fn serve_once(answer: String) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        sender.send(read_request(&mut connection)).unwrap();
        connection.write_all(answer.as_bytes()).unwrap();
    });
    (url, requests)
}

/// Reads until the body is as long as its header says.
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

async fn outcome(url: &str) -> DatabaseError {
    let error = settlements::latest(&RemoteDatabase::new(url, KEY).unwrap()).await.unwrap_err();
    assert!(!error.to_string().contains("swordfish"), "{error}");
    match error {
        LedgerError::Database(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_batch_goes_to_the_endpoint_with_the_key_and_its_rows_come_back() {
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
async fn a_redirect_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let location = format!("Location: http://{}/v1/ledger/batch\r\n", elsewhere.local_addr().unwrap());
    let (url, _requests) = serve_once(http("307 Temporary Redirect", &location, ""));
    assert!(matches!(outcome(&url).await, DatabaseError::Unavailable(_)));
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err(), "the key was sent to where the redirect points");
}

#[tokio::test]
async fn a_lost_answer_leaves_open_whether_the_batch_was_written() {
    let whole = http("200 OK", "", r#"{"success":true,"data":{"results":[[],[],[],[]]}}"#);
    let without_results = http("200 OK", "", r#"{"success":true}"#);
    let with_too_few = http("200 OK", "", r#"{"success":true,"data":{"results":[[]]}}"#);
    for answer in [String::new(), whole[..whole.len() - 5].to_owned(), without_results, with_too_few] {
        let (url, _requests) = serve_once(answer);
        assert!(matches!(outcome(&url).await, DatabaseError::Unavailable(_)));
    }
}
