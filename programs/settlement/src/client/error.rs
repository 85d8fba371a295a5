//! Messages for the program's error codes.

use crate::error::SettlementError;

/// The message of a custom program error code. `None` if it isn't one of this program's.
pub fn error_message(code: u32) -> Option<String> {
    SettlementError::from_code(code).map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_unique_message() {
        let mut messages: Vec<_> =
            SettlementError::ALL.into_iter().map(|error| error_message(u32::from(error)).expect("a message")).collect();
        messages.sort_unstable();
        messages.dedup();
        assert_eq!(messages.len(), SettlementError::ALL.len());
        assert_eq!(error_message(0), None);
    }
}
