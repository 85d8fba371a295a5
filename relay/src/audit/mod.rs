//! Proofs and audits: what shows a stranger that a reward was paid, and an operator that ledger and chain agree.
//!
//! Nothing here signs or sends, and nothing trusts the ledger where the chain can be asked.

mod binding;
mod executed;
mod issue;
mod node_history;
mod rebuild;
mod receipt;
mod reconcile;
mod replay;
mod text;
mod verify;
mod wallet_row;

pub use binding::BindingError;
pub(crate) use binding::check as check_binding;
pub use executed::{ExecutedBatch, ExecutedEntry, TruncatedLog};
pub use issue::{ReceiptError, issue};
pub use node_history::{AuditEntry, BatchSigner, HistoryError, NodeHistory, NodeReward, WalletBatch, node_history};
pub use rebuild::{RebuildError, Rebuilder, Rebuilt};
pub use receipt::{Flaw, MAX_PARTS, Part, ProofStep, Receipt, ReceiptNetwork, ReceiptNode, ReceiptReward, Side};
pub use reconcile::{ReconcileError, Reconciler, Reconciliation, Repair, TreasuryFigures, keep_lease};
pub use replay::{HistoryEvent, Replay, events};
pub use verify::{Verified, VerifyError, WalletState, verify};
pub use wallet_row::{AccountState, Cause, Finding, Mirror, NodeBooks, WalletOnChain, WalletRow};

/// The statements that only read, by module.
pub(crate) const MODULES: &[&[&str]] = &[issue::ALL, node_history::ALL, reconcile::ALL];

/// The statements of an administrator.
pub(crate) const ADMIN_MODULES: &[&[&str]] = &[rebuild::ALL];
