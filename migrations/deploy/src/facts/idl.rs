//! The IDL on the chain.

use williw_relay::chain::Account;

use crate::program_metadata::{self, IdlAccount};

/// What is known of the IDL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdlFacts {
    /// The cluster has no Program Metadata program: nothing can be published.
    NoMetadataProgram,
    /// None is published.
    Absent {
        /// Lamports that are at its address already.
        lamports: u64,
    },
    /// One is published.
    Published {
        /// Whether it is the file's.
        matches: bool,
        /// Bytes of its data.
        data_len: usize,
        /// Lamports of its account.
        lamports: u64,
        /// Whether it can be changed.
        mutable: bool,
    },
    /// Somebody has begun to publish one with another tool, or something else is there.
    Unfinished,
}

impl IdlFacts {
    /// Reads the Program Metadata program's account and the IDL's, and compares it with `text`.
    pub fn read(metadata_program: Option<&Account>, idl: Option<&Account>, text: Option<&str>) -> Self {
        if !metadata_program.is_some_and(|account| account.executable) {
            return Self::NoMetadataProgram;
        }
        let Some(idl) = idl else { return Self::Absent { lamports: 0 } };
        if idl.data.is_empty() {
            return Self::Absent { lamports: idl.lamports };
        }
        if idl.owner != program_metadata::ID {
            return Self::Unfinished;
        }
        match IdlAccount::decode(&idl.data) {
            IdlAccount::Published { text: found, data_len, mutable } => Self::Published {
                matches: found.is_some() && found.as_deref() == text,
                data_len,
                lamports: idl.lamports,
                mutable,
            },
            IdlAccount::Unfinished | IdlAccount::Unknown => Self::Unfinished,
        }
    }
}
