//! Ports on 127.0.0.1.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
};

use super::error::LocalnetError;

/// Replaces 0 by free ports and checks that nothing listens on the others, so that the answer names the option.
pub fn choose_ports(rpc_port: u16, ws_port: u16) -> Result<(u16, u16), LocalnetError> {
    if rpc_port == ws_port && rpc_port != 0 {
        return Err(LocalnetError::SamePort { rpc_and_ws: rpc_port });
    }
    // Both are held until both are known, or the same free port could be found twice.
    let rpc = listen(rpc_port, "--rpc-port")?;
    let ws = listen(ws_port, "--ws-port")?;
    let port_of = |listener: &TcpListener, option| {
        let address = listener.local_addr();
        address.map(|address| address.port()).map_err(|source| LocalnetError::PortUnusable { port: 0, option, source })
    };
    Ok((port_of(&rpc, "--rpc-port")?, port_of(&ws, "--ws-port")?))
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
    fn a_taken_port_is_named_with_its_option() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let rpc = choose_ports(port, 0).expect_err("must be refused").to_string();
        assert!(rpc.contains(&format!("port {port} is taken")) && rpc.contains("--rpc-port"), "{rpc}");
        let ws = choose_ports(0, port).expect_err("must be refused").to_string();
        assert!(ws.contains("--ws-port"), "{ws}");
    }

    #[test]
    fn port_zero_becomes_two_different_free_ports() {
        let (rpc, ws) = choose_ports(0, 0).expect("free ports");
        assert!(rpc != 0 && ws != 0 && rpc != ws);
        assert!(matches!(choose_ports(rpc, rpc), Err(LocalnetError::SamePort { .. })));
    }
}
