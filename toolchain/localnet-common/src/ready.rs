//! The ready signal.

use std::{io::Write, net::Ipv4Addr, path::Path};

use crate::{error::LocalnetError, ports::Ports};

/// Writes `ready http://127.0.0.1:RPC_PORT ws://127.0.0.1:WS_PORT` to `stdout` and, if given, to `file`, which is
/// created atomically.
///
/// # Errors
/// When `stdout` or the file cannot be written.
pub fn announce(ports: Ports, file: Option<&Path>, stdout: &mut impl Write) -> Result<(), LocalnetError> {
    let host = Ipv4Addr::LOCALHOST;
    let line = format!("ready http://{host}:{} ws://{host}:{}\n", ports.rpc, ports.ws);
    if let Some(path) = file {
        let unready = |source| LocalnetError::ReadyFile { path: path.to_owned(), source };
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        std::fs::write(&partial, &line).map_err(unready)?;
        std::fs::rename(&partial, path).map_err(unready)?;
    }
    stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).map_err(LocalnetError::Stdout)
}
