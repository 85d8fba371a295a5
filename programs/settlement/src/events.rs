//! What the program tells the world, by a call to itself (`emit_cpi!`), because the runtime
//! truncates logs but never inner instructions.
//!
//! Field order and types are part of the program's interface: an event that needs more fields
//! becomes a new event.

use anchor_lang::prelude::*;

use crate::rules::SkipReason;

/// `emit_cpi!`, with the check that it leaves to the runtime: that the account passed as this program is
/// this program. The runtime finds it among all accounts of the instruction, wherever it stands.
macro_rules! emit_event {
    ($ctx:ident, $event:expr) => {{
        let ctx = &$ctx;
        require!(*ctx.accounts.program.key == crate::ID, anchor_lang::error::ErrorCode::InvalidProgramId);
        emit_cpi!($event);
    }};
}
pub(crate) use emit_event;

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
    /// Base units from which a pending amount is paid out.
    pub default_threshold: u64,
    /// Base units one entry may credit at most.
    pub per_node_cap: u64,
    /// Base units one batch may credit at most.
    pub per_batch_cap: u64,
    /// Base units the outflow window holds.
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
    /// Where the node's payouts go.
    pub destination: Pubkey,
    /// Paid the account's rent.
    pub rent_payer: Pubkey,
    /// The settler or admin that signed.
    pub authority: Pubkey,
    /// Base units from which the node's pending amount is paid out.
    pub threshold: u64,
}

/// A network and its treasury came into being that pay in a mint's tokens: goes with
/// [`NetworkCreated`], which tells the rest.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkMint {
    /// Address of the network.
    pub network: Pubkey,
    /// The mint.
    pub mint: Pubkey,
    /// Its token program.
    pub token_program: Pubkey,
    /// The treasury's token account.
    pub treasury_token_account: Pubkey,
    /// The mint's decimals.
    pub decimals: u8,
}

/// The network's parameters, after a change of some of them.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkUpdated {
    /// Address of the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// Base units from which a pending amount is paid out.
    pub default_threshold: u64,
    /// Base units one entry may credit at most.
    pub per_node_cap: u64,
    /// Base units one batch may credit at most.
    pub per_batch_cap: u64,
    /// Base units the outflow window holds.
    pub window_limit: u64,
    /// Seconds in which a full outflow window empties.
    pub window_seconds: u64,
    /// Seconds after which a pending amount below the threshold is paid out anyway.
    pub max_pending_age: u64,
}

/// The admin named the next admin, who has yet to accept.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminProposed {
    /// Address of the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// The next admin; the default key when the hand-over was called off.
    pub pending_admin: Pubkey,
}

/// The proposed admin accepted.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminChanged {
    /// Address of the network.
    pub network: Pubkey,
    /// The admin until now.
    pub from: Pubkey,
    /// The admin from now on, who signed.
    pub to: Pubkey,
}

/// Another key credits and settles from now on.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlerChanged {
    /// Address of the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// The settler until now.
    pub from: Pubkey,
    /// The settler from now on.
    pub to: Pubkey,
}

/// Another key may pause from now on.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardianChanged {
    /// Address of the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// The guardian until now.
    pub from: Pubkey,
    /// The guardian from now on.
    pub to: Pubkey,
}

/// The admin took funds out of the treasury that are owed to nobody.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurplusWithdrawn {
    /// Address of the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// Account the funds went to: for tokens, the token account.
    pub destination: Pubkey,
    /// Base units that left the treasury.
    pub amount: u64,
    /// Base units ever withdrawn so, these included.
    pub withdrawn_total: u64,
}

/// A node's wallet account was closed. A [`ClosedNode`](crate::state::ClosedNode) stays.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeClosed {
    /// Address of the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// Hash of the ledger's name for the node.
    pub node_id: [u8; 32],
    /// The owner or admin that signed.
    pub by: Pubkey,
    /// Base units credited, and paid, in the node's life.
    pub total: u64,
    /// Got the lamports.
    pub rent_payer: Pubkey,
    /// Lamports that it got.
    pub lamports: u64,
}

/// A closed node's wallet account was opened again, with its totals as they were.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReopened {
    /// Address of the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// Hash of the ledger's name for the node.
    pub node_id: [u8; 32],
    /// May withdraw.
    pub owner: Pubkey,
    /// Where the node's payouts go.
    pub destination: Pubkey,
    /// Paid the account's rent.
    pub rent_payer: Pubkey,
    /// The settler or admin that signed.
    pub authority: Pubkey,
    /// Base units from which the node's pending amount is paid out.
    pub threshold: u64,
    /// Base units credited, and paid, before.
    pub total: u64,
}

/// A node's payouts go elsewhere from now on.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationChanged {
    /// Address of the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// The owner that signed.
    pub owner: Pubkey,
    /// The destination until now.
    pub from: Pubkey,
    /// The destination from now on.
    pub to: Pubkey,
}

/// A node's pending amount is paid out from another size on.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdChanged {
    /// Address of the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// The owner that signed.
    pub owner: Pubkey,
    /// Base units until now.
    pub from: u64,
    /// Base units from now on.
    pub to: u64,
}

/// A `payout` was applied.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidOut {
    /// Address of the network.
    pub network: Pubkey,
    /// Entries in it.
    pub n: u8,
    /// Base units that left wallets for destinations.
    pub paid: u64,
    /// Bit i: entry i was not paid.
    pub skips: u64,
    /// A [`SkipReason`] per set bit, ascending.
    pub reasons: Vec<u8>,
}

impl PaidOut {
    /// Why entry `i` was not paid. `None` when it was, or for a reason unknown to this library:
    /// ask `skips`.
    pub fn skip_reason(&self, i: usize) -> Option<SkipReason> {
        reason_of(&self.reasons, 0, self.skips, i)
    }
}

/// An account was brought from an earlier layout to the newest.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Address of the account.
    pub account: Pubkey,
    /// Its layout version until now.
    pub from: u8,
    /// Its layout version from now on.
    pub to: u8,
}

/// Funds came into the treasury through `fund`.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funded {
    /// Address of the network.
    pub network: Pubkey,
    /// Whose funds they were.
    pub funder: Pubkey,
    /// Base units that reached the treasury: what was sent, less the mint's transfer fee.
    pub amount: u64,
    /// Base units ever funded, this funding included.
    pub funded_total: u64,
}

/// A batch was applied, by `credit` or by `settle`.
///
/// Where the mint takes a transfer fee, `paid` is what left the treasury; the fee lies withheld in
/// the destinations' token accounts.
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
    /// Base units credited: for SOL, moved from the treasury into wallet accounts.
    pub credited: u64,
    /// Base units paid: from wallet accounts, or from the treasury's token account, to destinations.
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

/// A node's owner took a pending amount out.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Address of the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// May withdraw.
    pub owner: Pubkey,
    /// Where the node's payouts go.
    pub destination: Pubkey,
    /// Base units of this withdrawal, any transfer fee included.
    pub amount: u64,
    /// Base units ever credited to the node.
    pub credited_total: u64,
    /// Base units ever paid to the node, this withdrawal included.
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

/// Funds may leave again.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpaused {
    /// Address of the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
}
