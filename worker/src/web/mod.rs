//! The manners of the API, the same for every route: extractors, the envelope, errors, keys.
//!
//! Nothing here knows what a route is for, and nothing here names workerd.

pub mod auth;
pub mod error;
pub mod extract;
mod ledger_error;
pub mod reply;
pub mod request_id;
