//! Opening the ledger given on the command line.

use williw_relay::database::remote::RemoteDatabase;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::database::{Database, DatabaseError, Row, Statement};

use crate::arguments::{ConnectionArguments, LedgerLocation};
use crate::environment;
use crate::error::CliError;

/// The ledger in a file, or that of a Worker.
pub(crate) enum Ledger {
    /// A local SQLite file.
    File(SqliteDatabase),
    /// A Worker's ledger, accessed over HTTP.
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

/// What to do if the ledger file does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfMissing {
    /// Create an empty ledger.
    Create,
    /// Return an error.
    Fail,
}

/// Opens the ledger.
pub(crate) fn open(connection: &ConnectionArguments, if_missing: IfMissing) -> Result<Ledger, CliError> {
    match location(connection)? {
        LedgerLocation::File(file) => Ok(Ledger::File(match if_missing {
            IfMissing::Create => SqliteDatabase::open(file)?,
            IfMissing::Fail => SqliteDatabase::open_existing(file)?,
        })),
        LedgerLocation::Worker(url) => worker(url),
    }
}

/// Opens a ledger that exists, without changing it. Returns the migrations that a file lacks as well.
pub(crate) fn inspect(connection: &ConnectionArguments) -> Result<(Ledger, Vec<&'static str>), CliError> {
    match location(connection)? {
        LedgerLocation::File(file) => {
            let (database, missing) = SqliteDatabase::open_unmigrated(file)?;
            Ok((Ledger::File(database), missing))
        }
        LedgerLocation::Worker(url) => Ok((worker(url)?, Vec::new())),
    }
}

fn location(connection: &ConnectionArguments) -> Result<&LedgerLocation, CliError> {
    connection.ledger.as_ref().ok_or_else(|| {
        CliError::Usage(
            "a ledger is required: pass --ledger with the path of an SQLite file or a Worker's URL, or set WILLIW_LEDGER".to_owned(),
        )
    })
}

fn worker(url: &str) -> Result<Ledger, CliError> {
    Ok(Ledger::Worker(RemoteDatabase::new(url, &environment::api_key()?)?))
}
