//! Why an instruction of the fast path failed as a whole.

use anchor_lang::error::{Error, ErrorCode};
use anchor_lang::prelude::ProgramError;

use crate::error::SettlementError;

/// Small, so that passing it up costs nothing; turned into an error with words at the very end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// One of this program's errors.
    Settlement(SettlementError),
    /// One of Anchor's, by its number.
    Anchor(u32),
    /// What the runtime or a called program said.
    Runtime(u64),
}

impl BatchError {
    /// The error as Anchor would have logged and returned it.
    #[cold]
    pub fn into_error(self) -> Error {
        match self {
            Self::Settlement(error) => error.into(),
            Self::Anchor(number) => ProgramError::Custom(number).into(),
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
