//! The ledger's database on Cloudflare D1.
//!
//! Every parameter is text or NULL and every column is text or NULL, because D1 carries numbers as f64. A result
//! leaves JavaScript as one JSON text: one crossing instead of one for every value, and no second opinion about
//! types.

mod error;

use wasm_bindgen::{JsCast, JsValue};
use williw_relay::database::{Database, DatabaseError, Row, Statement};
use worker::Env;
use worker::js_sys::futures::JsFuture;
use worker::js_sys::{self, Array};
use worker::worker_sys::types::{D1Database as RawDatabase, D1Result as RawResult};

use super::bindings::DATABASE_BINDING;
use error::classify;

/// The D1 database of the binding `DB`.
pub struct D1Ledger {
    env: Env,
}

impl D1Ledger {
    /// The database that `env` binds.
    pub fn bound_to(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    fn database(&self) -> Result<RawDatabase, DatabaseError> {
        let database = self
            .env
            .d1(DATABASE_BINDING)
            .map_err(|error| DatabaseError::Unavailable(format!("the binding {DATABASE_BINDING}: {error}")))?;
        Ok(JsValue::from(database).unchecked_into())
    }
}

impl Database for D1Ledger {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        // D1 refuses an empty batch.
        if statements.is_empty() {
            return Ok(Vec::new());
        }
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

/// The rows of every statement of a batch.
fn rows(results: &JsValue) -> Result<Vec<Vec<Row>>, DatabaseError> {
    let decode = |what: &str| DatabaseError::Decode(format!("D1's answer: {what}"));
    let lists = results
        .dyn_ref::<Array>()
        .ok_or_else(|| decode("no list of results"))?
        .iter()
        .map(|result| match result.unchecked_into::<RawResult>().results() {
            Ok(rows) => Ok(JsValue::from(rows.unwrap_or_default())),
            Err(_) => Err(decode("a result without rows")),
        })
        .collect::<Result<Array, _>>()?;
    let text = js_sys::JSON::stringify(&lists).ok().and_then(|text| text.as_string());
    let text = text.ok_or_else(|| decode("no JSON"))?;
    serde_json::from_str(&text).map_err(|error| decode(&error.to_string()))
}

/// What a rejected promise of D1's means.
fn database_error(thrown: JsValue) -> DatabaseError {
    let message = thrown.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    classify(message.or_else(|| thrown.as_string()).unwrap_or_else(|| "an error without a message".to_owned()))
}
