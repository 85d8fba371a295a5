//! Pagination of lists. A cursor is opaque to clients and encodes the sequence number of the last row returned.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::LedgerError;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The entries, in the order of the list.
    pub items: Vec<T>,
    /// The cursor to request the next page with; null on the last page.
    pub next_cursor: Option<String>,
}

/// The cursor that continues `list` after the row numbered `sequence`.
pub(super) fn encode_cursor(list: &'static str, sequence: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{list}:{sequence}"))
}

/// The sequence number after which `cursor` continues `list`; 0 without a cursor.
pub(super) fn decode_cursor(list: &'static str, cursor: Option<&str>) -> Result<i64, LedgerError> {
    /// More than any valid cursor.
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
    fn only_cursors_of_the_same_list_are_accepted() {
        assert_eq!(decode_cursor("pending", Some(&encode_cursor("pending", i64::MAX))), Ok(i64::MAX));
        assert_eq!(decode_cursor("pending", None), Ok(0));
        let foreign = encode_cursor("settlements", 5);
        let negative = encode_cursor("pending", -1);
        for invalid in ["", "5", "*", "cGVuZGluZzo", &foreign, &negative, &"A".repeat(1000)] {
            assert_eq!(decode_cursor("pending", Some(invalid)), Err(LedgerError::InvalidCursor), "{invalid}");
        }
    }
}
