//! The wallet account of an entry.

use anchor_lang::Discriminator;

use super::discriminator::discriminator_u64;
use super::input::{Account, EntryShape};
use super::keys::{Key, PROGRAM, differ, wallet_network};
use crate::state::{DISCRIMINATOR_LEN, NodeWallet, Treasury};
use crate::unlikely::unlikely;

const NODE_WALLET: u64 = discriminator_u64(NodeWallet::DISCRIMINATOR);

/// Borrows the wallet in an account. `None` if the account is not a writable wallet of this network
/// and this layout, or if its totals are inconsistent.
///
/// For a [`EntryShape::Regular`] account, this relies on the runtime and on what the program writes, which is
/// argued in docs/ARCHITECTURE.md, "What the fast path leaves out": a caller must change the data of every wallet
/// that it accepts, or leave the account as it was.
///
/// # Safety
///
/// - While the result is in use, nothing else may read or write the account's data past the
///   discriminator: no other wallet borrowed from the same account, and no slice of its data.
/// - If `shape` is [`EntryShape::Regular`], the account has exactly [`NodeWallet::SIZE`] bytes of
///   data.
#[inline(always)]
pub(super) unsafe fn wallet<'a>(account: Account<'a>, network: &Key, shape: EntryShape) -> Option<&'a mut NodeWallet> {
    let is_candidate = match shape {
        // If another owner's address begins with the same word, the runtime fails the transaction as soon as
        // the account is changed.
        EntryShape::Regular => account.owner()[0] == PROGRAM[0],
        EntryShape::Unknown => {
            account.is_writable() && account.data_len() == NodeWallet::SIZE && !differ(account.owner(), &PROGRAM)
        }
    };
    if unlikely(!is_candidate) {
        return None;
    }
    // Among the accounts of this program, the size implies the discriminator, or else the data is all zeros.
    // SAFETY: the data has the length of a wallet, either checked above or promised by the caller, and
    // is aligned to 8. Nothing holds a mutable reference to the discriminator.
    if shape == EntryShape::Unknown && unlikely(unsafe { account.data_ptr().cast::<u64>().read() } != NODE_WALLET) {
        return None;
    }
    // SAFETY: the data has the length of a wallet, either checked above or promised by the caller.
    // `NodeWallet` is plain bytes, of which any are valid, with an alignment of 8, which the offset keeps. The
    // treasury, which the instruction borrows as well, has another length. The caller promises exclusive access
    // otherwise.
    let wallet = unsafe { &mut *account.data_ptr().add(DISCRIMINATOR_LEN).cast::<NodeWallet>() };
    let is_invalid = unlikely(wallet.version != NodeWallet::VERSION)
        || differ(wallet_network(wallet), network)
        || unlikely(wallet.paid_total > wallet.credited_total);
    if is_invalid { None } else { Some(wallet) }
}

const _: () = {
    assert!(NodeWallet::VERSION != 0);
    assert!(NodeWallet::SIZE != Treasury::SIZE);
    assert!(align_of::<NodeWallet>() == 8);
    assert!(DISCRIMINATOR_LEN == 8);
};
