//! The ledger's database as the engine sees it: statements in, rows of text out.
//!
//! Both databases, SQLite and D1, take every parameter as text (or NULL) and give every column back as text (or
//! NULL). D1 passes numbers through f64, which rounds above 2⁵³: so integers are written `CAST(?1 AS INTEGER)` and
//! read `CAST(column AS TEXT)`, in SQL that is the same for both. A [`Statement`] can only hold SQL that is known at
//! compile time: values never become part of it.

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
pub(crate) use statements::statements;

/// What can go wrong in the database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// A constraint refused the write; nothing of the batch was written. Holds the database's message.
    #[error("the ledger refused the write: {0}")]
    Constraint(String),
    /// The database could not be reached, or the answer was lost: the write may or may not have happened.
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
    /// The statement or the schema is wrong (are the migrations applied?).
    #[error("the ledger cannot run the statement: {0}")]
    Statement(String),
    /// A row did not have the expected shape.
    #[error("the ledger holds an unexpected value: {0}")]
    Decode(String),
    /// The ledger does not let this caller in; nothing was written.
    #[error("the ledger refuses access: {0}")]
    Unauthorized(String),
}

impl DatabaseError {
    /// The error's name for programs, the same over HTTP and on the command line. It never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Constraint(_) => "LEDGER_CONSTRAINT",
            Self::Unavailable(_) => "LEDGER_UNAVAILABLE",
            Self::Statement(_) => "LEDGER_STATEMENT",
            Self::Decode(_) => "LEDGER_DECODE",
            Self::Unauthorized(_) => "LEDGER_UNAUTHORIZED",
        }
    }

    /// Whether the write was refused by the constraint called `name`.
    pub fn is_constraint(&self, name: &str) -> bool {
        matches!(self, Self::Constraint(message) if message.contains(name))
    }
}

/// A SQL database with atomic batches and no interactive transactions.
///
/// Futures need not be `Send`: the edge has none that are.
#[allow(async_fn_in_trait, reason = "the engine is generic over the trait and never needs Send")]
pub trait Database {
    /// Runs the statements in order in one transaction: all of them are written, or none.
    ///
    /// Returns one list of rows for each statement (empty where the statement returns none).
    ///
    /// # Errors
    /// See [`DatabaseError`]; only after [`DatabaseError::Unavailable`] is it unknown whether the batch was written.
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
    /// As for [`Database::batch`]; [`DatabaseError::Decode`] when there is not one result for each statement.
    async fn batch_of<const N: usize>(&self, statements: [Statement; N]) -> Result<[Vec<Row>; N], DatabaseError> {
        self.batch(statements.into())
            .await?
            .try_into()
            .map_err(|results: Vec<_>| DatabaseError::Decode(format!("{} results for {N} statements", results.len())))
    }
}

impl<D: Database + ?Sized> Database for &D {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        (**self).batch(statements).await
    }
}
