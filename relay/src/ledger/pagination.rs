//! Cursors of lists: opaque to callers, the last row's sequence to us.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::LedgerError;

/// The cursor after the row with `sequence` of the list called `list`.
pub(super) fn encode(list: &'static str, sequence: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{list}:{sequence}"))
}

/// The sequence that `cursor` stands after; 0, before all rows, without one.
pub(super) fn decode(list: &'static str, cursor: Option<&str>) -> Result<i64, LedgerError> {
    /// No cursor is longer.
    const MAX_BYTES: usize = 100;

    let Some(cursor) = cursor else { return Ok(0) };
    if cursor.len() > MAX_BYTES {
        return Err(LedgerError::InvalidCursor);
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| LedgerError::InvalidCursor)?;
    String::from_utf8(bytes)
        .ok()
        .and_then(|text| text.strip_prefix(list)?.strip_prefix(':')?.parse().ok())
        .filter(|sequence| *sequence >= 0)
        .ok_or(LedgerError::InvalidCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lists_own_cursors_are_taken() {
        assert_eq!(decode("pending", Some(&encode("pending", i64::MAX))), Ok(i64::MAX));
        assert_eq!(decode("pending", None), Ok(0));
        let foreign = encode("settlements", 5);
        let negative = encode("pending", -1);
        for refused in ["", "5", "*", "cGVuZGluZzo", &foreign, &negative, &"A".repeat(1000)] {
            assert_eq!(decode("pending", Some(refused)), Err(LedgerError::InvalidCursor), "{refused}");
        }
    }
}
