//! Everything that can go wrong, in words that say what to do, and the exit code of each.

use std::{io, path::PathBuf, process::ExitCode};

use solana_pubkey::Pubkey;

/// Why the localnet did not start or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum LocalnetError {
    #[error("port {port} is taken: stop what listens there, or give {option} another port (0 takes a free one)")]
    PortTaken { port: u16, option: &'static str },
    #[error("{rpc_and_ws} is given for both --rpc-port and --ws-port: they need a port each")]
    SamePort { rpc_and_ws: u16 },
    #[error("cannot listen on 127.0.0.1:{port} ({option}): {source}")]
    PortUnusable { port: u16, option: &'static str, source: io::Error },
    #[error("cannot read the program {}: {source}. Build it first", path.display())]
    ProgramUnreadable { path: PathBuf, source: io::Error },
    #[error("{} is no program: it is not an ELF file", path.display())]
    ProgramNotElf { path: PathBuf },
    #[error("the network does not take {} as program {id}: {reason}", path.display())]
    ProgramRejected { id: Pubkey, path: PathBuf, reason: String },
    #[error("the airdrop of {lamports} lamports to {account} failed: {reason}")]
    Airdrop { account: Pubkey, lamports: u64, reason: String },
    #[error("cannot write the ready file {}: {source}", path.display())]
    ReadyFile { path: PathBuf, source: io::Error },
    #[error("cannot write to stdout: {0}")]
    Stdout(io::Error),
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error("the network did not start: {0}")]
    Start(String),
    #[error("the network stopped by itself: {0}")]
    Stopped(String),
}

impl LocalnetError {
    /// 2 for what the caller gave, 3 for a port that is taken, 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::PortTaken { .. } => 3,
            Self::SamePort { .. }
            | Self::ProgramUnreadable { .. }
            | Self::ProgramNotElf { .. }
            | Self::ProgramRejected { .. } => 2,
            _ => 1,
        })
    }
}
