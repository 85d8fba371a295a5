//! The state that a deployment is to reach, from the configuration, the files and the keys.

use solana_pubkey::Pubkey;

use crate::artifacts::{Idl, IdlFile};
use crate::config::{FinalAuthority, NetworkTerms, SecuritySettings};
use crate::content::Chunks;

#[derive(Clone, Debug)]
pub(crate) struct Desired {
    /// The program's address (`declare_id!`).
    pub(crate) program: Pubkey,
    /// The address of the keypair in `program.keypair`.
    pub(crate) program_keypair: Option<Pubkey>,
    pub(crate) elf: Chunks,
    /// Bytes to reserve at the first deployment.
    pub(crate) max_len: usize,
    pub(crate) idl: Option<IdlFile>,
    /// What the program's security.txt must contain.
    pub(crate) security: Option<SecuritySettings>,
    pub(crate) payer: Pubkey,
    pub(crate) upgrade_authority: Pubkey,
    pub(crate) admin: Pubkey,
    pub(crate) network: Option<NetworkTerms>,
    /// The upgrade authority to hand over to; `None` leaves it as it is.
    pub(crate) final_upgrade: Option<FinalAuthority>,
    /// The admin to propose; `None` proposes nobody.
    pub(crate) final_admin: Option<Pubkey>,
    /// Micro-lamports per compute unit.
    pub(crate) compute_unit_price: u64,
    pub(crate) permissions: Permissions,
}

impl Desired {
    /// The content of the IDL's file, if one is to be published and it can be read.
    pub(crate) fn idl(&self) -> Option<&Idl> {
        self.idl.as_ref()?.content.as_ref().ok()
    }
}

/// What the command line permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permissions {
    /// To deploy to mainnet-beta.
    pub(crate) mainnet: bool,
    /// To remove the upgrade authority permanently.
    pub(crate) immutable: bool,
    /// Nothing is sent, so a plan for mainnet-beta needs no permission.
    pub(crate) dry_run: bool,
}
