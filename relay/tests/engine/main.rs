//! The engine against the real program in LiteSVM and a real SQLite ledger, with injected faults.
//!
//! One file per family of promises. Time and blocks only move when a test moves them.

mod bindings;
mod crashes;
mod forks;
mod limits;
mod settling;
mod splitting;
mod support;
mod verdicts;
