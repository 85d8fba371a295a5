//! Every account of every instruction, replaced by each kind of wrong account: the result is the
//! expected error or skip, and no account changes.

mod expected;
mod substitutions;

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use settlement::events::{BatchSettled, PaidOut};
use settlement::state::Treasury;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_instruction::error::InstructionError;
use solana_transaction::TransactionError;

use crate::common::{ProgramFixture, TransactionOutcome, all_instructions, all_token_instructions, program_accounts};
use expected::{Expected, expected};
use substitutions::substitutions;

/// The lowest error code of Anchor and of the program.
const FIRST_CODE: u32 = 100;

#[test]
fn every_wrong_account_is_refused_with_the_expected_error_and_changes_nothing() {
    let mut tried = 0;
    for mut case in all_instructions().into_iter().chain(all_token_instructions()) {
        let good = case.ix.clone();
        for substitution in substitutions(&mut case) {
            let what = format!("{}: {:?} {:?}", case.name, case.kinds[substitution.at], substitution.wrong);
            let Some(expected) = expected(&case, &substitution) else { continue };
            case.signers.extend(substitution.signer.iter().map(|key| key.insecure_clone()));
            let before = accounts(&case.fixture, &[&good, &substitution.ix]);

            let outcome = case.send(substitution.ix.clone());

            assert_eq!(result(&outcome), Some(expected), "{what}");
            let after = accounts(&case.fixture, &[&good, &substitution.ix]);
            let moved: Vec<_> = after.iter().filter(|(key, account)| before[*key] != **account).collect();
            assert!(moved.is_empty(), "{what}: {moved:?}");
            tried += 1;
        }
        // Nothing but the account was wrong.
        let before = accounts(&case.fixture, &[&good]);
        case.send(good.clone()).expect("the unchanged instruction succeeds");
        assert!(accounts(&case.fixture, &[&good]) != before, "{} does nothing", case.name);
    }
    assert!(tried > 2_500, "only {tried} wrong accounts were tried");
}

/// All accounts of the program and of the instructions, without what a batch of skips changes too (a treasury's batch
/// sequence and history) and what the runtime sets (the rent epoch).
fn accounts(fixture: &ProgramFixture, instructions: &[&Instruction]) -> BTreeMap<Pubkey, Option<Account>> {
    let keys = instructions.iter().flat_map(|ix| &ix.accounts).map(|meta| meta.pubkey);
    let named = keys.map(|key| (key, fixture.svm.get_account(&key)));
    let own = program_accounts(fixture).into_iter().map(|(key, account)| (key, Some(account)));
    let mut all: BTreeMap<_, _> = named.chain(own).collect();
    for account in all.values_mut().flatten() {
        account.rent_epoch = 0;
        if let Ok(mut treasury) = Treasury::decode(&account.data) {
            treasury.batch_sequence = 0;
            treasury.history_hash = [0; 32];
            treasury.history_count = 0;
            account.data[9..].copy_from_slice(&bytemuck::bytes_of(&treasury)[1..]);
        }
    }
    all
}

/// The result of an instruction in the terms of the table; `None` if it is never expected.
fn result(outcome: &TransactionOutcome) -> Option<Expected> {
    match outcome {
        Ok(meta) => skips(meta).map(Expected::Skipped),
        Err(failed) => match failed.err {
            TransactionError::InstructionError(0, InstructionError::Custom(code)) if code >= FIRST_CODE => {
                Some(Expected::Refused(code))
            }
            TransactionError::InstructionError(0, InstructionError::PrivilegeEscalation) => {
                Some(Expected::PrivilegeEscalation)
            }
            TransactionError::InstructionError(0, _) => Some(Expected::RefusedByCallee),
            _ => None,
        },
    }
}

/// The skip reasons in a batch's event.
fn skips(meta: &litesvm::types::TransactionMetadata) -> Option<Vec<u8>> {
    let paid_out = meta.inner_instructions.iter().flatten().find_map(|it| PaidOut::decode_cpi(&it.instruction.data));
    let batch = BatchSettled::from_logs(&meta.logs).pop();
    batch.map(|event| event.reasons).or_else(|| paid_out.map(|event| event.reasons))
}
