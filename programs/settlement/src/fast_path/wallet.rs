//! The wallet account of an entry.

use anchor_lang::Discriminator;

use super::discriminator::discriminator_u64;
use super::input::{Account, EntryShape};
use super::keys::{Key, PROGRAM, differ, wallet_network};
use crate::state::{DISCRIMINATOR_LEN, NodeWallet};
use crate::unlikely::unlikely;

const NODE_WALLET: u64 = discriminator_u64(NodeWallet::DISCRIMINATOR);

/// Borrows the wallet in an account. `None` if the account is not a writable wallet of this network
/// and this layout, or if its totals are inconsistent.
///
/// # Safety
///
/// - While the result is in use, nothing else may read or write the account's data past the
///   discriminator: no other wallet borrowed from the same account, and no slice of its data.
/// - If `shape` is [`EntryShape::Regular`], the account has exactly [`NodeWallet::SIZE`] bytes of
///   data.
#[inline(always)]
pub(super) unsafe fn wallet<'a>(account: Account<'a>, network: &Key, shape: EntryShape) -> Option<&'a mut NodeWallet> {
    let fits = match shape {
        EntryShape::Regular => true,
        EntryShape::Unknown => account.is_writable() && account.data_len() == NodeWallet::SIZE,
    };
    if unlikely(!fits) || differ(account.owner(), &PROGRAM) {
        return None;
    }
    // SAFETY: the data has the length of a wallet, either checked above or promised by the caller, and
    // is aligned to 8. Nothing holds a mutable reference to the discriminator.
    if unlikely(unsafe { account.data_ptr().cast::<u64>().read() } != NODE_WALLET) {
        return None;
    }
    // SAFETY: by owner, discriminator and length, the data is a wallet's. `NodeWallet` is plain bytes
    // with an alignment of 8, which the offset keeps. The caller promises exclusive access.
    let wallet = unsafe { &mut *account.data_ptr().add(DISCRIMINATOR_LEN).cast::<NodeWallet>() };
    let is_invalid = unlikely(wallet.version != NodeWallet::VERSION)
        || differ(wallet_network(wallet), network)
        || unlikely(wallet.paid_total > wallet.credited_total);
    if is_invalid { None } else { Some(wallet) }
}

const _: () = {
    assert!(align_of::<NodeWallet>() == 8);
    assert!(DISCRIMINATOR_LEN == 8);
};
