//! How statements search tables that grow: by a key, or by an index of only the few rows that they are about.

use std::collections::BTreeSet;

use rusqlite::Connection;
use williw_relay::ledger::all_statements;

use crate::fixture::Fixture;
use crate::statements::MAY_BE_SCANNED;

/// The searches of a range of a whole table, each with a part of its statement. All of them end at a limit.
const MAY_SEARCH_A_RANGE: &[(&str, &str)] = &[
    // The first or last key of a table, which SQLite calls a search of nothing.
    ("SEARCH batches", "SELECT CAST(COALESCE(MAX(id), 0) AS TEXT) AS id FROM batches"),
    ("SEARCH settlements", "(SELECT MAX(id) FROM settlements)"),
    ("SEARCH settlements", "(SELECT MIN(id) FROM settlements)"),
    // The oldest keys, until a few are deleted.
    (
        "SEARCH idempotency_keys USING COVERING INDEX idempotency_keys_by_time (created_at<?)",
        "ORDER BY created_at LIMIT",
    ),
    // Pages of an audit, which reads every node.
    ("SEARCH nodes USING INDEX sqlite_autoindex_nodes_1 (id>?)", "ORDER BY nodes.id LIMIT CAST(?2 AS INTEGER)"),
    ("SEARCH nodes USING INDEX sqlite_autoindex_nodes_1 (id>?)", "ORDER BY id LIMIT CAST(?2 AS INTEGER)"),
    // Pages of the lookup tables, and of the wallets that can be put into them, for an operator's commands.
    (
        "SEARCH lookup_tables USING INDEX sqlite_autoindex_lookup_tables_1 (address>?)",
        "ORDER BY address LIMIT CAST(?2 AS INTEGER)",
    ),
    ("SEARCH wallets USING INTEGER PRIMARY KEY (rowid>?)", "ORDER BY wallets.rowid LIMIT CAST(?2 AS INTEGER)"),
];

/// What a statement could search without an equality: a range of all rows of a table, in an index of all its rows or in none. An
/// automatic index is built anew from all rows, whatever is searched in it.
fn reads_a_range_of_a_table(line: &str, partial_indexes: &BTreeSet<String>) -> bool {
    let Some(search) = line.strip_prefix("SEARCH ") else { return false };
    if MAY_BE_SCANNED.iter().any(|name| search.starts_with(name)) {
        return false;
    }
    let index = search.split_once("INDEX ").and_then(|(_, rest)| rest.split(' ').next());
    search.contains("AUTOMATIC") || !(search.contains("=?") || index.is_some_and(|name| partial_indexes.contains(name)))
}

#[test]
fn no_statement_walks_a_range_of_a_table_that_grows() {
    let ledger = Fixture::new();
    let connection = Connection::open(ledger.file()).unwrap();
    let partial = ledger.read("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'");
    let partial = partial.into_iter().collect();
    let mut walks = Vec::new();
    let mut known: BTreeSet<&(&str, &str)> = BTreeSet::new();
    for sql in all_statements().filter(|sql| !sql.contains("no_such_column") && !sql.contains("conformance")) {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = rusqlite::params_from_iter(std::iter::repeat_n("1", plan.parameter_count()));
        let lines: Vec<String> =
            plan.query_map(parameters, |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
        for line in lines.iter().filter(|line| reads_a_range_of_a_table(line, &partial)) {
            match MAY_SEARCH_A_RANGE.iter().find(|(of, part)| line.starts_with(of) && sql.contains(part)) {
                Some(exception) => known.extend([exception]),
                None => walks.push(format!("{line}\n    {sql}")),
            }
        }
    }
    assert!(walks.is_empty(), "{}", walks.join("\n"));
    assert_eq!(known.len(), MAY_SEARCH_A_RANGE.len(), "an exception that no statement needs: {known:?}");
}

/// The indexes of open rewards are for `distributed_at IS NULL`. SQLite does not know that this means the same.
#[test]
fn open_rewards_are_found_by_the_condition_of_their_indexes() {
    for sql in all_statements() {
        assert!(!sql.contains("IN ('pending', 'batched')"), "{sql}");
    }
}
