//! What the program's error codes mean.

use crate::error::SettlementError;

/// The sentence of a custom program error code, if it is one of this program's.
pub fn error_message(code: u32) -> Option<String> {
    SettlementError::from_code(code).map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_sentence_of_its_own() {
        let mut sentences: Vec<_> = SettlementError::ALL
            .into_iter()
            .map(|error| error_message(u32::from(error)).expect("a sentence"))
            .collect();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), SettlementError::ALL.len());
        assert_eq!(error_message(0), None);
    }
}
