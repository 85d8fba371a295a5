//! The history of a network: a hash over every event that moved its funds.
//!
//! A treasury starts with a hash of 32 zero bytes. Each event that moves funds replaces it by
//! `SHA-256(hash || event)`, where the event is its discriminator (8 bytes) and its fields in Borsh, and adds 1 to the
//! treasury's `history_count`. Whoever replays all events of a network in order and arrives at both values has all of
//! them, unchanged, and no other. docs/HISTORY.md lists the events and has test vectors.

/// The hash after `event` is appended to a history with the hash `hash`.
#[cfg(target_os = "solana")]
#[inline(always)]
pub fn extend(hash: &[u8; 32], event: &[u8]) -> [u8; 32] {
    use core::mem::MaybeUninit;

    use solana_define_syscall::definitions::sol_sha256;

    let parts: [&[u8]; 2] = [hash, event];
    let mut result = MaybeUninit::<[u8; 32]>::uninit();
    // SAFETY: the runtime reads two slices, which it lays out as a pointer and a length each, as Rust does for this
    // target, and writes 32 bytes. It fails the whole transaction rather than return without having written them.
    unsafe {
        sol_sha256(parts.as_ptr().cast(), parts.len() as u64, result.as_mut_ptr().cast());
        result.assume_init()
    }
}

/// The hash after `event` is appended to a history with the hash `hash`.
#[cfg(not(target_os = "solana"))]
pub fn extend(hash: &[u8; 32], event: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};

    Sha256::new().chain_update(hash).chain_update(event).finalize().into()
}
