//! The six steps of a settlement.

use std::fmt;
use std::str::FromStr;

/// Where a settlement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The ledger and the chain belong together, the program is in service, the settler can pay.
    Validate,
    /// The chain's wallets are read into the ledger; missing ones are opened.
    Sync,
    /// Pending rewards become batches.
    Plan,
    /// Every batch is simulated, and gets its budget.
    Simulate,
    /// Batches are signed, sent and followed to finality.
    Submit,
    /// Ledger and chain are compared, and the settlement is closed.
    Reconcile,
}

impl Step {
    /// The step's name in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Sync => "sync",
            Self::Plan => "plan",
            Self::Simulate => "simulate",
            Self::Submit => "submit",
            Self::Reconcile => "reconcile",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Validate, Self::Sync, Self::Plan, Self::Simulate, Self::Submit, Self::Reconcile]
            .into_iter()
            .find(|step| step.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no step of a settlement"))
    }
}
