//! Chains with the program on them. Loading one costs more than most tests take: they get copies.

use std::sync::{LazyLock, Mutex, PoisonError};

use litesvm::LiteSVM;

/// A chain to copy.
pub type Loaded = LazyLock<Mutex<LiteSVM>>;

/// Puts the program on a chain.
pub fn load(mut svm: LiteSVM) -> Mutex<LiteSVM> {
    svm.add_program(settlement::ID, &super::program::bytes()).expect("the program loads");
    Mutex::new(svm)
}

/// A copy that is the test's own.
pub fn copy(chain: &Loaded) -> LiteSVM {
    chain.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The chain that tests run on unless they say otherwise.
pub fn chain() -> LiteSVM {
    static LOADED: Loaded = LazyLock::new(|| load(LiteSVM::new()));
    copy(&LOADED)
}
