//! Every account of every instruction, taken for a wrong one: the answer is the expected error or
//! skip, and nothing moves.

mod expected;
mod swaps;

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use settlement::events::{BatchSettled, PaidOut};
use settlement::state::Treasury;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_instruction::error::InstructionError;
use solana_transaction::TransactionError;

use crate::common::{Outcome, World, every, every_with_tokens, program_accounts};
use expected::{Expected, expected};
use swaps::swaps;

/// The lowest of Anchor's and of the program's own error codes.
const FIRST_CODE: u32 = 100;

#[test]
fn a_wrong_account_anywhere_is_refused_by_name_and_moves_nothing() {
    let mut tried = 0;
    for mut subject in every().into_iter().chain(every_with_tokens()) {
        let good = subject.ix.clone();
        for swap in swaps(&mut subject) {
            let what = format!("{}: {:?} {:?}", subject.name, subject.parts[swap.at], swap.wrong);
            let Some(expected) = expected(&subject, &swap) else { continue };
            subject.signers.extend(swap.signer.iter().map(|key| key.insecure_clone()));
            let before = accounts(&subject.world, &[&good, &swap.ix]);

            let outcome = subject.send(swap.ix.clone());

            assert_eq!(found(&outcome), Some(expected), "{what}");
            let after = accounts(&subject.world, &[&good, &swap.ix]);
            let moved: Vec<_> = after.iter().filter(|(key, account)| before[*key] != **account).collect();
            assert!(moved.is_empty(), "{what}: {moved:?}");
            tried += 1;
        }
        // It was the wrong account and nothing else.
        let before = accounts(&subject.world, &[&good]);
        subject.send(good.clone()).expect("it succeeds");
        assert!(accounts(&subject.world, &[&good]) != before, "{} does nothing", subject.name);
    }
    assert!(tried > 2_500, "{tried} wrong accounts");
}

/// All accounts of the program and of the instructions, but for what any transaction changes: the
/// payer's lamports, a treasury's count of batches, and the epoch of rent, which the runtime sets.
fn accounts(world: &World, instructions: &[&Instruction]) -> BTreeMap<Pubkey, Option<Account>> {
    let keys = instructions.iter().flat_map(|ix| &ix.accounts).map(|meta| meta.pubkey);
    let named = keys.map(|key| (key, world.svm.get_account(&key)));
    let own = program_accounts(world).into_iter().map(|(key, account)| (key, Some(account)));
    let mut all: BTreeMap<_, _> = named.chain(own).collect();
    for account in all.values_mut().flatten() {
        account.rent_epoch = 0;
        if let Ok(mut treasury) = Treasury::decode(&account.data) {
            treasury.batch_sequence = 0;
            account.data[9..].copy_from_slice(&bytemuck::bytes_of(&treasury)[1..]);
        }
    }
    all
}

/// What became of an instruction, in the table's terms; `None` for what is never expected.
fn found(outcome: &Outcome) -> Option<Expected> {
    match outcome {
        Ok(meta) => skips(meta).map(Expected::Skipped),
        Err(failed) => match failed.err {
            TransactionError::InstructionError(0, InstructionError::Custom(code)) if code >= FIRST_CODE => {
                Some(Expected::Refused(code))
            }
            TransactionError::InstructionError(0, InstructionError::PrivilegeEscalation) => Some(Expected::NoPrivilege),
            TransactionError::InstructionError(0, _) => Some(Expected::ByCallee),
            _ => None,
        },
    }
}

/// The reasons in a batch's event.
fn skips(meta: &litesvm::types::TransactionMetadata) -> Option<Vec<u8>> {
    meta.inner_instructions.iter().flatten().find_map(|inner| {
        let data = &inner.instruction.data;
        BatchSettled::decode_cpi(data).map(|e| e.reasons).or_else(|| PaidOut::decode_cpi(data).map(|e| e.reasons))
    })
}
