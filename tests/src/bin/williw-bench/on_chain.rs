//! What batches cost on the chain: the real bytecode in LiteSVM, beside plain System transfers in the same run.

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

use crate::BenchError;

/// Recipients of the batches that are measured.
const BATCH_SIZES: &[usize] = &[1, 10, 30, 60];
/// The most recipients of a `settle`: each takes two of the 64 addresses.
const MAX_SETTLE: usize = settlement::rules::MAX_SETTLE_ENTRIES;
/// Lamports in a SOL.
const SOL: u64 = 1_000_000_000;
/// What every recipient of a batch gets: enough for a destination that is new.
const REWARD_LAMPORTS: u64 = SOL / 100;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `credit`.
    Credit,
    /// `settle` in which every recipient is paid.
    Settle,
    /// One System transfer per recipient, in one transaction.
    Transfers,
}

impl Subject {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Settle => "settle (credit and pay)",
            Self::Transfers => "System transfers (baseline)",
        }
    }
}

/// What one transaction took.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// What was measured.
    pub subject: Subject,
    /// How many nodes it credited or paid.
    pub recipients: usize,
    /// Compute units.
    pub compute_units: u64,
    /// Bytes on the wire.
    pub bytes: usize,
    /// The fee in lamports, without any priority fee.
    pub fee_lamports: u64,
}

/// Measures every subject at every size that it takes, in v1 transactions.
pub fn measure(program: &[u8]) -> Result<Vec<Measurement>, BenchError> {
    let mut measured = Vec::new();
    for subject in [Subject::Credit, Subject::Settle, Subject::Transfers] {
        for &recipients in BATCH_SIZES {
            if subject != Subject::Settle || recipients <= MAX_SETTLE {
                measured.push(Bench::new(program)?.run(subject, recipients)?);
            }
        }
    }
    Ok(measured)
}

struct Bench {
    svm: LiteSVM,
    /// Admin, settler and payer: a batch's only signer.
    key: Keypair,
    network: Pubkey,
}

impl Bench {
    fn new(program: &[u8]) -> Result<Self, BenchError> {
        let mut svm = LiteSVM::new();
        svm.add_program(settlement::ID, program).map_err(|error| BenchError::Svm(format!("{error:?}")))?;
        let id = NetworkId::from_name("bench").map_err(|error| BenchError::Svm(error.to_string()))?;
        let key = Keypair::new();
        svm.airdrop(&key.pubkey(), 1_000 * SOL).map_err(|failed| BenchError::Svm(format!("{:?}", failed.err)))?;
        let mut bench = Self { svm, network: network_address(&id), key };
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
        };
        bench.send(&[create_network_ix(bench.key.pubkey(), args)])?;
        bench.send(&[fund_ix(bench.key.pubkey(), bench.network, 100 * SOL)])?;
        Ok(bench)
    }

    fn run(&mut self, subject: Subject, recipients: usize) -> Result<Measurement, BenchError> {
        let settler = self.key.pubkey();
        let header = BatchHeader { batch_id: 1, records_root: [7; 32] };
        let nodes = match subject {
            Subject::Transfers => (0..recipients).map(|_| Node::with_wallet(Pubkey::default())).collect(),
            Subject::Credit | Subject::Settle => self.register(recipients)?,
        };
        let instructions = match subject {
            Subject::Credit => {
                let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, REWARD_LAMPORTS)).collect();
                vec![credit_ix(settler, self.network, header, &entries)]
            }
            Subject::Settle => {
                let entries: Vec<_> = nodes.iter().map(Node::settle_entry).collect();
                vec![settle_ix(settler, self.network, header, &entries)]
            }
            Subject::Transfers => {
                let transfer = solana_system_interface::instruction::transfer;
                nodes.iter().map(|node| transfer(&settler, &node.destination, REWARD_LAMPORTS)).collect()
            }
        };
        let sent = self.send(&instructions)?;
        for node in &nodes {
            self.check_done(subject, node)?;
        }
        Ok(Measurement {
            subject,
            recipients,
            compute_units: sent.compute_units,
            bytes: sent.bytes,
            fee_lamports: sent.fee_lamports,
        })
    }

    /// A batch that skips its entries is cheap: what is measured must have reached everyone.
    fn check_done(&self, subject: Subject, node: &Node) -> Result<(), BenchError> {
        let reached = match subject {
            Subject::Credit => {
                let wallet = self.svm.get_account(&node.wallet).unwrap_or_default();
                NodeWallet::decode(&wallet.data).is_ok_and(|wallet| wallet.pending() == REWARD_LAMPORTS)
            }
            Subject::Settle | Subject::Transfers => self.svm.get_balance(&node.destination) == Some(REWARD_LAMPORTS),
        };
        if reached { Ok(()) } else { Err(BenchError::Svm(format!("a {} did not reach {node:?}", subject.name()))) }
    }

    /// Opens wallet accounts; none of their destinations has an account yet.
    fn register(&mut self, count: usize) -> Result<Vec<Node>, BenchError> {
        let key = self.key.pubkey();
        (0..count)
            .map(|index| {
                let node_id = node_id(&format!("node-{index}"));
                let node = Node::with_wallet(node_wallet_address(&self.network, &node_id));
                let args = RegisterNodeArgs { node_id, owner: node.destination, destination: None, threshold: None };
                self.send(&[register_node_ix(key, key, self.network, args)])?;
                Ok(node)
            })
            .collect()
    }

    /// Sends a v1 transaction, made by the relay's own code and read back from its bytes.
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
    /// A node with a destination that nobody has used.
    fn with_wallet(wallet: Pubkey) -> Self {
        Self { wallet, destination: Keypair::new().pubkey() }
    }

    fn settle_entry(&self) -> SettleEntry {
        SettleEntry { wallet: self.wallet, destination: self.destination, target: REWARD_LAMPORTS }
    }
}
