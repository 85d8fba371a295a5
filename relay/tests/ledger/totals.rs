//! Totals that an operator acts on: what is pending, and what of it is credited already.

use williw_relay::database::DatabaseError;
use williw_relay::ledger::part_credits;
use williw_relay::metrics::LedgerReading;

use crate::fixture::Fixture;

#[tokio::test]
async fn totals_below_zero_are_an_error_and_never_nothing() {
    let ledger = Fixture::new();
    assert!(LedgerReading::read(&ledger.database).await.is_ok());
    for column in [
        "unconfirmed_rewards",
        "unconfirmed_billions",
        "unconfirmed_rest",
        "settlements_done",
        "settlements_failed",
        "fees_lamports",
    ] {
        ledger.write(&format!("UPDATE totals SET {column} = -1"));
        let read = LedgerReading::read(&ledger.database).await;
        assert!(matches!(read, Err(DatabaseError::Decode(_))), "{column}: {read:?}");
        ledger.write(&format!("UPDATE totals SET {column} = 0"));
    }
    // One part may be negative: the sum counts.
    ledger.write("UPDATE totals SET unconfirmed_billions = 1, unconfirmed_rest = -1");
    assert_eq!(LedgerReading::read(&ledger.database).await.unwrap().pending_base_units, 999_999_999);
}

#[tokio::test]
async fn only_parts_of_pending_rewards_count_as_credited_already() {
    /// A node, its rewards with whether they are confirmed, and what the chain has credited.
    type Books = (&'static str, &'static [(u64, bool)], Option<u64>);

    let ledger = Fixture::new();
    let nodes: [Books; 6] = [
        ("a-none", &[(1_000, false)], None),
        ("b-part", &[(1_000, false)], Some(900)),
        ("c-second", &[(1_000, true), (500, false), (500, false)], Some(1_700)),
        ("d-above", &[(1_000, true), (500, false)], Some(9_999)),
        ("e-below", &[(1_000, true), (500, false)], Some(300)),
        ("f-all", &[(1_000, true)], Some(1_000)),
    ];
    for (node, rewards, credited) in nodes {
        ledger.register(node).await;
        let mut total = 0;
        for (amount, is_confirmed) in rewards {
            total += amount;
            let (status, at) = if *is_confirmed { ("confirmed", "0") } else { ("pending", "NULL") };
            ledger.write(&format!(
                "INSERT INTO rewards (id, node_id, amount_lamports, node_total_lamports, period, reason, status, distributed_at, created_at)
                    VALUES ('{node}-{total}', '{node}', {amount}, {total}, '2026-01-01', 'r', '{status}', {at}, 0)"
            ));
        }
        // Within a settlement, the oldest reward may just have been confirmed.
        ledger.write(&format!(
            "UPDATE nodes SET total_rewards_lamports = {total} WHERE id = '{node}';
            INSERT INTO payables (node_id, next_sequence) VALUES ('{node}', (SELECT MIN(sequence) FROM rewards WHERE node_id = '{node}'))
                ON CONFLICT (node_id) DO UPDATE SET next_sequence = excluded.next_sequence"
        ));
        if let Some(credited) = credited {
            ledger.write(&format!(
                "INSERT INTO wallets (node_id, wallet_address, owner, destination, destination_source, sol_balance_lamports,
                        credited_lamports, pending_rewards_lamports, total_rewards_distributed_lamports, threshold_lamports, last_slot,
                        last_updated_at)
                    VALUES ('{node}', 'w', 'o', 'd', 'default', 0, {credited}, 0, 0, 0, 0, 0)"
            ));
        }
    }
    assert_eq!(part_credits::sum(&ledger.database).await.unwrap(), 900 + 700 + 500);
}
