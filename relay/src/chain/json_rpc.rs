//! Solana's JSON-RPC codec: encodes requests and decodes responses, over any [`Transport`].
//!
//! Implements the HTTP methods as documented for Agave 4.2.

use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use solana_hash::Hash;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::node_text::shown;
use super::{
    Account, AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, ExecutionRecord,
    FinalizedBlock, History, LatestBlockhash, MAX_SIGNATURES_PER_PAGE, RecordedTransaction, SignatureAtSlot,
    SignatureStatus, Simulation, StatusSearch, StatusesAtSlot, TransactionError, TransactionFault,
};

/// The newest transaction version this codec can decode. Nodes return an error for newer versions than requested.
const MAX_TRANSACTION_VERSION: u8 = 1;

/// An error of a [`Transport`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RpcError {
    /// No response, or an incomplete one. The text must not contain the URL, which may include an access token.
    Unreachable(String),
    /// The response is not valid JSON-RPC.
    InvalidResponse(String),
    /// HTTP status 429, or an error object that says the same. A transport must not wait and try again by itself.
    RateLimited {
        /// How long the node asks to wait, in milliseconds, if it says so.
        retry_after_ms: Option<u64>,
    },
    /// The node returned a JSON-RPC error object.
    ErrorResponse {
        /// The code of the error object: one that JSON-RPC 2.0 defines, or one of Solana's, such as −32005 for a node
        /// that is behind.
        code: i64,
        /// The node's description, which can change between versions of the node.
        message: String,
    },
}

/// Performs JSON-RPC calls over some transport protocol.
#[allow(async_fn_in_trait, reason = "the engine is generic over the trait and never needs Send")]
pub trait Transport {
    /// Calls `method` and returns the `result` of the response.
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError>;
}

/// How far an answer's slot may be beyond the finalized slot that the node has last named: 400 seconds. The confirmed slot is
/// only a few dozen beyond it.
const MAX_SLOTS_AHEAD: u64 = 1_000;

/// A [`Chain`] over JSON-RPC.
///
/// The ledger remembers at which slots accounts were read, and accepts none from before, so a single answer with an absurd slot
/// would block it for ever. That the node has come so far, another answer must therefore confirm: that of `getEpochInfo`,
/// which is asked for before the first answer is accepted, and again at most every 400 seconds.
pub struct JsonRpc<T> {
    transport: T,
    /// The finalized slot that the node has last named.
    finalized: Cell<u64>,
}

impl<T: Transport> JsonRpc<T> {
    /// Creates a client for the node that `transport` connects to.
    pub fn new(transport: T) -> Self {
        Self { transport, finalized: Cell::new(0) }
    }

    /// Checks that the node can have reached `slot`, which it names in an answer to `method`.
    async fn check_slot(&self, method: &'static str, slot: u64) -> Result<(), ChainError> {
        let is_plausible = |finalized: u64| slot <= finalized.saturating_add(MAX_SLOTS_AHEAD);
        if is_plausible(self.finalized.get()) || is_plausible(self.finalized_block().await?.slot) {
            return Ok(());
        }
        let finalized = self.finalized.get();
        Err(ChainError::InvalidResponse(format!(
            "{method}: the answer names slot {slot}, although the node has finalized only slot {finalized}"
        )))
    }

    async fn call<R: for<'de> Deserialize<'de>>(&self, method: &'static str, params: Value) -> Result<R, ChainError> {
        let result = self.transport.call(method, params).await.map_err(|error| chain_error(method, error))?;
        serde_json::from_value(result).map_err(|error| ChainError::InvalidResponse(format!("{method}: {error}")))
    }
}

fn chain_error(method: &'static str, error: RpcError) -> ChainError {
    match error {
        RpcError::Unreachable(reason) => ChainError::Unreachable(reason),
        RpcError::InvalidResponse(reason) => ChainError::InvalidResponse(format!("{method}: {reason}")),
        RpcError::RateLimited { retry_after_ms } => ChainError::RateLimited { retry_after_ms },
        RpcError::ErrorResponse { code, message } if is_unsupported_version(method, code, &message) => {
            ChainError::UnsupportedVersion
        }
        RpcError::ErrorResponse { code, message } => ChainError::ErrorResponse { method, code, message },
    }
}

/// JSON-RPC 2.0's code for invalid parameters.
pub(crate) const INVALID_PARAMS: i64 = -32602;

/// Agave's code for "minimum context slot has not been reached".
const MIN_CONTEXT_SLOT_NOT_REACHED: i64 = -32016;

/// Agave's code for "transaction version is not supported".
const UNSUPPORTED_TRANSACTION_VERSION: i64 = -32015;

/// The methods that take a transaction.
const METHODS_WITH_TRANSACTION: [&str; 2] = ["simulateTransaction", "sendTransaction"];

/// How nodes say, with the code for invalid parameters, that they do not know the version of the transaction that they were sent:
/// current ones reject it, and older ones fail to decode its first byte.
const REFUSED_VERSIONS: [&str; 4] =
    ["UnsupportedVersion", "unsupported version", "Transaction version", "invalid value: integer `129`"];

/// Whether a node rejected the version of the transaction that it was sent.
fn is_unsupported_version(method: &str, code: i64, message: &str) -> bool {
    let is_version = match code {
        UNSUPPORTED_TRANSACTION_VERSION => true,
        INVALID_PARAMS => REFUSED_VERSIONS.iter().any(|text| message.contains(text)),
        _ => false,
    };
    is_version && METHODS_WITH_TRANSACTION.contains(&method)
}

impl Commitment {
    fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
        }
    }
}

#[derive(Deserialize)]
struct WithContext<T> {
    context: Context,
    value: T,
}

#[derive(Deserialize)]
struct Context {
    slot: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockhashResponse {
    blockhash: String,
    last_valid_block_height: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EpochInfoResponse {
    absolute_slot: u64,
    block_height: u64,
}

#[derive(Deserialize)]
struct AccountResponse {
    lamports: u64,
    owner: String,
    executable: bool,
    /// The encoded data, and the name of the encoding.
    data: (String, String),
    space: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SimulationResponse {
    err: Option<Value>,
    units_consumed: Option<u64>,
    loaded_accounts_data_size: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusResponse {
    slot: u64,
    err: Option<Value>,
    confirmation_status: Option<String>,
    confirmations: Option<u64>,
}

#[derive(Deserialize)]
struct TransactionResponse {
    slot: u64,
    meta: Option<MetaResponse>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetaResponse {
    fee: u64,
    /// Missing or null if the node does not record logs.
    log_messages: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedResponse {
    slot: u64,
    block_time: Option<i64>,
    /// The encoded transaction, and the name of the encoding.
    transaction: (String, String),
    meta: Option<RecordedMeta>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedMeta {
    err: Option<Value>,
    fee: u64,
    log_messages: Option<Vec<String>>,
    inner_instructions: Option<Vec<InnerInstructions>>,
    loaded_addresses: Option<LoadedAddresses>,
}

#[derive(Deserialize)]
struct InnerInstructions {
    /// The position of the instruction that caused them.
    index: usize,
    instructions: Vec<InnerInstruction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InnerInstruction {
    program_id_index: u8,
    accounts: Vec<u8>,
    /// In base58.
    data: String,
}

#[derive(Deserialize)]
struct LoadedAddresses {
    writable: Vec<String>,
    readonly: Vec<String>,
}

#[derive(Deserialize)]
struct SignatureResponse {
    signature: String,
    slot: u64,
    err: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriorityFeeResponse {
    prioritization_fee: u64,
}

fn parse<P: std::str::FromStr>(what: &str, text: &str) -> Result<P, ChainError> {
    text.parse().map_err(|_| ChainError::InvalidResponse(format!("'{}' is not a valid {what}", shown(text))))
}

fn account(response: AccountResponse) -> Result<Account, ChainError> {
    let (data, encoding) = response.data;
    if encoding != "base64" {
        return Err(ChainError::InvalidResponse(format!(
            "account data has encoding '{}' instead of base64",
            shown(&encoding)
        )));
    }
    let data = BASE64.decode(data).map_err(|error| ChainError::InvalidResponse(format!("account data: {error}")))?;
    let space = response.space.unwrap_or(data.len() as u64);
    Ok(Account {
        lamports: response.lamports,
        owner: parse("address", &response.owner)?,
        executable: response.executable,
        data,
        space,
    })
}

impl<T: Transport> Chain for JsonRpc<T> {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        let text: String = self.call("getGenesisHash", json!([])).await?;
        parse("hash", &text)
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        let response: WithContext<BlockhashResponse> =
            self.call("getLatestBlockhash", json!([{"commitment": Commitment::Confirmed.as_str()}])).await?;
        Ok(LatestBlockhash {
            blockhash: parse("blockhash", &response.value.blockhash)?,
            last_valid_block_height: response.value.last_valid_block_height,
        })
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        // The only method that returns slot and height of the same block.
        let response: EpochInfoResponse =
            self.call("getEpochInfo", json!([{"commitment": Commitment::Finalized.as_str()}])).await?;
        let EpochInfoResponse { absolute_slot: slot, block_height: height } = response;
        if height > slot {
            return Err(ChainError::InvalidResponse(format!(
                "getEpochInfo: the block height {height} is above the slot {slot}"
            )));
        }
        self.finalized.set(slot);
        Ok(FinalizedBlock { slot, height })
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        let encoded: Vec<String> = addresses.iter().map(Pubkey::to_string).collect();
        let mut options = json!({"encoding": "base64", "commitment": commitment.as_str(), "minContextSlot": min_slot});
        if let (Some(length), Some(options)) = (data.max_len(), options.as_object_mut()) {
            options.insert("dataSlice".to_owned(), json!({"offset": 0, "length": length}));
        }
        let response: WithContext<Vec<Option<AccountResponse>>> =
            match self.call("getMultipleAccounts", json!([encoded, options])).await {
                Err(ChainError::ErrorResponse { code: MIN_CONTEXT_SLOT_NOT_REACHED, .. }) => {
                    return Err(ChainError::Behind { slot: 0, min_slot });
                }
                response => response?,
            };
        // Not every node heeds minContextSlot.
        if response.context.slot < min_slot {
            return Err(ChainError::Behind { slot: response.context.slot, min_slot });
        }
        self.check_slot("getMultipleAccounts", response.context.slot).await?;
        if response.value.len() != addresses.len() {
            return Err(ChainError::InvalidResponse(format!(
                "getMultipleAccounts: expected {} accounts, got {}",
                addresses.len(),
                response.value.len()
            )));
        }
        let accounts =
            response.value.into_iter().map(|found| found.map(account).transpose()).collect::<Result<_, _>>()?;
        Ok(AccountsAtSlot { slot: response.context.slot, accounts })
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.call("getMinimumBalanceForRentExemption", json!([data_len])).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        let response: WithContext<SimulationResponse> = self
            .call(
                "simulateTransaction",
                json!([BASE64.encode(transaction), {
                    "encoding": "base64",
                    "commitment": Commitment::Confirmed.as_str(),
                    "sigVerify": false,
                    "replaceRecentBlockhash": true,
                }]),
            )
            .await?;
        let error = response.value.err.as_ref().map(TransactionError::from_json);
        if error.as_ref().is_some_and(|error| error.fault == TransactionFault::Version) {
            return Err(ChainError::UnsupportedVersion);
        }
        Ok(Simulation {
            error,
            units_consumed: response.value.units_consumed.unwrap_or_default(),
            loaded_accounts_data_bytes: response.value.loaded_accounts_data_size,
        })
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        let _signature: String = self
            .call(
                "sendTransaction",
                json!([BASE64.encode(transaction), {
                    "encoding": "base64",
                    "skipPreflight": true,
                    "maxRetries": 0,
                    "preflightCommitment": Commitment::Confirmed.as_str(),
                }]),
            )
            .await?;
        Ok(())
    }

    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        let encoded: Vec<String> = signatures.iter().map(Signature::to_string).collect();
        let response: WithContext<Vec<Option<StatusResponse>>> = self
            .call(
                "getSignatureStatuses",
                json!([encoded, {"searchTransactionHistory": search == StatusSearch::FullHistory}]),
            )
            .await?;
        let landed = response.value.iter().flatten().map(|status| status.slot);
        self.check_slot("getSignatureStatuses", landed.fold(response.context.slot, u64::max)).await?;
        if response.value.len() != signatures.len() {
            return Err(ChainError::InvalidResponse(format!(
                "getSignatureStatuses: expected {} statuses, got {}",
                signatures.len(),
                response.value.len()
            )));
        }
        let statuses = response.value.into_iter().map(|status| {
            status.map(|status| SignatureStatus {
                slot: status.slot,
                // Finalized statuses have no confirmation count.
                finalized: match status.confirmation_status.as_deref() {
                    Some(name) => name == Commitment::Finalized.as_str(),
                    None => status.confirmations.is_none(),
                },
                error: status.err.as_ref().map(TransactionError::from_json),
            })
        });
        Ok(StatusesAtSlot { slot: response.context.slot, statuses: statuses.collect() })
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        let response: Option<TransactionResponse> = self
            .call(
                "getTransaction",
                json!([signature.to_string(), {
                    "encoding": "json",
                    "commitment": Commitment::Finalized.as_str(),
                    "maxSupportedTransactionVersion": MAX_TRANSACTION_VERSION,
                }]),
            )
            .await?;
        let Some(TransactionResponse { slot, meta: Some(meta) }) = response else { return Ok(None) };
        Ok(Some(ExecutedTransaction {
            slot,
            fee_lamports: meta.fee,
            log_messages: meta.log_messages.unwrap_or_default(),
        }))
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        let encoded: Vec<String> = writable.iter().map(Pubkey::to_string).collect();
        let response: Vec<PriorityFeeResponse> = self.call("getRecentPrioritizationFees", json!([encoded])).await?;
        Ok(response.into_iter().map(|fee| fee.prioritization_fee).collect())
    }
}

impl<T: Transport> History for JsonRpc<T> {
    async fn recorded(&self, signature: &Signature) -> Result<Option<RecordedTransaction>, ChainError> {
        let response: Option<RecordedResponse> = self
            .call(
                "getTransaction",
                json!([signature.to_string(), {
                    "encoding": "base64",
                    "commitment": Commitment::Finalized.as_str(),
                    "maxSupportedTransactionVersion": MAX_TRANSACTION_VERSION,
                }]),
            )
            .await?;
        let Some(RecordedResponse { slot, block_time, transaction, meta: Some(meta) }) = response else {
            return Ok(None);
        };
        let (text, encoding) = transaction;
        let bytes = BASE64.decode(text).ok().filter(|_| encoding == "base64").ok_or_else(|| {
            ChainError::InvalidResponse(format!("transaction {signature} has encoding '{encoding}' instead of base64"))
        })?;
        let loaded =
            meta.loaded_addresses.into_iter().flat_map(|loaded| loaded.writable.into_iter().chain(loaded.readonly));
        let record = ExecutionRecord {
            slot,
            block_time,
            fee_lamports: meta.fee,
            error: meta.err.as_ref().map(TransactionError::from_json),
            loaded_addresses: loaded.map(|text| parse("address", &text)).collect::<Result<_, _>>()?,
            inner: meta.inner_instructions.into_iter().flatten().map(inner_instructions).collect::<Result<_, _>>()?,
            log_messages: meta.log_messages.unwrap_or_default(),
        };
        RecordedTransaction::decode(signature, bytes, record).map(Some)
    }

    async fn signatures_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
    ) -> Result<Vec<SignatureAtSlot>, ChainError> {
        let mut options = json!({"limit": MAX_SIGNATURES_PER_PAGE, "commitment": Commitment::Finalized.as_str()});
        if let (Some(before), Some(options)) = (before, options.as_object_mut()) {
            options.insert("before".to_owned(), before.to_string().into());
        }
        let response: Vec<SignatureResponse> =
            self.call("getSignaturesForAddress", json!([address.to_string(), options])).await?;
        response
            .into_iter()
            .map(|found| {
                let signature = parse("signature", &found.signature)?;
                Ok(SignatureAtSlot { signature, slot: found.slot, succeeded: found.err.is_none() })
            })
            .collect()
    }
}

fn inner_instructions(inner: InnerInstructions) -> Result<(usize, Vec<CompiledInstruction>), ChainError> {
    let compiled = inner.instructions.into_iter().map(|one| {
        let data = bs58::decode(&one.data)
            .into_vec()
            .map_err(|error| ChainError::InvalidResponse(format!("the data of an inner instruction: {error}")))?;
        Ok(CompiledInstruction { program_id_index: one.program_id_index, accounts: one.accounts, data })
    });
    Ok((inner.index, compiled.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Answers with a finalized slot, and with accounts and statuses of another one.
    struct Fake {
        finalized: Cell<u64>,
        slot: Cell<u64>,
        landed: Cell<u64>,
        asked: RefCell<Vec<&'static str>>,
    }

    impl Transport for &Fake {
        async fn call(&self, method: &'static str, _: Value) -> Result<Value, RpcError> {
            self.asked.borrow_mut().push(method);
            let value = match method {
                "getEpochInfo" => {
                    return Ok(json!({"absoluteSlot": self.finalized.get(), "blockHeight": self.finalized.get() - 10}));
                }
                "getMultipleAccounts" => json!([null]),
                "getSignatureStatuses" => {
                    json!([{"slot": self.landed.get(), "confirmations": null, "err": null, "confirmationStatus": "finalized"}])
                }
                other => panic!("{other} is not answered"),
            };
            Ok(json!({"context": {"slot": self.slot.get()}, "value": value}))
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => panic!("the future is pending"),
        }
    }

    fn accounts(node: &JsonRpc<&Fake>) -> Result<u64, ChainError> {
        let addresses = [Pubkey::default()];
        block_on(node.accounts(&addresses, AccountData::Full, Commitment::Finalized, 0)).map(|read| read.slot)
    }

    fn statuses(node: &JsonRpc<&Fake>) -> Result<u64, ChainError> {
        block_on(node.statuses(&[Signature::default()], StatusSearch::Recent)).map(|found| found.slot)
    }

    fn fake(finalized: u64) -> Fake {
        let number = || Cell::new(finalized);
        Fake { finalized: number(), slot: number(), landed: number(), asked: RefCell::default() }
    }

    #[test]
    fn a_slot_that_the_node_cannot_have_reached_is_refused_from_the_first_answer_on() {
        for first in [accounts, statuses] {
            for absurd in [5_000 + MAX_SLOTS_AHEAD + 1, 1 << 62, u64::MAX] {
                let fake = fake(5_000);
                let node = JsonRpc::new(&fake);
                fake.slot.set(absurd);
                assert!(matches!(first(&node), Err(ChainError::InvalidResponse(_))));
                // It does not become true by being repeated, nor does it outlast the answer.
                assert!(matches!(first(&node), Err(ChainError::InvalidResponse(_))));
                fake.slot.set(5_000 + MAX_SLOTS_AHEAD);
                assert_eq!(first(&node), Ok(6_000));
            }
        }
        let fake = fake(5_000);
        fake.landed.set(1 << 62);
        assert!(matches!(statuses(&JsonRpc::new(&fake)), Err(ChainError::InvalidResponse(_))));
    }

    #[test]
    fn the_finalized_slot_is_asked_for_only_when_it_is_not_known_recently_enough() {
        let fake = fake(5_000);
        let node = JsonRpc::new(&fake);
        for slot in [5_000, 5_010, 6_000, 6_001, 6_500, 7_001] {
            fake.finalized.set(slot);
            fake.slot.set(slot);
            assert_eq!(accounts(&node), Ok(slot));
        }
        assert_eq!(fake.asked.borrow().iter().filter(|method| **method == "getEpochInfo").count(), 2);
    }

    #[test]
    fn only_an_error_about_a_transaction_that_was_sent_says_that_its_version_is_not_supported() {
        let error = |method, code, message: &str| {
            chain_error(method, RpcError::ErrorResponse { code, message: message.to_owned() })
        };
        let old = "failed to deserialize VersionedTransaction: invalid value: integer `129`";
        for method in METHODS_WITH_TRANSACTION {
            assert_eq!(error(method, -32602, old), ChainError::UnsupportedVersion);
            assert_eq!(error(method, -32015, "not supported"), ChainError::UnsupportedVersion);
        }
        for (method, code, message) in [
            // A recorded transaction of a version that this codec does not know.
            ("getTransaction", -32015, "Transaction version (2) is not supported by the requesting client"),
            ("getTransaction", -32602, old),
            ("getMultipleAccounts", -32602, "unsupported version of the API"),
            ("simulateTransaction", -32005, "unsupported version: the node is being upgraded"),
            ("sendTransaction", -32602, "base64 encoded transaction too large"),
        ] {
            let expected = ChainError::ErrorResponse { method, code, message: message.to_owned() };
            assert_eq!(error(method, code, message), expected);
        }
    }

    #[test]
    fn a_block_cannot_be_higher_than_its_slot() {
        /// A node whose height is wrong.
        struct TooHigh;

        impl Transport for TooHigh {
            async fn call(&self, _: &'static str, _: Value) -> Result<Value, RpcError> {
                Ok(json!({"absoluteSlot": 5_000, "blockHeight": 5_001}))
            }
        }

        assert!(matches!(block_on(JsonRpc::new(TooHigh).finalized_block()), Err(ChainError::InvalidResponse(_))));
    }
}
