//! Where nodes and their work come into a ledger: over HTTP, or through the relay's library into a SQLite file.

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

/// Takes registrations and reports in the API's JSON.
pub trait Intake {
    /// Registers a node, the body of `POST /v1/nodes`.
    ///
    /// # Errors
    /// [`HarnessError::Unexpected`] when it is refused.
    fn node(&self, body: &Value) -> Result<(), HarnessError>;

    /// Reports work, the body of `POST /v1/contributions`.
    ///
    /// # Errors
    /// [`HarnessError::Unexpected`] when it is refused.
    fn contribution(&self, body: &Value) -> Result<(), HarnessError>;
}

impl Intake for Api {
    fn node(&self, body: &Value) -> Result<(), HarnessError> {
        self.post("/v1/nodes", body)?.data().map(drop)
    }

    fn contribution(&self, body: &Value) -> Result<(), HarnessError> {
        self.post("/v1/contributions", body)?.data().map(drop)
    }
}

/// The intake of a SQLite ledger, which has no API of its own.
pub struct FileIntake {
    runtime: Runtime,
    database: SqliteDatabase,
    rate: RewardRate,
}

impl FileIntake {
    /// Opens the ledger in `file`, or makes one.
    ///
    /// # Errors
    /// [`HarnessError::Unexpected`] with what the library says.
    pub fn open(file: &Path, lamports_per_score: u64) -> Result<Self, HarnessError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(HarnessError::io("making an async runtime"))?;
        let rate = Lamports::new(lamports_per_score).map_err(unexpected)?;
        Ok(Self {
            runtime,
            database: SqliteDatabase::open(file).map_err(unexpected)?,
            rate: RewardRate::new(rate).map_err(unexpected)?,
        })
    }
}

impl Intake for FileIntake {
    fn node(&self, body: &Value) -> Result<(), HarnessError> {
        let actor = Actor::command_line();
        let register = nodes::register(&self.database, &SystemClock, &actor, parse(body)?);
        self.runtime.block_on(register).map(drop).map_err(unexpected)
    }

    fn contribution(&self, body: &Value) -> Result<(), HarnessError> {
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
