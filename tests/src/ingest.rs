//! Ways to register nodes and to record contributions: over HTTP, or in an SQLite file through the relay's library.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Runtime;
use williw_relay::clock::SystemClock;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::ledger::{Actor, contributions, nodes};
use williw_relay::types::{Lamports, RewardRate};

use crate::HarnessError;
use crate::api::Api;

/// Accepts registrations and contributions in the JSON format of the API.
pub trait Ingest {
    /// Registers a node. `body` is the body of `POST /v1/nodes`.
    ///
    /// # Errors
    /// [`HarnessError::Unexpected`] if the registration is rejected.
    fn register_node(&self, body: &Value) -> Result<(), HarnessError>;

    /// Records a contribution. `body` is the body of `POST /v1/contributions`.
    ///
    /// # Errors
    /// [`HarnessError::Unexpected`] if the contribution is rejected.
    fn record_contribution(&self, body: &Value) -> Result<(), HarnessError>;
}

impl Ingest for Api {
    fn register_node(&self, body: &Value) -> Result<(), HarnessError> {
        self.post("/v1/nodes", body)?.data().map(drop)
    }

    fn record_contribution(&self, body: &Value) -> Result<(), HarnessError> {
        self.post("/v1/contributions", body)?.data().map(drop)
    }
}

/// Writes to an SQLite ledger, which has no HTTP API.
pub struct SqliteIngest {
    runtime: Runtime,
    database: SqliteDatabase,
    rate: RewardRate,
}

impl SqliteIngest {
    /// Opens the ledger in `file`, creating it if it does not exist.
    ///
    /// # Errors
    /// [`HarnessError::Unexpected`] with the library's error.
    pub fn open(file: &Path, lamports_per_score: u64) -> Result<Self, HarnessError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(HarnessError::io("creating an async runtime"))?;
        let rate = Lamports::new(lamports_per_score).map_err(unexpected)?;
        Ok(Self {
            runtime,
            database: SqliteDatabase::open(file).map_err(unexpected)?,
            rate: RewardRate::new(rate).map_err(unexpected)?,
        })
    }
}

impl Ingest for SqliteIngest {
    fn register_node(&self, body: &Value) -> Result<(), HarnessError> {
        let actor = Actor::command_line();
        let register = nodes::register(&self.database, &SystemClock, &actor, parse(body)?);
        self.runtime.block_on(register).map(drop).map_err(unexpected)
    }

    fn record_contribution(&self, body: &Value) -> Result<(), HarnessError> {
        let record = contributions::record(&self.database, &SystemClock, self.rate, parse(body)?);
        self.runtime.block_on(record).map(drop).map_err(unexpected)
    }
}

fn parse<T: DeserializeOwned>(body: &Value) -> Result<T, HarnessError> {
    T::deserialize(body).map_err(unexpected)
}

fn unexpected(error: impl std::fmt::Display) -> HarnessError {
    HarnessError::Unexpected(error.to_string())
}
