//! A ledger in a temporary directory, a manual clock, and direct access to the file that bypasses the code under test.

use rusqlite::Connection;
use solana_keypair::Keypair;
use solana_signer::Signer;
use tempfile::TempDir;
use williw_relay::clock::ManualClock;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::ledger::contributions::Recorded;
use williw_relay::ledger::rewards::DistributeOutcome;
use williw_relay::ledger::{Actor, LedgerError, contributions, nodes, rewards};
use williw_relay::types::{
    ComputeContribution, IdempotencyKey, Lamports, NewNode, NodeId, NodeInfo, PublicKey, RewardDistribution, RewardRate,
};

/// 2026-11-20 12:00:00 UTC.
pub(crate) const NOW_MS: i64 = 1_795_176_000_000;

pub(crate) struct Fixture {
    pub(crate) database: SqliteDatabase,
    pub(crate) clock: ManualClock,
    pub(crate) actor: Actor,
    directory: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let database = SqliteDatabase::open(&directory.path().join("ledger.sqlite3")).unwrap();
        Self { database, clock: ManualClock::at(NOW_MS), actor: Actor::operator(), directory }
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("ledger.sqlite3")
    }

    /// Runs a query, bypassing the code under test. Columns are returned as text separated by '|', and NULL as "NULL".
    pub(crate) fn read(&self, sql: &str) -> Vec<String> {
        let connection = Connection::open(self.file()).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let columns = (0..columns).map(|column| {
                Ok(match row.get::<_, rusqlite::types::Value>(column)? {
                    rusqlite::types::Value::Null => "NULL".to_owned(),
                    rusqlite::types::Value::Integer(value) => value.to_string(),
                    rusqlite::types::Value::Real(value) => value.to_string(),
                    rusqlite::types::Value::Text(value) => value,
                    rusqlite::types::Value::Blob(_) => "a blob".to_owned(),
                })
            });
            Ok(columns.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
        });
        rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }

    /// Runs SQL statements, bypassing the code under test.
    pub(crate) fn write(&self, sql: &str) {
        let connection = Connection::open(self.file()).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    /// The row counts of all tables that ledger operations write to, and the nodes' totals. They must not change if an
    /// operation is rejected.
    pub(crate) fn row_counts(&self) -> Vec<String> {
        self.read(
            "SELECT (SELECT COUNT(*) FROM nodes), (SELECT COUNT(*) FROM tasks), (SELECT COUNT(*) FROM contributions),
                (SELECT COUNT(*) FROM rewards), (SELECT COUNT(*) FROM idempotency_keys),
                (SELECT COUNT(*) FROM audit_log), (SELECT COUNT(*) FROM api_keys),
                (SELECT COUNT(*) FROM preconditions),
                (SELECT group_concat(id || ' ' || total_rewards_lamports || ' ' || contribution_count) FROM nodes)",
        )
    }

    pub(crate) async fn register(&self, id: &str) -> NodeInfo {
        let registration = nodes::register(&self.database, &self.clock, &self.actor, new_node(id, None)).await.unwrap();
        assert!(registration.created);
        registration.node
    }

    pub(crate) async fn record(&self, contribution: ComputeContribution) -> Result<Recorded, LedgerError> {
        contributions::record(&self.database, &self.clock, rate(1000), contribution).await
    }

    pub(crate) async fn distribute(
        &self,
        key: &str,
        entries: Vec<RewardDistribution>,
    ) -> Result<DistributeOutcome, LedgerError> {
        rewards::distribute(&self.database, &self.clock, &self.actor, &idempotency_key(key), entries).await
    }
}

pub(crate) fn node_id(id: &str) -> NodeId {
    id.parse().unwrap()
}

pub(crate) fn idempotency_key(key: &str) -> IdempotencyKey {
    key.parse().unwrap()
}

pub(crate) fn lamports(value: u64) -> Lamports {
    Lamports::new(value).unwrap()
}

pub(crate) fn rate(lamports_per_score: u64) -> RewardRate {
    RewardRate::new(lamports(lamports_per_score)).unwrap()
}

/// The public key of a key pair derived from `seed`.
pub(crate) fn public_key(seed: u8) -> PublicKey {
    PublicKey::try_from(Keypair::new_from_array([seed; 32]).pubkey()).unwrap()
}

pub(crate) fn new_node(id: &str, address: Option<PublicKey>) -> NewNode {
    NewNode { id: node_id(id), address, public_key: None, capabilities: None }
}

/// A contribution with score 5.
pub(crate) fn contribution(id: &str, node: &str) -> ComputeContribution {
    ComputeContribution {
        id: id.parse().unwrap(),
        node_id: node_id(node),
        task_id: "task-1".parse().unwrap(),
        compute_score: 5,
        duration_seconds: 60,
        samples_processed: 1000,
        gpu_usage_percent: Some(93.5.try_into().unwrap()),
        cpu_usage_percent: None,
        memory_used_mb: Some(2048),
        network_upload_mb: None,
        network_download_mb: Some(0),
        timestamp: NOW_MS - 1000,
    }
}

pub(crate) fn grant(node: &str, amount: u64) -> RewardDistribution {
    RewardDistribution { node_id: node_id(node), amount_lamports: lamports(amount), reason: None }
}
