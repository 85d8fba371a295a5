//! One transaction of an operator's: simulated, sent, and followed until it is finalized or can land no more.

use std::time::Duration;

use settlement::client::error_message;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::chain::{Chain, ChainError, Commitment, TransactionError};
use williw_relay::signer::{SecretKey, Signer};
use williw_relay::transaction::{Budget, Format, SignedTransaction};

use crate::failure::Failure;
use crate::shutdown::Shutdown;

/// The fee of one signature.
pub const SIGNATURE_FEE_LAMPORTS: u64 = 5_000;

/// How often the status is asked for: about once a slot.
const POLL: Duration = Duration::from_millis(500);

/// After how many polls without a status the bytes are sent again, because nodes drop what they cannot take at once:
/// every 2 s.
const POLLS_PER_SEND: u32 = 4;

/// The most to pay for priority, in micro-lamports per compute unit: a few hundred lamports for what is sent here.
const MAX_COMPUTE_UNIT_PRICE: u64 = 10_000;

/// Sends `instructions`, signed and paid for by `key`, and waits until they are finalized.
///
/// # Errors
/// [`Failure::Refused`] when they would fail, failed, or can land no more: then nothing has moved.
/// [`Failure::Interrupted`] names the signature, which may still land.
pub async fn send<C: Chain>(
    chain: &C,
    key: &SecretKey,
    instructions: &[Instruction],
    shutdown: &mut Shutdown,
) -> Result<Signature, Failure> {
    let payer = key.address();
    let latest = chain.latest_blockhash().await?;
    let widest = Format::V0.build(&payer, instructions, &Budget::WIDEST, latest.blockhash)?;
    let simulation = chain.simulate(&widest.signed(Signature::default())?.bytes).await?;
    if let Some(error) = simulation.error {
        return Err(Failure::Refused(format!("nothing was sent: {}", explain(&error))));
    }
    let price = compute_unit_price(chain, instructions).await?;
    let budget = Budget::for_usage(simulation.units_consumed, simulation.loaded_accounts_data_bytes, price);
    let unsigned = Format::V0.build(&payer, instructions, &budget, latest.blockhash)?;
    let signature = key.sign(&unsigned.message_bytes()).await?;
    let signed = unsigned.signed(signature)?;
    follow(chain, &signed, latest.last_valid_block_height, shutdown).await
}

async fn follow<C: Chain>(
    chain: &C,
    signed: &SignedTransaction,
    last_valid_block_height: u64,
    shutdown: &mut Shutdown,
) -> Result<Signature, Failure> {
    let signature = signed.signature;
    tracing::info!("sending {signature}");
    passing(chain.send(&signed.bytes).await)?;
    let mut landed = false;
    let mut polls: u32 = 0;
    loop {
        polls = polls.wrapping_add(1);
        // The height comes first: a transaction that lands in between still shows in the status.
        let height = passing(chain.block_height(Commitment::Finalized).await)?;
        let over = height.is_some_and(|height| height > last_valid_block_height);
        let status =
            passing(chain.statuses(&[signature], over).await)?.map(|statuses| statuses.into_iter().next().flatten());
        match status {
            Some(Some(status)) => {
                if let Some(error) = status.error {
                    return Err(Failure::Refused(format!("{signature} failed and moved nothing: {}", explain(&error))));
                }
                if status.finalized {
                    return Ok(signature);
                }
                if !landed {
                    tracing::info!("landed in slot {}, waiting until it is finalized", status.slot);
                    landed = true;
                }
            }
            Some(None) if over => {
                return Err(Failure::Refused(format!(
                    "{signature} expired without landing: nothing has moved, try again"
                )));
            }
            Some(None) if polls.is_multiple_of(POLLS_PER_SEND) => {
                // A node that has the transaction already may say so with an error: only the status counts now.
                if let Err(error) = chain.send(&signed.bytes).await {
                    tracing::debug!("sending again: {error}");
                }
            }
            Some(None) | None => {}
        }
        if shutdown.is_requested() {
            return Err(Failure::Interrupted(format!(
                "stopped while {signature} was under way: it may still land, look it up before trying again"
            )));
        }
        shutdown.sleep(POLL).await;
    }
}

/// An answer, or `None` after an error that passes: the next round asks again.
fn passing<T>(answer: Result<T, ChainError>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_passing() => {
            tracing::warn!("{error}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The median of what landed lately on the written accounts, up to a cap.
async fn compute_unit_price<C: Chain>(chain: &C, instructions: &[Instruction]) -> Result<u64, Failure> {
    let writable: Vec<Pubkey> = instructions
        .iter()
        .flat_map(|instruction| &instruction.accounts)
        .filter(|account| account.is_writable)
        .map(|account| account.pubkey)
        .collect();
    let mut fees = chain.recent_priority_fees(&writable).await?;
    fees.sort_unstable();
    Ok(fees.get(fees.len() / 2).copied().unwrap_or(0).min(MAX_COMPUTE_UNIT_PRICE))
}

/// A transaction's error in words.
fn explain(error: &TransactionError) -> String {
    error.custom_code.and_then(error_message).unwrap_or_else(|| error.text.clone())
}
