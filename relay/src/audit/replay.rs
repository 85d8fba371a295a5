//! Replaying the history of a network: every event that moved its funds, and the hash over them. docs/HISTORY.md specifies it.

use settlement::events::BatchSettled;
use settlement::history;
use sha2::{Digest, Sha256};
use solana_pubkey::Pubkey;

use super::executed::{ExecutedBatch, TruncatedLog};
use crate::chain::{RecordedInstruction, RecordedTransaction};

/// The beginning of the data of a self-call that carries an event.
const EVENT_TAG: [u8; 8] = [0xe4, 0x45, 0xa5, 0x2e, 0x51, 0xcb, 0x9a, 0x1d];

/// The events that move funds, beside `BatchSettled`, which is logged.
const SELF_CALLED: [&str; 9] = [
    "PaidOut",
    "Withdrawn",
    "Funded",
    "SurplusWithdrawn",
    "NodeClosed",
    "RentSwept",
    "RentToppedUp",
    "LamportsRecovered",
    "PendingSetAside",
];

/// An event of a network's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEvent {
    /// The discriminator and the fields in Borsh.
    pub bytes: Vec<u8>,
    /// The batch that it is about, if it is `BatchSettled`.
    pub batch: Option<ExecutedBatch>,
}

/// The hash over a network's events up to some point, and their number: what the treasury has as `history_hash` and
/// `history_count`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// The hash.
    pub hash: [u8; 32],
    /// The number of events.
    pub count: u64,
}

impl Replay {
    /// Appends an event.
    pub fn add(&mut self, event: &HistoryEvent) {
        self.hash = history::extend(&self.hash, &event.bytes);
        self.count = self.count.saturating_add(1);
    }
}

/// The events of `network` in a transaction, in the order of their execution.
///
/// # Errors
/// [`TruncatedLog`] if not every batch has its event.
pub fn events(transaction: &RecordedTransaction, network: &Pubkey) -> Result<Vec<HistoryEvent>, TruncatedLog> {
    let mut batches = ExecutedBatch::all_of(transaction)?.into_iter();
    let mut found = Vec::new();
    if transaction.error.is_some() {
        return Ok(found);
    }
    for instruction in transaction.instructions.iter().filter(|instruction| instruction.program == settlement::ID) {
        if ExecutedBatch::is_executed_by(instruction) {
            let batch = batches.next().ok_or(TruncatedLog)?;
            if batch.network == *network {
                found.push(HistoryEvent { bytes: encode(&batch.event), batch: Some(batch) });
            }
        } else if let Some(bytes) = self_called(instruction).filter(|bytes| moves_funds_of(network, bytes)) {
            found.push(HistoryEvent { bytes: bytes.to_vec(), batch: None });
        }
    }
    Ok(found)
}

/// The event that a self-call carries.
fn self_called(instruction: &RecordedInstruction) -> Option<&[u8]> {
    instruction.data.strip_prefix(&EVENT_TAG).filter(|_| instruction.is_inner)
}

/// Whether an event is part of the history of `network`. Anyone can send a `payout` that pays nothing; it is not.
fn moves_funds_of(network: &Pubkey, bytes: &[u8]) -> bool {
    let Some((discriminator, fields)) = bytes.split_first_chunk::<8>() else { return false };
    let Some((of_network, fields)) = fields.split_first_chunk::<32>() else { return false };
    let name = SELF_CALLED.iter().find(|name| discriminator_of(name) == *discriminator);
    // A PaidOut has the number of entries, and then what was paid.
    let pays_nothing = name == Some(&"PaidOut") && fields.get(1..9).is_none_or(|paid| paid == [0; 8]);
    name.is_some() && of_network == network.as_array() && !pays_nothing
}

fn discriminator_of(event: &str) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::digest(format!("event:{event}")).into();
    hash.first_chunk().copied().unwrap_or_default()
}

/// The bytes of the event as the program emits them.
fn encode(event: &BatchSettled) -> Vec<u8> {
    let BatchSettled {
        network,
        batch_id,
        sequence,
        records_root,
        n,
        credited,
        paid,
        credit_skips,
        payout_skips,
        reasons,
    } = event;
    let mut bytes = discriminator_of("BatchSettled").to_vec();
    bytes.extend_from_slice(network.as_array());
    bytes.extend_from_slice(&batch_id.to_le_bytes());
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(records_root);
    bytes.push(*n);
    for number in [credited, paid, credit_skips, payout_skips] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    // There is a reason for each of at most 128 bits.
    bytes.extend_from_slice(&u32::try_from(reasons.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(reasons);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_history_is_replayed() {
        let network = Pubkey::new_from_array([1; 32]);
        let amounts = [5_000_000_000_u64.to_le_bytes(); 2].concat();
        let funded = [&discriminator_of("Funded")[..], &[1; 32], &[2; 32], &amounts].concat();
        let event = BatchSettled {
            network,
            batch_id: 7,
            sequence: 1,
            records_root: [3; 32],
            n: 2,
            credited: 300,
            paid: 100,
            credit_skips: 0,
            payout_skips: 2,
            reasons: vec![18],
        };
        let documented = include_str!("../../../docs/HISTORY.md");
        let mut replay = Replay::default();
        for bytes in [funded.clone(), encode(&event)] {
            assert!(documented.contains(&hex::encode(&bytes)), "{}", hex::encode(&bytes));
            replay.add(&HistoryEvent { bytes, batch: None });
            assert!(documented.contains(&hex::encode(replay.hash)));
        }
        assert_eq!(replay.count, 2);
        assert!(moves_funds_of(&network, &funded));
        assert!(!moves_funds_of(&Pubkey::new_from_array([2; 32]), &funded));
        for other in ["NodeRegistered", "Paused", "NetworkCreated"] {
            assert!(!moves_funds_of(&network, &[&discriminator_of(other)[..], &[1; 40]].concat()));
        }
        let paid_out = |paid: u64| [&discriminator_of("PaidOut")[..], &[1; 33], &paid.to_le_bytes(), &[0; 12]].concat();
        assert!(moves_funds_of(&network, &paid_out(1)) && !moves_funds_of(&network, &paid_out(0)));
    }
}
