//! What the tests of the engine stand on.

mod chain;
mod crash;
mod scenario;

pub use chain::LocalChain;
pub use crash::{Crash, CrashPoint, When};
pub use scenario::{NodeSpec, Scenario, block_on};
