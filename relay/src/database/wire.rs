//! Batches of statements as JSON: how a relay in a process of its own talks to a ledger behind HTTP.
//!
//! Only text that [`known_statement`] finds becomes a [`Statement`] again: the endpoint runs the ledger's own SQL and
//! nothing else.

use serde::{Deserialize, Serialize};

use super::{Row, Statement};
use crate::ledger::{known_statement, required_scope};
use crate::types::Scope;

/// The path of the endpoint below a Worker's URL.
pub const BATCH_PATH: &str = "/v1/ledger/batch";

/// A batch to run: the body of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchRequest {
    /// The statements, in order.
    pub statements: Vec<WireStatement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WireStatement {
    /// Its SQL, exactly as the ledger has it.
    pub sql: String,
    /// Its parameters in order; null is NULL.
    #[serde(default)]
    pub parameters: Vec<Option<String>>,
}

/// What a batch returned: the `data` of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchResults {
    /// The rows of each statement, in order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Vec<std::collections::BTreeMap<String, Option<String>>>>))]
    pub results: Vec<Vec<Row>>,
}

/// The SQL is none of the ledger's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("statement {position} is none of this ledger's: are both sides of the same version?")]
pub struct UnknownStatement {
    /// Which statement of the batch, counted from 0.
    pub position: usize,
}

impl BatchRequest {
    /// What a key must allow to run the batch: [`Scope::Ledger`] for all that a relay runs, [`Scope::Admin`] as soon
    /// as one statement is something else.
    pub fn required_scope(&self) -> Scope {
        let admin = self.statements.iter().any(|statement| required_scope(&statement.sql) == Scope::Admin);
        if admin { Scope::Admin } else { Scope::Ledger }
    }

    /// The statements to run.
    ///
    /// # Errors
    /// [`UnknownStatement`] for the first that the ledger does not know.
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
