//! The roles in a network, and a check of which of them may send an instruction.

use std::collections::BTreeMap;

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::error::SettlementError;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::assertions::assert_refused;
use super::fixture::{Node, ProgramFixture};

/// The possible signers of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Admin,
    Settler,
    Guardian,
    /// The owner of the node that the instruction is about.
    NodeOwner,
    Stranger,
}

impl Role {
    pub(crate) const ALL: [Self; 5] = [Self::Admin, Self::Settler, Self::Guardian, Self::NodeOwner, Self::Stranger];

    pub(crate) fn key(self, fixture: &ProgramFixture, node: &Node) -> Keypair {
        match self {
            Self::Admin => fixture.admin.insecure_clone(),
            Self::Settler => fixture.settler.insecure_clone(),
            Self::Guardian => fixture.guardian.insecure_clone(),
            Self::NodeOwner => node.owner.insecure_clone(),
            Self::Stranger => Keypair::new(),
        }
    }
}

/// Asserts that the instruction that `ix` builds for a signer, its first account, is refused for
/// every role that is not `authorized`, and for the authorized ones without their signature, and that
/// no attempt changes an account.
#[track_caller]
pub(crate) fn assert_only_authorized(
    fixture: &mut ProgramFixture,
    node: &Node,
    authorized: &[Role],
    ix: impl Fn(Pubkey) -> Instruction,
) {
    let before = program_accounts(fixture);
    for role in Role::ALL {
        let key = role.key(fixture, node);
        let mut ix = ix(key.pubkey());
        assert_eq!(ix.accounts[0].pubkey, key.pubkey());
        if authorized.contains(&role) {
            ix.accounts[0].is_signer = false;
            assert_refused(fixture.send(&[ix], &[]), ErrorCode::AccountNotSigner);
        } else {
            assert_refused(fixture.send(&[ix], &[&key]), SettlementError::Unauthorized);
        }
    }
    assert!(program_accounts(fixture) == before, "an attempt changed an account");
}

/// All accounts that the program owns.
pub(crate) fn program_accounts(fixture: &ProgramFixture) -> BTreeMap<Pubkey, Account> {
    fixture.svm.get_program_accounts(&settlement::ID).into_iter().collect()
}
