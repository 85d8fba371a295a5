//! What the tests of the engine stand on.

mod chain;
mod crash;
mod fixture;

pub use chain::LocalChain;
pub use crash::{Crash, CrashPoint, When};
pub use fixture::{NodeSpec, Scenario, block_on};
