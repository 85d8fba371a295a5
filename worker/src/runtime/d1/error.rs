//! Classification of D1's error messages.
//!
//! D1 distinguishes its errors by their text only. A violated constraint and an invalid statement can be recognized,
//! and in both cases nothing was written. For any other error the write may have succeeded, so it is classified as
//! [`DatabaseError::Unavailable`].

use williw_relay::database::DatabaseError;

/// Prefixes that D1 adds to every message.
const PREFIXES: [&str; 2] = ["D1_ERROR: ", "Error: "];

/// Text that identifies a violated constraint: SQLite's result code and message.
const CONSTRAINT: [&str; 2] = ["SQLITE_CONSTRAINT", "constraint failed"];

/// Text that identifies a statement that cannot run: D1's own checks, and SQLite's messages for generic errors.
const STATEMENT: [&str; 12] = [
    "D1_TYPE_ERROR",
    "D1_COLUMN_NOTFOUND",
    "no such table",
    "no such column",
    "no such function",
    "syntax error",
    "incomplete input",
    "Wrong number of parameter bindings",
    "too many SQL variables",
    "SQLITE_MISMATCH",
    "SQLITE_TOOBIG",
    "malformed JSON",
];

/// Classifies the error with this `message`.
pub(crate) fn classify(message: String) -> DatabaseError {
    let contains_any = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    let (constraint, statement) = (contains_any(&CONSTRAINT), contains_any(&STATEMENT));
    let message =
        PREFIXES.iter().fold(message.as_str(), |rest, prefix| rest.strip_prefix(prefix).unwrap_or(rest)).to_owned();
    if constraint {
        DatabaseError::Constraint(message)
    } else if statement {
        DatabaseError::Statement(message)
    } else {
        DatabaseError::Unavailable(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_invalid_statements_and_lost_connections_are_distinguished() {
        for (message, expected) in [
            (
                "D1_ERROR: UNIQUE constraint failed: nodes.id: SQLITE_CONSTRAINT",
                DatabaseError::Constraint("UNIQUE constraint failed: nodes.id: SQLITE_CONSTRAINT".to_owned()),
            ),
            (
                "D1_ERROR: CHECK constraint failed: lease_held: SQLITE_CONSTRAINT",
                DatabaseError::Constraint("CHECK constraint failed: lease_held: SQLITE_CONSTRAINT".to_owned()),
            ),
            (
                "D1_ERROR: no such table: nodes: SQLITE_ERROR",
                DatabaseError::Statement("no such table: nodes: SQLITE_ERROR".to_owned()),
            ),
            ("D1_ERROR: Network connection lost.", DatabaseError::Unavailable("Network connection lost.".to_owned())),
            (
                "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
                DatabaseError::Unavailable(
                    "D1 DB storage operation exceeded timeout which caused object to be reset.".to_owned(),
                ),
            ),
        ] {
            assert_eq!(classify(message.to_owned()), expected);
        }
    }

    #[test]
    fn an_unknown_error_is_unavailable_because_the_write_may_have_succeeded() {
        for message in ["", "D1_ERROR: ", "SQLITE_ERROR", "something new"] {
            assert!(matches!(classify(message.to_owned()), DatabaseError::Unavailable(_)), "{message}");
        }
    }

    #[test]
    fn the_name_of_a_violated_constraint_is_kept() {
        let error = classify("D1_ERROR: CHECK constraint failed: lease_held: SQLITE_CONSTRAINT".to_owned());
        assert!(error.is_constraint("lease_held"));
    }
}
