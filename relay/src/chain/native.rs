//! The native transport, based on Solana's own RPC client.

use std::time::Duration;

use serde_json::Value;
use solana_rpc_client::http_sender::HttpSender;
use solana_rpc_client::rpc_sender::RpcSender;
use solana_rpc_client_api::client_error::ErrorKind;
use solana_rpc_client_api::request::{RpcError as ClientRpcError, RpcRequest};

use super::{RpcError, Transport};

/// More than any healthy node needs for the calls made here, and less than the lifetime of a blockhash.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// JSON-RPC over HTTP using Solana's client, which also backs off when a node responds with 429 Too Many Requests.
pub struct HttpTransport(HttpSender);

impl HttpTransport {
    /// Creates a transport for the RPC node at `url`. Does not connect yet.
    pub fn new(url: &str) -> Self {
        Self(HttpSender::new_with_timeout(url, REQUEST_TIMEOUT))
    }
}

impl Transport for HttpTransport {
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
        self.0.send(RpcRequest::Custom { method }, params).await.map_err(|error| match *error.kind {
            // The URL may contain an access token, so it must not be logged.
            ErrorKind::Reqwest(error) if error.is_decode() => {
                RpcError::InvalidResponse(error.without_url().to_string())
            }
            ErrorKind::Reqwest(error) => RpcError::Unreachable(error_chain(&error.without_url())),
            ErrorKind::RpcError(ClientRpcError::RpcResponseError { code, message, .. }) => {
                RpcError::ErrorResponse { code, message }
            }
            ErrorKind::RpcError(error) => RpcError::InvalidResponse(error.to_string()),
            ErrorKind::SerdeJson(error) => RpcError::InvalidResponse(error.to_string()),
            ErrorKind::Io(error) => RpcError::Unreachable(error.to_string()),
            _ => RpcError::Unreachable("the request failed".to_owned()),
        })
    }
}

/// The message of an error and of all its sources.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
