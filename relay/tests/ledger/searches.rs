//! How statements search tables that grow: by a key, or by an index of only the few rows that they are about.

use std::collections::BTreeSet;

use rusqlite::{Connection, StatementStatus};
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

/// The ranges of partial indexes that are searched. What is in the range has to be what the statement is about: whatever else
/// it requires of a row must be rare, or the search walks all the rows that do not meet it.
const MAY_SEARCH_A_RANGE_OF_FEW: &[&str] = &[
    // What is to be tried again: nothing else is required of it.
    "payables_due (retry_at<?)",
    "payables_due (retry_at>?)",
    "payables_due (retry_at>? AND retry_at<?)",
    "wallets_due_by_amount (retry_at<?)",
    "wallets_due_by_amount (retry_at>?)",
    // Of these, the age is required as well. They are few: a payout is held once it is due, and what is held with its rewards is
    // tried again with them.
    "wallets_due_by_age (retry_at>?)",
    "wallets_due_by_age (retry_at>? AND retry_at<?)",
    // Pages, and the first.
    "rewards_open_by_sequence (sequence>?)",
    "settlements_unpruned (finished_at<?)",
];

/// What a statement could search without an equality: a range of all rows of a table, in an index or in none. An automatic index
/// is built anew from all rows, whatever is searched in it.
fn reads_a_range_of_a_table(line: &str) -> bool {
    let Some(search) = line.strip_prefix("SEARCH ") else { return false };
    if MAY_BE_SCANNED.iter().any(|name| search.starts_with(name)) {
        return false;
    }
    search.contains("AUTOMATIC") || !search.contains("=?")
}

#[test]
fn no_statement_walks_a_range_of_a_table_that_grows() {
    let ledger = Fixture::new();
    let connection = Connection::open(ledger.file()).unwrap();
    let (mut walks, mut of_few) = (Vec::new(), BTreeSet::new());
    let mut known: BTreeSet<&(&str, &str)> = BTreeSet::new();
    for sql in all_statements().filter(|sql| !sql.contains("no_such_column") && !sql.contains("conformance")) {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = rusqlite::params_from_iter(std::iter::repeat_n("1", plan.parameter_count()));
        let lines: Vec<String> =
            plan.query_map(parameters, |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
        for line in lines.iter().filter(|line| reads_a_range_of_a_table(line)) {
            if let Some(range) = MAY_SEARCH_A_RANGE_OF_FEW.iter().find(|range| line.ends_with(*range)) {
                of_few.insert(*range);
                continue;
            }
            match MAY_SEARCH_A_RANGE.iter().find(|(of, part)| line.starts_with(of) && sql.contains(part)) {
                Some(exception) => known.extend([exception]),
                None => walks.push(format!("{line}\n    {sql}")),
            }
        }
    }
    assert!(walks.is_empty(), "{}", walks.join("\n"));
    assert_eq!(of_few.len(), MAY_SEARCH_A_RANGE_OF_FEW.len(), "a range that no statement searches: {of_few:?}");
    assert_eq!(known.len(), MAY_SEARCH_A_RANGE.len(), "an exception that no statement needs: {known:?}");
}

/// The indexes of open rewards are for `distributed_at IS NULL`. SQLite does not know that this means the same.
#[test]
fn open_rewards_are_found_by_the_condition_of_their_indexes() {
    for sql in all_statements() {
        assert!(!sql.contains("IN ('pending', 'batched')"), "{sql}");
    }
}

/// A ledger with `count` nodes of every kind that has no work now: rewards and payouts that are held, and amounts that are due
/// neither by amount nor by age.
fn with_idle_nodes(count: u32) -> Fixture {
    let ledger = Fixture::new();
    ledger.write(&format!(
        "INSERT INTO treasury (address, balance_lamports, credited_total_lamports, paid_total_lamports, max_pending_age_ms,
            paused, last_slot, last_updated_at) VALUES ('t', 0, 0, 0, 1000, 0, 1, 1);
        CREATE TEMP TABLE kinds AS WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {count})
            SELECT kind || '-' || number AS id, kind, number FROM numbers, (SELECT 'rewards' AS kind UNION ALL SELECT 'amount'
                UNION ALL SELECT 'age' UNION ALL SELECT 'young');
        INSERT INTO nodes (id, registered_at, last_active_at, status, capabilities, created_at, updated_at)
            SELECT id, 1, 1, 'active', '{{}}', 1, 1 FROM kinds;
        INSERT INTO payables (node_id, next_sequence, hold_reason, retry_at)
            SELECT id, number, 'no_address', {NOW} + 300000 FROM kinds WHERE kind = 'rewards';
        INSERT INTO wallets (node_id, wallet_address, owner, destination, destination_source, sol_balance_lamports,
                credited_lamports, pending_rewards_lamports, total_rewards_distributed_lamports, threshold_lamports,
                oldest_unpaid_at, hold_reason, retry_at, last_slot, last_updated_at)
            SELECT id, 'w', 'o', 'd', 'default', 1, 9, 9, 0, CASE kind WHEN 'amount' THEN 1 ELSE 1000 END,
                CASE kind WHEN 'age' THEN number ELSE {NOW} + number END, CASE kind WHEN 'young' THEN NULL ELSE 'held' END,
                CASE kind WHEN 'young' THEN 0 ELSE {NOW} + 300000 END, 1, 1 FROM kinds WHERE kind <> 'rewards';",
        NOW = "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    ));
    ledger
}

/// How many steps SQLite's virtual machine takes for a statement, and how many rows it returns.
fn steps(connection: &Connection, part: &str, parameters: &[Option<&str>]) -> (i32, String) {
    let sql = all_statements().find(|sql| sql.contains(part)).expect("a statement");
    let mut statement = connection.prepare(sql).unwrap();
    let mut rows = statement.query(rusqlite::params_from_iter(parameters)).unwrap();
    let first = rows.next().unwrap().map_or(String::new(), |row| row.get(0).unwrap());
    assert!(rows.next().unwrap().is_none());
    drop(rows);
    (statement.get_status(StatementStatus::VmStep), first)
}

#[test]
fn finding_that_nothing_is_due_costs_the_same_however_many_nodes_are_held() {
    let costs = [50, 5_000].map(|count| {
        let ledger = with_idle_nodes(count);
        let connection = Connection::open(ledger.file()).unwrap();
        let now = "1795176000000";
        let (has_work, found) = steps(&connection, "AS has_work", &[Some(now), None, Some("600000")]);
        assert_eq!(found, "0");
        let limits = [Some("100"), Some("100"), Some(now), None, Some("600000")];
        let (choose, _) = steps(&connection, "INSERT INTO settlement_nodes", &limits);
        assert_eq!(ledger.read("SELECT COUNT(*) FROM settlement_nodes"), ["0"]);
        (has_work, choose)
    });
    assert_eq!(costs[0], costs[1]);
}
