//! Solana's JSON-RPC: requests written and answers read, over any [`Transport`].
//!
//! Format: the HTTP methods of Solana's JSON-RPC documentation (Agave 4.2). Nothing here knows how bytes travel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::{
    Account, AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, LatestBlockhash,
    SignatureStatus, Simulation, TransactionError,
};

/// The newest transaction version that this codec reads; without it nodes refuse to show newer ones.
const MAX_TRANSACTION_VERSION: u8 = 1;

/// What a [`Transport`] can fail with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RpcError {
    /// No answer, or not a whole one. Must not hold the URL: it can contain an access token.
    Unreachable(String),
    /// An answer that is no JSON-RPC.
    Garbage(String),
    /// A JSON-RPC error object.
    Refused {
        /// Its code.
        code: i64,
        /// Its message.
        message: String,
    },
}

/// Carries one JSON-RPC call to a node and back.
#[allow(async_fn_in_trait, reason = "the engine is generic over the trait and never needs Send")]
pub trait Transport {
    /// Calls `method` and returns the answer's `result`.
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError>;
}

/// A cluster behind JSON-RPC.
pub struct JsonRpc<T>(T);

impl<T: Transport> JsonRpc<T> {
    /// The cluster that `transport` leads to.
    pub fn new(transport: T) -> Self {
        Self(transport)
    }

    async fn call<R: for<'de> Deserialize<'de>>(&self, method: &'static str, params: Value) -> Result<R, ChainError> {
        let result = self.0.call(method, params).await.map_err(|error| match error {
            RpcError::Unreachable(reason) => ChainError::Unreachable(reason),
            RpcError::Garbage(reason) => ChainError::Garbage(format!("{method}: {reason}")),
            RpcError::Refused { message, .. } if is_unsupported_version(&message) => ChainError::UnsupportedVersion,
            RpcError::Refused { code, message } => ChainError::Refused { method, code, message },
        })?;
        serde_json::from_value(result).map_err(|error| ChainError::Garbage(format!("{method}: {error}")))
    }
}

/// How nodes say that they do not take a transaction's version: by name from the bank, or by failing to decode it.
fn is_unsupported_version(message: &str) -> bool {
    ["UnsupportedVersion", "unsupported version", "Transaction version", "invalid value: integer `129`"]
        .iter()
        .any(|sign| message.contains(sign))
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
struct BlockhashAnswer {
    blockhash: String,
    last_valid_block_height: u64,
}

#[derive(Deserialize)]
struct AccountAnswer {
    lamports: u64,
    owner: String,
    executable: bool,
    /// The data and the name of its encoding.
    data: (String, String),
    space: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SimulationAnswer {
    err: Option<Value>,
    units_consumed: Option<u64>,
    loaded_accounts_data_size: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusAnswer {
    slot: u64,
    err: Option<Value>,
    confirmation_status: Option<String>,
    confirmations: Option<u64>,
}

#[derive(Deserialize)]
struct TransactionAnswer {
    slot: u64,
    meta: Option<MetaAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetaAnswer {
    fee: u64,
    inner_instructions: Option<Vec<InnerInstructionsAnswer>>,
}

#[derive(Deserialize)]
struct InnerInstructionsAnswer {
    instructions: Vec<InstructionAnswer>,
}

#[derive(Deserialize)]
struct InstructionAnswer {
    /// Base58.
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriorityFeeAnswer {
    prioritization_fee: u64,
}

/// Reads a transaction error: `{"InstructionError": [index, {"Custom": code}]}` or any other of the cluster's.
fn transaction_error(value: Value) -> TransactionError {
    let custom_code =
        value.pointer("/InstructionError/1/Custom").and_then(Value::as_u64).and_then(|code| u32::try_from(code).ok());
    TransactionError { text: value.to_string(), custom_code }
}

fn parse<P: std::str::FromStr>(what: &str, text: &str) -> Result<P, ChainError> {
    text.parse().map_err(|_| ChainError::Garbage(format!("'{text}' is no {what}")))
}

fn account(answer: AccountAnswer) -> Result<Account, ChainError> {
    let (data, encoding) = answer.data;
    if encoding != "base64" {
        return Err(ChainError::Garbage(format!("account data in '{encoding}' where base64 was asked for")));
    }
    let data = BASE64.decode(data).map_err(|error| ChainError::Garbage(format!("account data: {error}")))?;
    let space = answer.space.unwrap_or(data.len() as u64);
    Ok(Account {
        lamports: answer.lamports,
        owner: parse("address", &answer.owner)?,
        executable: answer.executable,
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
        let answer: WithContext<BlockhashAnswer> =
            self.call("getLatestBlockhash", json!([{"commitment": Commitment::Confirmed.as_str()}])).await?;
        Ok(LatestBlockhash {
            blockhash: parse("blockhash", &answer.value.blockhash)?,
            last_valid_block_height: answer.value.last_valid_block_height,
        })
    }

    async fn block_height(&self, commitment: Commitment) -> Result<u64, ChainError> {
        self.call("getBlockHeight", json!([{"commitment": commitment.as_str()}])).await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
    ) -> Result<AccountsAtSlot, ChainError> {
        let names: Vec<String> = addresses.iter().map(Pubkey::to_string).collect();
        let mut options = json!({"encoding": "base64", "commitment": commitment.as_str()});
        if data == AccountData::None {
            options["dataSlice"] = json!({"offset": 0, "length": 0});
        }
        let answer: WithContext<Vec<Option<AccountAnswer>>> =
            self.call("getMultipleAccounts", json!([names, options])).await?;
        if answer.value.len() != addresses.len() {
            return Err(ChainError::Garbage(format!(
                "getMultipleAccounts: {} accounts where {} were asked for",
                answer.value.len(),
                addresses.len()
            )));
        }
        let accounts =
            answer.value.into_iter().map(|answer| answer.map(account).transpose()).collect::<Result<_, _>>()?;
        Ok(AccountsAtSlot { slot: answer.context.slot, accounts })
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.call("getMinimumBalanceForRentExemption", json!([data_len])).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        let answer: WithContext<SimulationAnswer> = self
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
        let error = answer.value.err.map(transaction_error);
        if error.as_ref().is_some_and(|error| is_unsupported_version(&error.text)) {
            return Err(ChainError::UnsupportedVersion);
        }
        Ok(Simulation {
            error,
            units_consumed: answer.value.units_consumed.unwrap_or_default(),
            loaded_accounts_data_bytes: answer.value.loaded_accounts_data_size,
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

    async fn statuses(
        &self,
        signatures: &[Signature],
        search_history: bool,
    ) -> Result<Vec<Option<SignatureStatus>>, ChainError> {
        let names: Vec<String> = signatures.iter().map(Signature::to_string).collect();
        let answer: WithContext<Vec<Option<StatusAnswer>>> =
            self.call("getSignatureStatuses", json!([names, {"searchTransactionHistory": search_history}])).await?;
        if answer.value.len() != signatures.len() {
            return Err(ChainError::Garbage(format!(
                "getSignatureStatuses: {} statuses where {} were asked for",
                answer.value.len(),
                signatures.len()
            )));
        }
        Ok(answer
            .value
            .into_iter()
            .map(|status| {
                status.map(|status| SignatureStatus {
                    slot: status.slot,
                    // Rooted statuses have no count of confirmations any more.
                    finalized: match status.confirmation_status.as_deref() {
                        Some(name) => name == Commitment::Finalized.as_str(),
                        None => status.confirmations.is_none(),
                    },
                    error: status.err.map(transaction_error),
                })
            })
            .collect())
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        let answer: Option<TransactionAnswer> = self
            .call(
                "getTransaction",
                json!([signature.to_string(), {
                    "encoding": "json",
                    "commitment": Commitment::Finalized.as_str(),
                    "maxSupportedTransactionVersion": MAX_TRANSACTION_VERSION,
                }]),
            )
            .await?;
        let Some(TransactionAnswer { slot, meta: Some(meta) }) = answer else { return Ok(None) };
        let inner_instruction_data = meta
            .inner_instructions
            .unwrap_or_default()
            .into_iter()
            .flat_map(|inner| inner.instructions)
            .map(|instruction| {
                bs58::decode(&instruction.data)
                    .into_vec()
                    .map_err(|error| ChainError::Garbage(format!("getTransaction: instruction data: {error}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Some(ExecutedTransaction { slot, fee_lamports: meta.fee, inner_instruction_data }))
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        let names: Vec<String> = writable.iter().map(Pubkey::to_string).collect();
        let answer: Vec<PriorityFeeAnswer> = self.call("getRecentPrioritizationFees", json!([names])).await?;
        Ok(answer.into_iter().map(|fee| fee.prioritization_fee).collect())
    }
}
