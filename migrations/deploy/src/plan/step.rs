//! What can be done, one transaction (or one upload) at a time.

use std::fmt;

use settlement::client::NetworkId;
use solana_pubkey::Pubkey;

/// A step of a plan. Each can be done again after an interruption: the next plan is made from what the chain has then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask the local cluster for lamports.
    Airdrop {
        /// For whom.
        to: Pubkey,
        /// How many.
        lamports: u64,
    },
    /// Close the program's buffer of an earlier upload and get its rent back.
    CloseProgramBuffer,
    /// Write the bytecode into a buffer.
    UploadProgram {
        /// Whether the buffer has to be created first.
        create: bool,
        /// Bytes of the bytecode.
        bytes: usize,
        /// Transactions that are left to write.
        chunks: usize,
    },
    /// Give the program room for more bytes.
    ExtendProgram {
        /// How many more.
        bytes: u32,
    },
    /// Make the buffer the program.
    DeployProgram {
        /// Lamports that are at its address already.
        held: u64,
        /// Bytes to reserve.
        max_len: usize,
    },
    /// Replace the program by the buffer.
    UpgradeProgram,
    /// Close the IDL's buffer of an earlier upload and get its rent back.
    CloseIdlBuffer,
    /// Write the IDL into a buffer.
    UploadIdl {
        /// Whether the buffer has to be created first.
        create: bool,
        /// Bytes of the packed IDL.
        bytes: usize,
        /// Transactions that are left to write.
        chunks: usize,
    },
    /// Publish the buffer as the program's first IDL.
    PublishIdl {
        /// Lamports that the IDL's account lacks.
        lamports: u64,
    },
    /// Replace the program's IDL by the buffer.
    ReplaceIdl {
        /// Bytes of the one that is there.
        old_len: usize,
        /// Lamports that the IDL's account lacks.
        lamports: u64,
    },
    /// Create the network and its treasury.
    CreateNetwork {
        /// Which.
        id: NetworkId,
        /// The token program of the mint that it pays in; `None` for SOL.
        token_program: Option<Pubkey>,
    },
    /// Bring the treasury of an earlier version to the program's layout.
    MigrateTreasury,
    /// Propose the network's next admin, who has to accept.
    ProposeAdmin {
        /// Who.
        to: Pubkey,
    },
    /// Hand the right to upgrade on.
    SetUpgradeAuthority {
        /// To whom; `None` takes it away for good.
        to: Option<Pubkey>,
    },
}

impl Step {
    /// Whether one of the `earlier` steps has to be done before this one can be simulated.
    pub fn waits_for(self, earlier: &[Self]) -> bool {
        let needs = |other: &Self| match (other, self) {
            // Without lamports nothing can be simulated.
            (Self::Airdrop { .. }, _) => true,
            (
                Self::UploadProgram { .. } | Self::ExtendProgram { .. },
                Self::DeployProgram { .. } | Self::UpgradeProgram,
            )
            | (Self::UploadIdl { .. }, Self::PublishIdl { .. } | Self::ReplaceIdl { .. })
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
        earlier.iter().any(needs)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = |create: bool| if create { "upload" } else { "go on uploading" };
        match self {
            Self::Airdrop { to, lamports } => write!(f, "airdrop of {lamports} lamports to {to}"),
            Self::CloseProgramBuffer | Self::CloseIdlBuffer => f.write_str("close the buffer of an earlier upload"),
            Self::UploadProgram { create, bytes, chunks } => {
                write!(f, "{} {bytes} bytes: {chunks} transactions", begin(*create))
            }
            Self::UploadIdl { create, bytes, chunks } => {
                write!(f, "{} the IDL, {bytes} bytes packed: {chunks} transactions", begin(*create))
            }
            Self::ExtendProgram { bytes } => write!(f, "extend the program's room by {bytes} bytes"),
            Self::DeployProgram { max_len, .. } => write!(f, "deploy, with room for {max_len} bytes"),
            Self::UpgradeProgram => f.write_str("upgrade"),
            Self::PublishIdl { .. } => f.write_str("publish the IDL"),
            Self::ReplaceIdl { .. } => f.write_str("replace the published IDL"),
            Self::CreateNetwork { id, .. } => write!(f, "create network '{id}' and its treasury"),
            Self::MigrateTreasury => f.write_str("bring the treasury of an earlier version to the program's layout"),
            Self::ProposeAdmin { to } => write!(f, "propose {to} as the network's admin, who then has to accept"),
            Self::SetUpgradeAuthority { to: Some(to) } => write!(f, "hand the upgrade authority to {to}"),
            Self::SetUpgradeAuthority { to: None } => f.write_str("take the upgrade authority away, for good"),
        }
    }
}
