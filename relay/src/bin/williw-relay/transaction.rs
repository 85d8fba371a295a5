//! Sends a single transaction: simulates it, submits it, and waits until it is finalized or has expired.

use std::time::Duration;

use settlement::client::error_message;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::chain::verdict::{self, SentTransaction, Verdict};
use williw_relay::chain::{Chain, ChainError, TransactionError, priority_fees_if_known};
use williw_relay::signer::{SecretKey, Signer};
use williw_relay::transaction::{Budget, Format, SignedTransaction};

use crate::error::CliError;
use crate::shutdown::Shutdown;

/// The interval between status queries, about one slot.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The number of polls after which the transaction is sent again, i.e. every 2 s, because nodes drop transactions under
/// load.
const POLLS_PER_RESEND: u32 = 4;

/// The maximum priority fee, in micro-lamports per compute unit. Amounts to a few hundred lamports per transaction.
const MAX_COMPUTE_UNIT_PRICE: u64 = 10_000;

/// Sends a transaction with `instructions`, signed and paid for by `key`, and waits until it is finalized.
///
/// # Errors
/// [`CliError::Rejected`] if the simulation failed, the transaction failed in a finalized block, or it expired; it then had no
/// effect beyond its fee. [`CliError::Interrupted`] if the wait was interrupted; the transaction may still land.
pub(crate) async fn send<C: Chain>(
    chain: &C,
    key: &SecretKey,
    instructions: &[Instruction],
    shutdown: &mut Shutdown,
) -> Result<Signature, CliError> {
    send_in(Format::V0, chain, key, instructions, shutdown).await
}

/// The same as [`send`] in a transaction of `format`, which the cluster must support.
pub(crate) async fn send_in<C: Chain>(
    format: Format,
    chain: &C,
    key: &SecretKey,
    instructions: &[Instruction],
    shutdown: &mut Shutdown,
) -> Result<Signature, CliError> {
    let prepared = prepare(format, chain, key, instructions).await?;
    submit(chain, &prepared, shutdown).await
}

/// A signed transaction that was not sent yet.
pub(crate) struct Prepared {
    signed: SignedTransaction,
    last_valid_block_height: u64,
}

impl Prepared {
    /// What it is looked up by.
    pub(crate) fn identity(&self) -> SentTransaction {
        SentTransaction { signature: self.signed.signature, last_valid_block_height: self.last_valid_block_height }
    }
}

/// Signs a transaction with `instructions`, whose simulation has succeeded, without sending it.
///
/// # Errors
/// [`CliError::Rejected`] if the simulation failed.
pub(crate) async fn prepare<C: Chain>(
    format: Format,
    chain: &C,
    key: &SecretKey,
    instructions: &[Instruction],
) -> Result<Prepared, CliError> {
    let payer = key.address();
    let latest = chain.latest_blockhash().await?;
    let widest = format.build(&payer, instructions, &Budget::WIDEST, latest.blockhash)?;
    let simulation = chain.simulate(&widest.signed(Signature::default())?.bytes).await?;
    if let Some(error) = simulation.error {
        return Err(CliError::Rejected(format!(
            "the transaction was not sent, because its simulation failed: {}",
            describe(&error)
        )));
    }
    let price = compute_unit_price(chain, instructions).await?;
    let budget = Budget::for_usage(simulation.units_consumed, simulation.loaded_accounts_data_bytes, price);
    let unsigned = format.build(&payer, instructions, &budget, latest.blockhash)?;
    let signature = key.sign(&unsigned.message_bytes()).await?;
    let signed = unsigned.signed(signature)?;
    Ok(Prepared { signed, last_valid_block_height: latest.last_valid_block_height })
}

/// Sends a transaction and waits until it is finalized.
///
/// # Errors
/// As for [`send`], except that no simulation is made.
pub(crate) async fn submit<C: Chain>(
    chain: &C,
    prepared: &Prepared,
    shutdown: &mut Shutdown,
) -> Result<Signature, CliError> {
    follow(chain, prepared, shutdown, POLL_INTERVAL).await
}

/// As [`submit`], with a query of its status at every `interval`.
async fn follow<C: Chain>(
    chain: &C,
    prepared: &Prepared,
    shutdown: &mut Shutdown,
    interval: Duration,
) -> Result<Signature, CliError> {
    let (signed, signature) = (&prepared.signed, prepared.signed.signature);
    tracing::info!("sending transaction {signature}");
    tolerate_transient(chain.send(&signed.bytes).await)?;
    let mut landed = false;
    let mut polls: u32 = 0;
    loop {
        polls = polls.wrapping_add(1);
        let found = verdict::verdicts(chain, &[prepared.identity()]).await;
        let pause = found.as_ref().err().map_or(interval, |error| interval.max(retry_after(error)));
        let verdict = tolerate_transient(found)?.and_then(|found| found.verdicts.into_iter().next().flatten());
        match verdict {
            Some(Verdict::Finalized { .. }) => return Ok(signature),
            Some(Verdict::Reverted { error, .. }) => {
                return Err(CliError::Rejected(format!(
                    "transaction {signature} failed without effect: {}",
                    describe(&error)
                )));
            }
            Some(Verdict::Landed { slot, error }) if !landed => {
                match error {
                    None => tracing::info!("landed in slot {slot}, waiting for finalization"),
                    // A fork can undo the failure, and the same bytes can succeed after that.
                    Some(error) => {
                        tracing::warn!("failed in slot {slot}, waiting until that is final: {}", describe(&error))
                    }
                }
                landed = true;
            }
            Some(Verdict::Dead) => {
                return Err(CliError::Rejected(format!("transaction {signature} expired without effect: try again")));
            }
            Some(Verdict::Pending) if landed || polls.is_multiple_of(POLLS_PER_RESEND) => {
                // A fork has undone it.
                landed = false;
                // Ignore errors: a node that already has the transaction may reject it. Only the status counts.
                if let Err(error) = chain.send(&signed.bytes).await {
                    tracing::debug!("cannot resend the transaction: {error}");
                }
            }
            Some(Verdict::Landed { .. } | Verdict::Pending) | None => {}
        }
        if shutdown.is_requested() {
            return Err(CliError::Interrupted(format!(
                "interrupted while waiting for transaction {signature}: it may still land, so look it up before trying again"
            )));
        }
        shutdown.sleep(pause).await;
    }
}

/// How long the RPC node has asked to wait.
fn retry_after(error: &ChainError) -> Duration {
    match error {
        ChainError::RateLimited { retry_after_ms: Some(ms) } => Duration::from_millis(*ms),
        _ => Duration::ZERO,
    }
}

/// Converts a transient error to `None`, after which the request is repeated.
fn tolerate_transient<T>(result: Result<T, ChainError>) -> Result<Option<T>, CliError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_transient() => {
            tracing::warn!("{error}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The median of recent priority fees for the writable accounts, up to a maximum.
async fn compute_unit_price<C: Chain>(chain: &C, instructions: &[Instruction]) -> Result<u64, CliError> {
    let writable: Vec<Pubkey> = instructions
        .iter()
        .flat_map(|instruction| &instruction.accounts)
        .filter(|account| account.is_writable)
        .map(|account| account.pubkey)
        .collect();
    let mut fees = priority_fees_if_known(chain, &writable).await?;
    fees.sort_unstable();
    Ok(fees.get(fees.len() / 2).copied().unwrap_or(0).min(MAX_COMPUTE_UNIT_PRICE))
}

/// A human-readable description of a transaction error.
fn describe(error: &TransactionError) -> String {
    error.custom_code.and_then(error_message).unwrap_or_else(|| error.text.clone())
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use serde_json::{Value, json};
    use solana_hash::Hash;
    use williw_relay::chain::{JsonRpc, RpcError, Transport};

    use super::*;

    /// A node that answers with these statuses one after another, and then with the last one.
    struct Scripted {
        statuses: RefCell<Vec<Value>>,
        sends: Cell<u32>,
    }

    impl Transport for &Scripted {
        async fn call(&self, method: &'static str, _: Value) -> Result<Value, RpcError> {
            Ok(match method {
                "getEpochInfo" => json!({"absoluteSlot": 100, "blockHeight": 90}),
                "sendTransaction" => {
                    self.sends.set(self.sends.get() + 1);
                    json!("signature")
                }
                "getSignatureStatuses" => {
                    let mut statuses = self.statuses.borrow_mut();
                    let status = if statuses.len() > 1 { statuses.remove(0) } else { statuses[0].clone() };
                    json!({"context": {"slot": 100}, "value": [status]})
                }
                other => panic!("{other} is not answered"),
            })
        }
    }

    /// What becomes of a transaction with these statuses, and how often it was sent.
    async fn outcome(statuses: &[Value]) -> (Result<(), CliError>, u32) {
        let node = Scripted { statuses: RefCell::new(statuses.to_vec()), sends: Cell::new(0) };
        let unsigned = Format::V0.build(&Pubkey::default(), &[], &Budget::WIDEST, Hash::default()).unwrap();
        let signed = unsigned.signed(Signature::default()).unwrap();
        let prepared = Prepared { signed, last_valid_block_height: 1_000 };
        let mut shutdown = Shutdown::listen().unwrap();
        let followed = follow(&JsonRpc::new(&node), &prepared, &mut shutdown, Duration::ZERO).await;
        (followed.map(drop), node.sends.get())
    }

    fn status(commitment: &str, error: &Value) -> Value {
        json!({"slot": 95, "confirmations": null, "err": error, "confirmationStatus": commitment})
    }

    #[tokio::test]
    async fn a_failure_is_final_only_in_a_finalized_block() {
        let error = json!({"InstructionError": [0, {"Custom": 1}]});
        let failed = status("confirmed", &error);
        // A fork undoes the failure, and the same bytes succeed.
        let undone =
            [failed.clone(), Value::Null, status("confirmed", &Value::Null), status("finalized", &Value::Null)];
        let (followed, sends) = outcome(&undone).await;
        assert!(followed.is_ok(), "{followed:?}");
        assert_eq!(sends, 2, "it was sent again once the fork had undone it");
        let (followed, _) = outcome(&[failed.clone(), failed, status("finalized", &error)]).await;
        assert!(matches!(followed, Err(CliError::Rejected(reason)) if reason.contains("failed without effect")));
    }
}
