//! Whether a ledger belongs to the network that is audited.

use solana_hash::Hash;
use solana_pubkey::Pubkey;

use crate::database::{Database, DatabaseError};
use crate::engine::store::binding::{self, Mismatch};

/// Why a ledger is not that of the network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// The ledger belongs to no network yet.
    #[error(
        "this ledger has never settled, so it belongs to no network yet: run 'williw-relay run' first, or check the ledger"
    )]
    NeverSettled,
    /// The ledger belongs to another network or cluster.
    #[error(
        "this ledger is bound to {name} {bound}, and not to {expected}: check the RPC URL and the network, or the ledger"
    )]
    Other {
        /// `genesis_hash`, `program_id` or `network`.
        name: &'static str,
        /// What the ledger is bound to.
        bound: String,
        /// What it would have to be bound to.
        expected: String,
    },
}

/// Checks that the ledger belongs to `network` on the cluster with this genesis hash.
pub(crate) async fn check(
    database: &impl Database,
    genesis_hash: &Hash,
    network: &Pubkey,
) -> Result<Result<(), BindingError>, DatabaseError> {
    let bound = binding::read(database).await?;
    let expected = binding::expected(genesis_hash, network);
    if expected.iter().any(|(name, _)| !bound.contains_key(*name)) {
        return Ok(Err(BindingError::NeverSettled));
    }
    Ok(match binding::mismatch(&bound, &expected) {
        None => Ok(()),
        Some(Mismatch { name, bound, expected }) => Err(BindingError::Other { name, bound, expected }),
    })
}
