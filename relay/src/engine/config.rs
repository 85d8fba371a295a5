//! What an operator can set.

use settlement::client::NetworkId;

use crate::transaction::Format;

/// Which transaction format to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatChoice {
    /// v1 where the cluster takes it, v0 otherwise.
    Auto,
    /// This one.
    Only(Format),
}

/// The settings of an [`Engine`](super::Engine).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// The network to settle.
    pub network: NetworkId,
    /// This runner's name for the lease: unlike that of any other runner, living or dead.
    pub holder: String,
    /// The transaction format.
    pub format: FormatChoice,
    /// The most to pay per compute unit to go first, in micro-lamports.
    pub max_compute_unit_price: u64,
    /// How many nodes one settlement takes at most; the next one takes the others.
    pub max_nodes: usize,
    /// How many batches one call of `advance` simulates or signs at most: it bounds a call's time and requests.
    pub batches_per_call: usize,
}

impl EngineConfig {
    /// The defaults for `network`.
    pub fn new(network: NetworkId, holder: String) -> Self {
        Self {
            network,
            holder,
            format: FormatChoice::Auto,
            // 60 credits at this price cost about 0.00002 SOL on top of the fee.
            max_compute_unit_price: 1_000_000,
            // Fits a Worker's subrequests and a statement's 2 MB of parameters.
            max_nodes: 3_000,
            batches_per_call: 8,
        }
    }
}
