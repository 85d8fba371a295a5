//! The ledger's database on Cloudflare D1.
//!
//! Every parameter and every column is text or NULL, because D1 represents numbers as f64. A result is passed from
//! JavaScript as a single JSON string: one boundary crossing instead of one per value, and no type conversions.

mod error;

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue};
use williw_relay::database::{Database, DatabaseError, Row, Statement};
use worker::Env;
use worker::js_sys::futures::JsFuture;
use worker::js_sys::{self, Array};
use worker::worker_sys::types::{D1Database as RawDatabase, D1Result as RawResult};

use super::bindings::DATABASE_BINDING;
use error::classify;

/// The ledger in the D1 database of the binding `DB`.
#[derive(Clone)]
pub(crate) struct D1Ledger {
    env: Env,
    /// The number of statements that this ledger and its clones have run.
    statements: Rc<Cell<usize>>,
}

impl D1Ledger {
    pub(crate) fn from_env(env: &Env) -> Self {
        Self { env: env.clone(), statements: Rc::default() }
    }

    /// The number of statements that this ledger and its clones have run, also in batches that failed.
    pub(crate) fn statements(&self) -> usize {
        self.statements.get()
    }

    fn database(&self) -> Result<RawDatabase, DatabaseError> {
        let database = self.env.d1(DATABASE_BINDING).map_err(|error| {
            DatabaseError::Unavailable(format!(
                "the binding {DATABASE_BINDING} is not usable ({error}): check d1_databases in wrangler.jsonc"
            ))
        })?;
        Ok(JsValue::from(database).unchecked_into())
    }
}

impl Database for D1Ledger {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        // D1 rejects an empty batch.
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        self.statements.set(self.statements.get().saturating_add(statements.len()));
        let database = self.database()?;
        let prepared = Array::new();
        for statement in &statements {
            let parameters: Array = statement
                .parameters()
                .iter()
                .map(|parameter| parameter.as_deref().map_or(JsValue::NULL, JsValue::from_str))
                .collect();
            let bound = database.prepare(statement.sql()).and_then(|unbound| unbound.bind(parameters));
            prepared.push(&bound.map_err(database_error)?.into());
        }
        let results =
            JsFuture::from(database.batch(prepared).map_err(database_error)?).await.map_err(database_error)?;
        rows(&results)
    }
}

/// Decodes the rows of every statement of a batch.
fn rows(results: &JsValue) -> Result<Vec<Vec<Row>>, DatabaseError> {
    let decode_error = |problem: &str| DatabaseError::Decode(format!("invalid response from D1: {problem}"));
    let lists = results
        .dyn_ref::<Array>()
        .ok_or_else(|| decode_error("not an array of results"))?
        .iter()
        .map(|result| match result.unchecked_into::<RawResult>().results() {
            Ok(rows) => Ok(JsValue::from(rows.unwrap_or_default())),
            Err(_) => Err(decode_error("a result has no rows")),
        })
        .collect::<Result<Array, _>>()?;
    let text = js_sys::JSON::stringify(&lists).ok().and_then(|text| text.as_string());
    let text = text.ok_or_else(|| decode_error("not representable as JSON"))?;
    serde_json::from_str(&text).map_err(|error| decode_error(&error.to_string()))
}

/// Converts the value that D1 threw.
fn database_error(thrown: JsValue) -> DatabaseError {
    let message = thrown.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    classify(message.or_else(|| thrown.as_string()).unwrap_or_else(|| "error without a message".to_owned()))
}
