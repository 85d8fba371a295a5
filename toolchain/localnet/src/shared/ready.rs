//! The ready signal.

use std::{io::Write, net::Ipv4Addr, path::Path};

use super::error::LocalnetError;

/// Prints `ready http://127.0.0.1:RPC_PORT ws://127.0.0.1:WS_PORT` on stdout, and writes it to the file when one was
/// asked for. The file appears whole.
///
/// # Errors
/// When stdout or the file cannot be written.
pub fn announce(rpc_port: u16, ws_port: u16, file: Option<&Path>) -> Result<(), LocalnetError> {
    let host = Ipv4Addr::LOCALHOST;
    let line = format!("ready http://{host}:{rpc_port} ws://{host}:{ws_port}\n");
    if let Some(path) = file {
        let unready = |source| LocalnetError::ReadyFile { path: path.to_owned(), source };
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        std::fs::write(&partial, &line).map_err(unready)?;
        std::fs::rename(&partial, path).map_err(unready)?;
    }
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).map_err(LocalnetError::Stdout)
}
