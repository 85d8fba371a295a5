//! The edge of Williw: a Cloudflare Worker.
//!
//! It takes what nodes report over HTTP into the ledger (D1), answers what they earned and were paid, and drives
//! settlements from a Durable Object. The rules of money live below it, in [`williw_relay`]: nothing here computes an
//! amount, and nothing here decides whether something is paid. [`web`] is how the API behaves, [`routes`](mod@routes)
//! what it offers, [`runner`](mod@runner) when the engine is called, [`edge`] what names the Workers runtime.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(test)]
mod api_tests;
mod app;
mod edge;
mod log;
mod openapi;
mod routes;
mod runner;
mod server;
mod settings;
mod time;
mod web;

pub use edge::Settlement;
pub use routes::openapi_document;
pub use time::{MAX_HINT_SKEW_MS, REQUEST_START_TIME_HEADER, TimestampError, TimestampUtils, WorkersClock};

use worker::{Context, Env, Request, Response, ScheduleContext, ScheduledEvent, event};

/// What a settlement that cron set off is called in the ledger.
const CRON_TRIGGER: &str = "cron";

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<Response> {
    edge::serve(request, &env).await
}

#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    edge::wake_settlement(&env, CRON_TRIGGER).await;
}
