//! Encoding and decoding of JSON-RPC 2.0 messages over HTTP, shared by all transports.

use serde::Deserialize;
use serde_json::{Value, json};

use super::RpcError;
use super::node_text::shown;

/// The maximum size of a response, in bytes. For comparison: a hundred accounts of the program take 60 KB, and a
/// transaction a few hundred KB at most.
pub const MAX_RESPONSE_BYTES: usize = 8 * 1024 * 1024;

/// The body of a request.
pub fn encode_request(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// Decodes a response with HTTP status `status`. `retry_after` is its Retry-After header.
///
/// Solana nodes send JSON-RPC errors with status 200, but some providers use other codes. Anything that is not JSON-RPC
/// comes from a proxy in front of the node.
///
/// # Errors
/// [`RpcError::RateLimited`] for status 429, or a JSON-RPC error with that code; [`RpcError::ErrorResponse`] if the response is
/// another JSON-RPC error; [`RpcError::Unreachable`] for a server error; [`RpcError::InvalidResponse`] for anything else that is
/// not JSON-RPC.
pub fn decode_http(status: u16, retry_after: Option<&str>, body: &[u8]) -> Result<Value, RpcError> {
    if status == TOO_MANY_REQUESTS {
        return Err(RpcError::RateLimited { retry_after_ms: retry_after.and_then(retry_after_ms) });
    }
    match decode_response(body) {
        Err(RpcError::ErrorResponse { code, .. }) if code == i64::from(TOO_MANY_REQUESTS) => {
            Err(RpcError::RateLimited { retry_after_ms: retry_after.and_then(retry_after_ms) })
        }
        Err(RpcError::InvalidResponse(_)) if (500..=599).contains(&status) => {
            Err(RpcError::Unreachable(format!("HTTP status {status}")))
        }
        Err(RpcError::InvalidResponse(_)) if !(200..=299).contains(&status) => {
            Err(RpcError::InvalidResponse(format!("HTTP status {status}")))
        }
        decoded => decoded,
    }
}

/// HTTP's status "429 Too Many Requests".
const TOO_MANY_REQUESTS: u16 = 429;

/// The delay of a Retry-After header, in milliseconds. Its other form, a date, depends on the clocks of both sides and is
/// ignored.
fn retry_after_ms(header: &str) -> Option<u64> {
    header.trim().parse::<u32>().ok().map(|seconds| u64::from(seconds) * 1_000)
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
fn decode_response(body: &[u8]) -> Result<Value, RpcError> {
    let response: RpcResponse =
        serde_json::from_slice(body).map_err(|error| RpcError::InvalidResponse(error.to_string()))?;
    if response.jsonrpc != "2.0" {
        return Err(RpcError::InvalidResponse("not JSON-RPC 2.0".to_owned()));
    }
    match (response.result, response.error) {
        (_, Some(ErrorObject { code, message })) => Err(RpcError::ErrorResponse { code, message: shown(&message) }),
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
            assert_eq!(decode_http(status, None, body), Err(refused.clone()), "{status}");
        }
    }

    #[test]
    fn a_body_that_is_not_json_rpc_is_rejected() {
        for body in [&b""[..], b"<html>", b"[]", b"{}", br#"{"jsonrpc":"1.0","result":1}"#, b"\xff", b"null"] {
            let decode = |status| decode_http(status, Some("3"), body);
            for status in [200, 302, 404] {
                assert!(matches!(decode(status), Err(RpcError::InvalidResponse(_))), "{status} {body:?}");
            }
            assert!(matches!(decode(502), Err(RpcError::Unreachable(_))), "{body:?}");
            assert_eq!(decode(429), Err(RpcError::RateLimited { retry_after_ms: Some(3_000) }), "{body:?}");
        }
    }

    #[test]
    fn a_node_that_limits_the_rate_is_heard_even_if_it_answers_in_json_rpc() {
        let body = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32429,"message":"slow down"}}"#;
        for (header, retry_after_ms) in [
            (None, None),
            (Some(" 7 "), Some(7_000)),
            (Some("Fri, 27 Nov 2026 00:00:00 GMT"), None),
            (Some("-1"), None),
        ] {
            let limited = Err(RpcError::RateLimited { retry_after_ms });
            assert_eq!(decode_http(429, header, body), limited, "{header:?}");
            let with_code = br#"{"jsonrpc":"2.0","id":1,"error":{"code":429,"message":"slow down"}}"#;
            assert_eq!(decode_http(200, header, with_code), limited, "{header:?}");
        }
    }
}
