//! What the chain says about an account that lamports are to go to, for the rules to judge.

use anchor_lang::prelude::*;

use crate::reserved::is_reserved_account;
use crate::rules::payout::Destination;

/// The facts about `account` as the destination of a wallet that names `named`.
///
/// `rent_minimum` tells the rent-exempt minimum of so many bytes of data.
pub(crate) fn facts(account: &AccountInfo, named: &Pubkey, rent_minimum: impl FnOnce(usize) -> u64) -> Destination {
    let is_program_account = *account.owner == crate::ID;
    Destination {
        is_named: account.key == named,
        is_writable: account.is_writable,
        is_executable: account.executable,
        is_program_account,
        is_reserved: is_reserved_account(account),
        lamports: account.lamports(),
        // Data of this program's accounts may be borrowed at this moment, and theirs doesn't
        // matter: they are refused.
        rent_minimum: match account.try_data_len() {
            Ok(len) if !is_program_account => rent_minimum(len),
            _ => u64::MAX,
        },
    }
}
