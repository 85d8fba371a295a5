//! The states that the ledger records for settlements, batches and attempts.

use crate::types::text_enum;

text_enum! {
    /// The state of a settlement. At most one settlement is open at a time.
    pub enum SettlementState: "settlement state" {
        /// In progress, at one of the six [`Step`](super::Step)s.
        Open = "open",
        /// Closed after its last step.
        Done = "done",
        /// Closed because it could not be carried out; its `error` holds the reason.
        Failed = "failed",
    }
}

text_enum! {
    /// How far a node has come in the open settlement.
    pub enum NodeState: "state of a settlement's node" {
        /// It was chosen.
        Selected = "selected",
        /// Its wallet account does not exist.
        Missing = "missing",
        /// A batch creates its wallet account.
        Registering = "registering",
        /// Its wallet account was read.
        Read = "read",
        /// It was planned into a batch, or there was nothing to do for it.
        Planned = "planned",
        /// It is held until a later settlement.
        Held = "held",
    }
}

text_enum! {
    /// The state of a batch: `planned`, and then one of its ends.
    pub enum BatchState: "batch state" {
        /// Open: it still needs an attempt, or its attempt is in flight.
        Planned = "planned",
        /// One of its attempts is finalized.
        Confirmed = "confirmed",
        /// Closed without effect; its rewards are pending again.
        Failed = "failed",
        /// Replaced by smaller ones: it failed as a whole, or its format is refused.
        Split = "split",
        /// None of its attempts landed, and nothing that it was for is left to do: another transaction, such as an owner's
        /// withdrawal, has done it.
        Superseded = "superseded",
    }
}

text_enum! {
    /// What a closed batch did for one of its entries.
    pub enum EntryOutcome: "entry outcome" {
        /// The wallet's credited total reached the target.
        Credited = "credited",
        /// The program skipped the entry; its wallet did not reach the target or was not created.
        Skipped = "skipped",
        /// The wallet account was created.
        Registered = "registered",
        /// The batch failed, and the entry's rewards are pending again.
        Evicted = "evicted",
    }
}

text_enum! {
    /// The state of an attempt to land a batch: `planned → signed → sent → landed → finalized`, or `failed` or `expired`.
    pub enum AttemptState: "attempt state" {
        /// Simulated; it has a compute budget but no signature yet.
        Planned = "planned",
        /// Its signature and bytes are stored; the bytes may or may not have been sent.
        Signed = "signed",
        /// Its bytes were sent to an RPC node.
        Sent = "sent",
        /// It is in a confirmed block.
        Landed = "landed",
        /// It is in a finalized block and succeeded.
        Finalized = "finalized",
        /// It is in a finalized block and failed, so it moved no lamports except its fee.
        Failed = "failed",
        /// It can no longer land.
        Expired = "expired",
    }
}

impl AttemptState {
    /// Whether the attempt has ended: it can no longer have an effect.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Finalized | Self::Failed | Self::Expired)
    }
}
