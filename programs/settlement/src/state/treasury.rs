//! A network's treasury: its funds, and a copy of everything that a batch needs, so that a batch loads
//! only one account besides those of its nodes.

use anchor_lang::prelude::*;

use super::DISCRIMINATOR_LEN;
use crate::error::SettlementError;
use crate::history;
use crate::rules::pause::Hold;
use crate::rules::window::Window;

/// A network's treasury, at `["treasury", network]`.
///
/// For SOL, the funds are the account's own lamports above its rent-exempt minimum. Credited lamports
/// have already moved to the node wallets, so everything left here is surplus.
#[account(zero_copy)]
#[derive(Debug, PartialEq, Eq)]
pub struct Treasury {
    /// Layout version, [`VERSION`](Self::VERSION).
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// 1 while the network is paused, else 0.
    pub paused: u8,
    /// The asset that the network pays in: an [`AssetKind`](super::AssetKind).
    pub asset_kind: u8,
    /// Always zero.
    pub _padding: [u8; 4],
    /// Address of the network that the treasury belongs to.
    pub network: Pubkey,
    /// Copy of the network's settler.
    pub settler: Pubkey,
    /// Copy of the network's mint. Zero for SOL.
    pub mint: Pubkey,
    /// Copy of the network's treasury token account. Zero for SOL.
    pub token_account: Pubkey,
    /// Maximum base units that one entry of a batch may credit.
    pub per_node_cap: u64,
    /// Maximum base units that one batch may credit.
    pub per_batch_cap: u64,
    /// Capacity of the outflow window in base units.
    pub window_limit: u64,
    /// Seconds in which a full outflow window drains.
    pub window_seconds: u64,
    /// Base units in the outflow window as of `window_updated_at`.
    pub window_used: u64,
    /// Time up to which the window has been drained, in Unix seconds.
    pub window_updated_at: i64,
    /// Seconds after which a pending amount is paid out even if it is below its threshold.
    pub max_pending_age: u64,
    /// Copy of the network's default threshold.
    pub default_threshold: u64,
    /// Base units ever credited to nodes.
    pub credited_total: u64,
    /// Base units ever paid to nodes, by any instruction.
    pub paid_total: u64,
    /// Base units ever added through `fund`. Doesn't include direct transfers.
    pub funded_total: u64,
    /// Base units of surplus that the admin has ever withdrawn.
    pub withdrawn_total: u64,
    /// Number of batches executed so far, which is the sequence number of the last one.
    pub batch_sequence: u64,
    /// Balance of the treasury's token account after the program's last access, in base units. Never
    /// above the actual balance. 0 for SOL. Added in layout version 2.
    pub token_balance: u64,
    /// Time from which owners can withdraw even if the network is paused, in Unix seconds. See
    /// [`Hold`](crate::rules::pause::Hold).
    pub hold_until: i64,
    /// Seconds for which a pause can keep owners from withdrawing.
    pub max_pause_seconds: u64,
    /// Hash over every event that moved funds, see [`history`](crate::history).
    pub history_hash: [u8; 32],
    /// Number of events in `history_hash`.
    pub history_count: u64,
    /// Zero; reserved for future fields.
    pub reserved: [u8; 72],
}

impl Treasury {
    /// Layout version that this program reads and writes. Version 1 had zeros in place of
    /// `token_balance`; [`migrate_treasury`](crate::instructions::migrate_treasury) upgrades it.
    pub const VERSION: u8 = 2;

    /// Size of the account in bytes, including the discriminator.
    pub const SIZE: usize = DISCRIMINATOR_LEN + size_of::<Self>();

    /// Migrates the fields from an earlier layout to the current one. Returns whether they have the
    /// current layout now; an unknown version is left unchanged.
    pub fn migrate(&mut self) -> bool {
        if self.version == 1 {
            // All networks of version 1 pay in SOL.
            self.token_balance = 0;
            self.version = 2;
        }
        self.version == Self::VERSION
    }

    /// Base units that have been credited to nodes but not paid. 0 if the totals are inconsistent,
    /// which the program never writes.
    pub fn liabilities(&self) -> u64 {
        self.credited_total.saturating_sub(self.paid_total)
    }

    /// The outflow window as of `window_updated_at`.
    pub fn window(&self) -> Window {
        Window {
            limit: self.window_limit,
            seconds: self.window_seconds,
            used: self.window_used,
            updated_at: self.window_updated_at,
        }
    }

    /// How long a pause can keep owners from withdrawing.
    pub fn hold(&self) -> Hold {
        Hold { until: self.hold_until, max_seconds: self.max_pause_seconds }
    }

    /// Whether owners can withdraw at `now` (Unix seconds).
    pub fn allows_withdrawals(&self, now: i64) -> bool {
        !self.is_paused() || self.hold().is_over(now)
    }

    /// Adds an event that moved funds to the history: 8 bytes of discriminator and the serialized fields.
    #[inline(always)]
    pub fn record(&mut self, event: &[u8]) -> core::result::Result<(), SettlementError> {
        self.history_hash = history::extend(&self.history_hash, event);
        self.history_count = self.history_count.checked_add(1).ok_or(SettlementError::Overflow)?;
        Ok(())
    }

    /// Whether the network is paused. Any value other than 0 counts, to fail safe.
    pub fn is_paused(&self) -> bool {
        self.paused != 0
    }
}

const _: () = {
    use core::mem::offset_of;
    assert!(Treasury::SIZE == 384);
    assert!(offset_of!(Treasury, version) == 0);
    assert!(offset_of!(Treasury, bump) == 1);
    assert!(offset_of!(Treasury, paused) == 2);
    assert!(offset_of!(Treasury, asset_kind) == 3);
    assert!(offset_of!(Treasury, network) == 8);
    assert!(offset_of!(Treasury, settler) == 40);
    assert!(offset_of!(Treasury, mint) == 72);
    assert!(offset_of!(Treasury, token_account) == 104);
    assert!(offset_of!(Treasury, per_node_cap) == 136);
    assert!(offset_of!(Treasury, per_batch_cap) == 144);
    assert!(offset_of!(Treasury, window_limit) == 152);
    assert!(offset_of!(Treasury, window_seconds) == 160);
    assert!(offset_of!(Treasury, window_used) == 168);
    assert!(offset_of!(Treasury, window_updated_at) == 176);
    assert!(offset_of!(Treasury, max_pending_age) == 184);
    assert!(offset_of!(Treasury, default_threshold) == 192);
    assert!(offset_of!(Treasury, credited_total) == 200);
    assert!(offset_of!(Treasury, paid_total) == 208);
    assert!(offset_of!(Treasury, funded_total) == 216);
    assert!(offset_of!(Treasury, withdrawn_total) == 224);
    assert!(offset_of!(Treasury, batch_sequence) == 232);
    assert!(offset_of!(Treasury, token_balance) == 240);
    assert!(offset_of!(Treasury, hold_until) == 248);
    assert!(offset_of!(Treasury, max_pause_seconds) == 256);
    assert!(offset_of!(Treasury, history_hash) == 264);
    assert!(offset_of!(Treasury, history_count) == 296);
    assert!(offset_of!(Treasury, reserved) == 304);
};

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;

    #[test]
    fn a_treasury_of_version_1_has_no_token_balance_and_no_other_is_migrated() {
        let of = |version| Treasury { version, token_balance: 9, credited_total: 5, ..Treasury::zeroed() };
        let migrated = |mut treasury: Treasury| (treasury.migrate(), treasury);
        assert_eq!(migrated(of(1)), (true, Treasury { token_balance: 0, ..of(2) }));
        assert_eq!(migrated(of(2)), (true, of(2)));
        assert_eq!(migrated(of(3)), (false, of(3)));
    }

    #[test]
    fn a_treasury_owes_what_it_has_credited_and_not_paid() {
        let owes =
            |credited_total, paid_total| Treasury { credited_total, paid_total, ..Treasury::zeroed() }.liabilities();
        assert_eq!((owes(7, 2), owes(7, 7), owes(2, 7)), (5, 0, 0));
    }
}
