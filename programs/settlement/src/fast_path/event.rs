//! Events, and the two ways in which the program emits them: what Anchor's `emit!` and `emit_cpi!` do, without the
//! heap.

use core::mem::MaybeUninit;

use anchor_lang::Discriminator;
use anchor_lang::event::EVENT_IX_TAG_LE;

use super::batch_error::BatchError;
use super::data::Batch;
use super::host::{Call, Host, Meta, Seed};
use super::input::{Account, Input};
use super::keys::{EVENT_AUTHORITY, Key, PROGRAM, same};
use crate::events::{BatchSettled, PaidOut};
use crate::rules::{MAX_CREDIT_ENTRIES, SkipSet};
use crate::unlikely::unlikely;

/// Seed of the event authority, defined by Anchor.
const SEED: &[u8] = b"__event_authority";

/// The layout of the longest event, which gives the buffer its size: a [`BatchSettled`] with as many reasons as there
/// can be, one for each entry of the largest credit, or two for each entry of the largest settle.
#[repr(C, packed)]
struct LongestEvent {
    discriminator: [u8; 8],
    network: Key,
    batch_id: u64,
    sequence: u64,
    records_root: [u8; 32],
    n: u8,
    credited: u64,
    paid: u64,
    credit_skips: u64,
    payout_skips: u64,
    reasons_len: u32,
    reasons: [u8; MAX_CREDIT_ENTRIES],
}

/// Bytes of the longest event.
const MAX_LEN: usize = size_of::<LongestEvent>();

/// An event being serialized.
///
/// Invariant: the first `len` bytes are initialized.
pub(super) struct EventBuffer {
    bytes: [MaybeUninit<u8>; MAX_LEN],
    len: usize,
}

impl EventBuffer {
    /// An empty buffer. The functions below write into it in place: moving it would cost more than
    /// filling it.
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { bytes: [const { MaybeUninit::uninit() }; MAX_LEN], len: 0 }
    }

    /// Appends bytes, unless they don't fit. The longest event does.
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(free) = self.bytes.get_mut(self.len..end) {
            // SAFETY: `free` has as many bytes as `bytes`. The two don't overlap, because `free` is
            // borrowed mutably.
            unsafe { free.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            self.len = end;
        }
    }

    #[inline(always)]
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    #[inline(always)]
    fn put_key(&mut self, key: &Key) {
        self.put(bytemuck::bytes_of(key));
    }

    /// The bytes written so far.
    #[inline(always)]
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: by the type's invariant, the first `len` bytes are initialized, and `put` keeps `len`
        // within the array.
        unsafe { core::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.len) }
    }
}

impl EventBuffer {
    /// The event of a self-call, without the tag that precedes it.
    pub(super) fn event(&self) -> &[u8] {
        self.bytes().get(EVENT_IX_TAG_LE.len()..).unwrap_or_default()
    }
}

/// Serializes a [`BatchSettled`] for a log.
#[inline(always)]
pub(super) fn write_batch_settled(
    buffer: &mut EventBuffer,
    network: &Key,
    sequence: u64,
    batch: &Batch,
    credited: u64,
    paid: u64,
    skips: &SkipSet,
) {
    buffer.put(BatchSettled::DISCRIMINATOR);
    buffer.put_key(network);
    buffer.put_u64(batch.batch_id);
    buffer.put_u64(sequence);
    buffer.put(batch.records_root);
    buffer.put(&[batch.targets.len() as u8]);
    buffer.put_u64(credited);
    buffer.put_u64(paid);
    buffer.put_u64(skips.credit());
    buffer.put_u64(skips.payout());
    let (credit, payout) = (skips.credit_reasons(), skips.payout_reasons());
    buffer.put(&(credit.len().wrapping_add(payout.len()) as u32).to_le_bytes());
    // Copying nothing would cost a call as well.
    if unlikely(!credit.is_empty()) {
        buffer.put(credit);
    }
    if unlikely(!payout.is_empty()) {
        buffer.put(payout);
    }
}

/// Serializes a [`PaidOut`] with `n` entries for a self-call.
pub(super) fn write_paid_out(buffer: &mut EventBuffer, network: &Key, n: usize, paid: u64, skips: &SkipSet) {
    buffer.put(EVENT_IX_TAG_LE);
    buffer.put(PaidOut::DISCRIMINATOR);
    buffer.put_key(network);
    buffer.put(&[n as u8]);
    buffer.put_u64(paid);
    buffer.put_u64(skips.payout());
    buffer.put(&(skips.payout_reasons().len() as u32).to_le_bytes());
    buffer.put(skips.payout_reasons());
}

/// Emits an event in a self-call. Must follow everything that the instruction moves, see [`host`](super::host).
#[inline(always)]
pub(super) fn emit<H: Host>(host: &H, authority: Account, data: &[u8]) -> Result<(), BatchError> {
    let bump = [crate::EVENT_AUTHORITY_AND_BUMP.1];
    host.call(&Call {
        program: &PROGRAM,
        metas: &[Meta { key: authority.key(), is_writable: false, is_signer: true }],
        data,
        accounts: &[authority],
        count: 1,
        signer: &[Seed::new(SEED), Seed::new(&bump)],
    })
}

/// Whether the instruction is this program's self-call that carries an event.
pub(super) fn is_self_call(input: &Input) -> bool {
    matches!(input.accounts, [authority] if authority.is_signer() && same(authority.key(), &EVENT_AUTHORITY))
}
