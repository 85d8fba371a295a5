//! What both localnets have in common: `williw-localnet` here and `williw-localnet-agave` beside it.

pub mod error;
pub mod ports;
pub mod ready;
pub mod shutdown;
pub mod values;
