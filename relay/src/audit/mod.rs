//! Proofs and audits: what shows a stranger that a reward was paid, and an operator that ledger and chain agree.
//!
//! Nothing here signs or sends, and nothing trusts the ledger where the chain can be asked.

mod executed;
mod issue;
mod node_history;
mod receipt;
mod reconcile;
mod text;
mod verify;
mod wallet_row;

pub use executed::{ExecutedBatch, ExecutedEntry, TruncatedLog};
pub use issue::{ReceiptError, issue};
pub use node_history::{AuditEntry, HistoryError, NodeHistory, NodeReward, WalletBatch, node_history};
pub use receipt::{Flaw, MAX_PARTS, Part, ProofStep, Receipt, ReceiptNetwork, ReceiptNode, ReceiptReward, Side};
pub use reconcile::{ReconcileError, Reconciler, Reconciliation, Repair, TreasuryFigures};
pub use verify::{Verified, VerifyError, WalletState, verify};
pub use wallet_row::{AccountState, Cause, Finding, Mirror, NodeBooks, WalletOnChain, WalletRow};

/// The statements of this module, by module. They only read.
pub(crate) const MODULES: &[&[&str]] = &[issue::ALL, node_history::ALL, reconcile::ALL];
