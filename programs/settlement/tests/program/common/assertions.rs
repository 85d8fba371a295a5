//! Assertions about failed transactions and about the events of batches.

use settlement::error::SettlementError;
use settlement::events::BatchSettled;
use settlement::rules::SkipReason;
use solana_instruction::error::InstructionError;
use solana_transaction::TransactionError;

use super::fixture::TransactionOutcome;

/// The error that a transaction is expected to fail with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ExpectedError {
    /// An error of the program.
    Program(SettlementError),
    /// An error of Anchor's checks of accounts and arguments.
    Anchor(anchor_lang::error::ErrorCode),
}

impl From<SettlementError> for ExpectedError {
    fn from(error: SettlementError) -> Self {
        Self::Program(error)
    }
}

impl From<anchor_lang::error::ErrorCode> for ExpectedError {
    fn from(error: anchor_lang::error::ErrorCode) -> Self {
        Self::Anchor(error)
    }
}

/// Asserts that one of the transaction's instructions failed with exactly this error, which the log explains.
#[track_caller]
pub(crate) fn assert_refused(outcome: TransactionOutcome, expected: impl Into<ExpectedError>) {
    let expected = expected.into();
    let code = match expected {
        ExpectedError::Program(error) => u32::from(error),
        ExpectedError::Anchor(error) => u32::from(error),
    };
    let failed = outcome.expect_err("the transaction should have been refused");
    let TransactionError::InstructionError(_, InstructionError::Custom(found)) = failed.err else {
        panic!("expected {expected:?}, got {:?}\n{}", failed.err, failed.meta.pretty_logs());
    };
    assert_eq!(found, code, "expected {expected:?}\n{}", failed.meta.pretty_logs());
    let number = format!("Error Number: {code}.");
    assert!(failed.meta.logs.iter().any(|line| line.contains(&number)), "{}", failed.meta.pretty_logs());
}

/// The skip reasons in an event: (index of the entry, why it was not credited, why it was not paid).
pub(crate) fn skip_reasons(event: &BatchSettled) -> Vec<(usize, Option<SkipReason>, Option<SkipReason>)> {
    let set = (event.credit_skips.count_ones() + event.payout_skips.count_ones()) as usize;
    assert_eq!(event.reasons.len(), set, "one reason per set bit");
    (0..64)
        .map(|i| (i, event.credit_skip_reason(i), event.payout_skip_reason(i)))
        .filter(|(_, credit, payout)| credit.is_some() || payout.is_some())
        .collect()
}

/// Asserts that the system program refused to create an account because there is one already.
#[track_caller]
pub(crate) fn assert_address_in_use(outcome: TransactionOutcome) {
    const ACCOUNT_ALREADY_IN_USE: u32 = 0;
    let failed = outcome.expect_err("the transaction should have been refused");
    let expected = TransactionError::InstructionError(0, InstructionError::Custom(ACCOUNT_ALREADY_IN_USE));
    assert_eq!(failed.err, expected, "{}", failed.meta.pretty_logs());
}
