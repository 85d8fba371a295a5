//! The transport of a native process: Solana's own RPC client.

use std::time::Duration;

use serde_json::Value;
use solana_rpc_client::http_sender::HttpSender;
use solana_rpc_client::rpc_sender::RpcSender;
use solana_rpc_client_api::client_error::ErrorKind;
use solana_rpc_client_api::request::{RpcError as ClientRpcError, RpcRequest};

use super::{RpcError, Transport};

/// Longer than any healthy node takes for a call of the engine's, shorter than a blockhash lives.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// JSON-RPC over HTTP by Solana's own client, which also waits when a node says that it is asked too much.
pub struct HttpTransport(HttpSender);

impl HttpTransport {
    /// A transport to the RPC node at `url`. Nothing is sent yet.
    pub fn new(url: &str) -> Self {
        Self(HttpSender::new_with_timeout(url, REQUEST_TIMEOUT))
    }
}

impl Transport for HttpTransport {
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
        self.0.send(RpcRequest::Custom { method }, params).await.map_err(|error| match *error.kind {
            // A URL can hold an access token: it must not reach a log.
            ErrorKind::Reqwest(error) if error.is_decode() => RpcError::Garbage(error.without_url().to_string()),
            ErrorKind::Reqwest(error) => RpcError::Unreachable(reason(&error.without_url())),
            ErrorKind::RpcError(ClientRpcError::RpcResponseError { code, message, .. }) => {
                RpcError::Refused { code, message }
            }
            ErrorKind::RpcError(error) => RpcError::Garbage(error.to_string()),
            ErrorKind::SerdeJson(error) => RpcError::Garbage(error.to_string()),
            ErrorKind::Io(error) => RpcError::Unreachable(error.to_string()),
            _ => RpcError::Unreachable("the request failed".to_owned()),
        })
    }
}

/// The error and what caused it.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
