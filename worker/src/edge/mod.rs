//! Everything that names the Workers runtime: bindings, `fetch`, the console, the Durable Object.
//!
//! Thin on purpose: it cannot run outside workerd, so what can be decided elsewhere is decided elsewhere and tested
//! natively. Nothing here panics: a panic would take every request of the isolate with it.

mod bindings;
mod console;
mod d1;
mod rpc;
mod serve;
mod settlement_object;

use console::{ConsoleLog, console_problem};
use d1::D1Ledger;
use rpc::FetchTransport;
pub use serve::serve;
pub use settlement_object::Settlement;
use settlement_object::SettlementObject;

use worker::Env;

use crate::runner::{SettlementControl, Wake};

/// Wakes the settlement object for cron. What goes wrong is tried again by the next one.
pub async fn wake_settlement(env: &Env, trigger: &str) {
    let wake = Wake { trigger: trigger.to_owned(), retry_held: false };
    if let Err(error) = SettlementObject::bound_to(env).wake(&wake).await {
        console_problem(&error.to_string());
    }
}
