//! Who signs, and who may.

use std::collections::BTreeMap;

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::error::SettlementError;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::expect::assert_refused;
use super::world::{Node, World};

/// Everybody that an instruction can come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Admin,
    Settler,
    Guardian,
    /// The node's.
    Owner,
    Stranger,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Admin, Self::Settler, Self::Guardian, Self::Owner, Self::Stranger];

    pub fn key(self, world: &World, node: &Node) -> Keypair {
        match self {
            Self::Admin => world.admin.insecure_clone(),
            Self::Settler => world.settler.insecure_clone(),
            Self::Guardian => world.guardian.insecure_clone(),
            Self::Owner => node.owner.insecure_clone(),
            Self::Stranger => Keypair::new(),
        }
    }
}

/// The instruction that `ix` builds for a signer, its first account, is refused to everybody but
/// those who `may`, and to them without their signature; no attempt changes anything.
#[track_caller]
pub fn assert_only(world: &mut World, node: &Node, may: &[Role], ix: impl Fn(Pubkey) -> Instruction) {
    let before = program_accounts(world);
    for role in Role::ALL {
        let key = role.key(world, node);
        let mut ix = ix(key.pubkey());
        assert_eq!(ix.accounts[0].pubkey, key.pubkey());
        if may.contains(&role) {
            ix.accounts[0].is_signer = false;
            assert_refused(world.send(&[ix], &[]), ErrorCode::AccountNotSigner);
        } else {
            assert_refused(world.send(&[ix], &[&key]), SettlementError::Unauthorized);
        }
    }
    assert!(program_accounts(world) == before);
}

/// All accounts of the program.
pub fn program_accounts(world: &World) -> BTreeMap<Pubkey, Account> {
    world.svm.get_program_accounts(&settlement::ID).into_iter().collect()
}
