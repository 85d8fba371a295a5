//! What the program tells the world, by a call to itself (`emit_cpi!`), because the runtime
//! truncates logs but never inner instructions.
//!
//! Field order and types are part of the program's interface: an event that needs more fields
//! becomes a new event.

use anchor_lang::prelude::*;

use crate::rules::SkipReason;

/// A network and its treasury came into being.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkCreated {
    /// Address of the network.
    pub network: Pubkey,
    /// Address of its treasury.
    pub treasury: Pubkey,
    /// The network's name, zero padded.
    pub id: [u8; 32],
    /// Signed, and may change everything.
    pub admin: Pubkey,
    /// The relay's key.
    pub settler: Pubkey,
    /// May only pause.
    pub guardian: Pubkey,
    /// Lamports from which a pending amount is paid out.
    pub default_threshold: u64,
    /// Lamports one entry may credit at most.
    pub per_node_cap: u64,
    /// Lamports one batch may credit at most.
    pub per_batch_cap: u64,
    /// Lamports the outflow window holds.
    pub window_limit: u64,
    /// Seconds in which a full outflow window empties.
    pub window_seconds: u64,
    /// Seconds after which a pending amount below the threshold is paid out anyway.
    pub max_pending_age: u64,
}

/// A node's wallet account was opened.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRegistered {
    /// Address of the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// Hash of the ledger's name for the node.
    pub node_id: [u8; 32],
    /// May withdraw.
    pub owner: Pubkey,
    /// Where the node's lamports go.
    pub destination: Pubkey,
    /// Paid the account's rent.
    pub rent_payer: Pubkey,
    /// The settler or admin that signed.
    pub authority: Pubkey,
    /// Lamports from which the node's pending amount is paid out.
    pub threshold: u64,
}

/// Lamports came into the treasury through `fund`.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funded {
    /// Address of the network.
    pub network: Pubkey,
    /// Whose lamports they were.
    pub funder: Pubkey,
    /// Lamports of this funding.
    pub amount: u64,
    /// Lamports ever funded, this funding included.
    pub funded_total: u64,
}

/// A batch was applied, by `credit` or by `settle`.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchSettled {
    /// Address of the network.
    pub network: Pubkey,
    /// The relay's number for the batch, as given.
    pub batch_id: u64,
    /// The treasury's count of batches, this one included.
    pub sequence: u64,
    /// Merkle root over the batch's reward records, as given.
    pub records_root: [u8; 32],
    /// Entries in the batch.
    pub n: u8,
    /// Lamports moved from the treasury into wallet accounts.
    pub credited: u64,
    /// Lamports moved from wallet accounts to destinations.
    pub paid: u64,
    /// Bit i: entry i was not credited.
    pub credit_skips: u64,
    /// Bit i: entry i had a payout due that could not be made.
    pub payout_skips: u64,
    /// A [`SkipReason`] per set bit: those of `credit_skips` ascending, then of `payout_skips`.
    pub reasons: Vec<u8>,
}

impl BatchSettled {
    /// Why entry `i` was not credited. `None` when it was, or when the program that emitted this
    /// knows a reason which this library doesn't: ask `credit_skips` whether it was.
    pub fn credit_skip_reason(&self, i: usize) -> Option<SkipReason> {
        reason_of(&self.reasons, 0, self.credit_skips, i)
    }

    /// Why the due payout of entry `i` could not be made. `None` when none was due, when it was
    /// made, or for a reason unknown to this library: ask `payout_skips`.
    pub fn payout_skip_reason(&self, i: usize) -> Option<SkipReason> {
        let before = self.credit_skips.count_ones() as usize;
        reason_of(&self.reasons, before, self.payout_skips, i)
    }
}

/// The reason of bit `i` in `skips`, whose reasons start at `first` in `reasons`.
fn reason_of(reasons: &[u8], first: usize, skips: u64, i: usize) -> Option<SkipReason> {
    let bit = 1u64.checked_shl(u32::try_from(i).ok()?)?;
    if skips & bit == 0 {
        return None;
    }
    let rank = (skips & (bit - 1)).count_ones() as usize;
    SkipReason::try_from(*reasons.get(first.checked_add(rank)?)?).ok()
}

/// A node's owner took pending lamports out.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Address of the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// May withdraw.
    pub owner: Pubkey,
    /// Where the node's lamports go.
    pub destination: Pubkey,
    /// Lamports of this withdrawal.
    pub amount: u64,
    /// Lamports ever credited to the node.
    pub credited_total: u64,
    /// Lamports ever paid to the node, this withdrawal included.
    pub paid_total: u64,
}

/// Nothing leaves the network's treasury and wallets from here on.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// Address of the network.
    pub network: Pubkey,
    /// The guardian or admin that signed.
    pub by: Pubkey,
}

/// Lamports may leave again.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpaused {
    /// Address of the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
}
