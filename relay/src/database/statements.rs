//! The macro that declares the ledger's SQL statements.

/// Declares SQL statements as constants, and a constant `ALL` that lists them.
///
/// To be used once per module. [`known_statement`](crate::ledger::known_statement) searches the lists: the ledger's HTTP
/// endpoint only runs statements declared with this macro.
///
/// ```ignore
/// statements! {
///     /// The node with id ?1.
///     SELECT_NODE = "SELECT id FROM nodes WHERE id = ?1";
/// }
/// ```
macro_rules! statements {
    ($($(#[$attribute:meta])* $visibility:vis $name:ident = $sql:expr;)+) => {
        $($(#[$attribute])* $visibility const $name: &str = $sql;)+

        /// All statements of this module.
        pub(crate) const ALL: &[&str] = &[$($name),+];
    };
}

/// SQL for the database's own time in Unix milliseconds, for what must not depend on the clock of whoever runs the statement.
macro_rules! now_ms {
    () => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
}

pub(crate) use {now_ms, statements};
