//! What all routes share: extractors, the response envelope, errors, authentication.
//!
//! Nothing here depends on a particular route or on workerd.

pub(crate) mod auth;
pub(crate) mod error;
pub(crate) mod extract;
mod ledger_error;
pub(crate) mod request_id;
pub(crate) mod response;
