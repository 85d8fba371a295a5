//! An entry's wallet account.

use anchor_lang::Discriminator;

use super::frame::PROGRAM;
use super::input::{Account, Key, differ};
use super::number;
use crate::unlikely::unlikely;
use crate::state::{DISCRIMINATOR_LEN, NodeWallet};

const NODE_WALLET: u64 = number(NodeWallet::DISCRIMINATOR);

/// The wallet in an account, if it is a writable one of this network and this layout, whose totals
/// don't contradict each other.
///
/// A regular one is known to be writable and of a wallet's length.
///
/// # Safety
///
/// The wallet may be used until the next call with the same account.
#[inline(always)]
pub(super) unsafe fn wallet<'a>(account: Account<'a>, network: &Key, is_regular: bool) -> Option<&'a mut NodeWallet> {
    let fits = is_regular || account.is_writable() && account.data_len() == NodeWallet::SIZE;
    if unlikely(!fits) || differ(account.owner(), &PROGRAM) {
        return None;
    }
    // SAFETY: the data has a wallet's length, aligned to 8.
    if unlikely(unsafe { account.data_at().cast::<u64>().read() } != NODE_WALLET) {
        return None;
    }
    // SAFETY: a wallet's by owner, discriminator and length, of plain bytes, aligned to 8; the
    // caller doesn't use an earlier one of the same account any more.
    let wallet = unsafe { &mut *account.data_at().add(DISCRIMINATOR_LEN).cast::<NodeWallet>() };
    let is_unsound = unlikely(wallet.version != NodeWallet::VERSION)
        || differ(words(&wallet.network), network)
        || unlikely(wallet.paid_total > wallet.credited_total);
    if is_unsound { None } else { Some(wallet) }
}

/// A key of a wallet or treasury, as words.
#[inline(always)]
pub(super) fn words(key: &anchor_lang::prelude::Pubkey) -> &Key {
    // SAFETY: keys of both accounts lie at multiples of 8, see the assertions.
    unsafe { &*key.as_array().as_ptr().cast::<Key>() }
}

const _: () = {
    assert!(core::mem::offset_of!(NodeWallet, network).is_multiple_of(8));
    assert!(core::mem::offset_of!(NodeWallet, destination).is_multiple_of(8));
    assert!(align_of::<NodeWallet>() == 8);
};
