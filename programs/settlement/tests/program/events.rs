//! Only the program itself can emit its events.

use anchor_lang::Event;
use anchor_lang::error::ErrorCode;
use anchor_lang::event::EVENT_IX_TAG_LE;
use anchor_lang::prelude::Pubkey;
use settlement::client::event_authority;
use settlement::events::Paused;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{ProgramFixture, assert_refused};

fn forged(account: AccountMeta) -> Instruction {
    let event = Paused { network: Pubkey::new_unique(), by: Pubkey::new_unique(), hold_until: 0 };
    Instruction { program_id: settlement::ID, accounts: vec![account], data: [EVENT_IX_TAG_LE, &event.data()].concat() }
}

#[test]
fn only_the_program_can_emit_its_events() {
    let mut fixture = ProgramFixture::new();
    let forger = Keypair::new();
    let attempts = [
        forged(AccountMeta::new_readonly(event_authority(), false)),
        forged(AccountMeta::new_readonly(forger.pubkey(), true)),
    ];
    for ix in attempts {
        let (signers, why): (&[&Keypair], _) = if ix.accounts[0].is_signer {
            (&[&forger], ErrorCode::ConstraintSeeds)
        } else {
            (&[], ErrorCode::ConstraintSigner)
        };
        assert_refused(fixture.send(&[ix], signers), why);
    }
}
