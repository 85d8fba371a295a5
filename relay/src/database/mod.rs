//! The interface to the ledger's database.
//!
//! With both SQLite and D1, every parameter is bound as text (or NULL) and every column is read as text (or NULL). D1
//! converts numbers to f64, which loses precision above 2⁵³; integers are therefore written with `CAST(?1 AS INTEGER)`
//! and read with `CAST(column AS TEXT)`. A [`Statement`] can only contain SQL known at compile time, so values never
//! become part of the SQL text.

pub mod conformance;
#[cfg(feature = "native")]
pub mod remote;
mod row;
#[cfg(feature = "native")]
pub mod sqlite;
mod statement;
mod statements;
pub mod wire;

pub use row::Row;
pub use statement::{IntoParameter, Statement};
pub(crate) use statements::{now_ms, statements};

/// An error of the database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The batch violated a constraint and was rolled back. Contains the database's message.
    #[error("the ledger rejected the write: {0}")]
    Constraint(String),
    /// The database could not be reached, or its response was lost: the batch may or may not have been written.
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
    /// The statement failed, for example because migrations have not been applied.
    #[error("the ledger cannot run the statement: {0}")]
    Statement(String),
    /// A result could not be decoded.
    #[error("the ledger returned an unexpected value: {0}")]
    Decode(String),
    /// Authentication or authorization failed; nothing was written.
    #[error("the ledger denied access: {0}")]
    Unauthorized(String),
}

impl DatabaseError {
    /// The stable, machine-readable code of the error, the same over HTTP and on the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Constraint(_) => "LEDGER_CONSTRAINT",
            Self::Unavailable(_) => "LEDGER_UNAVAILABLE",
            Self::Statement(_) => "LEDGER_STATEMENT",
            Self::Decode(_) => "LEDGER_DECODE",
            Self::Unauthorized(_) => "LEDGER_UNAUTHORIZED",
        }
    }

    /// Whether the write violated the constraint called `name`.
    pub fn is_constraint(&self, name: &str) -> bool {
        matches!(self, Self::Constraint(message) if message.contains(name))
    }
}

/// An SQL database with atomic batches, but without interactive transactions.
///
/// Futures are not required to be `Send`, because those of the Workers runtime are not.
#[allow(async_fn_in_trait, reason = "the engine is generic over the trait and never needs Send")]
pub trait Database {
    /// Runs the statements in order, in one transaction.
    ///
    /// Returns one list of rows per statement, empty for statements that return no rows.
    ///
    /// # Errors
    /// See [`DatabaseError`]. After any error but [`DatabaseError::Unavailable`], nothing was written.
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError>;

    /// Runs one statement and returns its rows.
    ///
    /// # Errors
    /// As for [`Database::batch`].
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
        let [rows] = self.batch_of([statement]).await?;
        Ok(rows)
    }

    /// Runs a fixed number of statements as [`Database::batch`] does.
    ///
    /// # Errors
    /// As for [`Database::batch`]; [`DatabaseError::Decode`] if the number of results does not match.
    async fn batch_of<const N: usize>(&self, statements: [Statement; N]) -> Result<[Vec<Row>; N], DatabaseError> {
        self.batch(statements.into())
            .await?
            .try_into()
            .map_err(|results: Vec<_>| DatabaseError::Decode(format!("expected {N} results, got {}", results.len())))
    }
}

impl<D: Database + ?Sized> Database for &D {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        (**self).batch(statements).await
    }
}
