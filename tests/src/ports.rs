//! Loopback ports: free ones for the tests, configured ones for the demo.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

use crate::HarnessError;

/// Below the range that systems assign to outgoing connections (32,768 and up on Linux, 49,152 and up elsewhere). A
/// connection of another process could keep a port in that range unavailable for a minute after it was closed.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// Number of ports tried by this process, so that two servers started at the same time never get the same port.
static TRIED: Mutex<u16> = Mutex::new(0);

/// Returns a port that is not in use and that this process has not returned before.
///
/// # Errors
/// [`HarnessError::Io`] if every port of the range is in use.
pub fn free() -> Result<u16, HarnessError> {
    let span = u32::from(RANGE.end - RANGE.start);
    // Spread out the starting points, because concurrent processes tend to have adjacent process ids.
    let begin = std::process::id().wrapping_mul(7_919) % span;
    let mut tried = TRIED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for _ in RANGE {
        let offset = (begin + u32::from(*tried)) % span;
        *tried = tried.wrapping_add(1);
        let port = RANGE.start.saturating_add(u16::try_from(offset).unwrap_or(0));
        if !is_in_use(port) {
            return Ok(port);
        }
    }
    Err(HarnessError::io("looking for a free port")(std::io::ErrorKind::AddrInUse.into()))
}

/// Whether a process is listening on `port`.
pub fn is_in_use(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

/// Reads a port from the environment variable `variable`, with `default` for an unset or empty variable. The port must
/// not be in use.
///
/// # Errors
/// [`HarnessError::InvalidPort`] and [`HarnessError::PortInUse`].
pub fn from_env(variable: &'static str, default: u16) -> Result<u16, HarnessError> {
    let port = match std::env::var(variable) {
        Ok(value) if !value.is_empty() => match value.parse() {
            Ok(port) if port > 0 => port,
            _ => return Err(HarnessError::InvalidPort { variable, value }),
        },
        _ => default,
    };
    if is_in_use(port) {
        return Err(HarnessError::PortInUse { port, variable });
    }
    Ok(port)
}
