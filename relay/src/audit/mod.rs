//! Proofs and audits: what shows a stranger that a reward was paid, and an operator that ledger and chain agree.
//!
//! Nothing here signs or sends, and nothing trusts the ledger where the chain can be asked.

mod executed;
mod issue;
mod receipt;
mod text;
mod verify;

pub use executed::{ExecutedBatch, ExecutedEntry, TruncatedLog};
pub use issue::{ReceiptError, issue};
pub use receipt::{Flaw, MAX_PARTS, Part, ProofStep, Receipt, ReceiptNetwork, ReceiptNode, ReceiptReward, Side};
pub use verify::{Verified, VerifyError, WalletState, verify};

/// The statements of this module, by module. They only read.
pub(crate) const MODULES: &[&[&str]] = &[issue::ALL];
