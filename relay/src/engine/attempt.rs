//! The states of an attempt to land a batch.

use std::fmt;
use std::str::FromStr;

/// `planned → signed → sent → landed → finalized`, or one of the ends `failed`, `expired`, or waiting in `unknown`
/// and then `review`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptState {
    /// Simulated; it has a budget but no signature yet.
    Planned,
    /// Signature and bytes are stored; the bytes may or may not have left.
    Signed,
    /// The bytes were handed to a node.
    Sent,
    /// In a confirmed block.
    Landed,
    /// In a rooted block, and it succeeded.
    Finalized,
    /// In a rooted block, and it failed: it moved nothing.
    Failed,
    /// It can never land.
    Expired,
    /// It cannot be told whether it landed.
    Unknown,
    /// It could not be told for so long that a person must look.
    Review,
}

impl AttemptState {
    const ALL: [Self; 9] = [
        Self::Planned,
        Self::Signed,
        Self::Sent,
        Self::Landed,
        Self::Finalized,
        Self::Failed,
        Self::Expired,
        Self::Unknown,
        Self::Review,
    ];

    /// The state's name in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Signed => "signed",
            Self::Sent => "sent",
            Self::Landed => "landed",
            Self::Finalized => "finalized",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
            Self::Review => "review",
        }
    }
}

impl fmt::Display for AttemptState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AttemptState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no state of an attempt"))
    }
}
