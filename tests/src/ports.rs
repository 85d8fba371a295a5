//! Ports: free ones for tests, named ones for the demo. Always of the loopback interface.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

use crate::HarnessError;

/// Ports handed out by this process, so that two servers that start at once never get the same one.
static HANDED_OUT: Mutex<Vec<u16>> = Mutex::new(Vec::new());

/// A port that nobody listens on now and that was not handed out before by this process.
///
/// # Errors
/// [`HarnessError::Io`] when the system has none.
pub fn free() -> Result<u16, HarnessError> {
    let mut handed_out = HANDED_OUT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(HarnessError::io("looking for a free port"))?
            .port();
        if !handed_out.contains(&port) {
            handed_out.push(port);
            return Ok(port);
        }
    }
}

/// Whether somebody listens on `port`.
pub fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

/// The port that the environment variable `variable` names, or `default`; nobody may listen on it.
///
/// # Errors
/// [`HarnessError::NotAPort`] and [`HarnessError::PortTaken`].
pub fn named(variable: &'static str, default: u16) -> Result<u16, HarnessError> {
    let port = match std::env::var(variable) {
        Ok(value) if !value.is_empty() => match value.parse() {
            Ok(port) if port > 0 => port,
            _ => return Err(HarnessError::NotAPort { variable, value }),
        },
        _ => default,
    };
    if is_taken(port) {
        return Err(HarnessError::PortTaken { port, variable });
    }
    Ok(port)
}
