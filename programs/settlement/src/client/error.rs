//! What the program's error codes mean.

use SettlementError::*;
use anchor_lang::error::ERROR_CODE_OFFSET;

use crate::error::SettlementError;

/// Every error, in the order of the codes.
const ALL: [SettlementError; 25] = [
    InvalidNetworkId,
    ZeroLimit,
    ZeroThreshold,
    ZeroPendingAge,
    DefaultAuthority,
    ThresholdBelowDefault,
    InvalidOwner,
    InvalidDestination,
    Unauthorized,
    Paused,
    NetworkMismatch,
    UnknownVersion,
    UnsupportedAsset,
    ZeroAmount,
    NothingPending,
    AmountAbovePending,
    EmptyBatch,
    TooManyEntries,
    AccountCountMismatch,
    DestinationMismatch,
    DestinationNotRentExempt,
    DestinationNotPayable,
    WalletNotRentExempt,
    Overflow,
    InconsistentTotals,
];

/// The sentence of the program's own error `code` (6000 onward), as simulations and failed
/// transactions report it. `None` for codes that are not the program's.
pub fn error_message(code: u32) -> Option<String> {
    let index = usize::try_from(code.checked_sub(ERROR_CODE_OFFSET)?).ok()?;
    ALL.get(index).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_sentence() {
        for error in ALL {
            assert_eq!(error_message(u32::from(error)), Some(error.to_string()));
        }
        assert_eq!(error_message(ERROR_CODE_OFFSET + ALL.len() as u32), None);
        assert_eq!(error_message(0), None);
    }
}
