//! What a test expects of a transaction that failed, or of a batch's event.

use settlement::error::SettlementError;
use settlement::events::BatchSettled;
use settlement::rules::SkipReason;
use solana_instruction::error::InstructionError;
use solana_transaction::TransactionError;

use super::world::Outcome;

/// Why a transaction is expected to fail.
#[derive(Clone, Copy, Debug)]
pub enum Refused {
    /// The program's own error.
    Program(SettlementError),
    /// Anchor's check of the named accounts or arguments.
    Anchor(anchor_lang::error::ErrorCode),
}

impl From<SettlementError> for Refused {
    fn from(error: SettlementError) -> Self {
        Self::Program(error)
    }
}

impl From<anchor_lang::error::ErrorCode> for Refused {
    fn from(error: anchor_lang::error::ErrorCode) -> Self {
        Self::Anchor(error)
    }
}

/// The transaction's last instruction failed, and for this reason.
#[track_caller]
pub fn assert_refused(outcome: Outcome, why: impl Into<Refused>) {
    let why = why.into();
    let code = match why {
        Refused::Program(error) => u32::from(error),
        Refused::Anchor(error) => u32::from(error),
    };
    let failed = outcome.expect_err("refused");
    let TransactionError::InstructionError(_, InstructionError::Custom(found)) = failed.err else {
        panic!("expected {why:?}, got {:?}\n{}", failed.err, failed.meta.pretty_logs());
    };
    assert_eq!(found, code, "expected {why:?}\n{}", failed.meta.pretty_logs());
}

/// The reasons of an event, entry by entry: (entry, not credited because, not paid because).
pub fn reasons(event: &BatchSettled) -> Vec<(usize, Option<SkipReason>, Option<SkipReason>)> {
    let set = (event.credit_skips.count_ones() + event.payout_skips.count_ones()) as usize;
    assert_eq!(event.reasons.len(), set, "one reason per set bit");
    (0..64)
        .map(|i| (i, event.credit_skip_reason(i), event.payout_skip_reason(i)))
        .filter(|(_, credit, payout)| credit.is_some() || payout.is_some())
        .collect()
}
