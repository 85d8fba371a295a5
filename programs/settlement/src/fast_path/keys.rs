//! Addresses as machine words, the form in which the fast path compares them.

use anchor_lang::prelude::Pubkey;

use crate::reserved::ids;
use crate::state::{NodeWallet, Treasury};
use crate::unlikely::unlikely;

/// An address as four little-endian words.
pub type Key = [u64; 4];

/// Returns whether two addresses are equal. Written out because the compiler turns an array comparison
/// into a call.
#[inline(always)]
pub fn same(a: &Key, b: &Key) -> bool {
    a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3]
}

/// Returns whether two addresses that are expected to be equal differ.
#[inline(always)]
pub fn differ(a: &Key, b: &Key) -> bool {
    unlikely(a[0] != b[0]) || unlikely(a[1] != b[1]) || unlikely(a[2] != b[2]) || unlikely(a[3] != b[3])
}

/// Converts an address's bytes to words.
pub const fn key(bytes: &[u8; 32]) -> Key {
    match bytes.as_chunks::<8>().0 {
        [a, b, c, d] => {
            [u64::from_le_bytes(*a), u64::from_le_bytes(*b), u64::from_le_bytes(*c), u64::from_le_bytes(*d)]
        }
        // 32 bytes are always four chunks.
        _ => [0; 4],
    }
}

/// This program.
pub(super) const PROGRAM: Key = key(crate::ID.as_array());
/// Signs the self-calls that carry events.
pub(super) const EVENT_AUTHORITY: Key = key(crate::EVENT_AUTHORITY_AND_BUMP.0.as_array());
/// The system program, which owns most destinations.
pub(super) const SYSTEM: Key = key(ids::system_program::ID.as_array());
/// The loader of upgradeable programs.
pub(super) const LOADER_V3: Key = key(ids::bpf_loader_upgradeable::ID.as_array());

/// Defines functions that borrow a `Pubkey` field of an account as a [`Key`], without copying it.
///
/// A `Pubkey` on its own may lie at any address. These functions take the whole account, whose type
/// guarantees the alignment.
macro_rules! key_fields {
    ($($(#[$doc:meta])* $name:ident: $account:ident.$field:ident;)+) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub(super) fn $name(account: &$account) -> &Key {
            const {
                assert!(align_of::<$account>().is_multiple_of(align_of::<Key>()));
                assert!(core::mem::offset_of!($account, $field).is_multiple_of(align_of::<Key>()));
                assert!(size_of::<Pubkey>() == size_of::<Key>());
            }
            let field: *const Pubkey = &raw const account.$field;
            // SAFETY: the field has as many bytes as a `Key` and is aligned like one, as asserted
            // above; any bytes are a valid `Key`; the result borrows the account.
            unsafe { &*field.cast::<Key>() }
        }
    )+};
}

key_fields! {
    /// The network that a wallet belongs to.
    wallet_network: NodeWallet.network;
    /// The owner of a wallet's node.
    wallet_owner: NodeWallet.owner;
    /// Where a wallet's payouts go.
    wallet_destination: NodeWallet.destination;
    /// The network that a treasury belongs to.
    treasury_network: Treasury.network;
    /// The key that may credit and settle.
    treasury_settler: Treasury.settler;
    /// The mint that a treasury pays in.
    treasury_mint: Treasury.mint;
    /// The token account that holds a treasury's tokens.
    treasury_token_account: Treasury.token_account;
}
