//! Runtimes with the program loaded. Loading takes longer than most tests, so each test gets a copy.

use std::sync::{LazyLock, Mutex, PoisonError};

use litesvm::LiteSVM;

/// A runtime that is set up once and copied for each test.
pub(crate) type CachedRuntime = LazyLock<Mutex<LiteSVM>>;

/// Loads the program into a runtime.
pub(crate) fn load(mut svm: LiteSVM) -> Mutex<LiteSVM> {
    svm.add_program(settlement::ID, &super::program::bytes()).expect("the program loads");
    Mutex::new(svm)
}

/// A copy for the calling test alone.
pub(crate) fn copy(cached: &CachedRuntime) -> LiteSVM {
    cached.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The default runtime of these tests.
pub(crate) fn runtime() -> LiteSVM {
    static DEFAULT: CachedRuntime = LazyLock::new(|| load(LiteSVM::new()));
    copy(&DEFAULT)
}
