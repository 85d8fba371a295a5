//! Executing transactions in the real program, with the cluster's rules about what is included in a block.

use std::rc::Rc;

use litesvm::LiteSVM;
use settlement::client::{BatchHeader, credit_ix, settle_ix};
use settlement::events::BatchSettled;
use solana_account::{Account, ReadableAccount as _};
use solana_message::VersionedMessage;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::chain::TransactionError;

/// A transaction in a block.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) signature: Signature,
    pub(crate) slot: u64,
    /// Set if the transaction failed: then it only paid its fee.
    pub(crate) error: Option<TransactionError>,
    pub(crate) fee: u64,
    pub(crate) logs: Vec<String>,
    pub(crate) transaction: Rc<VersionedTransaction>,
    /// The accounts that it names in lookup tables.
    pub(crate) looked_up: Vec<Pubkey>,
    /// What it did, if it is a batch that succeeded.
    pub(crate) event: Option<BatchSettled>,
}

impl Executed {
    /// The account that paid the fee.
    pub(crate) fn payer(&self) -> Pubkey {
        self.transaction.message.static_account_keys()[0]
    }

    /// Whether it changes a lookup table.
    pub(crate) fn changes_tables(&self) -> bool {
        self.transaction.message.static_account_keys().contains(&solana_sdk_ids::address_lookup_table::ID)
    }

    /// The wallets that this batch credited, with their targets.
    pub(crate) fn credited(&self) -> Vec<(Pubkey, u64)> {
        let Some(event) = &self.event else { return Vec::new() };
        let entries = entries_of(&self.transaction.message, &self.looked_up);
        let not_skipped = |position: &usize| event.credit_skips >> position & 1 == 0;
        entries.into_iter().enumerate().filter(|(position, _)| not_skipped(position)).map(|(_, entry)| entry).collect()
    }
}

/// Executes a transaction. `None` if it cannot be included in a block.
pub(super) fn execute(
    svm: &mut LiteSVM,
    transaction: &Rc<VersionedTransaction>,
    looked_up: Vec<Pubkey>,
    slot: u64,
    rejects_v1: bool,
) -> Option<Executed> {
    if rejects_v1 && matches!(transaction.message, VersionedMessage::V1(_)) {
        return None;
    }
    let payer = transaction.message.static_account_keys()[0];
    let balance = |svm: &LiteSVM| svm.accounts_db().get_account_ref(&payer).map_or(0, |account| account.lamports());
    let before = balance(svm);
    let (error, meta) = match svm.send_transaction(VersionedTransaction::clone(transaction)) {
        Ok(meta) => (None, meta),
        Err(failed) => {
            let json = serde_json::to_value(&failed.err).expect("transaction errors serialize to JSON");
            (Some(TransactionError::from_json(&json)), failed.meta)
        }
    };
    if let Some(error) = &error
        && balance(svm) == before
    {
        // LiteSVM includes no transaction whose accounts cannot be loaded. The cluster does, and charges the fee.
        let fails_to_load =
            ["MaxLoadedAccountsDataSizeExceeded", "ProgramAccountNotFound", "InvalidProgramForExecution"]
                .iter()
                .any(|name| error.text.contains(name));
        if !fails_to_load || before < meta.fee {
            return None;
        }
        let account = svm.get_account(&payer)?;
        svm.set_account(payer, Account { lamports: before - meta.fee, ..account }).expect("the account is written");
    }
    let event = error.is_none().then(|| BatchSettled::from_logs(&meta.logs).into_iter().next()).flatten();
    Some(Executed {
        signature: transaction.signatures[0],
        slot,
        error,
        fee: meta.fee,
        logs: meta.logs,
        transaction: Rc::clone(transaction),
        looked_up,
        event,
    })
}

/// The wallets and targets of a transaction's `credit` or `settle`. `looked_up` are the accounts that it names in lookup tables.
pub(crate) fn entries_of(message: &VersionedMessage, looked_up: &[Pubkey]) -> Vec<(Pubkey, u64)> {
    /// The arguments behind the discriminator: the batch's number and Merkle root, and the number of targets.
    const ARGUMENTS: usize = 8 + 32 + 4;

    let header = BatchHeader { batch_id: 0, records_root: [0; 32] };
    let (nobody, nothing) = (Pubkey::default(), [0; 0]);
    let kinds = [
        (credit_ix(nobody, nobody, header, &nothing.map(|_: u8| (nobody, 0))), 1),
        (settle_ix(nobody, nobody, header, &[]), 2),
    ];
    let keys = [message.static_account_keys(), looked_up].concat();
    for instruction in message.instructions() {
        for (sample, stride) in &kinds {
            let discriminator = &sample.data[..sample.data.len() - ARGUMENTS];
            if keys[usize::from(instruction.program_id_index)] != settlement::ID
                || !instruction.data.starts_with(discriminator)
            {
                continue;
            }
            let targets = instruction.data[discriminator.len() + ARGUMENTS..]
                .chunks_exact(8)
                .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
            // The accounts of the entries are the last ones, behind those of the asset.
            let first = instruction.accounts.len() - stride * targets.len();
            let wallets = instruction.accounts[first..].iter().step_by(*stride);
            return wallets.map(|index| keys[usize::from(*index)]).zip(targets).collect();
        }
    }
    Vec::new()
}
