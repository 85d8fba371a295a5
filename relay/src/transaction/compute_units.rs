//! What a batch costs at most in compute units, whatever the owners of its nodes do between its simulation and its landing.
//!
//! The program publishes its bounds for SOL. What tokens cost depends on the token program, which is not this project's: these
//! bounds were measured with the dearest acts of owners, and a simulation that consumes more is believed
//! (`tests/engine/token_costs.rs`).

use settlement::rules::compute_units::{credit_limit, settle_limit};
use settlement::state::AssetKind;

use super::BatchKind;

/// What the transfers of a batch add, however few they are: the call of the token program, and parsing the treasury's token
/// account and the mint.
const TOKENS_FIXED: u32 = 1_200;

/// What an entry adds to a `settle` of tokens of SPL Token, as p-token transfers them: in one call for all.
const SPL_TOKEN_ENTRY: u32 = 250;

/// What an entry adds to a `settle` of tokens of Token-2022, transfer fees included: each transfer is a call of its own.
const TOKEN_2022_ENTRY: u32 = 5_000;

/// The maximum cost of a batch of `entries` entries, without other instructions of its transaction. `None` for registrations,
/// which no owner can make dearer.
pub(super) fn bound(kind: BatchKind, asset: AssetKind, entries: usize) -> Option<u32> {
    let tokens = |per_entry: u32| {
        let entries = u32::try_from(entries).unwrap_or(u32::MAX);
        TOKENS_FIXED.saturating_add(per_entry.saturating_mul(entries))
    };
    Some(match (kind, asset) {
        (BatchKind::Register, _) => return None,
        (BatchKind::Credit, _) => credit_limit(entries),
        (BatchKind::Settle, AssetKind::Sol) => settle_limit(entries),
        (BatchKind::Settle, AssetKind::SplToken) => settle_limit(entries).saturating_add(tokens(SPL_TOKEN_ENTRY)),
        (BatchKind::Settle, AssetKind::Token2022) => settle_limit(entries).saturating_add(tokens(TOKEN_2022_ENTRY)),
    })
}
