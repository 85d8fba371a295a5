//! Everything that uses the Workers runtime: bindings, `fetch`, the console, the Durable Object.
//!
//! This module is kept thin because it cannot run outside workerd: all decisions are made in other modules, which are
//! tested natively. Nothing here panics, since a panic would abort every request in the isolate.

mod bindings;
mod console;
mod d1;
mod rpc;
mod serve;
mod settlement_object;

pub(crate) use serve::serve;
pub use settlement_object::Settlement;

use console::log_error;
use settlement_object::SettlementClient;
use worker::Env;

use crate::runner::{SettlementControl, Wake};

/// Wakes the settlement object for cron. A failure is only logged: the next cron event tries again.
pub(crate) async fn wake_settlement(env: &Env, trigger: &str) {
    let wake = Wake { trigger: trigger.to_owned(), retry_held: false };
    if let Err(error) = SettlementClient::from_env(env).wake(&wake).await {
        log_error(&error.to_string());
    }
}
