//! The engine's configuration.

use settlement::client::{NetworkId, network_address};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use crate::chain::{Chain, ChainError, INVALID_PARAMS, Simulation};
use crate::transaction::{Budget, Format};

use super::EngineError;

/// Which transaction format to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatChoice {
    /// v1 if the cluster supports it, v0 otherwise.
    Auto,
    /// Always this format, whether or not the cluster supports it.
    Only(Format),
}

impl FormatChoice {
    /// The format to use. Unless the choice is fixed, this detects the format that the cluster supports by simulating a v1
    /// transaction without effect, which `payer` would pay for.
    ///
    /// # Errors
    /// [`EngineError::Chain`] if the RPC node cannot be reached, or its error does not say that v1 is not supported.
    pub async fn resolve<C: Chain>(self, chain: &C, payer: Pubkey) -> Result<Format, EngineError> {
        if let Self::Only(format) = self {
            return Ok(format);
        }
        match simulate_nothing(chain, payer, Format::V1).await {
            Err(EngineError::Chain(ChainError::UnsupportedVersion)) => Ok(Format::V0),
            // Whatever else is wrong with the payer or the cluster, the version was understood.
            Ok(_) => Ok(Format::V1),
            // Nodes from before v1 cannot decode it, which they call invalid parameters, like much else. What is not about the version
            // concerns v0 as well.
            Err(EngineError::Chain(ChainError::ErrorResponse { code: INVALID_PARAMS, .. })) => {
                simulate_nothing(chain, payer, Format::V0).await.map(|_| Format::V0)
            }
            Err(error) => Err(error),
        }
    }
}

/// Simulates a transaction without effect.
async fn simulate_nothing<C: Chain>(chain: &C, payer: Pubkey, format: Format) -> Result<Simulation, EngineError> {
    // A transaction needs at least one instruction; in v1, a ComputeBudget instruction has no effect.
    let nothing = [ComputeBudgetInstruction::set_compute_unit_limit(Budget::WIDEST.compute_unit_limit)];
    let unsigned = format.build(&payer, &nothing, &Budget::WIDEST, Hash::default())?;
    Ok(chain.simulate(&unsigned.signed(Signature::default())?.bytes).await?)
}

/// A network as its operator names it: a name is unique only among the networks of one creator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkRef {
    /// The name of the network.
    pub id: NetworkId,
    /// The key that created the network. Part of its address, so it stays the same after the admin's role was handed over.
    pub creator: Pubkey,
    /// The admin that the operator expects the network to have.
    pub admin: Pubkey,
}

impl NetworkRef {
    /// The network named `id` that `creator` created, and of which `admin` is expected to be the admin; by default still
    /// the creator.
    pub fn new(id: NetworkId, creator: Pubkey, admin: Option<Pubkey>) -> Self {
        Self { id, creator, admin: admin.unwrap_or(creator) }
    }

    /// The address of the network's account.
    pub fn address(&self) -> Pubkey {
        network_address(&self.creator, &self.id)
    }

    /// The network's name.
    pub fn name(&self) -> String {
        self.id.name()
    }
}

/// The configuration of an [`Engine`](super::Engine).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// The network to settle.
    pub network: NetworkRef,
    /// This runner's name for the lease. It must differ from the name of every other runner, past or present.
    pub holder: String,
    /// The transaction format to use.
    pub format: FormatChoice,
    /// The highest price to pay, in micro-lamports per compute unit.
    pub max_compute_unit_price: u64,
    /// The highest priority fee of one transaction, in lamports.
    pub max_priority_fee_lamports: u64,
    /// The highest sum of the fees of one settlement, in lamports; `None` for any. What it does not cover is held until the next
    /// settlement. Rent of new wallet accounts is no fee.
    pub max_fees_lamports: Option<u64>,
    /// The maximum number of nodes in one settlement, at least 4; the next settlement takes the remaining ones. Four sevenths are
    /// for nodes with new rewards, and a seventh each for nodes that are held and for payouts that are due by amount and by
    /// age.
    pub max_nodes: usize,
    /// The number of open batches from which on no more are planned. While they wait for finality, the next ones are planned,
    /// simulated and signed up to this number.
    pub max_open_batches: usize,
    /// The maximum number of nodes that one call of `advance` reads or plans. It bounds the size of a write.
    pub nodes_per_call: usize,
    /// The maximum number of batches that one call of `advance` simulates, signs or closes. It bounds the call's duration
    /// and its requests.
    pub batches_per_call: usize,
}

impl EngineConfig {
    /// The default configuration for `network`.
    pub fn new(network: NetworkRef, holder: String) -> Self {
        Self {
            network,
            holder,
            format: FormatChoice::Auto,
            // A batch of 60 credits at this price costs about 0.00002 SOL more than the base fee.
            max_compute_unit_price: 1_000_000,
            // What the largest batch costs at that price: 28 transfers of Token-2022.
            max_priority_fee_lamports: 200_000,
            max_fees_lamports: None,
            // Stays within a Worker's subrequest limit and D1's 2 MB of parameters per statement.
            max_nodes: 5_250,
            max_open_batches: 100,
            nodes_per_call: 600,
            batches_per_call: 8,
        }
    }

    /// As many nodes and batches at once as a ledger in a local file can take: each write stays below a second.
    #[must_use]
    pub fn with_local_ledger(self) -> Self {
        Self { max_nodes: 52_500, max_open_batches: 1_000, nodes_per_call: 3_000, batches_per_call: 50, ..self }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde_json::{Value, json};

    use super::*;
    use crate::chain::{JsonRpc, RpcError, Transport};

    /// A node that answers like this to the simulation of a v1 and of a v0 transaction.
    struct Node {
        v1: Result<Value, i64>,
        v0: Result<Value, i64>,
    }

    impl Transport for Node {
        async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
            assert_eq!(method, "simulateTransaction");
            let bytes = BASE64.decode(params[0].as_str().unwrap()).unwrap();
            // A v1 transaction begins with its version, and a v0 one with the number of its signatures.
            let answer = if bytes[0] == 129 { &self.v1 } else { &self.v0 };
            let refused = |code: &i64| RpcError::ErrorResponse { code: *code, message: "refused".to_owned() };
            let error = answer.as_ref().map_err(refused)?;
            Ok(json!({"context": {"slot": 1}, "value": {"err": error, "unitsConsumed": 0}}))
        }
    }

    fn format(v1: Result<Value, i64>, v0: Result<Value, i64>) -> Result<Format, EngineError> {
        let node = JsonRpc::new(Node { v1, v0 });
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let resolved = std::pin::pin!(FormatChoice::Auto.resolve(&node, Pubkey::default())).poll(&mut context);
        match resolved {
            std::task::Poll::Ready(format) => format,
            std::task::Poll::Pending => panic!("the future is pending"),
        }
    }

    #[test]
    fn not_every_refusal_of_a_v1_transaction_means_that_v0_is_to_be_used() {
        let (simulated, invalid, internal) = (Ok(json!("AccountNotFound")), Err(-32602), Err(-32603));
        assert_eq!(format(simulated.clone(), simulated.clone()), Ok(Format::V1));
        assert_eq!(format(Ok(json!("UnsupportedVersion")), simulated.clone()), Ok(Format::V0));
        assert_eq!(format(Err(-32015), simulated.clone()), Ok(Format::V0));
        assert_eq!(format(invalid.clone(), simulated.clone()), Ok(Format::V0));
        for (v1, v0, code) in [(invalid.clone(), invalid, -32602), (internal.clone(), simulated, -32603)] {
            let refused = format(v1, v0);
            assert!(
                matches!(&refused, Err(EngineError::Chain(ChainError::ErrorResponse { code: found, .. })) if *found == code),
                "{refused:?}"
            );
        }
    }
}
