//! Typed reads of the ledger, for assertions.

use solana_pubkey::Pubkey;
use williw_relay::clock::Clock as _;
use williw_relay::database::{Database as _, Statement};
use williw_relay::engine::{AttemptState, BatchState, NodeState, Step};
use williw_relay::ledger::{rewards, settlements};
use williw_relay::transaction::{BatchKind, Format};
use williw_relay::types::{BatchStatus, RewardRecord, RewardStatus, SettlementStatus, UnknownValueError};

use super::{EngineFixture, block_on};

/// A row of `rewards`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reward {
    pub(crate) node: String,
    pub(crate) status: RewardStatus,
    pub(crate) hold_reason: Option<String>,
    pub(crate) signature: Option<String>,
}

/// A batch with its attempts, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) kind: BatchKind,
    pub(crate) state: BatchState,
    pub(crate) format: Format,
    pub(crate) entry_count: u64,
    pub(crate) records_root: String,
    pub(crate) signature: Option<String>,
    pub(crate) attempts: Vec<Attempt>,
}

impl Batch {
    /// The states of its attempts, oldest first.
    pub(crate) fn attempt_states(&self) -> Vec<AttemptState> {
        self.attempts.iter().map(|attempt| attempt.state).collect()
    }
}

/// One attempt to land a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) state: AttemptState,
    pub(crate) signature: Option<String>,
}

impl EngineFixture {
    /// The messages of all settlements, oldest first.
    pub(crate) fn log(&self) -> Vec<String> {
        let sql = "SELECT message FROM settlement_steps ORDER BY id";
        let rows = block_on(self.database.query(Statement::new(sql))).expect("the log is readable");
        rows.iter().map(|row| row.get("message").expect("a text")).collect()
    }

    /// All rewards in the order in which they were earned.
    pub(crate) fn rewards(&self) -> Vec<Reward> {
        const SQL: &str = "SELECT node_id, status, transaction_signature, \
            CASE status WHEN 'pending' THEN (SELECT hold_reason FROM payables WHERE payables.node_id = rewards.node_id) END \
            AS hold_reason FROM rewards ORDER BY sequence";
        let rows = block_on(self.database.query(Statement::new(SQL))).expect("rewards are readable");
        rows.iter()
            .map(|row| Reward {
                node: row.get("node_id").expect("a node id"),
                status: row.get("status").expect("a reward status"),
                hold_reason: row.optional("hold_reason").expect("a text"),
                signature: row.optional("transaction_signature").expect("a text"),
            })
            .collect()
    }

    /// The unconfirmed rewards as the API lists them.
    pub(crate) fn pending_rewards(&self) -> Vec<RewardRecord> {
        block_on(rewards::pending(&self.database, None, None, 500)).expect("rewards are listed").items
    }

    /// The hold reasons of all rewards in the order in which they were earned.
    pub(crate) fn hold_reasons(&self) -> Vec<Option<String>> {
        self.rewards().into_iter().map(|reward| reward.hold_reason).collect()
    }

    /// The number of rewards with this status.
    pub(crate) fn reward_count(&self, status: RewardStatus) -> usize {
        self.rewards().iter().filter(|reward| reward.status == status).count()
    }

    /// All settlements, oldest first.
    pub(crate) fn settlements(&self) -> Vec<SettlementStatus> {
        let latest = block_on(settlements::latest(&self.database)).expect("settlements are readable");
        (1..=latest.map_or(0, |settlement| settlement.id))
            .map(|id| block_on(settlements::get(&self.database, id)).expect("a settlement"))
            .collect()
    }

    /// The error of the latest settlement.
    pub(crate) fn latest_settlement_error(&self) -> Option<String> {
        self.settlements().pop().expect("a settlement").error
    }

    /// The number of settlements in progress.
    pub(crate) fn open_settlement_count(&self) -> usize {
        self.settlements().iter().filter(|settlement| settlement.finished_at.is_none()).count()
    }

    /// All batches of all settlements, oldest first.
    pub(crate) fn batches(&self) -> Vec<Batch> {
        self.settlements().into_iter().flat_map(|settlement| settlement.batches).map(|batch| typed(&batch)).collect()
    }

    /// All batches of one kind, oldest first.
    pub(crate) fn batches_of_kind(&self, kind: BatchKind) -> Vec<Batch> {
        self.batches().into_iter().filter(|batch| batch.kind == kind).collect()
    }

    /// The newest batch.
    pub(crate) fn latest_batch(&self) -> Batch {
        self.batches().pop().expect("a batch")
    }

    /// The attempts of all batches.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.batches().into_iter().flat_map(|batch| batch.attempts).collect()
    }

    /// Whether there are open payment batches, and the states of the attempts of each of them are as wanted.
    pub(crate) fn has_open_payments_that(&self, are_wanted: impl Fn(&[AttemptState]) -> bool) -> bool {
        let mut open = self.batches();
        open.retain(|batch| batch.state == BatchState::Planned && batch.kind != BatchKind::Register);
        !open.is_empty() && open.iter().all(|batch| are_wanted(&batch.attempt_states()))
    }

    /// The number of open batches.
    pub(crate) fn open_batch_count(&self) -> u64 {
        self.count("SELECT CAST(COUNT(*) AS TEXT) AS count FROM batches WHERE state = 'planned'")
    }

    /// The number of nodes of the open settlement that are in this state.
    pub(crate) fn nodes_in(&self, state: NodeState) -> u64 {
        const SQL: &str = "SELECT CAST(COUNT(*) AS TEXT) AS count FROM settlement_nodes WHERE state = ?1";
        self.count_with(Statement::new(SQL).bind(state.as_str()))
    }

    /// The number of entries that the program has skipped.
    pub(crate) fn skipped_entry_count(&self) -> u64 {
        self.count("SELECT CAST(COUNT(*) AS TEXT) AS count FROM batch_entries WHERE outcome = 'skipped'")
    }

    /// Sets the step of the open settlement.
    pub(crate) fn set_step(&self, step: Step) {
        const SQL: &str = "UPDATE settlements SET step = ?1 WHERE state = 'open'";
        block_on(self.database.query(Statement::new(SQL).bind(step.as_str()))).expect("the step is set");
    }

    /// Whether any attempt is in this state.
    pub(crate) fn has_attempt_in(&self, state: AttemptState) -> bool {
        self.attempts().iter().any(|attempt| attempt.state == state)
    }

    /// The compute unit prices of all attempts, oldest first, in micro-lamports.
    pub(crate) fn prices(&self) -> Vec<u64> {
        const SQL: &str = "SELECT CAST(compute_unit_price AS TEXT) AS price FROM attempts ORDER BY id";
        let rows = block_on(self.database.query(Statement::new(SQL))).expect("attempts are readable");
        rows.iter().map(|row| row.get("price").expect("a price")).collect()
    }

    /// Of each attempt, oldest first, the priority fee that it offers at most and the fee that it has paid, in lamports.
    pub(crate) fn attempt_fees(&self) -> Vec<(u64, Option<u64>)> {
        const SQL: &str = "SELECT CAST(priority_fee_lamports AS TEXT) AS priority, CAST(fee_lamports AS TEXT) AS paid \
            FROM attempts ORDER BY id";
        let rows = block_on(self.database.query(Statement::new(SQL))).expect("attempts are readable");
        rows.iter().map(|row| (row.get("priority").expect("a fee"), row.optional("paid").expect("a fee"))).collect()
    }

    /// The fees of all settlements, in lamports.
    pub(crate) fn fees(&self) -> u64 {
        self.settlements().iter().map(|settlement| settlement.fees_lamports.get()).sum()
    }

    /// The number of reward records that are covered by the Merkle roots of batches.
    pub(crate) fn batch_record_count(&self) -> u64 {
        self.count("SELECT CAST(COUNT(*) AS TEXT) AS count FROM batch_records")
    }

    /// The number of preconditions that a statement batch has left behind.
    pub(crate) fn precondition_count(&self) -> u64 {
        self.count("SELECT CAST(COUNT(*) AS TEXT) AS count FROM preconditions")
    }

    /// The number of corrections.
    pub(crate) fn correction_count(&self) -> u64 {
        self.count("SELECT CAST(COUNT(*) AS TEXT) AS count FROM rewards WHERE kind = 'correction'")
    }

    /// The number of entries in the audit log for this action.
    pub(crate) fn audit_entries(&self, action: &str) -> u64 {
        const SQL: &str = "SELECT CAST(COUNT(*) AS TEXT) AS count FROM audit_log WHERE action = ?1";
        self.count_with(Statement::new(SQL).bind(action))
    }

    /// The sum of the amounts of all rewards of a node, in lamports.
    pub(crate) fn reward_sum(&self, node: &str) -> u64 {
        const SQL: &str = "SELECT CAST(SUM(amount_lamports) AS TEXT) AS count FROM rewards WHERE node_id = ?1";
        self.count_with(Statement::new(SQL).bind(node))
    }

    /// The amounts of all rewards of a node but its corrections, in the order in which they were earned.
    pub(crate) fn amounts(&self, node: &str) -> Vec<u64> {
        const SQL: &str = "SELECT CAST(amount_lamports AS TEXT) AS amount FROM rewards \
            WHERE node_id = ?1 AND kind <> 'correction' ORDER BY sequence";
        let rows = block_on(self.database.query(Statement::new(SQL).bind(node))).expect("rewards are readable");
        rows.iter().map(|row| row.get("amount").expect("an amount")).collect()
    }

    /// Deletes the reward of a node with this amount, as a damaged ledger would have lost it.
    pub(crate) fn delete_reward_of(&self, node: &str, amount: u64) {
        const SQL: &str = "DELETE FROM rewards WHERE node_id = ?1 AND amount_lamports = CAST(?2 AS INTEGER)";
        block_on(self.database.query(Statement::new(SQL).bind(node).bind(amount))).expect("the reward is deleted");
    }

    /// Puts all pending rewards into the latest batch, which is closed, as a ledger that was edited could have them.
    pub(crate) fn strand_rewards(&self) {
        const SQL: &str = "UPDATE rewards SET status = 'batched', batch_id = (SELECT MAX(id) FROM batches) \
            WHERE status = 'pending'";
        block_on(self.database.query(Statement::new(SQL))).expect("the rewards are changed");
    }

    /// Sets the highest total that the ledger has signed for a node, as a batch does whose outcome is lost.
    pub(crate) fn sign_for(&self, node: &str, total: u64) {
        const SQL: &str = "UPDATE payables SET signed_lamports = CAST(?2 AS INTEGER) WHERE node_id = ?1";
        block_on(self.database.query(Statement::new(SQL).bind(node).bind(total))).expect("the total is set");
    }

    /// Sets the slot at which the ledger says that it has read the treasury and a node's wallet account.
    pub(crate) fn set_read_slot(&self, node: &str, slot: u64) {
        const WALLET: &str = "UPDATE wallets SET last_slot = CAST(?2 AS INTEGER) WHERE node_id = ?1";
        const TREASURY: &str = "UPDATE treasury SET last_slot = CAST(?1 AS INTEGER)";
        let statements = vec![Statement::new(WALLET).bind(node).bind(slot), Statement::new(TREASURY).bind(slot)];
        block_on(self.database.batch(statements)).expect("the slots are set");
    }

    /// Makes the pending amount of a node due for a payout, by its amount or by its age, in the ledger's copy.
    pub(crate) fn make_due(&self, node: &str, by_age: bool) {
        const BY_AMOUNT: &str = "UPDATE wallets SET threshold_lamports = 1 WHERE node_id = ?1";
        const BY_AGE: &str = "UPDATE wallets SET oldest_unpaid_at = 0 WHERE node_id = ?1";
        let sql = if by_age { BY_AGE } else { BY_AMOUNT };
        block_on(self.database.query(Statement::new(sql).bind(node))).expect("the copy is changed");
    }

    /// The nodes of the open settlement, in the order of their ids.
    pub(crate) fn chosen_nodes(&self) -> Vec<String> {
        let rows =
            block_on(self.database.query(Statement::new("SELECT node_id FROM settlement_nodes ORDER BY node_id")));
        rows.expect("the nodes are readable").iter().map(|row| row.get("node_id").expect("an id")).collect()
    }

    /// Ends the open settlement before it has read a node.
    pub(crate) fn abandon_settlement(&self) {
        const CLOSE: &str = "UPDATE settlements SET state = 'done' WHERE state = 'open'";
        let statements = vec![Statement::new(CLOSE), Statement::new("DELETE FROM settlement_nodes")];
        block_on(self.database.batch(statements)).expect("the settlement is closed");
    }

    /// Records a lookup table for each wallet account, and one for each destination. None of them is on the chain.
    pub(crate) fn record_tables_of_one_address_each(&self) {
        const TABLES: &str = "INSERT INTO lookup_tables (address, state, address_count, created_at, updated_at) \
            SELECT value, 'open', 1, 1, 1 FROM json_each(?1)";
        const ADDRESSES: &str = "INSERT INTO lookup_addresses (address, table_address, position) \
            SELECT addresses.value, tables.value, 0 FROM json_each(?1) AS tables \
                JOIN json_each(?2) AS addresses ON addresses.key = tables.key";
        let sql = "SELECT wallet_address AS address FROM wallets UNION ALL SELECT destination FROM wallets";
        let rows = block_on(self.database.query(Statement::new(sql))).expect("wallets are readable");
        let addresses: Vec<String> = rows.iter().map(|row| row.get("address").expect("an address")).collect();
        let tables: Vec<String> = addresses.iter().map(|_| Pubkey::new_unique().to_string()).collect();
        let (tables, addresses) = (serde_json::json!(tables).to_string(), serde_json::json!(addresses).to_string());
        let statements = vec![
            Statement::new(TABLES).bind(tables.as_str()),
            Statement::new(ADDRESSES).bind(tables.as_str()).bind(addresses),
        ];
        block_on(self.database.batch(statements)).expect("the tables are recorded");
    }

    /// How long the lease is still held, in milliseconds.
    pub(crate) fn lease_remaining_ms(&self) -> i64 {
        let expires_at = self.count("SELECT CAST(MAX(expires_at) AS TEXT) AS count FROM leases");
        (expires_at as i64 - self.clock.now_ms()).max(0)
    }

    /// The ledger's copy of what the treasury holds, in base units.
    pub(crate) fn mirrored_treasury_balance(&self) -> u64 {
        self.count("SELECT CAST(balance_lamports AS TEXT) AS count FROM treasury")
    }

    pub(crate) fn count(&self, sql: &'static str) -> u64 {
        self.count_with(Statement::new(sql))
    }

    fn count_with(&self, statement: Statement) -> u64 {
        let rows = block_on(self.database.query(statement)).expect("rows are countable");
        rows[0].get("count").expect("a count")
    }

    /// The ids of all rewards in the order in which they were earned.
    pub(crate) fn reward_ids(&self) -> Vec<String> {
        let rows = block_on(self.database.query(Statement::new("SELECT id FROM rewards ORDER BY sequence")));
        rows.expect("rewards are readable").iter().map(|row| row.get("id").expect("an id")).collect()
    }

    /// Changes the period of a reward, as nobody should.
    pub(crate) fn set_period_of(&self, reward: &str, period: &str) {
        const SQL: &str = "UPDATE rewards SET period = ?2 WHERE id = ?1";
        block_on(self.database.query(Statement::new(SQL).bind(reward).bind(period))).expect("the reward is changed");
    }

    /// Binds the ledger to a cluster, program, network or asset.
    pub(crate) fn bind(&self, name: &str, value: &str) {
        const SQL: &str = "INSERT INTO ledger_binding (name, value) VALUES (?1, ?2)";
        block_on(self.database.query(Statement::new(SQL).bind(name).bind(value))).expect("the ledger is not bound yet");
    }
}

fn typed(batch: &BatchStatus) -> Batch {
    Batch {
        kind: parse(&batch.kind),
        state: parse(&batch.state),
        format: parse(&batch.format),
        entry_count: batch.entry_count,
        records_root: batch.records_root.clone(),
        signature: batch.signature.clone(),
        attempts: batch
            .attempts
            .iter()
            .map(|attempt| Attempt { state: parse(&attempt.state), signature: attempt.signature.clone() })
            .collect(),
    }
}

fn parse<T: std::str::FromStr<Err = UnknownValueError>>(text: &impl ToString) -> T {
    text.to_string().parse().expect("a known word")
}
