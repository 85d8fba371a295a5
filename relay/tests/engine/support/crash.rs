//! Simulates a process that crashes at a chosen external call, before or after the call takes effect.

use std::cell::Cell;

use williw_relay::chain::{Chain, ChainError};
use williw_relay::database::{Database, DatabaseError, Row, Statement};

use super::around::{Around, Surrounded};

/// Whether the crash happens before or after the call takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CrashTiming {
    BeforeEffect,
    AfterEffect,
}

/// Counts external calls. The call with number `at` and all later ones fail: a crashed process makes no calls.
#[derive(Debug)]
pub(crate) struct CrashPoint {
    at: u64,
    timing: CrashTiming,
    calls: Cell<u64>,
}

impl CrashPoint {
    pub(crate) fn new(at: u64, timing: CrashTiming) -> Self {
        Self { at, timing, calls: Cell::new(0) }
    }

    /// A process that does not crash.
    pub(crate) fn never() -> Self {
        Self::new(u64::MAX, CrashTiming::BeforeEffect)
    }

    /// The number of calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// `database` as the process sees it.
    pub(crate) fn database<'a, D: Database>(&'a self, database: &'a D) -> CrashingDatabase<'a, D> {
        CrashingDatabase { database, point: self }
    }

    /// `chain` as the process sees it.
    pub(crate) fn chain<'a, C: Chain>(&'a self, chain: &'a C) -> Surrounded<'a, C, &'a Self> {
        Surrounded { chain, around: self }
    }

    async fn call<T, E: Clone>(&self, crashed: E, effect: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let number = self.calls.get();
        self.calls.set(number + 1);
        if number > self.at || (number == self.at && self.timing == CrashTiming::BeforeEffect) {
            return Err(crashed);
        }
        let result = effect.await;
        if number == self.at { Err(crashed) } else { result }
    }
}

/// A database behind a [`CrashPoint`].
pub(crate) struct CrashingDatabase<'a, D> {
    database: &'a D,
    point: &'a CrashPoint,
}

impl<T: Database> Database for CrashingDatabase<'_, T> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let crashed = DatabaseError::Unavailable("the process has crashed".to_owned());
        self.point.call(crashed, self.database.batch(statements)).await
    }
}

impl Around for &CrashPoint {
    async fn call<T>(
        &self,
        _name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        CrashPoint::call(self, ChainError::Unreachable("the process has crashed".to_owned()), call).await
    }
}
