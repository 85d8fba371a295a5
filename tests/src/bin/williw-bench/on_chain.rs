//! On-chain cost of batches: the program's bytecode in LiteSVM, with plain System transfers as a baseline.

use litesvm::LiteSVM;
use settlement::client::{
    BatchHeader, CreateNetworkArgs, NetworkId, RegisterNodeArgs, SettleEntry, create_network_ix, credit_ix, fund_ix,
    network_address, node_id, node_wallet_address, register_node_ix, settle_ix,
};
use settlement::state::NodeWallet;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::transaction::{Budget, Format};
use williw_tests::network::SOL;

use crate::BenchError;

/// Numbers of recipients per transaction that are measured.
const BATCH_SIZES: &[usize] = &[1, 10, 30, 60];
/// Maximum recipients of a `settle`, each of which needs two of the transaction's 64 account locks.
const MAX_SETTLE: usize = settlement::rules::MAX_SETTLE_ENTRIES;
/// Reward per recipient: enough to make a new destination account rent-exempt.
const REWARD_LAMPORTS: u64 = SOL / 100;

/// A kind of transaction to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    Credit,
    /// A `settle` batch that pays every recipient.
    Settle,
    /// One transaction with one System transfer per recipient.
    Transfers,
}

impl Workload {
    /// Display name in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Settle => "settle (credit and pay)",
            Self::Transfers => "System transfers (baseline)",
        }
    }
}

/// The cost of one transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    pub(crate) workload: Workload,
    /// Number of recipients credited or paid.
    pub(crate) recipients: usize,
    pub(crate) compute_units: u64,
    /// Serialized size in bytes.
    pub(crate) bytes: usize,
    /// Base fee in lamports, without a priority fee.
    pub(crate) fee_lamports: u64,
}

/// Measures every workload with every number of recipients it supports, in v1 transactions.
pub(crate) fn measure(program: &[u8]) -> Result<Vec<Measurement>, BenchError> {
    let mut measurements = Vec::new();
    for workload in [Workload::Credit, Workload::Settle, Workload::Transfers] {
        for &recipients in BATCH_SIZES {
            if workload != Workload::Settle || recipients <= MAX_SETTLE {
                measurements.push(BenchNetwork::new(program)?.run(workload, recipients)?);
            }
        }
    }
    Ok(measurements)
}

struct BenchNetwork {
    svm: LiteSVM,
    /// Admin, settler and fee payer: the only signer of a batch.
    key: Keypair,
    network: Pubkey,
}

impl BenchNetwork {
    fn new(program: &[u8]) -> Result<Self, BenchError> {
        let mut svm = LiteSVM::new();
        svm.add_program(settlement::ID, program).map_err(|error| BenchError::Svm(format!("{error:?}")))?;
        let id = NetworkId::from_name("bench").map_err(|error| BenchError::Svm(error.to_string()))?;
        let key = Keypair::new();
        svm.airdrop(&key.pubkey(), 1_000 * SOL).map_err(|failed| BenchError::Svm(format!("{:?}", failed.err)))?;
        let mut bench = Self { svm, network: network_address(&key.pubkey(), &id), key };
        let args = CreateNetworkArgs {
            id: id.0,
            settler: bench.key.pubkey(),
            guardian: bench.key.pubkey(),
            default_threshold: REWARD_LAMPORTS,
            per_node_cap: 1_000 * SOL,
            per_batch_cap: 1_000 * SOL,
            window_limit: 1_000 * SOL,
            window_seconds: 86_400,
            max_pending_age: 30 * 86_400,
            max_pause_seconds: 7 * 86_400,
        };
        bench.send(&[create_network_ix(bench.key.pubkey(), args)])?;
        bench.send(&[fund_ix(bench.key.pubkey(), bench.network, bench.key.pubkey(), 100 * SOL)])?;
        Ok(bench)
    }

    fn run(&mut self, workload: Workload, recipients: usize) -> Result<Measurement, BenchError> {
        let settler = self.key.pubkey();
        let header = BatchHeader { batch_id: 1, records_root: [7; 32] };
        let nodes = match workload {
            Workload::Transfers => (0..recipients).map(|_| Node::without_wallet()).collect(),
            Workload::Credit | Workload::Settle => self.register(recipients)?,
        };
        let instructions = match workload {
            Workload::Credit => {
                let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, REWARD_LAMPORTS)).collect();
                vec![credit_ix(settler, self.network, header, &entries)]
            }
            Workload::Settle => {
                let entries: Vec<_> = nodes.iter().map(Node::settle_entry).collect();
                vec![settle_ix(settler, self.network, header, &entries)]
            }
            Workload::Transfers => {
                let transfer = solana_system_interface::instruction::transfer;
                nodes.iter().map(|node| transfer(&settler, &node.destination, REWARD_LAMPORTS)).collect()
            }
        };
        let sent = self.send(&instructions)?;
        for node in &nodes {
            self.check_paid(workload, node)?;
        }
        Ok(Measurement {
            workload,
            recipients,
            compute_units: sent.compute_units,
            bytes: sent.bytes,
            fee_lamports: sent.fee_lamports,
        })
    }

    /// Verifies that the recipient was credited or paid. A batch that skips entries would be too cheap.
    fn check_paid(&self, workload: Workload, node: &Node) -> Result<(), BenchError> {
        let is_paid = match workload {
            Workload::Credit => {
                let wallet = self.svm.get_account(&node.wallet).unwrap_or_default();
                NodeWallet::decode(&wallet.data).is_ok_and(|wallet| wallet.pending() == REWARD_LAMPORTS)
            }
            Workload::Settle | Workload::Transfers => self.svm.get_balance(&node.destination) == Some(REWARD_LAMPORTS),
        };
        if is_paid { Ok(()) } else { Err(BenchError::Svm(format!("{} did not pay {node:?}", workload.name()))) }
    }

    /// Registers nodes whose destinations have no account yet.
    fn register(&mut self, count: usize) -> Result<Vec<Node>, BenchError> {
        let key = self.key.pubkey();
        (0..count)
            .map(|index| {
                let node_id = node_id(&format!("node-{index}"));
                let owner = Keypair::new().pubkey();
                let node = Node { wallet: node_wallet_address(&self.network, &node_id, &owner), destination: owner };
                let args = RegisterNodeArgs { node_id, owner, destination: None, threshold: None };
                self.send(&[register_node_ix(key, key, self.network, args)])?;
                Ok(node)
            })
            .collect()
    }

    /// Sends a v1 transaction that is built and serialized by the relay's code.
    fn send(&mut self, instructions: &[Instruction]) -> Result<Sent, BenchError> {
        let unsigned = Format::V1
            .build(&self.key.pubkey(), instructions, &Budget::WIDEST, self.svm.latest_blockhash())
            .map_err(|error| BenchError::Svm(error.to_string()))?;
        let signature = self.key.sign_message(&unsigned.message_bytes());
        let signed = unsigned.signed(signature).map_err(|error| BenchError::Svm(error.to_string()))?;
        let transaction: VersionedTransaction =
            wincode::deserialize(&signed.bytes).map_err(|error| BenchError::Svm(error.to_string()))?;
        let sent = self
            .svm
            .send_transaction(transaction)
            .map_err(|failed| BenchError::Svm(format!("{:?}\n{}", failed.err, failed.meta.pretty_logs())))?;
        self.svm.expire_blockhash();
        Ok(Sent { compute_units: sent.compute_units_consumed, bytes: signed.bytes.len(), fee_lamports: sent.fee })
    }
}

struct Sent {
    compute_units: u64,
    bytes: usize,
    fee_lamports: u64,
}

#[derive(Debug)]
struct Node {
    wallet: Pubkey,
    destination: Pubkey,
}

impl Node {
    /// Creates a node with an unused destination and no wallet account.
    fn without_wallet() -> Self {
        Self { wallet: Pubkey::default(), destination: Keypair::new().pubkey() }
    }

    fn settle_entry(&self) -> SettleEntry {
        SettleEntry { wallet: self.wallet, destination: self.destination, target: REWARD_LAMPORTS }
    }
}
