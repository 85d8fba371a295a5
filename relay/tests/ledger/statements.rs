//! Properties of the ledger's SQL statements.

use std::cell::RefCell;

use rusqlite::Connection;
use williw_relay::clock::ManualClock;
use williw_relay::database::wire::{BatchRequest, UnknownStatement};
use williw_relay::database::{Database, DatabaseError, Row, Statement};
use williw_relay::ledger::{
    Actor, all_statements, api_keys, balances, known_statement, nodes, reviews, rewards, settlements,
};
use williw_relay::types::Scope;

use crate::fixture::{Fixture, NOW_MS, grant, idempotency_key, new_node, node_id};

#[test]
fn every_statement_is_valid_for_the_schema() {
    let ledger = Fixture::new();
    let connection = Connection::open(ledger.file()).unwrap();
    let mut count = 0;
    for sql in all_statements() {
        // The conformance suite has an invalid statement on purpose.
        if sql.contains("no_such_column") {
            continue;
        }
        if let Err(error) = connection.prepare(sql) {
            panic!("{error}: {sql}");
        }
        count += 1;
    }
    assert!(count > 30, "found too few statements: {count}");
}

#[test]
fn no_statement_exceeds_the_parameter_limit_of_d1() {
    let ledger = Fixture::new();
    let connection = Connection::open(ledger.file()).unwrap();
    for sql in all_statements().filter(|sql| !sql.contains("no_such_column")) {
        assert!(connection.prepare(sql).unwrap().parameter_count() <= 100, "{sql}");
    }
}

#[test]
fn only_known_statements_are_accepted() {
    let known = all_statements().next().unwrap();
    assert_eq!(known_statement(known), Some(known));
    for unknown in ["", "DELETE FROM rewards", &format!("{known};"), &format!(" {known}"), &known.to_lowercase()] {
        assert_eq!(known_statement(unknown), None, "{unknown}");
    }
    let request = format!(r#"{{"statements":[{{"sql":{known:?}}},{{"sql":"DELETE FROM rewards","parameters":[]}}]}}"#);
    let request: BatchRequest = serde_json::from_str(&request).unwrap();
    assert_eq!(request.into_statements(), Err(UnknownStatement { position: 1 }));
}

#[test]
fn statements_that_create_rewards_api_keys_or_audit_entries_require_the_admin_scope() {
    let mut count = 0;
    for sql in all_statements() {
        if ["INSERT INTO rewards", "INSERT INTO api_keys", "INSERT INTO audit_log"]
            .iter()
            .any(|text| sql.contains(text))
        {
            let request = BatchRequest::from([Statement::new(sql)].as_slice());
            assert_eq!(request.required_scope(), Scope::Admin, "{sql}");
            count += 1;
        }
    }
    assert!(count >= 4, "found too few statements: {count}");
}

#[tokio::test]
async fn api_statements_require_the_admin_scope() {
    /// Records the last batch instead of running it.
    struct Recorder(RefCell<Option<BatchRequest>>);

    impl Database for Recorder {
        async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
            self.0.replace(Some(BatchRequest::from(statements.as_slice())));
            Err(DatabaseError::Unavailable("the batch was not run".to_owned()))
        }
    }

    let recorder = Recorder(RefCell::new(None));
    let scope = || recorder.0.take().unwrap().required_scope();
    let (clock, actor) = (ManualClock::at(NOW_MS), Actor::operator());
    api_keys::create(&recorder, &clock, &actor, "name", &[Scope::Admin], [7; 32]).await.unwrap_err();
    assert_eq!(scope(), Scope::Admin);
    rewards::distribute(&recorder, &clock, &actor, &idempotency_key("k"), vec![grant("node-1", 1)]).await.unwrap_err();
    assert_eq!(scope(), Scope::Admin);
    nodes::register(&recorder, &clock, &actor, new_node("node-1", None)).await.unwrap_err();
    assert_eq!(scope(), Scope::Admin);
    settlements::latest(&recorder).await.unwrap_err();
    assert_eq!(scope(), Scope::Ledger);
    balances::balance(&recorder, &node_id("node-1")).await.unwrap_err();
    assert_eq!(scope(), Scope::Ledger);
    reviews::list(&recorder).await.unwrap_err();
    assert_eq!(scope(), Scope::Ledger);
}

/// What a statement may scan: tables whose size does not grow with the number of nodes or with years of history, and
/// subqueries, whose own tables are listed as well.
pub(crate) const MAY_BE_SCANNED: &[&str] = &[
    "CONSTANT ROW",
    "(subquery",
    "chosen",
    // The nodes in a parameter.
    "asked_for",
    "api_keys",
    "ledger_binding",
    "leases",
    "preconditions",
    "treasury",
    // One row per hold reason.
    "held_nodes",
    // At most one row, and as many rows as the limit says.
    "lookup_tables USING INDEX lookup_tables_one_pending",
    "lookup_tables USING INDEX lookup_tables_with_room",
    // What was held before the settlement and is not any more.
    "payables USING INDEX payables_tried_again",
    "wallets USING INDEX wallets_tried_again",
    // As many rows as a settlement has nodes.
    "settlement_nodes",
];

/// Every statement with the lines of its query plan.
fn query_plans() -> Vec<(&'static str, Vec<String>)> {
    let ledger = Fixture::new();
    let connection = Connection::open(ledger.file()).unwrap();
    let statements = all_statements().filter(|sql| !sql.contains("no_such_column") && !sql.contains("conformance"));
    let plan_of = |sql| {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = rusqlite::params_from_iter(std::iter::repeat_n("1", plan.parameter_count()));
        let lines = plan.query_map(parameters, |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
        (sql, lines)
    };
    statements.map(plan_of).collect()
}

#[test]
fn no_statement_reads_all_rewards_of_a_node_to_find_the_open_ones() {
    let mut searches = Vec::new();
    for (sql, lines) in query_plans() {
        // An ordered search ends at its limit, and one by a covering index at the smallest or greatest total.
        let reads_all = |line: &&String| {
            (line.starts_with("SEARCH rewards ") || line.starts_with("SEARCH unconfirmed "))
                && line.contains(" USING INDEX sqlite_autoindex_rewards_")
                && line.ends_with("(node_id=?)")
        };
        if !sql.contains("ORDER BY node_total_lamports") && !sql.contains("ORDER BY rewards.node_total_lamports") {
            searches.extend(lines.iter().filter(reads_all).map(|line| format!("{line}\n    {sql}")));
        }
    }
    assert!(searches.is_empty(), "{}", searches.join("\n"));
}

#[test]
fn no_statement_scans_a_table_that_grows() {
    let mut scans = Vec::new();
    for (sql, lines) in query_plans() {
        for line in lines {
            let Some(scanned) = line.strip_prefix("SCAN ") else { continue };
            let is_virtual = scanned.contains("VIRTUAL TABLE");
            if !is_virtual && !MAY_BE_SCANNED.iter().any(|name| scanned.starts_with(name)) {
                scans.push(format!("{line}\n    {sql}"));
            }
        }
    }
    assert!(scans.is_empty(), "{}", scans.join("\n"));
}
