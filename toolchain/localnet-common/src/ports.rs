//! Port selection on 127.0.0.1.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
};

use crate::error::LocalnetError;

/// How often to look for two free ports in a row.
const ADJACENT_ATTEMPTS: usize = 100;

/// The ports that a localnet listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// JSON-RPC.
    pub rpc: u16,
    /// Subscriptions over WebSocket.
    pub ws: u16,
}

impl Ports {
    /// Replaces 0 with a free port, and checks that the other ports are free so that an error can name the option.
    ///
    /// # Errors
    /// When the ports are equal, or one cannot be listened on.
    pub fn choose(rpc: u16, ws: u16) -> Result<Self, LocalnetError> {
        if rpc == ws && rpc != 0 {
            return Err(LocalnetError::SamePort { rpc_and_ws: rpc });
        }
        // Both listeners stay open until both ports are known. Otherwise the same free port could be found twice.
        let rpc = listen(rpc, "--rpc-port")?;
        let ws = listen(ws, "--ws-port")?;
        Ok(Self { rpc: port_of(&rpc, "--rpc-port")?, ws: port_of(&ws, "--ws-port")? })
    }

    /// Like [`Ports::choose`], for a server whose WebSocket port always follows its RPC port.
    ///
    /// # Errors
    /// When the ports are given and not adjacent, or one cannot be listened on.
    pub fn choose_adjacent(rpc: u16, ws: u16) -> Result<Self, LocalnetError> {
        match (rpc, ws) {
            (0, 0) => {
                let mut last = None;
                for _ in 0..ADJACENT_ATTEMPTS {
                    let listener = listen(0, "--rpc-port")?;
                    let rpc = port_of(&listener, "--rpc-port")?;
                    let Some(ws) = rpc.checked_add(1) else { continue };
                    match listen(ws, "--ws-port") {
                        Ok(_) => return Ok(Self { rpc, ws }),
                        Err(error) => last = Some(error),
                    }
                }
                Err(last.unwrap_or(LocalnetError::PortTaken { port: 0, option: "--rpc-port" }))
            }
            (0, ws) => Self::choose(ws.saturating_sub(1), ws),
            (rpc, ws) => {
                let expected = u32::from(rpc) + 1;
                match u16::try_from(expected) {
                    Ok(next) if ws == 0 || ws == next => Self::choose(rpc, next),
                    _ => Err(LocalnetError::PortsNotAdjacent { ws_port: ws, expected }),
                }
            }
        }
    }
}

/// A port that nothing listens on.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16, LocalnetError> {
    port_of(&listen(0, "a free port")?, "a free port")
}

fn port_of(listener: &TcpListener, option: &'static str) -> Result<u16, LocalnetError> {
    let address = listener.local_addr();
    address.map(|address| address.port()).map_err(|source| LocalnetError::PortUnusable { port: 0, option, source })
}

fn listen(port: u16, option: &'static str) -> Result<TcpListener, LocalnetError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => LocalnetError::PortTaken { port, option },
        _ => LocalnetError::PortUnusable { port, option, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_reported_with_its_option() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let rpc = Ports::choose(port, 0).expect_err("must be rejected").to_string();
        assert!(rpc.contains(&format!("port {port} is already in use")) && rpc.contains("--rpc-port"), "{rpc}");
        let ws = Ports::choose(0, port).expect_err("must be rejected").to_string();
        assert!(ws.contains("--ws-port"), "{ws}");
    }

    #[test]
    fn port_zero_becomes_two_different_free_ports() {
        let Ports { rpc, ws } = Ports::choose(0, 0).expect("free ports");
        assert!(rpc != 0 && ws != 0 && rpc != ws);
        assert!(matches!(Ports::choose(rpc, rpc), Err(LocalnetError::SamePort { .. })));
    }

    #[test]
    fn adjacent_ports_follow_each_other() {
        let ports = Ports::choose_adjacent(0, 0).expect("free ports");
        assert_eq!(ports.ws, ports.rpc + 1);
        assert_eq!(Ports::choose_adjacent(ports.rpc, 0).expect("free ports"), ports);
        assert_eq!(Ports::choose_adjacent(0, ports.ws).expect("free ports"), ports);
        for (rpc, ws) in [(8899, 9000), (u16::MAX, 0), (8900, 8900)] {
            let error = Ports::choose_adjacent(rpc, ws).expect_err("must be rejected");
            assert!(matches!(error, LocalnetError::PortsNotAdjacent { .. }), "{rpc} {ws}: {error}");
        }
    }
}
