//! The three requests that sending needs.

use std::collections::BTreeMap;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use solana_hash::Hash;
use solana_signature::Signature;

use crate::SenderError;

/// The maximum number of signatures in a `getSignatureStatuses` request.
pub(crate) const MAX_STATUSES: usize = 256;

/// An RPC node.
pub(crate) struct Rpc {
    client: Client,
    url: String,
}

impl Rpc {
    pub(crate) fn new(url: &str) -> Result<Self, SenderError> {
        Ok(Self { client: Client::builder().no_proxy().build()?, url: url.to_owned() })
    }

    /// The latest blockhash at the commitment `confirmed`, as the relay uses it.
    pub(crate) fn latest_blockhash(&self) -> Result<Hash, SenderError> {
        let result = self.call("getLatestBlockhash", &json!([{"commitment": "confirmed"}]))?;
        let text = result.pointer("/value/blockhash").and_then(Value::as_str).unwrap_or_default();
        Hash::from_str(text).map_err(|_| SenderError::Other(format!("not a blockhash: {result}")))
    }

    /// Sends a signed transaction, without a preflight check.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), SenderError> {
        let options = json!({"encoding": "base64", "skipPreflight": true, "maxRetries": 0});
        self.call("sendTransaction", &json!([BASE64.encode(bytes), options])).map(drop)
    }

    /// Which of up to [`MAX_STATUSES`] transactions are final.
    ///
    /// # Errors
    /// [`SenderError::Other`] if one of them has failed.
    pub(crate) fn final_ones(&self, signatures: &[Signature]) -> Result<BTreeMap<Signature, bool>, SenderError> {
        let texts: Vec<String> = signatures.iter().map(Signature::to_string).collect();
        let result = self.call("getSignatureStatuses", &json!([texts]))?;
        let statuses = result.pointer("/value").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut found = BTreeMap::new();
        for (signature, status) in signatures.iter().zip(statuses) {
            if let Some(error) = status.get("err").filter(|error| !error.is_null()) {
                return Err(SenderError::Other(format!("transaction {signature} has failed: {error}")));
            }
            let is_final = status.get("confirmationStatus").and_then(Value::as_str) == Some("finalized");
            found.insert(*signature, is_final);
        }
        Ok(found)
    }

    fn call(&self, method: &str, params: &Value) -> Result<Value, SenderError> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut response: Value = self.client.post(&self.url).json(&request).send()?.json()?;
        match response.get_mut("result").map(Value::take) {
            Some(result) => Ok(result),
            None => Err(SenderError::Other(format!("{method}: {response}"))),
        }
    }
}
