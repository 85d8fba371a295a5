//! Why an instruction on the fast path failed as a whole.

use anchor_lang::error::{Error, ErrorCode};
use anchor_lang::prelude::ProgramError;

use crate::error::SettlementError;

/// The error of a whole instruction. Small, so that returning it costs nothing; converted to an error
/// with a message only when it is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// One of this program's errors.
    Settlement(SettlementError),
    /// The code of one of Anchor's errors.
    Anchor(u32),
    /// The code that the runtime or a called program returned.
    Runtime(u64),
}

impl BatchError {
    /// The error as Anchor would log and return it.
    #[cold]
    pub fn into_error(self) -> Error {
        match self {
            Self::Settlement(error) => error.into(),
            Self::Anchor(code) => ProgramError::Custom(code).into(),
            Self::Runtime(code) => ProgramError::from(code).into(),
        }
    }
}

impl From<SettlementError> for BatchError {
    fn from(error: SettlementError) -> Self {
        Self::Settlement(error)
    }
}

impl From<ErrorCode> for BatchError {
    fn from(code: ErrorCode) -> Self {
        Self::Anchor(code.into())
    }
}
