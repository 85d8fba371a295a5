//! What an error message of D1 means for the ledger.
//!
//! D1 tells its errors apart by their text alone. A refused or wrong statement says so by name, and then nothing was
//! written; whatever is not known for certain to be one of those may have been written, and counts as
//! [`DatabaseError::Unavailable`].

use williw_relay::database::DatabaseError;

/// What D1 writes before each message.
const PREFIXES: [&str; 2] = ["D1_ERROR: ", "Error: "];

/// Signs of a constraint that refused the batch (SQLite's result code and its words).
const CONSTRAINT: [&str; 2] = ["SQLITE_CONSTRAINT", "constraint failed"];

/// Signs of a statement that cannot run as it is: D1's own checks, and SQLite's words for a generic error.
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

/// The error that `message` stands for.
pub fn classify(message: String) -> DatabaseError {
    let has = |signs: &[&str]| signs.iter().any(|sign| message.contains(sign));
    let (constraint, statement) = (has(&CONSTRAINT), has(&STATEMENT));
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
    fn a_refused_write_is_told_from_a_wrong_statement_and_from_a_lost_answer() {
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
    fn what_is_not_known_may_have_been_written() {
        for message in ["", "D1_ERROR: ", "SQLITE_ERROR", "something new"] {
            assert!(matches!(classify(message.to_owned()), DatabaseError::Unavailable(_)), "{message}");
        }
    }

    #[test]
    fn a_constraint_keeps_its_name() {
        let error = classify("D1_ERROR: CHECK constraint failed: lease_held: SQLITE_CONSTRAINT".to_owned());
        assert!(error.is_constraint("lease_held"));
    }
}
