//! A ledger in a folder of its own, a clock that stands still, and a witness that reads the file by itself.

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
pub const NOW_MS: i64 = 1_795_176_000_000;

pub struct Fixture {
    pub database: SqliteDatabase,
    pub clock: ManualClock,
    pub actor: Actor,
    folder: TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let database = SqliteDatabase::open(&folder.path().join("ledger.sqlite3")).unwrap();
        Self { database, clock: ManualClock::at(NOW_MS), actor: Actor::operator(), folder }
    }

    pub fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger.sqlite3")
    }

    /// What a reader beside the code under test finds; every column as text, NULL as "NULL".
    pub fn read(&self, sql: &str) -> Vec<String> {
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

    /// Writes past the code under test.
    pub fn write(&self, sql: &str) {
        let connection = Connection::open(self.file()).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    /// How many rows each table that an operation could touch has: what must not change when it is refused.
    pub fn row_counts(&self) -> Vec<String> {
        self.read(
            "SELECT (SELECT COUNT(*) FROM nodes), (SELECT COUNT(*) FROM tasks), (SELECT COUNT(*) FROM contributions),
                (SELECT COUNT(*) FROM rewards), (SELECT COUNT(*) FROM idempotency_keys),
                (SELECT COUNT(*) FROM audit_log), (SELECT COUNT(*) FROM api_keys),
                (SELECT COUNT(*) FROM preconditions),
                (SELECT group_concat(id || ' ' || total_rewards_lamports || ' ' || contribution_count) FROM nodes)",
        )
    }

    pub async fn register(&self, id: &str) -> NodeInfo {
        let (node, created) =
            nodes::register(&self.database, &self.clock, &self.actor, new_node(id, None)).await.unwrap();
        assert!(created);
        node
    }

    pub async fn record(&self, contribution: ComputeContribution) -> Result<Recorded, LedgerError> {
        contributions::record(&self.database, &self.clock, rate(1000), contribution).await
    }

    pub async fn distribute(
        &self,
        key: &str,
        entries: Vec<RewardDistribution>,
    ) -> Result<DistributeOutcome, LedgerError> {
        rewards::distribute(&self.database, &self.clock, &self.actor, &idempotency_key(key), entries).await
    }
}

pub fn node_id(id: &str) -> NodeId {
    id.parse().unwrap()
}

pub fn idempotency_key(key: &str) -> IdempotencyKey {
    key.parse().unwrap()
}

pub fn lamports(value: u64) -> Lamports {
    Lamports::new(value).unwrap()
}

pub fn rate(lamports_per_score: u64) -> RewardRate {
    RewardRate::new(lamports(lamports_per_score)).unwrap()
}

/// The public key of the key pair number `seed`.
pub fn public_key(seed: u8) -> PublicKey {
    PublicKey::try_from(Keypair::new_from_array([seed; 32]).pubkey()).unwrap()
}

pub fn new_node(id: &str, address: Option<PublicKey>) -> NewNode {
    NewNode { id: node_id(id), address, public_key: None, capabilities: None }
}

/// A contribution of score 5.
pub fn contribution(id: &str, node: &str) -> ComputeContribution {
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

pub fn grant(node: &str, amount: u64) -> RewardDistribution {
    RewardDistribution { node_id: node_id(node), amount_lamports: lamports(amount), reason: None }
}
