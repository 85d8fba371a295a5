//! The application state that handlers receive: ledger, clock, settlement object, settings, logger.
//!
//! It depends on interfaces only, so that the same routes run in workerd over D1 and in tests over SQLite.

use std::ops::Deref;
use std::rc::Rc;

use williw_relay::database::{Database, DatabaseError, Row, Statement};
use worker::send::SendWrapper;

use crate::log::RequestLogger;
use crate::runner::{BoxFuture, SettlementControl};
use crate::settings::Settings;
use crate::time::WorkersClock;

/// An object-safe [`Database`].
trait DynDatabase {
    fn batch(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, DatabaseError>>;
}

impl<D: Database> DynDatabase for D {
    fn batch(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, DatabaseError>> {
        Box::pin(Database::batch(self, statements))
    }
}

/// The ledger's database, whatever its implementation.
pub(crate) struct Ledger(Box<dyn DynDatabase>);

impl Ledger {
    pub(crate) fn new(database: impl Database + 'static) -> Self {
        Self(Box::new(database))
    }
}

impl Database for Ledger {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        self.0.batch(statements).await
    }
}

/// The parts of an [`AppState`].
pub(crate) struct AppParts {
    pub ledger: Ledger,
    pub clock: WorkersClock,
    pub settlement: Box<dyn SettlementControl>,
    pub settings: Settings,
    pub logger: Box<dyn RequestLogger>,
}

/// The state that axum passes to every handler.
///
/// axum requires the state to be `Send + Sync`. There is only one thread, both in a Worker and in a test on tokio's
/// current-thread runtime, so a [`SendWrapper`] satisfies that.
#[derive(Clone)]
pub(crate) struct AppState(SendWrapper<Rc<AppParts>>);

impl AppState {
    pub(crate) fn new(parts: AppParts) -> Self {
        Self(SendWrapper::new(Rc::new(parts)))
    }
}

impl Deref for AppState {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}
