//! The runtime's rule about balances below the rent-exempt minimum.
//!
//! LiteSVM has the rule that was in force before SIMD-0392: an account below its minimum must not be credited. Since then,
//! a transaction may leave an account with less than the minimum if it existed before, holds no less than it did, and
//! neither changed its owner nor grew. Source: `new_post_exec` and `rent_calculator` of solana-svm 4.2.2.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use litesvm::types::TransactionMetadata;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;

use super::fixture::{COMPUTE_UNITS, ProgramFixture, SOL, V1_MAX_BYTES, v1_message};

/// What an account gets at the end of a transaction and loses again afterwards, so that LiteSVM has no objections.
const LOAN: u64 = 50 * SOL;

/// Whether an account may be left like this.
fn is_allowed(before: &Account, after: &Account, minimum: u64) -> bool {
    let is_relaxed = before.lamports > 0 && before.data.len() >= after.data.len() && before.owner == after.owner;
    after.lamports == 0 || after.lamports >= minimum || (is_relaxed && after.lamports >= before.lamports)
}

impl ProgramFixture {
    /// Applies an instruction as a runtime with SIMD-0392 would. Panics if it fails, or if that runtime would refuse the
    /// balances that it leaves.
    #[track_caller]
    pub(crate) fn apply_by_simd_0392(&mut self, ix: Instruction, signers: &[&Keypair]) -> TransactionMetadata {
        let payer_key = self.payer.insecure_clone();
        let payer = payer_key.pubkey();
        let writable = ix.accounts.iter().filter(|meta| meta.is_writable && meta.pubkey != payer);
        let keys: Vec<Pubkey> = writable.map(|meta| meta.pubkey).collect();
        let state = |fixture: &Self| -> BTreeMap<Pubkey, Account> {
            keys.iter().map(|key| (*key, fixture.svm.get_account(key).unwrap_or_default())).collect()
        };
        let before = state(self);
        let mut instructions = vec![ix];
        instructions.extend(before.keys().map(|key| transfer(&payer, key, LOAN)));
        self.airdrop(&payer, LOAN * before.len() as u64);
        let mut all = vec![&payer_key];
        all.extend(signers);
        let message = v1_message(self.svm.latest_blockhash(), &instructions, &payer, COMPUTE_UNITS);
        let meta = self
            .send_message(message, &all, V1_MAX_BYTES)
            .unwrap_or_else(|failed| panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()));
        for (key, mut after) in state(self) {
            after.lamports -= LOAN;
            let minimum = self.rent(after.data.len());
            assert!(is_allowed(&before[&key], &after, minimum), "{key}: {after:?} was {:?}", before[&key]);
            self.set_account(&key, after);
        }
        meta
    }
}
