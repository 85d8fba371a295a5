//! What is deleted of old settlements, and what is not.

use williw_relay::clock::Clock as _;
use williw_relay::database::{Database as _, Statement};
use williw_relay::engine::AttemptState;
use williw_relay::ledger::retention::{self, Pruned};
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

const DAYS: u32 = 30;

/// Everything that proves payments.
const PROOFS: [&str; 5] = [
    "SELECT json_group_array(json_array(id, node_id, amount_lamports, status, transaction_signature, batch_id)) AS rows \
        FROM (SELECT * FROM rewards ORDER BY sequence)",
    "SELECT json_group_array(json_array(id, kind, state, records_root, signature, entry_count)) AS rows \
        FROM (SELECT * FROM batches ORDER BY id)",
    "SELECT json_group_array(json_array(batch_id, position, node_id, wallet_address, target_lamports, outcome)) AS rows \
        FROM (SELECT * FROM batch_entries ORDER BY batch_id, position)",
    "SELECT json_group_array(json_array(batch_id, leaf_index, reward_sequence)) AS rows \
        FROM (SELECT * FROM batch_records ORDER BY batch_id, leaf_index)",
    "SELECT json_group_array(json_array(batch_id, number, state, signature, slot, fee_lamports)) AS rows \
        FROM (SELECT * FROM attempts ORDER BY id)",
];

impl EngineFixture {
    fn proofs(&self) -> Vec<String> {
        let read = |sql| block_on(self.database.query(Statement::new(sql))).expect("proofs are readable");
        PROOFS.into_iter().map(|sql| read(sql)[0].get("rows").expect("a text")).collect()
    }

    /// The number of log lines, and of attempts with bytes.
    fn prunable(&self) -> (u64, u64) {
        const SQL: &str = "SELECT CAST((SELECT COUNT(*) FROM settlement_steps) AS TEXT) AS lines, \
            CAST((SELECT COUNT(*) FROM attempts WHERE transaction_base64 IS NOT NULL) AS TEXT) AS bytes";
        let rows = block_on(self.database.query(Statement::new(SQL))).expect("rows are countable");
        (rows[0].get("lines").unwrap(), rows[0].get("bytes").unwrap())
    }

    /// Prunes until nothing is left to do, and returns the number of pieces.
    fn prune(&self) -> usize {
        let piece =
            || block_on(retention::prune(&self.database, self.clock.now_ms(), DAYS)).expect("a piece is pruned");
        (0..100).take_while(|_| piece() == Pruned::Piece).count()
    }
}

#[test]
fn bytes_and_log_lines_of_old_settlements_are_deleted_and_proofs_are_kept() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::payable("b")]);
    fixture.grant_many("a", 3, 1_000_000);
    fixture.settle();
    let (proofs, prunable) = (fixture.proofs(), fixture.prunable());
    assert!(prunable.0 > 3 && prunable.1 >= 2, "{prunable:?}");
    assert_eq!((fixture.prune(), fixture.prunable()), (0, prunable), "it is too new");

    fixture.advance_clock(i64::from(DAYS) * 86_400_000 + 3_600_000);
    assert_eq!((fixture.prune(), fixture.prunable()), (1, (0, 0)));
    assert_eq!(fixture.proofs(), proofs);
    assert_eq!(fixture.prune(), 0, "nothing is left to do");

    // The ledger goes on, and what is new is kept.
    fixture.grant("b", 2_000_000);
    fixture.settle();
    assert_eq!(fixture.prune(), 0);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 4);
    assert!(fixture.prunable().1 >= 2);
}

#[test]
fn nothing_of_an_open_settlement_is_deleted_however_old_it_is() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1_000_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    while !fixture.has_attempt_in(AttemptState::Sent) {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    fixture.advance_clock(365 * 86_400_000);
    let prunable = fixture.prunable();
    assert_eq!((fixture.prune(), fixture.prunable()), (0, prunable));
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_000);
}

#[test]
fn a_long_history_is_deleted_in_bounded_pieces_oldest_first() {
    const LINES: &str = "INSERT INTO settlement_steps (settlement_id, step, at, level, message) \
        WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500) \
        SELECT 1, 'plan', 0, 'info', 'line' FROM numbers";
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    for _ in 0..2 {
        fixture.grant("a", 1_000_000);
        fixture.settle();
        fixture.advance_time(60_000);
    }
    block_on(fixture.database.query(Statement::new(LINES))).unwrap();
    fixture.advance_clock(i64::from(DAYS) * 86_400_000);
    let lines = fixture.prunable().0;
    assert_eq!(block_on(retention::prune(&fixture.database, fixture.clock.now_ms(), DAYS)), Ok(Pruned::Piece));
    assert_eq!(fixture.prunable().0, lines - 1_000);
    assert_eq!(
        fixture.settlements()[1].steps.len() as u64 + 2_500 - 1_000,
        fixture.prunable().0 - first_lines(&fixture)
    );
    assert_eq!((fixture.prune(), fixture.prunable()), (3, (0, 0)));
}

/// The own log lines of the first settlement that are left beside the added ones.
fn first_lines(fixture: &EngineFixture) -> u64 {
    fixture.settlements()[0].step_count - 1_500
}

#[test]
fn a_request_that_is_repeated_after_its_key_was_deleted_grants_nothing() {
    use williw_relay::ledger::{Actor, rewards};
    use williw_relay::types::{Lamports, RewardDistribution};

    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    let key = "once".parse().unwrap();
    let grant = || {
        let entry = RewardDistribution {
            node_id: "a".parse().unwrap(),
            amount_lamports: Lamports::new(5).unwrap(),
            reason: None,
        };
        block_on(rewards::distribute(&fixture.database, &*fixture.clock, &Actor::operator(), &key, vec![entry]))
    };
    grant().unwrap();
    assert!(grant().unwrap().replayed);
    let prune = || block_on(retention::prune_keys(&fixture.database, fixture.clock.now_ms(), DAYS)).unwrap();
    assert_eq!(prune(), Pruned::Nothing);
    fixture.advance_clock(i64::from(DAYS) * 86_400_000 + 1);
    assert_eq!((prune(), prune()), (Pruned::Piece, Pruned::Nothing));
    grant().unwrap_err();
    assert_eq!(fixture.reward_sum("a"), 5);
}
