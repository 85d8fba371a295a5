//! Runtimes with the program loaded. Loading takes longer than most tests, so each test gets a copy.

use std::sync::{LazyLock, Mutex, PoisonError};

use agave_feature_set::FeatureSet;
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

/// A runtime in which all features are enabled, without the program.
pub(crate) fn all_features() -> LiteSVM {
    // The order of `LiteSVM::new`.
    LiteSVM::default()
        .with_feature_set(FeatureSet::all_enabled())
        .with_builtins()
        .with_lamports(1_000_000 * super::SOL)
        .with_sysvars()
        .with_feature_accounts()
        .with_default_programs()
        .with_sigverify(true)
        .with_blockhash_check(true)
}
