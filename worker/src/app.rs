//! What handlers work with: the ledger, the time, the settlement object, the settings, the log.
//!
//! It names interfaces only, so that the same routes run in workerd over D1 and in a test over SQLite.

use std::ops::Deref;
use std::rc::Rc;

use williw_relay::database::{Database, DatabaseError, Row, Statement};
use worker::send::SendWrapper;

use crate::log::RequestLog;
use crate::runner::{BoxFuture, SettlementControl};
use crate::settings::Settings;
use crate::time::WorkersClock;

/// A [`Database`] that can be a trait object.
trait BoxedDatabase {
    fn batch(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, DatabaseError>>;
}

impl<D: Database> BoxedDatabase for D {
    fn batch(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, DatabaseError>> {
        Box::pin(Database::batch(self, statements))
    }
}

/// The ledger's database, whichever it is.
pub struct Ledger(Box<dyn BoxedDatabase>);

impl Ledger {
    /// The ledger in `database`.
    pub fn new(database: impl Database + 'static) -> Self {
        Self(Box::new(database))
    }
}

impl Database for Ledger {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        self.0.batch(statements).await
    }
}

/// The parts of an [`App`].
pub struct Parts {
    /// The ledger.
    pub ledger: Ledger,
    /// The time.
    pub clock: WorkersClock,
    /// The settlement object.
    pub settlement: Box<dyn SettlementControl>,
    /// The settings.
    pub settings: Settings,
    /// Where request lines go.
    pub log: Box<dyn RequestLog>,
}

/// What a handler works with.
///
/// axum asks for a state that may cross threads. There is one thread only: a Worker has no other, and neither has a
/// test with tokio's current-thread runtime.
#[derive(Clone)]
pub struct App(SendWrapper<Rc<Parts>>);

impl App {
    /// An app of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(SendWrapper::new(Rc::new(parts)))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
