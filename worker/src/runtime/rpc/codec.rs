//! Encoding and decoding of JSON-RPC 2.0 messages, independent of the Workers runtime.

use serde::Deserialize;
use serde_json::{Value, json};
use williw_relay::chain::RpcError;

/// The maximum size of a response, in bytes. For comparison: a hundred accounts of the program take 60 KB, and a
/// transaction a few hundred KB at most.
pub(crate) const MAX_RESPONSE_BYTES: usize = 8 * 1024 * 1024;

/// The body of a request.
pub(crate) fn encode_request(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// Checks the HTTP status, accepting any status that carries a JSON-RPC message: Solana nodes send JSON-RPC errors with
/// status 200, but some providers use other codes. Anything else comes from a proxy in front of the node.
///
/// # Errors
/// [`RpcError::ErrorResponse`] for "too many requests", [`RpcError::Unreachable`] for a server error, [`RpcError::InvalidResponse`]
/// for anything else that is not JSON-RPC.
pub(crate) fn check_status(status: u16, body: &[u8]) -> Result<(), RpcError> {
    match status {
        200..=299 => Ok(()),
        429 => Err(RpcError::ErrorResponse { code: 429, message: "too many requests".to_owned() }),
        500..=599 if !is_json_rpc(body) => Err(RpcError::Unreachable(format!("HTTP status {status}"))),
        _ if !is_json_rpc(body) => Err(RpcError::InvalidResponse(format!("HTTP status {status}"))),
        _ => Ok(()),
    }
}

/// Whether the body is a JSON-RPC result or error.
fn is_json_rpc(body: &[u8]) -> bool {
    !matches!(decode_response(body), Err(RpcError::InvalidResponse(_)))
}

#[derive(Deserialize)]
struct RpcResponse {
    jsonrpc: String,
    #[serde(default, deserialize_with = "some_even_if_null")]
    result: Option<Value>,
    error: Option<ErrorObject>,
}

/// Distinguishes `"result": null`, which is a valid result, from a missing `result`.
fn some_even_if_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct ErrorObject {
    code: i64,
    message: String,
}

/// Decodes the `result` of a response.
///
/// # Errors
/// [`RpcError::ErrorResponse`] if the response is a JSON-RPC error, [`RpcError::InvalidResponse`] if it is not JSON-RPC.
pub(crate) fn decode_response(body: &[u8]) -> Result<Value, RpcError> {
    let response: RpcResponse =
        serde_json::from_slice(body).map_err(|error| RpcError::InvalidResponse(error.to_string()))?;
    if response.jsonrpc != "2.0" {
        return Err(RpcError::InvalidResponse("not JSON-RPC 2.0".to_owned()));
    }
    match (response.result, response.error) {
        (_, Some(ErrorObject { code, message })) => Err(RpcError::ErrorResponse { code, message }),
        (Some(result), None) => Ok(result),
        (None, None) => Err(RpcError::InvalidResponse("the response has neither a result nor an error".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_json_rpc_2() {
        let body: Value =
            serde_json::from_str(&encode_request("getBlockHeight", &json!([{"commitment": "finalized"}]))).unwrap();
        assert_eq!(
            body,
            json!({"jsonrpc": "2.0", "id": 1, "method": "getBlockHeight", "params": [{"commitment": "finalized"}]})
        );
    }

    #[test]
    fn a_null_result_is_valid_but_a_missing_one_is_not() {
        assert_eq!(decode_response(br#"{"jsonrpc":"2.0","id":1,"result":null}"#), Ok(Value::Null));
        assert_eq!(decode_response(br#"{"jsonrpc":"2.0","id":1,"result":7}"#), Ok(json!(7)));
        assert!(matches!(decode_response(br#"{"jsonrpc":"2.0","id":1}"#), Err(RpcError::InvalidResponse(_))));
    }

    #[test]
    fn an_error_object_is_an_error_of_the_node_whatever_the_status() {
        let refused = RpcError::ErrorResponse { code: -32005, message: "Node is behind".to_owned() };
        let body = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"Node is behind","data":{}}}"#;
        assert_eq!(decode_response(body), Err(refused.clone()));
        for status in [200, 400, 503] {
            assert_eq!(check_status(status, body), Ok(()), "{status}");
        }
    }

    #[test]
    fn a_body_that_is_not_json_rpc_is_rejected() {
        for body in [&b""[..], b"<html>", b"[]", b"{}", br#"{"jsonrpc":"1.0","result":1}"#, b"\xff", b"null"] {
            assert!(matches!(decode_response(body), Err(RpcError::InvalidResponse(_))), "{body:?}");
            assert!(matches!(check_status(404, body), Err(RpcError::InvalidResponse(_))), "{body:?}");
            assert!(matches!(check_status(302, body), Err(RpcError::InvalidResponse(_))), "{body:?}");
            assert!(matches!(check_status(502, body), Err(RpcError::Unreachable(_))), "{body:?}");
            assert!(matches!(check_status(429, body), Err(RpcError::ErrorResponse { code: 429, .. })), "{body:?}");
        }
    }
}
