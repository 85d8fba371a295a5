//! The batches that a transaction executed: what the instructions asked for, and what the program said that it did.

use settlement::client::BatchHeader;
use settlement::events::BatchSettled;
use sha2::{Digest, Sha256};
use solana_pubkey::Pubkey;

use crate::chain::{RecordedInstruction, RecordedTransaction};
use crate::transaction::BatchKind;

/// The named accounts of `credit` and `settle`: settler, network, treasury.
const NAMED_ACCOUNTS: usize = 3;

/// The further accounts of `settle` in a network that pays in tokens: the treasury's token account, mint, token program.
const TOKEN_ACCOUNTS: usize = 3;

/// A batch that was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedBatch {
    /// What the batch did: [`BatchKind::Credit`] or [`BatchKind::Settle`].
    pub kind: BatchKind,
    /// The network.
    pub network: Pubkey,
    /// The number and the Merkle root that the relay gave it.
    pub header: BatchHeader,
    /// Its entries.
    pub entries: Vec<ExecutedEntry>,
    /// The program's event.
    pub event: BatchSettled,
}

/// An entry of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutedEntry {
    /// The node's wallet account.
    pub wallet: Pubkey,
    /// The recipient of the payout, in a `settle`.
    pub destination: Option<Pubkey>,
    /// The total that the node was to be credited up to, in base units.
    pub target: u64,
}

/// The node has not kept the log of a transaction, or the cluster has truncated it, so that events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its log is incomplete")]
pub struct TruncatedLog;

impl ExecutedBatch {
    /// The batches of a transaction that succeeded, in the order of their execution.
    ///
    /// # Errors
    /// [`TruncatedLog`] if not every batch has its event.
    pub fn all_of(transaction: &RecordedTransaction) -> Result<Vec<Self>, TruncatedLog> {
        if transaction.error.is_some() {
            return Ok(Vec::new());
        }
        let requests: Vec<Request> = transaction.instructions.iter().filter_map(Request::of).collect();
        let events = BatchSettled::from_logs(&transaction.log_messages);
        if events.len() != requests.len() {
            return Err(TruncatedLog);
        }
        let executed = requests.into_iter().zip(events).map(|(request, event)| {
            let Request { kind, network, header, entries } = request;
            let fits = event.network == network
                && (event.batch_id, event.records_root) == (header.batch_id, header.records_root)
                && usize::from(event.n) == entries.len();
            fits.then_some(Self { kind, network, header, entries, event }).ok_or(TruncatedLog)
        });
        executed.collect()
    }

    /// Whether an instruction executes a batch.
    pub(super) fn is_executed_by(instruction: &RecordedInstruction) -> bool {
        Request::of(instruction).is_some()
    }

    /// Whether the batch raised the total of the entry at `position` to its target.
    pub fn has_credited(&self, position: usize) -> bool {
        let skipped = u32::try_from(position).ok().and_then(|bit| self.event.credit_skips.checked_shr(bit));
        position < self.entries.len() && skipped.is_some_and(|bits| bits & 1 == 0)
    }
}

/// An instruction that executes a batch.
struct Request {
    kind: BatchKind,
    network: Pubkey,
    header: BatchHeader,
    entries: Vec<ExecutedEntry>,
}

impl Request {
    /// Decodes an instruction; `None` if it is another one.
    fn of(instruction: &RecordedInstruction) -> Option<Self> {
        if instruction.program != settlement::ID {
            return None;
        }
        let (discriminator, arguments) = instruction.data.split_first_chunk::<8>()?;
        let kind = [(BatchKind::Credit, "global:credit"), (BatchKind::Settle, "global:settle")]
            .into_iter()
            .find(|(_, name)| Sha256::digest(name).starts_with(discriminator))
            .map(|(kind, _)| kind)?;
        let (batch_id, arguments) = arguments.split_first_chunk::<8>()?;
        let (records_root, arguments) = arguments.split_first_chunk::<32>()?;
        let (count, arguments) = arguments.split_first_chunk::<4>()?;
        let (targets, rest) = arguments.as_chunks::<8>();
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        if targets.len() != count || !rest.is_empty() {
            return None;
        }
        let network = *instruction.accounts.get(1)?;
        let accounts = instruction.accounts.get(NAMED_ACCOUNTS..)?;
        let targets = targets.iter().map(|target| u64::from_le_bytes(*target));
        let entries: Vec<ExecutedEntry> = match kind {
            BatchKind::Credit if accounts.len() == count => {
                let entry =
                    |(wallet, target): (&Pubkey, _)| ExecutedEntry { wallet: *wallet, destination: None, target };
                accounts.iter().zip(targets).map(entry).collect()
            }
            BatchKind::Settle => {
                let pairs = accounts.get(accounts.len().checked_sub(count.checked_mul(2)?)?..)?;
                let further = accounts.len().checked_sub(pairs.len())?;
                if further != 0 && further != TOKEN_ACCOUNTS {
                    return None;
                }
                let (pairs, _) = pairs.as_chunks::<2>();
                let entry = |([wallet, destination], target): (&[Pubkey; 2], _)| ExecutedEntry {
                    wallet: *wallet,
                    destination: Some(*destination),
                    target,
                };
                pairs.iter().zip(targets).map(entry).collect()
            }
            _ => return None,
        };
        let header = BatchHeader { batch_id: u64::from_le_bytes(*batch_id), records_root: *records_root };
        Some(Self { kind, network, header, entries })
    }
}

#[cfg(test)]
mod tests {
    use settlement::client::{SettleEntry, TokenAsset, credit_ix, payout_ix, settle_ix, settle_tokens_ix};
    use solana_instruction::Instruction;

    use super::*;

    fn key(byte: u8) -> Pubkey {
        Pubkey::new_from_array([byte; 32])
    }

    fn recorded(instruction: Instruction) -> RecordedInstruction {
        RecordedInstruction {
            program: instruction.program_id,
            accounts: instruction.accounts.into_iter().map(|account| account.pubkey).collect(),
            data: instruction.data,
            is_inner: false,
        }
    }

    #[test]
    fn what_the_client_library_builds_is_decoded() {
        let header = BatchHeader { batch_id: 7, records_root: [8; 32] };
        let entries = [(key(3), 5_u64), (key(4), 6)];
        let credit = Request::of(&recorded(credit_ix(key(1), key(2), header, &entries))).unwrap();
        assert_eq!((credit.kind, credit.network, credit.header), (BatchKind::Credit, key(2), header));
        let expected = entries.map(|(wallet, target)| ExecutedEntry { wallet, destination: None, target });
        assert_eq!(credit.entries, expected);

        let entries = [3, 4].map(|byte| SettleEntry { wallet: key(byte), destination: key(byte + 10), target: 9 });
        let expected = entries.map(|entry| ExecutedEntry {
            wallet: entry.wallet,
            destination: Some(entry.destination),
            target: entry.target,
        });
        let asset = TokenAsset { mint: key(20), token_program: key(21) };
        for instruction in
            [settle_ix(key(1), key(2), header, &entries), settle_tokens_ix(key(1), key(2), &asset, header, &entries)]
        {
            let settle = Request::of(&recorded(instruction)).unwrap();
            assert_eq!((settle.kind, settle.network, settle.header), (BatchKind::Settle, key(2), header));
            assert_eq!(settle.entries, expected);
        }
    }

    #[test]
    fn other_instructions_and_other_programs_execute_no_batch() {
        let header = BatchHeader { batch_id: 7, records_root: [8; 32] };
        let good = recorded(credit_ix(key(1), key(2), header, &[(key(3), 5)]));
        assert!(Request::of(&good).is_some());
        assert!(Request::of(&recorded(payout_ix(key(2), &[(key(3), key(4))]))).is_none());
        assert!(Request::of(&RecordedInstruction { program: key(9), ..good.clone() }).is_none());
        for change in [
            |it: &mut RecordedInstruction| it.data.truncate(7),
            |it: &mut RecordedInstruction| it.data.push(0),
            |it: &mut RecordedInstruction| it.data[48] = 2,
            |it: &mut RecordedInstruction| it.accounts.truncate(3),
            |it: &mut RecordedInstruction| it.accounts.push(key(5)),
            |it: &mut RecordedInstruction| it.accounts.clear(),
        ] {
            let mut changed = good.clone();
            change(&mut changed);
            assert!(Request::of(&changed).is_none());
        }
    }
}
