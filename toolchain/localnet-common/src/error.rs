//! Startup and runtime errors, and the exit code of each.

use std::{io, path::PathBuf, process::ExitCode};

use solana_pubkey::Pubkey;

/// Why a localnet failed to start or stopped unexpectedly.
#[derive(Debug, thiserror::Error)]
pub enum LocalnetError {
    #[error(
        "port {port} is already in use: stop the process that listens on it, or set {option} (0 picks a free port)"
    )]
    PortTaken { port: u16, option: &'static str },
    #[error("--rpc-port and --ws-port are both {rpc_and_ws}: they must differ")]
    SamePort { rpc_and_ws: u16 },
    #[error("Agave serves WebSockets on the port after the RPC port: --ws-port must be 0 or {expected}, not {ws_port}")]
    PortsNotAdjacent { ws_port: u16, expected: u32 },
    #[error("cannot listen on 127.0.0.1:{port} ({option}): {source}")]
    PortUnusable { port: u16, option: &'static str, source: io::Error },
    #[error("cannot read program {}: {source}. Has it been built?", path.display())]
    ProgramUnreadable { path: PathBuf, source: io::Error },
    #[error("{} is not a program: it is not an ELF file", path.display())]
    ProgramNotElf { path: PathBuf },
    #[error("{} was rejected as program {id}: {reason}", path.display())]
    ProgramRejected { id: Pubkey, path: PathBuf, reason: String },
    #[error("unknown feature {0}: this Agave version has no feature gate with that address")]
    UnknownFeature(Pubkey),
    #[error("airdrop of {lamports} lamports to {account} failed: {reason}")]
    Airdrop { account: Pubkey, lamports: u64, reason: String },
    #[error("cannot create the ledger directory: {0}")]
    Ledger(io::Error),
    #[error("cannot write the ready file {}: {source}", path.display())]
    ReadyFile { path: PathBuf, source: io::Error },
    #[error("cannot write to stdout: {0}")]
    Stdout(io::Error),
    #[error("cannot install the signal handlers: {0}")]
    Signals(io::Error),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error("the network failed to start: {0}")]
    Start(String),
    #[error("the network stopped unexpectedly: {0}")]
    Stopped(String),
}

impl LocalnetError {
    /// 2 for invalid input, 3 for a port that is already in use, 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::PortTaken { .. } => 3,
            Self::SamePort { .. }
            | Self::PortsNotAdjacent { .. }
            | Self::ProgramUnreadable { .. }
            | Self::ProgramNotElf { .. }
            | Self::ProgramRejected { .. }
            | Self::UnknownFeature(_) => 2,
            _ => 1,
        })
    }
}
