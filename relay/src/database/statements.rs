//! The macro that every SQL text of the ledger is written in.

/// Declares SQL statements as constants, and a list of all of them.
///
/// A module uses it once. The list, `ALL`, is what [`known_statement`](crate::ledger::known_statement) looks through:
/// the ledger's endpoint runs nothing that was not declared so.
///
/// ```ignore
/// statements! {
///     /// The node called ?1.
///     SELECT_NODE = "SELECT id FROM nodes WHERE id = ?1";
/// }
/// ```
macro_rules! statements {
    ($($(#[$attribute:meta])* $visibility:vis $name:ident = $sql:expr;)+) => {
        $($(#[$attribute])* $visibility const $name: &str = $sql;)+

        /// Every statement of this module.
        pub(crate) const ALL: &[&str] = &[$($name),+];
    };
}

pub(crate) use statements;
