//! The steps of a plan: one transaction each, except for uploads.

use std::fmt;

use settlement::client::NetworkId;
use solana_pubkey::Pubkey;

use crate::content::Content;
use crate::text::{plural, sol};

/// A step of a plan. After an interruption, the next plan is made from the state of the chain at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Request lamports from the local cluster.
    Airdrop {
        to: Pubkey,
        lamports: u64,
    },
    /// Close the buffer of an earlier upload and reclaim its rent.
    CloseBuffer(Content),
    Upload {
        content: Content,
        /// Whether the buffer has to be created first.
        create: bool,
        bytes: usize,
        /// Without the chunks that the buffer already holds.
        chunks: usize,
    },
    ExtendProgram {
        bytes: u32,
    },
    DeployProgram {
        /// Lamports that the program's address already holds.
        prefunded: u64,
        max_len: usize,
    },
    UpgradeProgram,
    /// Publish the first IDL; `lamports` is what its account still lacks for rent exemption.
    PublishIdl {
        lamports: u64,
    },
    /// Replace the published IDL, of `old_len` bytes; `lamports` is what its account still lacks for rent exemption.
    ReplaceIdl {
        old_len: usize,
        lamports: u64,
    },
    CreateNetwork {
        id: NetworkId,
        /// The token program of the network's mint; `None` for SOL.
        token_program: Option<Pubkey>,
    },
    /// Migrate the treasury from an earlier account layout.
    MigrateTreasury,
    /// Propose the network's next admin, who has to accept.
    ProposeAdmin {
        to: Pubkey,
    },
    /// Transfer the upgrade authority; `None` makes the program immutable.
    SetUpgradeAuthority {
        to: Option<Pubkey>,
    },
}

impl Step {
    /// Whether the step cannot be simulated before one of the `earlier` steps has been applied.
    pub(crate) fn depends_on(self, earlier: &[Self]) -> bool {
        use Content::{Idl, Program};

        let depends = |other: &Self| match (other, self) {
            // A payer without lamports cannot pay for a simulation either.
            (Self::Airdrop { .. }, _) => true,
            (
                Self::Upload { content: Program, .. } | Self::ExtendProgram { .. },
                Self::DeployProgram { .. } | Self::UpgradeProgram,
            )
            | (Self::Upload { content: Idl, .. }, Self::PublishIdl { .. } | Self::ReplaceIdl { .. })
            | (
                Self::DeployProgram { .. },
                Self::PublishIdl { .. }
                | Self::ReplaceIdl { .. }
                | Self::CreateNetwork { .. }
                | Self::ProposeAdmin { .. }
                | Self::SetUpgradeAuthority { .. },
            )
            | (Self::UpgradeProgram, Self::CreateNetwork { .. } | Self::MigrateTreasury | Self::ProposeAdmin { .. })
            | (Self::CreateNetwork { .. }, Self::ProposeAdmin { .. }) => true,
            _ => false,
        };
        earlier.iter().any(depends)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Airdrop { to, lamports } => write!(f, "airdrop {} to {to}", sol(lamports)),
            Self::CloseBuffer(content) => write!(f, "close the buffer of an earlier {content} upload"),
            Self::Upload { content, create, bytes, chunks } => {
                let action = if create { "upload" } else { "resume uploading" };
                let (bytes, chunks) = (plural(bytes, "byte"), plural(chunks, "transaction"));
                write!(f, "{action} the {content}: {bytes} in {chunks}")
            }
            Self::ExtendProgram { bytes } => write!(f, "extend the program by {}", plural(bytes as usize, "byte")),
            Self::DeployProgram { max_len, .. } => {
                write!(f, "deploy the program with {} reserved", plural(max_len, "byte"))
            }
            Self::UpgradeProgram => f.write_str("upgrade the program"),
            Self::PublishIdl { .. } => f.write_str("publish the IDL"),
            Self::ReplaceIdl { .. } => f.write_str("replace the published IDL"),
            Self::CreateNetwork { id, .. } => write!(f, "create network '{id}' and its treasury"),
            Self::MigrateTreasury => f.write_str("migrate the treasury to the program's account layout"),
            Self::ProposeAdmin { to } => write!(f, "propose {to} as the network's admin (it has to accept)"),
            Self::SetUpgradeAuthority { to: Some(to) } => write!(f, "transfer the upgrade authority to {to}"),
            Self::SetUpgradeAuthority { to: None } => f.write_str("make the program immutable, permanently"),
        }
    }
}
