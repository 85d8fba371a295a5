//! Events as bytes, and the call to itself by which the program tells them: what `emit_cpi!` does,
//! without the heap.

use core::mem::MaybeUninit;

use anchor_lang::Discriminator;
use anchor_lang::event::EVENT_IX_TAG_LE;
use anchor_lang::prelude::Pubkey;

use super::BatchError;
use super::data::Batch;
use super::frame::{EVENT_AUTHORITY, PROGRAM};
use super::host::{Call, Host, Meta, Seed};
use super::input::{Account, Count, Input, same};
use crate::events::{BatchSettled, PaidOut};
use crate::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES, SkipSet};

/// Seed of the event authority, as Anchor has it.
const SEED: &[u8] = b"__event_authority";

/// Bytes of the longest event: a batch in which every entry was left out.
const MAX_LEN: usize = 8 + 8 + 32 + 8 + 8 + 32 + 1 + 4 * 8 + 4 + MAX_CREDIT_ENTRIES + MAX_SETTLE_ENTRIES;

/// The bytes of an event, in the making.
pub(super) struct Event {
    bytes: [MaybeUninit<u8>; MAX_LEN],
    /// Bytes that are written.
    len: usize,
}

impl Event {
    /// Nothing yet. Filled in place by those below: moving it would cost more than filling it.
    #[inline(always)]
    pub fn new() -> Self {
        Self { bytes: [const { MaybeUninit::uninit() }; MAX_LEN], len: 0 }
    }

    #[inline(always)]
    fn begin(&mut self, discriminator: &[u8]) {
        self.put(EVENT_IX_TAG_LE);
        self.put(discriminator);
    }

    /// Appends bytes. What would be too long is left out; the longest event is not.
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            // SAFETY: as many bytes as there are places, which overlap with nothing.
            unsafe { place.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            self.len = end;
        }
    }

    #[inline(always)]
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    /// What was put so far.
    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: so many are written.
        unsafe { core::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.len) }
    }
}

/// [`BatchSettled`], field by field.
#[inline(always)]
pub(super) fn batch_settled(
    event: &mut Event,
    network: &Pubkey,
    sequence: u64,
    batch: &Batch,
    credited: u64,
    paid: u64,
    skips: &SkipSet,
) {
    event.begin(BatchSettled::DISCRIMINATOR);
    event.put(network.as_array());
    event.put_u64(batch.batch_id);
    event.put_u64(sequence);
    event.put(batch.records_root);
    event.put(&[batch.targets.len() as u8]);
    event.put_u64(credited);
    event.put_u64(paid);
    event.put_u64(skips.credit());
    event.put_u64(skips.payout());
    let reasons = skips.credit_reasons().len().saturating_add(skips.payout_reasons().len());
    event.put(&(reasons as u32).to_le_bytes());
    event.put(skips.credit_reasons());
    event.put(skips.payout_reasons());
}

/// [`PaidOut`], field by field.
pub(super) fn paid_out(event: &mut Event, network: &Pubkey, n: usize, paid: u64, skips: &SkipSet) {
    event.begin(PaidOut::DISCRIMINATOR);
    event.put(network.as_array());
    event.put(&[n as u8]);
    event.put_u64(paid);
    event.put_u64(skips.payout());
    event.put(&(skips.payout_reasons().len() as u32).to_le_bytes());
    event.put(skips.payout_reasons());
}

/// Tells an event. Comes after all that the instruction moves, see [`host`](super::host).
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

/// Whether this is the program's own call that carries an event.
pub(super) fn is_ours(input: &Input<Count>) -> bool {
    matches!(input.accounts, [authority] if authority.is_signer() && same(authority.key(), &EVENT_AUTHORITY))
}
