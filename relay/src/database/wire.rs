//! The JSON format of statement batches, with which a standalone relay accesses a Worker's ledger over HTTP.
//!
//! Only SQL texts that [`known_statement`] finds are converted back to a [`Statement`], so the endpoint cannot run
//! arbitrary SQL.

use serde::{Deserialize, Serialize};

use super::{Row, Statement};
use crate::ledger::{known_statement, required_scope};
use crate::types::Scope;

/// The path of the endpoint, relative to the Worker's URL.
pub const BATCH_PATH: &str = "/v1/ledger/batch";

/// The maximum size of the JSON of a [`BatchRequest`], in bytes.
pub const MAX_REQUEST_BYTES: usize = 2 * 1024 * 1024;

/// A batch of SQL statements to run in one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchRequest {
    /// The statements, in the order in which they are run.
    pub statements: Vec<WireStatement>,
}

/// An SQL statement with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WireStatement {
    /// The SQL text. It must be identical to one of the ledger's statements.
    pub sql: String,
    /// The parameters in order; null stands for SQL NULL.
    #[serde(default)]
    pub parameters: Vec<Option<String>>,
}

/// The results of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchResults {
    /// The rows returned by each statement, in order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Vec<std::collections::BTreeMap<String, Option<String>>>>))]
    pub results: Vec<Vec<Row>>,
}

/// The SQL text is not one of the ledger's statements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "statement {position} is not one of this ledger's statements: use the same version of williw-relay and of the Worker"
)]
pub struct UnknownStatement {
    /// The index of the statement in the batch, starting at 0.
    pub position: usize,
}

impl BatchRequest {
    /// The scope that an API key needs to run the batch: [`Scope::Ledger`] if it consists only of statements that a
    /// relay runs, and otherwise [`Scope::Admin`].
    pub fn required_scope(&self) -> Scope {
        let admin = self.statements.iter().any(|statement| required_scope(&statement.sql) == Scope::Admin);
        if admin { Scope::Admin } else { Scope::Ledger }
    }

    /// Converts the batch to statements that can be run.
    ///
    /// # Errors
    /// [`UnknownStatement`] for the first statement that is not one of the ledger's.
    pub fn into_statements(self) -> Result<Vec<Statement>, UnknownStatement> {
        self.statements
            .into_iter()
            .enumerate()
            .map(|(position, WireStatement { sql, parameters })| {
                let sql = known_statement(&sql).ok_or(UnknownStatement { position })?;
                Ok(parameters.into_iter().fold(Statement::new(sql), Statement::bind))
            })
            .collect()
    }
}

impl From<&[Statement]> for BatchRequest {
    fn from(statements: &[Statement]) -> Self {
        let statements = statements
            .iter()
            .map(|statement| WireStatement {
                sql: statement.sql().to_owned(),
                parameters: statement.parameters().to_vec(),
            })
            .collect();
        Self { statements }
    }
}
