//! The ledger that the command line names.

use williw_relay::database::remote::RemoteDatabase;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::database::{Database, DatabaseError, Row, Statement};

use crate::arguments::{LedgerLocation, Location};
use crate::environment;
use crate::failure::Failure;

/// Either of the two.
pub enum Ledger {
    /// In a SQLite file.
    File(SqliteDatabase),
    /// Behind a Worker.
    Worker(RemoteDatabase),
}

impl Database for Ledger {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        match self {
            Self::File(database) => database.batch(statements).await,
            Self::Worker(database) => database.batch(statements).await,
        }
    }
}

/// What to do when the file does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WhenMissing {
    /// Create it.
    Create,
    /// Say so.
    Refuse,
}

/// Opens the ledger.
pub fn open(at: &Location, when_missing: WhenMissing) -> Result<Ledger, Failure> {
    match &at.ledger {
        None => Err(Failure::Usage(
            "no ledger is named: pass --ledger with an SQLite file or a Worker's URL, or set WILLIW_LEDGER".to_owned(),
        )),
        Some(LedgerLocation::File(file)) => Ok(Ledger::File(match when_missing {
            WhenMissing::Create => SqliteDatabase::open(file)?,
            WhenMissing::Refuse => SqliteDatabase::open_existing(file)?,
        })),
        Some(LedgerLocation::Worker(url)) => Ok(Ledger::Worker(RemoteDatabase::new(url, &environment::api_key()?)?)),
    }
}
