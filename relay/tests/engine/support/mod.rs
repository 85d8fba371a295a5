//! Support for the engine's tests: a local cluster, injected crashes, and a fixture with typed reads of the ledger.

mod chain;
mod crash;
mod fixture;
mod ledger;
mod rpc;

pub(crate) use chain::{KeptLogs, LocalChain};
pub(crate) use crash::{Crash, CrashPoint, CrashTiming};
pub(crate) use fixture::{EngineFixture, NodeSpec, TRIGGER, block_on, node_id};
pub(crate) use ledger::Batch;
pub(crate) use rpc::{Answers, RpcNode};
