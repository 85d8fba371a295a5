//! The steps of a settlement.

use crate::types::text_enum;

text_enum! {
    /// The step that a settlement is at.
    pub enum Step: "settlement step" {
        /// Checks that the ledger belongs to this cluster and network, that the program is in service, and that the
        /// settler can pay fees.
        Validate = "validate",
        /// Reads the chain's wallets into the ledger and creates those that are missing, as far as that has to be done before
        /// anything is paid.
        Sync = "sync",
        /// Turns pending rewards into batches, piece by piece. Those of the pieces before are simulated, signed, sent and
        /// tracked meanwhile.
        Plan = "plan",
        /// As [`Step::Submit`]: what earlier versions had planned is simulated.
        Simulate = "simulate",
        /// Everything is planned. Batches are signed, sent and tracked until they are finalized.
        Submit = "submit",
        /// Compares the ledger with the chain and closes the settlement.
        Reconcile = "reconcile",
    }
}
