//! Queries for settlements.

use williw_relay::ledger::progress::{self, SettlementProgress};
use williw_relay::ledger::{LedgerError, settlements};

use crate::fixture::{Fixture, NOW_MS};

fn insert_settlement(ledger: &Fixture, id: i64, state: &str) {
    ledger.write(&format!(
        "INSERT INTO settlements (id, trigger, state, step, started_at, updated_at, credited_lamports, paid_lamports, fees_lamports)
        VALUES ({id}, 'cli', '{state}', 'submit', {NOW_MS}, {NOW_MS}, 9223372036854775807, 2, 5000)"
    ));
}

#[tokio::test]
async fn an_empty_ledger_has_no_settlement() {
    let ledger = Fixture::new();
    assert_eq!(settlements::latest(&ledger.database).await.unwrap(), None);
    assert_eq!(settlements::get(&ledger.database, 1).await, Err(LedgerError::UnknownSettlement(1)));
}

#[tokio::test]
async fn a_settlement_includes_its_log_batches_and_attempts() {
    let ledger = Fixture::new();
    insert_settlement(&ledger, 1, "done");
    insert_settlement(&ledger, 2, "open");
    ledger.write(&format!(
        "INSERT INTO settlement_steps (settlement_id, step, at, level, message) VALUES
            (1, 'plan', {NOW_MS}, 'info', 'other settlement'), (2, 'validate', {NOW_MS}, 'info', 'one'), (2, 'submit', {NOW_MS} + 1, 'warn', 'two');
        INSERT INTO batches (id, settlement_id, kind, state, format, entry_count, records_root, created_at, updated_at) VALUES
            (1, 1, 'credit', 'confirmed', 'v1', 60, 'aa', 0, 0), (2, 2, 'settle', 'planned', 'v0', 30, 'bb', 0, 0),
            (3, 2, 'credit', 'planned', 'v1', 2, 'cc', 0, 0);
        INSERT INTO attempts (batch_id, number, state, signature, transaction_base64, last_valid_block_height,
            compute_unit_limit, loaded_accounts_data_limit, compute_unit_price, priority_fee_lamports, slot, error,
            created_at, updated_at) VALUES
            (1, 1, 'finalized', 's0', 'tx', 5, 1, 1, 1, 1, 6, NULL, 0, 0),
            (2, 1, 'expired', 's1', 'tx', 9223372036854775807, 1, 1, 1, 1, NULL, NULL, 0, 0),
            (2, 2, 'sent', 's2', 'tx', 200, 1, 1, 1, 1, NULL, 'late', 0, 0);"
    ));
    let latest = settlements::latest(&ledger.database).await.unwrap().unwrap();
    assert_eq!(settlements::get(&ledger.database, 2).await.unwrap(), latest);
    assert_eq!((latest.id, latest.state.as_str(), latest.step.as_str()), (2, "open", "submit"));
    assert_eq!(latest.credited_lamports.get(), i64::MAX as u64);
    let log: Vec<_> = latest.steps.iter().map(|line| (line.level.as_str(), line.message.as_str())).collect();
    assert_eq!(log, [("info", "one"), ("warn", "two")]);
    assert_eq!((latest.step_count, latest.batch_count), (2, 2));
    let batches: Vec<_> = latest.batches.iter().map(|batch| (batch.id, batch.attempts.len())).collect();
    assert_eq!(batches, [(2, 2), (3, 0)]);
    let attempts = &latest.batches[0].attempts;
    assert_eq!((attempts[0].number, attempts[0].last_valid_block_height), (1, Some(i64::MAX as u64)));
    assert_eq!((attempts[1].state.as_str(), attempts[1].error.as_deref()), ("sent", Some("late")));
}

#[tokio::test]
async fn a_large_settlement_is_truncated_and_reports_total_counts() {
    let ledger = Fixture::new();
    insert_settlement(&ledger, 1, "open");
    ledger.write(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
        INSERT INTO settlement_steps (settlement_id, step, at, level, message) SELECT 1, 'submit', i, 'info', 'line ' || i FROM n;
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)
        INSERT INTO batches (settlement_id, kind, state, format, entry_count, records_root, created_at, updated_at)
            SELECT 1, 'credit', 'planned', 'v1', 60, '', 0, 0 FROM n;",
    );
    let shown = settlements::latest(&ledger.database).await.unwrap().unwrap();
    assert_eq!((shown.step_count, shown.steps.len()), (1200, 500));
    assert_eq!((shown.steps[0].message.as_str(), shown.steps[499].message.as_str()), ("line 701", "line 1200"));
    assert_eq!((shown.batch_count, shown.batches.len()), (700, 500));
    assert_eq!((shown.batches[0].id, shown.batches[499].id), (201, 700));
}

#[tokio::test]
async fn a_node_is_done_once_it_is_held_or_in_no_open_payment() {
    let ledger = Fixture::new();
    insert_settlement(&ledger, 1, "done");
    assert_eq!(progress::of_open_settlement(&ledger.database).await.unwrap(), None);
    insert_settlement(&ledger, 2, "open");
    let states = ["selected", "missing", "registering", "read", "held", "planned", "planned", "planned", "planned"];
    for (position, state) in states.into_iter().enumerate() {
        ledger.register(&format!("n{position}")).await;
        ledger.write(&format!("INSERT INTO settlement_nodes VALUES ({position}, 'n{position}', '{state}')"));
    }
    ledger.write(
        "INSERT INTO batches (id, settlement_id, kind, state, format, entry_count, records_root, created_at, updated_at) VALUES
            (1, 1, 'credit', 'planned', 'v1', 60, '', 0, 0), (2, 2, 'register', 'planned', 'v1', 1, '', 0, 0),
            (3, 2, 'settle', 'planned', 'v0', 1, '', 0, 0), (4, 2, 'credit', 'planned', 'v1', 1, '', 0, 0),
            (5, 2, 'credit', 'confirmed', 'v1', 1, '', 0, 0), (6, 2, 'credit', 'planned', 'v1', 1, '', 0, 0);
        INSERT INTO attempts (batch_id, number, state, signature, transaction_base64, last_valid_block_height,
            compute_unit_limit, loaded_accounts_data_limit, compute_unit_price, priority_fee_lamports, created_at, updated_at)
            VALUES (1, 1, 'sent', 's1', 't', 1, 1, 1, 1, 1, 0, 0), (3, 1, 'expired', 's2', 't', 1, 1, 1, 1, 1, 0, 0),
                (3, 2, 'sent', 's3', 't', 1, 1, 1, 1, 1, 0, 0), (4, 1, 'planned', NULL, NULL, NULL, 1, 1, 1, 1, 0, 0);",
    );
    let found = progress::of_open_settlement(&ledger.database).await.unwrap();
    let expected = SettlementProgress { settlement_id: 2, nodes: 9, done: 2, batches_in_flight: 1 };
    assert_eq!(found, Some(expected));
}
