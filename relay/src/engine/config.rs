//! The engine's configuration.

use settlement::client::NetworkId;

use crate::transaction::Format;

/// Which transaction format to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatChoice {
    /// v1 if the cluster supports it, v0 otherwise.
    Auto,
    /// Always this format, whether or not the cluster supports it.
    Only(Format),
}

/// The configuration of an [`Engine`](super::Engine).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// The id of the network to settle, from which the addresses of its accounts are derived.
    pub network: NetworkId,
    /// This runner's name for the lease. It must differ from the name of every other runner, past or present.
    pub holder: String,
    /// The transaction format to use.
    pub format: FormatChoice,
    /// The highest priority fee to pay, in micro-lamports per compute unit.
    pub max_compute_unit_price: u64,
    /// The maximum number of nodes in one settlement; the next settlement takes the remaining ones.
    pub max_nodes: usize,
    /// The maximum number of batches that one call of `advance` simulates or signs. It bounds the call's duration and
    /// its requests.
    pub batches_per_call: usize,
}

impl EngineConfig {
    /// The default configuration for `network`.
    pub fn new(network: NetworkId, holder: String) -> Self {
        Self {
            network,
            holder,
            format: FormatChoice::Auto,
            // A batch of 60 credits at this price costs about 0.00002 SOL more than the base fee.
            max_compute_unit_price: 1_000_000,
            // Stays within a Worker's subrequest limit and D1's 2 MB of parameters per statement.
            max_nodes: 3_000,
            batches_per_call: 8,
        }
    }
}
