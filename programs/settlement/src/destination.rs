//! How the payout rules see an account that is to receive lamports.
//!
//! One function for both representations of accounts, Anchor's and the fast path's, so that both
//! judge a destination alike.

use anchor_lang::prelude::*;

use crate::fast_path::keys::{Key, key};
use crate::reserved::ids;
use crate::rules::payout::Destination;

/// A constant address, in both forms in which accounts are compared with it.
pub(crate) struct KnownAddress {
    /// The address itself.
    pub(crate) pubkey: Pubkey,
    /// The same address as words.
    pub(crate) words: Key,
}

impl KnownAddress {
    const fn new(pubkey: Pubkey) -> Self {
        Self { words: key(pubkey.as_array()), pubkey }
    }
}

const PROGRAM: KnownAddress = KnownAddress::new(crate::ID);
const EVENT_AUTHORITY: KnownAddress = KnownAddress::new(crate::EVENT_AUTHORITY_AND_BUMP.0);
const SYSVAR: KnownAddress = KnownAddress::new(ids::sysvar::ID);
const NATIVE_LOADER: KnownAddress = KnownAddress::new(ids::native_loader::ID);
const INCINERATOR: KnownAddress = KnownAddress::new(ids::incinerator::ID);

/// Whether an account is the destination that the payer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DestinationMatch {
    /// It is, or the payer names none and any account may be the destination.
    Named,
    /// The payer names another account.
    Different,
}

impl DestinationMatch {
    /// The result of comparing the account's address with the named one.
    pub(crate) fn from_equality(is_equal: bool) -> Self {
        if is_equal { Self::Named } else { Self::Different }
    }
}

/// An account that may receive lamports.
pub(crate) trait DestinationAccount {
    /// Whether this is the account's address.
    fn has_address(&self, address: &KnownAddress) -> bool;
    /// Whether this program owns the account.
    fn is_owned_by(&self, program: &KnownAddress) -> bool;
    /// Whether the instruction may write the account.
    fn is_writable(&self) -> bool;
    /// Whether the account is a program.
    fn is_executable(&self) -> bool;
    /// The account's lamports.
    fn lamports(&self) -> u64;
}

impl DestinationAccount for AccountInfo<'_> {
    fn has_address(&self, address: &KnownAddress) -> bool {
        *self.key == address.pubkey
    }

    fn is_owned_by(&self, program: &KnownAddress) -> bool {
        *self.owner == program.pubkey
    }

    fn is_writable(&self) -> bool {
        self.is_writable
    }

    fn is_executable(&self) -> bool {
        self.executable
    }

    fn lamports(&self) -> u64 {
        self.lamports()
    }
}

/// Describes `account` for the payout rules. `empty_minimum` is the rent-exempt minimum of an account without data.
pub(crate) fn describe<A: DestinationAccount>(
    account: &A,
    destination_match: DestinationMatch,
    empty_minimum: u64,
) -> Destination {
    Destination {
        is_named: destination_match == DestinationMatch::Named,
        is_writable: account.is_writable(),
        is_executable: account.is_executable(),
        is_program_account: account.is_owned_by(&PROGRAM),
        // Instead of comparing with every reserved address: the runtime makes the remaining ones
        // read-only or marks them executable.
        //
        // The event authority must be excluded for another reason as well: it takes part in the call
        // that emits the event, at which the runtime would see its balance changed, but not the
        // balance that the lamports came from.
        is_reserved: account.is_owned_by(&SYSVAR)
            || account.is_owned_by(&NATIVE_LOADER)
            || account.has_address(&INCINERATOR)
            || account.has_address(&EVENT_AUTHORITY),
        lamports: account.lamports(),
        empty_minimum,
    }
}
