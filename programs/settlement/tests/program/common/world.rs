//! A network with its keys, funds and nodes.

use litesvm::LiteSVM;
use litesvm::types::{FailedTransactionMetadata, TransactionMetadata};
use settlement::client::{
    BatchHeader, CreateNetworkArgs, RegisterNodeArgs, SettleEntry, create_network_ix, credit_ix, fund_ix,
    network_address, node_wallet_address, pause_ix, register_node_ix, settle_ix, treasury_address,
};
use settlement::events::BatchSettled;
use settlement::state::{Network, NodeWallet, Treasury};
use solana_account::Account;
use solana_clock::Clock;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::v1::TransactionConfig;
use solana_message::{VersionedMessage, v0, v1};
use solana_rent::Rent;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

use anchor_lang::prelude::Pubkey;

/// Lamports.
pub const SOL: u64 = 1_000_000_000;

/// Unix seconds at which worlds begin.
pub const START: i64 = 1_800_000_000;

/// A v0 or legacy transaction's limit on the wire, in bytes.
const V0_MAX_BYTES: usize = 1_232;
/// A v1 transaction's limit on the wire, in bytes.
const V1_MAX_BYTES: usize = v1::MAX_TRANSACTION_SIZE;

/// More than any transaction here uses: what they use is printed and measured elsewhere.
const COMPUTE_UNITS: u32 = 1_400_000;
/// Bytes of all accounts of a transaction, the program's own included.
const LOADED_ACCOUNTS_BYTES: u32 = 4 << 20;

/// A LiteSVM with the program, one network, and the keys that matter to it.
pub struct World {
    pub svm: LiteSVM,
    /// Pays every fee, so that no balance a test looks at changes by one.
    pub payer: Keypair,
    pub admin: Keypair,
    pub settler: Keypair,
    pub guardian: Keypair,
    pub network: Pubkey,
    pub treasury: Pubkey,
}

/// What became of a transaction.
pub type Outcome = Result<TransactionMetadata, Box<FailedTransactionMetadata>>;

/// A registered node.
#[derive(Debug)]
pub struct Node {
    pub id: [u8; 32],
    pub owner: Keypair,
    pub destination: Pubkey,
    pub wallet: Pubkey,
}

impl Node {
    /// The node's entry in a `settle`.
    pub fn entry(&self, target: u64) -> SettleEntry {
        SettleEntry { wallet: self.wallet, destination: self.destination, target }
    }
}

/// A batch that was applied: its event, and what it took.
#[derive(Debug)]
pub struct Batch {
    pub event: BatchSettled,
    pub compute_units: u64,
}

impl World {
    /// A network called "test" with 100 SOL to give, a threshold of 1 SOL, and limits that are
    /// out of the way.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with some parameters changed.
    pub fn with(change: impl FnOnce(&mut CreateNetworkArgs)) -> Self {
        Self::on(super::chain(), change)
    }

    /// The same, on a runtime of choice.
    pub fn on(svm: LiteSVM, change: impl FnOnce(&mut CreateNetworkArgs)) -> Self {
        let mut world = Self::bare(svm);
        let mut args = world.args("test");
        change(&mut args);
        world.create(args).expect("the network is created");
        world.fund(100 * SOL);
        world
    }

    /// The program and the keys, without any network.
    pub fn bare(mut svm: LiteSVM) -> Self {
        if svm.get_account(&settlement::ID).is_none() {
            svm.add_program(settlement::ID, &super::program::bytes()).expect("the program loads");
        }
        let network = network_address(&super::id("test"));
        let mut world = Self {
            svm,
            payer: Keypair::new(),
            admin: Keypair::new(),
            settler: Keypair::new(),
            guardian: Keypair::new(),
            network,
            treasury: treasury_address(&network),
        };
        world.set_time(START);
        for key in [&world.payer.pubkey(), &world.admin.pubkey()] {
            world.svm.airdrop(key, 10_000 * SOL).expect("an airdrop");
        }
        world
    }

    /// What [`World::new`] creates its network with.
    pub fn args(&self, name: &str) -> CreateNetworkArgs {
        CreateNetworkArgs {
            id: super::id(name).0,
            settler: self.settler.pubkey(),
            guardian: self.guardian.pubkey(),
            default_threshold: SOL,
            per_node_cap: 1_000 * SOL,
            per_batch_cap: 10_000 * SOL,
            window_limit: 100_000 * SOL,
            window_seconds: 86_400,
            max_pending_age: 30 * 86_400,
        }
    }

    /// Creates a network with the world's admin.
    pub fn create(&mut self, args: CreateNetworkArgs) -> Outcome {
        let admin = self.admin.insecure_clone();
        self.send(&[create_network_ix(admin.pubkey(), args)], &[&admin])
    }

    /// Funds the treasury out of the payer.
    pub fn fund(&mut self, lamports: u64) {
        let ix = fund_ix(self.payer.pubkey(), self.network, lamports);
        self.send(&[ix], &[]).expect("funded");
    }

    /// Registers a node whose earnings go to its owner's address.
    pub fn node(&mut self, name: &str) -> Node {
        self.node_with(name, |_| {})
    }

    /// Registers a node with some arguments changed.
    pub fn node_with(&mut self, name: &str, change: impl FnOnce(&mut RegisterNodeArgs)) -> Node {
        let owner = Keypair::new();
        let mut args = RegisterNodeArgs {
            node_id: settlement::client::node_id(name),
            owner: owner.pubkey(),
            destination: None,
            threshold: None,
        };
        change(&mut args);
        let settler = self.settler.insecure_clone();
        self.register(&settler, args).expect("the node registers");
        Node {
            id: args.node_id,
            destination: args.destination.unwrap_or(args.owner),
            wallet: node_wallet_address(&self.network, &args.node_id),
            owner,
        }
    }

    /// Registers many nodes.
    pub fn nodes(&mut self, count: usize) -> Vec<Node> {
        (0..count).map(|i| self.node(&format!("node-{i}"))).collect()
    }

    /// Registers a node; the world's payer pays its rent.
    pub fn register(&mut self, authority: &Keypair, args: RegisterNodeArgs) -> Outcome {
        let payer = self.payer.pubkey();
        let ix = register_node_ix(authority.pubkey(), payer, self.network, args);
        self.send(&[ix], &[authority])
    }

    /// Credits as the settler.
    #[track_caller]
    pub fn credit(&mut self, entries: &[(Pubkey, u64)]) -> Batch {
        let ix = credit_ix(self.settler.pubkey(), self.network, header(1), entries);
        self.batch(ix)
    }

    /// Settles as the settler.
    #[track_caller]
    pub fn settle(&mut self, entries: &[SettleEntry]) -> Batch {
        let ix = settle_ix(self.settler.pubkey(), self.network, header(1), entries);
        self.batch(ix)
    }

    /// Sends a batch as the settler, in a v1 transaction that the settler pays for: the fullest
    /// batch leaves no address for a payer of its own.
    #[track_caller]
    pub fn batch(&mut self, ix: Instruction) -> Batch {
        match self.send_batch(ix) {
            Ok(meta) => {
                Batch { event: self.event(&meta, BatchSettled::decode_cpi), compute_units: meta.compute_units_consumed }
            }
            Err(failed) => panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()),
        }
    }

    /// Like [`World::batch`], for one that may fail.
    pub fn send_batch(&mut self, ix: Instruction) -> Outcome {
        let settler = self.settler.insecure_clone();
        if self.lamports(&settler.pubkey()) < SOL {
            self.give(&settler.pubkey(), SOL);
        }
        self.send_v1(&[ix], &settler)
    }

    /// The one event of a transaction, out of its inner instructions.
    #[track_caller]
    pub fn event<T>(&self, meta: &TransactionMetadata, decode: fn(&[u8]) -> Option<T>) -> T {
        let mut events: Vec<T> =
            meta.inner_instructions.iter().flatten().filter_map(|inner| decode(&inner.instruction.data)).collect();
        assert_eq!(events.len(), 1, "one event\n{}", meta.pretty_logs());
        events.remove(0)
    }

    /// Sends a v0 transaction paid for by the world's payer.
    pub fn send(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> Outcome {
        let payer = self.payer.insecure_clone();
        let mut all = vec![&payer];
        all.extend(signers);
        self.send_v0(instructions, &all)
    }

    /// Sends a v0 transaction paid for by the first signer.
    pub fn send_v0(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> Outcome {
        let payer = signers[0].pubkey();
        let message = v0::Message::try_compile(&payer, instructions, &[], self.svm.latest_blockhash())
            .expect("the message compiles");
        self.send_message(VersionedMessage::V0(message), signers, V0_MAX_BYTES)
    }

    /// Sends a v1 transaction.
    pub fn send_v1(&mut self, instructions: &[Instruction], payer: &Keypair) -> Outcome {
        let message = v1_message(self.svm.latest_blockhash(), instructions, &payer.pubkey());
        self.send_message(message, &[payer], V1_MAX_BYTES)
    }

    /// Sends a transaction of so many bytes at most.
    pub fn send_message(&mut self, message: VersionedMessage, signers: &[&Keypair], max_bytes: usize) -> Outcome {
        let transaction = VersionedTransaction::try_new(message, signers).expect("all signers are there");
        let bytes = wire_size(&transaction);
        assert!(bytes <= max_bytes, "{bytes} bytes don't go over the wire");
        let outcome = self.svm.send_transaction(transaction).map_err(Box::new);
        // So that the same batch can be sent again.
        self.svm.expire_blockhash();
        outcome
    }

    /// Pauses the network.
    pub fn pause(&mut self) {
        let guardian = self.guardian.insecure_clone();
        let ix = pause_ix(guardian.pubkey(), self.network);
        self.send(&[ix], &[&guardian]).expect("paused");
    }

    /// Sets the chain's clock, in Unix seconds.
    pub fn set_time(&mut self, now: i64) {
        let mut clock: Clock = self.svm.get_sysvar();
        clock.unix_timestamp = now;
        self.svm.set_sysvar(&clock);
    }

    /// Multiplies the chain's rate of rent.
    pub fn raise_rent(&mut self, times: u64) {
        let mut rent: Rent = self.svm.get_sysvar();
        rent.lamports_per_byte *= times;
        self.svm.set_sysvar(&rent);
    }

    /// Another program, and its address.
    pub fn program(&mut self) -> Pubkey {
        let address = Pubkey::new_unique();
        self.svm.add_program(address, &super::program::bytes()).expect("the program loads");
        address
    }

    pub fn rent(&self, bytes: usize) -> u64 {
        self.svm.minimum_balance_for_rent_exemption(bytes)
    }

    pub fn lamports(&self, address: &Pubkey) -> u64 {
        self.svm.get_balance(address).unwrap_or(0)
    }

    /// Puts lamports on an address, as a stranger's transfer would.
    pub fn give(&mut self, address: &Pubkey, lamports: u64) {
        let mut account = self.svm.get_account(address).unwrap_or_default();
        account.lamports += lamports;
        self.put(address, account);
    }

    /// Makes the treasury hold exactly this much above its rent.
    pub fn set_surplus(&mut self, lamports: u64) {
        let mut account = self.svm.get_account(&self.treasury).expect("a treasury");
        account.lamports = self.rent(Treasury::SIZE) + lamports;
        self.put(&{ self.treasury }, account);
    }

    /// Writes an account as it is, past every rule.
    pub fn put(&mut self, address: &Pubkey, account: Account) {
        self.svm.set_account(*address, account).expect("the account is written");
    }

    /// Changes the fields of an account of the program, past every rule.
    pub fn edit<T: bytemuck::Pod>(&mut self, address: &Pubkey, change: impl FnOnce(&mut T)) {
        let mut account = self.svm.get_account(address).expect("an account");
        let mut fields: T = bytemuck::pod_read_unaligned(&account.data[8..]);
        change(&mut fields);
        account.data[8..].copy_from_slice(bytemuck::bytes_of(&fields));
        self.put(address, account);
    }

    pub fn network_state(&self) -> Network {
        let account = self.svm.get_account(&self.network).expect("a network");
        Network::decode(&account.data).expect("a network")
    }

    pub fn treasury_state(&self) -> Treasury {
        let account = self.svm.get_account(&self.treasury).expect("a treasury");
        Treasury::decode(&account.data).expect("a treasury")
    }

    pub fn wallet_state(&self, node: &Node) -> NodeWallet {
        let account = self.svm.get_account(&node.wallet).expect("a wallet");
        NodeWallet::decode(&account.data).expect("a wallet")
    }

    /// Lamports in a wallet account above its rent.
    pub fn wallet_lamports(&self, node: &Node) -> u64 {
        self.lamports(&node.wallet) - self.rent(NodeWallet::SIZE)
    }

    /// Lamports in the treasury above its rent.
    pub fn surplus(&self) -> u64 {
        self.lamports(&self.treasury) - self.rent(Treasury::SIZE)
    }
}

/// A header whose numbers tell batches apart.
pub fn header(batch_id: u64) -> BatchHeader {
    BatchHeader { batch_id, records_root: [7; 32] }
}

fn v1_message(blockhash: solana_hash::Hash, instructions: &[Instruction], payer: &Pubkey) -> VersionedMessage {
    let config = TransactionConfig::empty()
        .with_compute_unit_limit(COMPUTE_UNITS)
        .with_loaded_accounts_data_size_limit(LOADED_ACCOUNTS_BYTES);
    VersionedMessage::V1(
        v1::Message::try_compile_with_config(payer, instructions, blockhash, config).expect("the message compiles"),
    )
}

/// Bytes of a transaction as it is sent.
pub fn wire_size(transaction: &VersionedTransaction) -> usize {
    wincode::serialize(transaction).expect("the transaction serializes").len()
}
