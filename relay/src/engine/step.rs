//! The six steps of a settlement.

use crate::types::text_enum;

text_enum! {
    /// The step that a settlement is at.
    pub enum Step: "settlement step" {
        /// Checks that the ledger belongs to this cluster and network, that the program is in service, and that the
        /// settler can pay fees.
        Validate = "validate",
        /// Reads the chain's wallets into the ledger and opens those that are missing.
        Sync = "sync",
        /// Turns pending rewards into batches.
        Plan = "plan",
        /// Simulates every batch to size its compute budget.
        Simulate = "simulate",
        /// Signs and sends batches, and tracks them until they are finalized.
        Submit = "submit",
        /// Compares the ledger with the chain and closes the settlement.
        Reconcile = "reconcile",
    }
}
