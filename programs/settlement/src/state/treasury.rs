//! A network's treasury: its lamports, and a copy of all that a batch needs, so that a batch loads
//! one account besides its nodes.

use anchor_lang::prelude::*;

use super::DISCRIMINATOR_LEN;
use crate::rules::window::Window;

/// `["treasury", network]`
///
/// For SOL the account's own lamports above its rent-exempt minimum are the funds. What has been
/// credited has left already, into the node wallets: everything here is surplus.
#[account(zero_copy)]
#[derive(Debug, PartialEq, Eq)]
pub struct Treasury {
    /// Layout version, [`VERSION`](Self::VERSION).
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// 1: nothing leaves. 0: in service.
    pub paused: u8,
    /// An [`AssetKind`](super::AssetKind).
    pub asset_kind: u8,
    /// Zero.
    pub _padding: [u8; 4],
    /// Address of the network it belongs to.
    pub network: Pubkey,
    /// Copy of the network's settler.
    pub settler: Pubkey,
    /// Copy of the network's mint. Zero for SOL.
    pub mint: Pubkey,
    /// Copy of the network's treasury token account. Zero for SOL.
    pub token_account: Pubkey,
    /// Base units that one entry of a batch may credit at most.
    pub per_node_cap: u64,
    /// Base units that one batch may credit at most.
    pub per_batch_cap: u64,
    /// Base units that the outflow window holds.
    pub window_limit: u64,
    /// Seconds in which a full outflow window empties.
    pub window_seconds: u64,
    /// Base units in the outflow window as of `window_updated_at`.
    pub window_used: u64,
    /// Unix seconds up to which the window's emptying has been counted.
    pub window_updated_at: i64,
    /// Seconds after which a pending amount below its threshold is paid out anyway.
    pub max_pending_age: u64,
    /// Copy of the network's default threshold.
    pub default_threshold: u64,
    /// Base units ever credited to nodes.
    pub credited_total: u64,
    /// Base units ever paid to nodes, by any way.
    pub paid_total: u64,
    /// Base units ever funded through `fund`. Plain transfers are not in it.
    pub funded_total: u64,
    /// Base units of surplus ever withdrawn by the admin.
    pub withdrawn_total: u64,
    /// Batches applied so far: the number of the last one.
    pub batch_sequence: u64,
    /// Base units known to lie in the treasury's token account; never more than do. Since layout
    /// version 2; 0 for SOL, whose lamports speak for themselves.
    pub token_balance: u64,
    /// Zero, for fields to come.
    pub reserved: [u8; 128],
}

impl Treasury {
    /// Layout version that this program writes and reads. Version 1 had no `token_balance`, and
    /// zeros in its place: [`migrate_treasury`](crate::instructions::migrate_treasury) moves on.
    pub const VERSION: u8 = 2;

    /// Bytes of the whole account, discriminator included.
    pub const SIZE: usize = DISCRIMINATOR_LEN + size_of::<Self>();

    /// Brings the fields from an earlier layout to the newest. Whether that is what they are now:
    /// `false` for a version that this program doesn't know, and nothing is changed.
    pub fn migrate(&mut self) -> bool {
        if self.version == 1 {
            // Networks of version 1 pay in SOL.
            self.token_balance = 0;
            self.version = 2;
        }
        self.version == Self::VERSION
    }

    /// Base units that nodes have been credited and not paid yet: 0 for totals that contradict each
    /// other, which the program never writes.
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

    /// Whether nothing may leave. Any value but 0 counts, to fail safe.
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
    assert!(offset_of!(Treasury, reserved) == 248);
};
