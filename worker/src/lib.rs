//! The Williw API and settlement scheduler as a Cloudflare Worker.
//!
//! The Worker records what nodes report over HTTP in the ledger (D1), serves what they earned and were paid, and runs
//! settlements from a Durable Object. All rules about money are in [`williw_relay`]: nothing here computes an amount or
//! decides whether something is paid. [`web`] holds what all routes share, [`routes`](mod@routes) the routes
//! themselves, [`runner`](mod@runner) decides when the engine is called, and [`runtime`] is the only module that uses
//! the Workers runtime.

#[cfg(test)]
mod api_tests;
mod log;
mod openapi;
mod routes;
mod runner;
mod runtime;
mod server;
mod settings;
mod state;
mod time;
mod web;

pub use routes::openapi_document;
pub use runtime::Settlement;
pub use time::{MAX_HINT_SKEW_MS, REQUEST_START_TIME_HEADER, TimestampError, TimestampUtils, WorkersClock};

use worker::{Context, Env, Request, Response, ScheduleContext, ScheduledEvent, event};

/// The trigger that the ledger records for settlements started by cron.
const CRON_TRIGGER: &str = "cron";

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<Response> {
    runtime::serve(request, &env).await
}

#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    runtime::wake_settlement(&env, CRON_TRIGGER).await;
}
