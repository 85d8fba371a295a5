//! Support for the engine's tests: a local cluster, injected crashes, and fixtures with typed reads of the ledger.

mod around;
mod chain;
mod crash;
mod fixture;
mod ledger;
mod rpc;
mod tokens;

pub(crate) use around::{Around, Surrounded};
pub(crate) use chain::{KeptLogs, LocalChain};
pub(crate) use crash::{CrashPoint, CrashTiming};
pub(crate) use fixture::{EngineFixture, NodeSpec, TRIGGER, block_on, node_id};
pub(crate) use ledger::Batch;
pub(crate) use rpc::{Answers, RpcNode};
pub(crate) use tokens::{TREASURY_FUNDS, TokenFixture};

pub(crate) use crate::token_programs::{Extension, TRANSFER_FEE, TokenProgram};
