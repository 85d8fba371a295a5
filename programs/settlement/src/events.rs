//! The events that the program emits.
//!
//! It emits [`BatchSettled`] as a log, as Anchor's `emit!` does: only the settler can send such batches, and so nobody
//! else can write so much to the log that the runtime truncates it. Should it be truncated, the history shows it
//! ([`history`](crate::history)). All other events are emitted in calls of the program to itself (`emit_cpi!`), because
//! the runtime does not truncate inner instructions.
//!
//! The order and the types of fields are part of the program's interface: if an event needs more
//! fields, a new event is added.

use anchor_lang::prelude::*;

use crate::rules::SkipReason;

/// Emits an event with `emit_cpi!`, after checking that the account passed as this program is this program.
/// `emit_cpi!` leaves that to the runtime, which finds the program among all accounts of the
/// instruction.
macro_rules! emit_event {
    ($ctx:ident, $event:expr) => {{
        let ctx = &$ctx;
        require!(*ctx.accounts.program.key == crate::ID, anchor_lang::error::ErrorCode::InvalidProgramId);
        emit_cpi!($event);
    }};
}
pub(crate) use emit_event;

/// Emits an event that moved funds of the network, after adding it to the history of the instruction's treasury.
macro_rules! emit_and_record {
    ($ctx:ident, $event:expr) => {{
        let event = $event;
        $ctx.accounts.treasury.load_mut()?.record(&anchor_lang::Event::data(&event))?;
        $crate::events::emit_event!($ctx, event);
    }};
}
pub(crate) use emit_and_record;

/// A network and its treasury were created.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkCreated {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Address of its treasury.
    pub treasury: Pubkey,
    /// The network's name, padded with zero bytes.
    pub id: [u8; 32],
    /// The network's admin, who signed.
    pub admin: Pubkey,
    /// The key that may credit, settle and register nodes.
    pub settler: Pubkey,
    /// The key that may pause, and nothing else.
    pub guardian: Pubkey,
    /// Default payout threshold of a node in base units.
    pub default_threshold: u64,
    /// Maximum base units that one entry may credit.
    pub per_node_cap: u64,
    /// Maximum base units that one batch may credit.
    pub per_batch_cap: u64,
    /// Capacity of the outflow window in base units.
    pub window_limit: u64,
    /// Seconds in which a full outflow window drains.
    pub window_seconds: u64,
    /// Seconds after which a pending amount is paid out even if it is below its threshold.
    pub max_pending_age: u64,
    /// Seconds for which a pause can keep owners from withdrawing.
    pub max_pause_seconds: u64,
}

/// A node was registered and its wallet account created.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRegistered {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// Hash of the node's id in the ledger, see `client::node_id`.
    pub node_id: [u8; 32],
    /// The key that may withdraw, and change the destination and the threshold.
    pub owner: Pubkey,
    /// Recipient of the node's payouts: an account, or for tokens a token account.
    pub destination: Pubkey,
    /// The settler or admin that signed.
    pub authority: Pubkey,
    /// Pending base units at which they are paid out.
    pub threshold: u64,
}

/// The created network pays in a mint's tokens. Accompanies [`NetworkCreated`], which has the rest.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkMint {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Address of the mint.
    pub mint: Pubkey,
    /// The mint's token program.
    pub token_program: Pubkey,
    /// Address of the treasury's token account.
    pub treasury_token_account: Pubkey,
    /// Decimal places of the mint's tokens.
    pub decimals: u8,
}

/// Parameters of the network changed. Has all parameters after the change.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkUpdated {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// Default payout threshold of a node in base units.
    pub default_threshold: u64,
    /// Maximum base units that one entry may credit.
    pub per_node_cap: u64,
    /// Maximum base units that one batch may credit.
    pub per_batch_cap: u64,
    /// Capacity of the outflow window in base units.
    pub window_limit: u64,
    /// Seconds in which a full outflow window drains.
    pub window_seconds: u64,
    /// Seconds after which a pending amount is paid out even if it is below its threshold.
    pub max_pending_age: u64,
    /// Seconds for which a pause can keep owners from withdrawing.
    pub max_pause_seconds: u64,
}

/// The admin proposed a new admin, who has not accepted yet.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminProposed {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// The proposed admin; the default key if the proposal was cancelled.
    pub pending_admin: Pubkey,
}

/// The proposed admin accepted and is now the admin.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminChanged {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The previous admin.
    pub from: Pubkey,
    /// The new admin, who signed.
    pub to: Pubkey,
}

/// The settler was replaced.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlerChanged {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// The previous settler.
    pub from: Pubkey,
    /// The new settler.
    pub to: Pubkey,
}

/// The guardian was replaced.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardianChanged {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// The previous guardian.
    pub from: Pubkey,
    /// The new guardian.
    pub to: Pubkey,
}

/// The admin withdrew surplus, which is not owed to any node, from the treasury.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurplusWithdrawn {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// The account that received the funds. For tokens, the token account.
    pub destination: Pubkey,
    /// Base units that left the treasury.
    pub amount: u64,
    /// Base units of surplus ever withdrawn, including this withdrawal.
    pub withdrawn_total: u64,
}

/// A node's wallet account was closed and replaced by a [`ClosedNode`](crate::state::ClosedNode).
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeClosed {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// Hash of the node's id in the ledger, see `client::node_id`.
    pub node_id: [u8; 32],
    /// The node's owner.
    pub owner: Pubkey,
    /// The owner or admin that signed.
    pub by: Pubkey,
    /// Base units ever credited to the node, all of which have been paid.
    pub total: u64,
    /// Lamports of rent that the treasury received.
    pub lamports: u64,
}

/// A closed node's wallet account was reopened with its previous totals.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReopened {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// Hash of the node's id in the ledger, see `client::node_id`.
    pub node_id: [u8; 32],
    /// The key that may withdraw, and change the destination and the threshold.
    pub owner: Pubkey,
    /// Recipient of the node's payouts: an account, or for tokens a token account.
    pub destination: Pubkey,
    /// The settler or admin that signed.
    pub authority: Pubkey,
    /// Pending base units at which they are paid out.
    pub threshold: u64,
    /// Base units credited and paid before the node was closed.
    pub total: u64,
}

/// The destination of a node's payouts changed.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationChanged {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// The owner that signed.
    pub owner: Pubkey,
    /// The previous destination.
    pub from: Pubkey,
    /// The new destination.
    pub to: Pubkey,
}

/// The payout threshold of a node changed.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdChanged {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// The owner that signed.
    pub owner: Pubkey,
    /// The previous threshold in base units.
    pub from: u64,
    /// The new threshold in base units.
    pub to: u64,
}

/// A `payout` was executed.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidOut {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Number of entries.
    pub n: u8,
    /// Base units paid to destinations.
    pub paid: u64,
    /// Bit i: entry i was not paid.
    pub skips: u64,
    /// The [`SkipReason`] for each set bit of `skips`, in ascending order of entries.
    pub reasons: Vec<u8>,
}

impl PaidOut {
    /// The reason why entry `i` was not paid. `None` if it was paid, or if the reason is unknown to this
    /// library; `skips` distinguishes the two.
    pub fn skip_reason(&self, i: usize) -> Option<SkipReason> {
        skip_reason(&self.reasons, 0, self.skips, i)
    }
}

/// An account was migrated from an earlier layout to the current one.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Address of the account.
    pub account: Pubkey,
    /// The previous layout version.
    pub from: u8,
    /// The new layout version.
    pub to: u8,
}

/// Funds were added to the treasury through `fund`.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funded {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The account that provided the funds.
    pub funder: Pubkey,
    /// Base units that the treasury received: the amount sent minus the mint's transfer fee.
    pub amount: u64,
    /// Base units ever added through `fund`, including these.
    pub funded_total: u64,
}

/// A batch was executed, by `credit` or by `settle`. The only event that is emitted as a log.
///
/// If the mint has a transfer fee, `paid` is the amount that left the treasury; the fee is withheld in the
/// destinations' token accounts.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchSettled {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The relay's number for the batch, as passed in the instruction.
    pub batch_id: u64,
    /// Number of batches that the network has executed, including this one.
    pub sequence: u64,
    /// Merkle root over the batch's reward records, as passed in the instruction.
    pub records_root: [u8; 32],
    /// Number of entries in the batch.
    pub n: u8,
    /// Base units credited. For SOL, they moved from the treasury to wallet accounts.
    pub credited: u64,
    /// Base units paid to destinations, from wallet accounts or from the treasury's token account.
    pub paid: u64,
    /// Bit i: entry i was not credited.
    pub credit_skips: u64,
    /// Bit i: entry i had a due payout that could not be made.
    pub payout_skips: u64,
    /// The [`SkipReason`] for each set bit of `credit_skips` and then of `payout_skips`, in ascending
    /// order of entries.
    pub reasons: Vec<u8>,
}

impl BatchSettled {
    /// The reason why entry `i` was not credited. `None` if it was credited, or if the reason is unknown
    /// to this library; `credit_skips` distinguishes the two.
    pub fn credit_skip_reason(&self, i: usize) -> Option<SkipReason> {
        skip_reason(&self.reasons, 0, self.credit_skips, i)
    }

    /// The reason why the due payout of entry `i` could not be made. `None` if none was due, if it was
    /// made, or if the reason is unknown to this library; `payout_skips` has a bit in the last case.
    pub fn payout_skip_reason(&self, i: usize) -> Option<SkipReason> {
        let before = self.credit_skips.count_ones() as usize;
        skip_reason(&self.reasons, before, self.payout_skips, i)
    }
}

/// The reason for bit `i` of `skips`, whose reasons start at index `first` of `reasons`.
fn skip_reason(reasons: &[u8], first: usize, skips: u64, i: usize) -> Option<SkipReason> {
    let bit = 1u64.checked_shl(u32::try_from(i).ok()?)?;
    if skips & bit == 0 {
        return None;
    }
    let rank = (skips & (bit - 1)).count_ones() as usize;
    SkipReason::try_from(*reasons.get(first.checked_add(rank)?)?).ok()
}

/// A node's owner withdrew a pending amount.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// The key that may withdraw, and change the destination and the threshold.
    pub owner: Pubkey,
    /// Recipient of the node's payouts.
    pub destination: Pubkey,
    /// Base units withdrawn, including any transfer fee.
    pub amount: u64,
    /// Base units ever credited to the node.
    pub credited_total: u64,
    /// Base units ever paid to the node, including these.
    pub paid_total: u64,
}

/// The network was paused: no funds leave its treasury, nor its wallets until `hold_until`.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The guardian or admin that signed.
    pub by: Pubkey,
    /// Time from which owners can withdraw in spite of the pause, in Unix seconds.
    pub hold_until: i64,
}

/// The network was unpaused.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpaused {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
}

/// Lamports above the rent of node accounts were moved to the treasury.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RentSwept {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Number of accounts that lamports were taken from.
    pub accounts: u8,
    /// Lamports moved.
    pub lamports: u64,
}

/// Lamports were moved from the treasury to wallet accounts whose rent had risen.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RentToppedUp {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The settler or admin that signed.
    pub by: Pubkey,
    /// Number of accounts that received lamports.
    pub accounts: u8,
    /// Lamports moved.
    pub lamports: u64,
}

/// The admin recovered lamports from the treasury of a network that pays in tokens.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LamportsRecovered {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// The account that received the lamports.
    pub destination: Pubkey,
    /// Lamports moved.
    pub lamports: u64,
}

/// What a node was owed was set aside for its owner, because its destination can't be paid. Counts as paid.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSetAside {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// The node's owner, who can claim the amount.
    pub owner: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// The account that holds the amount: the wallet's claim address, or for tokens a token account of the wallet's
    /// address.
    pub claim: Pubkey,
    /// Base units set aside.
    pub amount: u64,
    /// Base units ever paid to the node, including these.
    pub paid_total: u64,
}

/// A node's owner took the lamports at the claim address of the node's wallet.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPaid {
    /// Address of the network account that the owner named. Not checked to exist: it is part of the claim's address.
    pub network: Pubkey,
    /// Address of the node's wallet account.
    pub node_wallet: Pubkey,
    /// The node's owner, who signed.
    pub owner: Pubkey,
    /// The account that received the lamports.
    pub destination: Pubkey,
    /// Lamports moved.
    pub lamports: u64,
}

/// Tokens were recovered from a token account of the treasury's address or of the address of a node's wallet. If a node's
/// owner signed, the network is the one that the owner named and is not checked to exist: it is part of the address.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokensRecovered {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The network's admin or the node's owner, who signed.
    pub by: Pubkey,
    /// Address of the mint.
    pub mint: Pubkey,
    /// The token account that the tokens left.
    pub from: Pubkey,
    /// The token account that received them.
    pub to: Pubkey,
    /// Base units of the mint that left `from`.
    pub amount: u64,
}

/// The network was closed for good, and its account replaced by a
/// [`ClosedNetwork`](crate::state::ClosedNetwork).
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkClosed {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The admin that signed.
    pub by: Pubkey,
    /// The account that received the lamports.
    pub destination: Pubkey,
    /// Lamports that the network's accounts held, less what remains in the closed one.
    pub lamports: u64,
    /// Base units of the network's mint that the treasury's token account still held.
    pub tokens: u64,
    /// Base units ever credited to nodes, all of which have been paid.
    pub total: u64,
    /// The hash of the network's history, which ends here. This event is not part of it.
    pub history_hash: [u8; 32],
    /// Number of events in the history.
    pub history_count: u64,
}

/// Lamports that were left at addresses of a closed network were moved to its last admin.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedNetworkSwept {
    /// Address of the network account, which identifies the network.
    pub network: Pubkey,
    /// The network's last admin, who received the lamports.
    pub admin: Pubkey,
    /// Number of accounts that were emptied.
    pub accounts: u8,
    /// Lamports moved.
    pub lamports: u64,
}
