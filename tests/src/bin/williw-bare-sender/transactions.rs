//! The transactions of a relay's batches.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags, Row};
use settlement::client::{BatchHeader, SettleEntry, credit_ix, settle_ix};
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use williw_relay::transaction::{Budget, Format, UnsignedTransaction};

use crate::SenderError;

/// The confirmed payments after a batch, entry by entry, with what each has credited. `?1` is the id of that batch.
const ENTRIES: &str = "
    SELECT batches.id AS id, batches.kind AS kind, batches.format AS format, batches.records_root AS root,
           batch_entries.wallet_address AS wallet, batch_entries.destination AS destination,
           batch_entries.target_lamports AS target,
           (SELECT SUM(amount_lamports) FROM rewards
            WHERE rewards.node_id = batch_entries.node_id AND rewards.batch_id = batches.id) AS credited,
           attempts.compute_unit_limit AS units, attempts.loaded_accounts_data_limit AS loaded,
           attempts.compute_unit_price AS price
    FROM batches
    JOIN batch_entries ON batch_entries.batch_id = batches.id
    JOIN attempts ON attempts.batch_id = batches.id AND attempts.state = 'finalized'
    WHERE batches.id > ?1 AND batches.kind IN ('credit', 'settle') AND batches.state = 'confirmed'
    ORDER BY batches.id, batch_entries.position";

/// The accounts that every batch names.
#[derive(Clone, Copy)]
pub(crate) struct Accounts {
    pub(crate) settler: Pubkey,
    pub(crate) network: Pubkey,
}

/// Which batches to send, and how often their amounts have been credited before.
#[derive(Clone, Copy)]
pub(crate) struct Batches {
    /// The id of the batch before the first one.
    pub(crate) after: i64,
    pub(crate) sent_before: u64,
}

/// A transaction without blockhash and signature.
pub(crate) struct Transaction {
    instruction: Instruction,
    budget: Budget,
    format: Format,
    /// The number of nodes that it credits.
    pub(crate) nodes: usize,
}

impl Transaction {
    pub(crate) fn build(&self, payer: &Pubkey, blockhash: Hash) -> Result<UnsignedTransaction, SenderError> {
        let instructions = std::slice::from_ref(&self.instruction);
        self.format.build(payer, instructions, &self.budget, blockhash).map_err(SenderError::other)
    }
}

/// A batch of the ledger.
struct Batch {
    pays_out: bool,
    format: Format,
    records_root: [u8; 32],
    budget: Budget,
    entries: Vec<SettleEntry>,
}

/// Reads the batches in the relay's `ledger`, with every total raised by what was credited by it each time.
pub(crate) fn read(ledger: &Path, accounts: Accounts, batches: Batches) -> Result<Vec<Transaction>, SenderError> {
    let connection = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare(ENTRIES)?;
    let mut rows = statement.query([batches.after])?;
    let mut all: BTreeMap<i64, Batch> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get("id")?;
        let (target, credited): (u64, u64) = (number(row, "target")?, number(row, "credited")?);
        let entry = SettleEntry {
            wallet: parsed(row, "wallet")?,
            destination: parsed(row, "destination")?,
            target: credited
                .checked_mul(batches.sent_before)
                .and_then(|before| target.checked_add(before))
                .ok_or_else(|| SenderError::Other(format!("batch {id}: a total is too large")))?,
        };
        if let Some(batch) = all.get_mut(&id) {
            batch.entries.push(entry);
            continue;
        }
        let root = hex::decode(row.get::<_, String>("root")?).ok().and_then(|bytes| bytes.try_into().ok());
        let batch = Batch {
            pays_out: row.get::<_, String>("kind")? == "settle",
            format: parsed(row, "format")?,
            records_root: root.ok_or_else(|| SenderError::Other(format!("batch {id}: not a Merkle root")))?,
            budget: Budget {
                compute_unit_limit: number(row, "units")?,
                loaded_accounts_data_limit: number(row, "loaded")?,
                compute_unit_price: number(row, "price")?,
            },
            entries: vec![entry],
        };
        all.insert(id, batch);
    }
    Ok(all.into_iter().map(|(id, batch)| batch.transaction(id, accounts)).collect())
}

impl Batch {
    fn transaction(self, id: i64, Accounts { settler, network }: Accounts) -> Transaction {
        let Self { pays_out, format, records_root, budget, entries } = self;
        let header = BatchHeader { batch_id: id.unsigned_abs(), records_root };
        let instruction = if pays_out {
            settle_ix(settler, network, header, &entries)
        } else {
            let credits: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
            credit_ix(settler, network, header, &credits)
        };
        Transaction { instruction, budget, format, nodes: entries.len() }
    }
}

fn number<T: TryFrom<i64>>(row: &Row<'_>, column: &str) -> Result<T, SenderError> {
    let value: i64 = get(row, column)?;
    T::try_from(value).map_err(|_| SenderError::Other(format!("{column} is out of range: {value}")))
}

fn parsed<T: FromStr>(row: &Row<'_>, column: &str) -> Result<T, SenderError> {
    let text: String = get(row, column)?;
    text.parse().map_err(|_| SenderError::Other(format!("{column} cannot be read: '{text}'")))
}

fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, SenderError> {
    row.get(column).map_err(Into::into)
}
