//! Ports: free ones for tests, named ones for the demo. Always of the loopback interface.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

use crate::HarnessError;

/// Below those that systems give to outgoing connections (from 32,768 on Linux, 49,152 elsewhere): a connection of
/// somebody else's test would hold such a port for a minute after it ended.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// How many ports this process has tried, so that two servers that start at once never get the same one.
static TRIED: Mutex<u16> = Mutex::new(0);

/// A port that nobody listens on now and that was not handed out before by this process.
///
/// # Errors
/// [`HarnessError::Io`] when the system has none.
pub fn free() -> Result<u16, HarnessError> {
    let span = u32::from(RANGE.end - RANGE.start);
    // Processes begin far from each other, whose numbers are close to each other.
    let begin = std::process::id().wrapping_mul(7_919) % span;
    let mut tried = TRIED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for _ in RANGE {
        let offset = (begin + u32::from(*tried)) % span;
        *tried = tried.wrapping_add(1);
        let port = RANGE.start.saturating_add(u16::try_from(offset).unwrap_or(0));
        if !is_taken(port) {
            return Ok(port);
        }
    }
    Err(HarnessError::io("looking for a free port")(std::io::ErrorKind::AddrInUse.into()))
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
