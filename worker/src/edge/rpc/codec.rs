//! The frame of JSON-RPC 2.0 around a call: written and read without the runtime.

use serde::Deserialize;
use serde_json::{Value, json};
use williw_relay::chain::RpcError;

/// The most that an answer may hold, in bytes: a hundred accounts of the program are 60 KB, one transaction at most
/// a few hundred.
pub const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// The body of a call.
pub fn request(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// Tells an answer of the node from one of something before it. Solana's nodes send JSON-RPC errors with 200; some
/// providers send them with another status.
///
/// # Errors
/// [`RpcError::ErrorResponse`] for "too many requests", [`RpcError::Unreachable`] for a server that fails,
/// [`RpcError::InvalidResponse`] for anything else that is no JSON-RPC.
pub fn check_status(status: u16, answer: &[u8]) -> Result<(), RpcError> {
    match status {
        200..=299 => Ok(()),
        429 => Err(RpcError::ErrorResponse { code: 429, message: "too many requests".to_owned() }),
        500..=599 if result(answer).is_err_and(|error| matches!(error, RpcError::InvalidResponse(_))) => {
            Err(RpcError::Unreachable(format!("HTTP status {status}")))
        }
        _ if result(answer).is_err_and(|error| matches!(error, RpcError::InvalidResponse(_))) => {
            Err(RpcError::InvalidResponse(format!("HTTP status {status}")))
        }
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
struct Answer {
    jsonrpc: String,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    error: Option<ErrorObject>,
}

/// Tells `"result": null`, which is an answer, from no `result` at all.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct ErrorObject {
    code: i64,
    message: String,
}

/// The `result` of an answer.
///
/// # Errors
/// [`RpcError::ErrorResponse`] when the answer is a JSON-RPC error, [`RpcError::InvalidResponse`] when it is no JSON-RPC.
pub fn result(answer: &[u8]) -> Result<Value, RpcError> {
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|error| RpcError::InvalidResponse(error.to_string()))?;
    if answer.jsonrpc != "2.0" {
        return Err(RpcError::InvalidResponse("not JSON-RPC 2.0".to_owned()));
    }
    match (answer.result, answer.error) {
        (_, Some(ErrorObject { code, message })) => Err(RpcError::ErrorResponse { code, message }),
        (Some(result), None) => Ok(result),
        (None, None) => Err(RpcError::InvalidResponse("neither result nor error".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_json_rpc_2() {
        let body: Value =
            serde_json::from_str(&request("getBlockHeight", &json!([{"commitment": "finalized"}]))).unwrap();
        assert_eq!(
            body,
            json!({"jsonrpc": "2.0", "id": 1, "method": "getBlockHeight", "params": [{"commitment": "finalized"}]})
        );
    }

    #[test]
    fn null_is_an_answer_and_nothing_is_none() {
        assert_eq!(result(br#"{"jsonrpc":"2.0","id":1,"result":null}"#), Ok(Value::Null));
        assert_eq!(result(br#"{"jsonrpc":"2.0","id":1,"result":7}"#), Ok(json!(7)));
        assert!(matches!(result(br#"{"jsonrpc":"2.0","id":1}"#), Err(RpcError::InvalidResponse(_))));
    }

    #[test]
    fn an_error_object_is_the_nodes_refusal() {
        let refused = RpcError::ErrorResponse { code: -32005, message: "Node is behind".to_owned() };
        let answer = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"Node is behind","data":{}}}"#;
        assert_eq!(result(answer), Err(refused.clone()));
        for status in [200, 400, 503] {
            assert_eq!(check_status(status, answer), Ok(()), "{status}");
        }
    }

    #[test]
    fn what_is_no_json_rpc_is_garbage() {
        for answer in [&b""[..], b"<html>", b"[]", b"{}", br#"{"jsonrpc":"1.0","result":1}"#, b"\xff", b"null"] {
            assert!(matches!(result(answer), Err(RpcError::InvalidResponse(_))), "{answer:?}");
            assert!(matches!(check_status(404, answer), Err(RpcError::InvalidResponse(_))), "{answer:?}");
            assert!(matches!(check_status(302, answer), Err(RpcError::InvalidResponse(_))), "{answer:?}");
            assert!(matches!(check_status(502, answer), Err(RpcError::Unreachable(_))), "{answer:?}");
            assert!(matches!(check_status(429, answer), Err(RpcError::ErrorResponse { code: 429, .. })), "{answer:?}");
        }
    }
}
