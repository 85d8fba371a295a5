//! The fixture: a network on the chain, its nodes in the ledger, and engines that settle it.

use std::path::Path;
use std::sync::Arc;

use litesvm::LiteSVM;
use settlement::client::{
    BatchHeader, CreateNetworkArgs, NetworkId, UpdateNetworkArgs, create_network_ix, credit_ix, fund_ix,
    node_wallet_address, pause_ix, treasury_address, unpause_ix, update_network_ix,
};
use settlement::state::{ClosedNetwork, DISCRIMINATOR_LEN, DestinationSource, NodeWallet, Treasury};
use sha2::{Digest as _, Sha256};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{Message, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::chain::Chain;
use williw_relay::clock::{Clock, ManualClock};
use williw_relay::database::Database;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::engine::{
    AttemptState, Engine, EngineConfig, EngineError, EngineParts, NetworkRef, Progress, Reviewer, Trigger,
};
use williw_relay::events::NoEvents;
use williw_relay::ledger::{Actor, balances, nodes, rewards};
use williw_relay::signer::SecretKey;
use williw_relay::transaction::{Budget, Format};
use williw_relay::types::{IdempotencyKey, Lamports, NewNode, NodeId, NodeWalletBalance, RewardDistribution};

use super::{CrashPoint, LocalChain};
use crate::program::program_file;

/// The default payout threshold of the network.
const THRESHOLD: u64 = 1_000_000;

fn lamports(value: u64) -> Lamports {
    Lamports::new(value).expect("a valid amount")
}

pub(crate) fn node_id(name: &str) -> NodeId {
    name.parse().expect("a valid node id")
}

/// A node to register.
pub(crate) struct NodeSpec {
    pub(crate) name: String,
    pub(crate) address: Option<Pubkey>,
    /// The initial balance of its address on the chain, in lamports.
    pub(crate) funds: u64,
}

impl NodeSpec {
    /// A node whose address exists on the chain and can receive any payout.
    pub(crate) fn payable(name: &str) -> Self {
        Self { name: name.to_owned(), address: Some(Keypair::new().pubkey()), funds: 1_000_000_000 }
    }

    /// A node whose address does not exist on the chain.
    pub(crate) fn unfunded(name: &str) -> Self {
        Self { funds: 0, ..Self::payable(name) }
    }

    /// A node without an address.
    pub(crate) fn without_address(name: &str) -> Self {
        Self { name: name.to_owned(), address: None, funds: 0 }
    }
}

/// Everything that outlives a process: the chain, the ledger and the keys.
pub(crate) struct EngineFixture {
    pub(crate) chain: LocalChain,
    pub(crate) database: SqliteDatabase,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) admin: Keypair,
    pub(crate) settler: Keypair,
    pub(crate) network: Pubkey,
    pub(crate) treasury: Pubkey,
    pub(crate) network_ref: NetworkRef,
    processes: std::cell::Cell<u32>,
    rewards_granted: std::cell::Cell<u32>,
}

/// A trigger that does not retry held rewards.
pub(crate) const TRIGGER: Trigger<'static> = Trigger { name: "test", retry_held: false };

impl EngineFixture {
    /// A network without limits, a funded treasury, and the nodes registered in the ledger.
    pub(crate) fn new(nodes: &[NodeSpec]) -> Self {
        Self::with_network(nodes, |_| {})
    }

    /// As [`EngineFixture::new`], with changed network parameters.
    pub(crate) fn with_network(nodes: &[NodeSpec], change: impl FnOnce(&mut CreateNetworkArgs)) -> Self {
        let fixture = Self::without_network(LiteSVM::new());
        let mut args = fixture.network_args();
        change(&mut args);
        fixture.execute_as_admin(create_network_ix(fixture.admin.pubkey(), args));
        fixture.fund(100_000_000_000);
        for node in nodes {
            fixture.register(node);
        }
        fixture
    }

    /// The program on the chain, and an empty ledger.
    pub(crate) fn without_network(svm: LiteSVM) -> Self {
        let mut svm = svm.with_sigverify(false).with_blockhash_check(false);
        svm.add_program_from_file(settlement::ID, program_file()).expect("the program loads");
        let (admin, settler) = (Keypair::new(), Keypair::new());
        svm.airdrop(&admin.pubkey(), 1_000_000_000_000).expect("airdrop");
        svm.airdrop(&settler.pubkey(), 10_000_000_000).expect("airdrop");
        let network_id = NetworkId::from_name("test").expect("a valid name");
        let network = NetworkRef::new(network_id, admin.pubkey(), None);
        let clock = Arc::new(ManualClock::at(1_800_000_000_000));
        let fixture = Self {
            chain: LocalChain::new(svm),
            database: empty_ledger(&clock),
            clock,
            admin,
            settler,
            network: network.address(),
            treasury: treasury_address(&network.address()),
            network_ref: network,
            processes: Default::default(),
            rewards_granted: Default::default(),
        };
        fixture.set_chain_time();
        fixture
    }

    /// The parameters of a network without limits.
    pub(crate) fn network_args(&self) -> CreateNetworkArgs {
        CreateNetworkArgs {
            id: self.network_ref.id.0,
            settler: self.settler.pubkey(),
            guardian: self.admin.pubkey(),
            default_threshold: THRESHOLD,
            per_node_cap: u64::MAX,
            per_batch_cap: u64::MAX,
            window_limit: u64::MAX,
            window_seconds: 3_600,
            max_pending_age: 30 * 24 * 3_600,
            max_pause_seconds: 7 * 24 * 3_600,
        }
    }

    /// Creates a network with the same name and another creator, and returns its address.
    pub(crate) fn create_other_network(&self) -> Pubkey {
        let creator = self.settler.pubkey();
        self.execute_as(&self.settler, create_network_ix(creator, self.network_args()));
        NetworkRef::new(self.network_ref.id, creator, None).address()
    }

    fn set_chain_time(&self) {
        let mut svm = self.chain.svm.borrow_mut();
        let mut clock: solana_clock::Clock = svm.get_sysvar();
        clock.unix_timestamp = self.clock.now_ms() / 1_000;
        svm.set_sysvar(&clock);
    }

    /// Executes an instruction signed by the admin, outside the engine.
    pub(crate) fn execute_as_admin(&self, instruction: Instruction) {
        self.execute_as(&self.admin, instruction);
    }

    /// Executes an instruction signed by `signer` in a v1 transaction with the highest limits, outside the engine.
    pub(crate) fn execute_large_as(&self, signer: &Keypair, instruction: Instruction) {
        let mut svm = self.chain.svm.borrow_mut();
        svm.expire_blockhash();
        let unsigned = Format::V1
            .build(&signer.pubkey(), &[instruction], &Budget::WIDEST, svm.latest_blockhash())
            .expect("the transaction is built");
        let signature = signer.sign_message(&unsigned.message_bytes());
        let signed = unsigned.signed(signature).expect("the transaction is signed");
        let transaction: VersionedTransaction = wincode::deserialize(&signed.bytes).expect("a transaction");
        let meta = svm.send_transaction(transaction.clone()).expect("the instruction succeeds");
        self.chain.record(&transaction, None, &meta);
    }

    /// Changes parameters of the network, outside the engine.
    pub(crate) fn update_network(&self, change: impl FnOnce(&mut UpdateNetworkArgs)) {
        let mut args = UpdateNetworkArgs::default();
        change(&mut args);
        self.execute_as_admin(update_network_ix(self.admin.pubkey(), self.network, args));
    }

    /// Executes an instruction signed by `signer`, outside the engine.
    pub(crate) fn execute_as(&self, signer: &Keypair, instruction: Instruction) {
        self.execute_signed(&[instruction], &[signer]);
    }

    /// Executes instructions signed by `signers`, of whom the first pays the fee, outside the engine.
    pub(crate) fn execute_signed(&self, instructions: &[Instruction], signers: &[&Keypair]) {
        let mut svm = self.chain.svm.borrow_mut();
        svm.expire_blockhash();
        let payer = signers[0].pubkey();
        let message = Message::new_with_blockhash(instructions, Some(&payer), &svm.latest_blockhash());
        let transaction = VersionedTransaction::try_new(VersionedMessage::Legacy(message), signers)
            .expect("the transaction is signed");
        let meta = svm.send_transaction(transaction.clone()).expect("the instructions succeed");
        self.chain.record(&transaction, None, &meta);
    }

    pub(crate) fn fund(&self, amount: u64) {
        self.execute_as_admin(fund_ix(self.admin.pubkey(), self.network, self.admin.pubkey(), amount));
    }

    pub(crate) fn pause(&self) {
        self.execute_as_admin(pause_ix(self.admin.pubkey(), self.network));
    }

    pub(crate) fn unpause(&self) {
        self.execute_as_admin(unpause_ix(self.admin.pubkey(), self.network));
    }

    pub(crate) fn register(&self, node: &NodeSpec) {
        if let Some(address) = node.address.filter(|_| node.funds > 0) {
            self.chain.svm.borrow_mut().airdrop(&address, node.funds).expect("airdrop");
        }
        let new = NewNode {
            id: node_id(&node.name),
            address: node.address.map(|address| address.to_string().parse().expect("a valid address")),
            public_key: None,
            capabilities: None,
        };
        block_on(nodes::register(&self.database, &*self.clock, &actor(), new)).expect("the node is registered");
    }

    /// Replaces the ledger by one that has only these nodes.
    pub(crate) fn lose_ledger(&mut self, nodes: &[NodeSpec]) {
        self.database = empty_ledger(&self.clock);
        for node in nodes {
            self.register(node);
        }
    }

    /// Grants a reward to a node.
    pub(crate) fn grant(&self, node: &str, amount: u64) {
        self.grant_many(node, 1, amount);
    }

    /// Grants `count` rewards of the same amount to a node.
    pub(crate) fn grant_many(&self, node: &str, count: usize, amount: u64) {
        self.rewards_granted.set(self.rewards_granted.get() + 1);
        let key: IdempotencyKey = format!("grant-{}", self.rewards_granted.get()).parse().expect("a valid key");
        let entry = RewardDistribution { node_id: node_id(node), amount_lamports: lamports(amount), reason: None };
        block_on(rewards::distribute(&self.database, &*self.clock, &actor(), &key, vec![entry; count]))
            .expect("the rewards are granted");
    }

    /// An engine in a new process, with its own lease holder name.
    pub(crate) fn engine<D: Database, C: Chain>(
        &self,
        database: D,
        chain: C,
    ) -> Engine<D, C, SecretKey, &ManualClock, NoEvents> {
        self.engine_with(database, chain, |_| {})
    }

    /// As [`EngineFixture::engine`], with another configuration.
    pub(crate) fn engine_with<D: Database, C: Chain>(
        &self,
        database: D,
        chain: C,
        change: impl FnOnce(&mut EngineConfig),
    ) -> Engine<D, C, SecretKey, &ManualClock, NoEvents> {
        self.processes.set(self.processes.get() + 1);
        let mut config = EngineConfig::new(self.network_ref, format!("process-{}", self.processes.get()));
        change(&mut config);
        let secret = bs58::encode(self.settler.to_bytes()).into_string();
        let signer = SecretKey::parse(&secret).expect("a valid key");
        Engine::new(EngineParts { database, chain, signer, clock: &*self.clock, events: NoEvents }, config)
    }

    /// An engine in a new process whose clock differs from the others by `offset_ms`.
    pub(crate) fn engine_with_clock(
        &self,
        offset_ms: i64,
    ) -> Engine<&SqliteDatabase, &LocalChain, SecretKey, ManualClock, NoEvents> {
        self.processes.set(self.processes.get() + 1);
        let config = EngineConfig::new(self.network_ref, format!("process-{}", self.processes.get()));
        let signer = SecretKey::parse(&bs58::encode(self.settler.to_bytes()).into_string()).expect("a valid key");
        let clock = ManualClock::at(self.clock.now_ms() + offset_ms);
        let (database, chain) = (&self.database, &self.chain);
        Engine::new(EngineParts { database, chain, signer, clock, events: NoEvents }, config)
    }

    /// Advances the clock without producing a block.
    pub(crate) fn advance_clock(&self, ms: i64) {
        self.clock.advance(ms);
    }

    /// A reviewer in a new process.
    pub(crate) fn reviewer<D: Database, C: Chain>(&self, database: D, chain: C) -> Reviewer<D, C, &ManualClock> {
        self.processes.set(self.processes.get() + 1);
        let holder = format!("reviewer-{}", self.processes.get());
        Reviewer { database, chain, clock: &*self.clock, network: self.network_ref, holder }
    }

    /// Advances the clock and produces a block.
    pub(crate) fn advance_time(&self, ms: u64) {
        self.clock.advance(ms as i64);
        self.set_chain_time();
        self.chain.produce_block();
    }

    /// Runs an engine until it is idle or a settlement fails. Returns the failure of each finished settlement, `None` for
    /// those that succeeded.
    pub(crate) fn settle(&self) -> Vec<Option<String>> {
        self.settle_with_crash(&CrashPoint::never()).expect("the engine does not return an error")
    }

    /// As [`EngineFixture::settle`], in a process that crashes at `point`.
    pub(crate) fn settle_with_crash(&self, point: &CrashPoint) -> Result<Vec<Option<String>>, EngineError> {
        let engine = self.engine(point.database(&self.database), point.chain(&self.chain));
        self.settle_with(&engine)
    }

    /// As [`EngineFixture::settle`], with a given engine.
    pub(crate) fn settle_with<D: Database, C: Chain>(
        &self,
        engine: &Engine<D, C, SecretKey, &ManualClock, NoEvents>,
    ) -> Result<Vec<Option<String>>, EngineError> {
        const MAX_CALLS: usize = 2_000;
        let mut finished = Vec::new();
        for _ in 0..MAX_CALLS {
            match block_on(engine.advance(TRIGGER))? {
                Progress::Idle => return Ok(finished),
                Progress::Busy { retry_after_ms, .. } => self.advance_time(retry_after_ms),
                Progress::Opened | Progress::Continue { after_ms: 0 } => {}
                Progress::Continue { after_ms } => self.advance_time(after_ms),
                Progress::Blocked { reason, .. } => {
                    finished.push(Some(reason));
                    return Ok(finished);
                }
                Progress::Finished { failure, .. } => {
                    let failed = failure.is_some();
                    finished.push(failure);
                    if failed {
                        return Ok(finished);
                    }
                }
            }
        }
        panic!("the engine does not become idle; settlements finished so far: {finished:?}");
    }

    /// Advances `engine` until it has simulated every payment batch and is about to sign them.
    pub(crate) fn advance_until_simulated<D: Database, C: Chain>(
        &self,
        engine: &Engine<D, C, SecretKey, &ManualClock, NoEvents>,
    ) {
        while !self.has_open_payments_that(|attempts| attempts == [AttemptState::Planned]) {
            match block_on(engine.advance(TRIGGER)).expect("the engine does not return an error") {
                Progress::Opened | Progress::Continue { after_ms: 0 } => {}
                Progress::Continue { after_ms } => self.advance_time(after_ms),
                other => panic!("the settlement ends early: {other:?}"),
            }
        }
    }

    /// Gives an account `space` bytes of data, without the program. It keeps its balance.
    pub(crate) fn set_space(&self, address: &Pubkey, space: usize) {
        let mut svm = self.chain.svm.borrow_mut();
        let mut account = svm.get_account(address).expect("the account exists");
        account.data = vec![0; space];
        // Rent is not what these tests are about.
        account.lamports = 1_000_000_000_000;
        svm.set_account(*address, account).expect("the account is written");
    }

    /// The address of the node's wallet account.
    pub(crate) fn wallet_address(&self, node: &str) -> Pubkey {
        let registered = block_on(nodes::get(&self.database, &node_id(node))).expect("the node is registered");
        // A node without an address has no wallet.
        let owner = registered
            .address
            .map_or_else(Pubkey::default, |address| address.to_string().parse().expect("a valid address"));
        node_wallet_address(&self.network, &node_id(node).on_chain(), &owner)
    }

    /// The node's wallet account on the chain.
    pub(crate) fn wallet(&self, node: &str) -> Option<NodeWallet> {
        let address = self.wallet_address(node);
        let account = self.chain.svm.borrow().get_account(&address)?;
        Some(NodeWallet::decode(&account.data).expect("the wallet decodes"))
    }

    /// Changes the balance of an address on the chain to `lamports`.
    pub(crate) fn set_balance(&self, address: &Pubkey, lamports: u64) {
        let mut svm = self.chain.svm.borrow_mut();
        let mut account = svm.get_account(address).unwrap_or_default();
        account.lamports = lamports;
        svm.set_account(*address, account).expect("the account is written");
    }

    /// Changes the cluster's rent to `lamports_per_byte`.
    pub(crate) fn set_rent(&self, lamports_per_byte: u64) {
        let mut svm = self.chain.svm.borrow_mut();
        let mut rent: solana_rent::Rent = svm.get_sysvar();
        rent.lamports_per_byte = lamports_per_byte;
        svm.set_sysvar(&rent);
    }

    /// Changes the credited total of the node's wallet account, without the program.
    pub(crate) fn set_credited_total(&self, node: &str, total: u64) {
        let address = self.wallet_address(node);
        let mut svm = self.chain.svm.borrow_mut();
        let mut account = svm.get_account(&address).expect("the wallet exists");
        let offset = DISCRIMINATOR_LEN + std::mem::offset_of!(NodeWallet, credited_total);
        account.data[offset..offset + 8].copy_from_slice(&total.to_le_bytes());
        svm.set_account(address, account).expect("the account is written");
    }

    /// Changes the paid total of the node's wallet account, without the program.
    pub(crate) fn set_paid_total(&self, node: &str, total: u64) {
        let address = self.wallet_address(node);
        let mut svm = self.chain.svm.borrow_mut();
        let mut account = svm.get_account(&address).expect("the wallet exists");
        let offset = DISCRIMINATOR_LEN + std::mem::offset_of!(NodeWallet, paid_total);
        account.data[offset..offset + 8].copy_from_slice(&total.to_le_bytes());
        svm.set_account(address, account).expect("the account is written");
    }

    /// Changes the destination of the node's wallet account and who chose it, without the program.
    pub(crate) fn set_destination(&self, node: &str, destination: &Pubkey, source: DestinationSource) {
        let address = self.wallet_address(node);
        let mut svm = self.chain.svm.borrow_mut();
        let mut account = svm.get_account(&address).expect("the wallet exists");
        let offset = DISCRIMINATOR_LEN + std::mem::offset_of!(NodeWallet, destination);
        account.data[offset..offset + 32].copy_from_slice(destination.as_array());
        account.data[DISCRIMINATOR_LEN + std::mem::offset_of!(NodeWallet, destination_source)] = source.into();
        svm.set_account(address, account).expect("the account is written");
    }

    /// Replaces the network's account with what remains of a closed one, without the program.
    pub(crate) fn replace_network_with_closed_one(&self) {
        let mut svm = self.chain.svm.borrow_mut();
        let mut account = svm.get_account(&self.network).expect("the network exists");
        account.data = vec![0; ClosedNetwork::SIZE];
        account.data[..DISCRIMINATOR_LEN]
            .copy_from_slice(&Sha256::digest("account:ClosedNetwork")[..DISCRIMINATOR_LEN]);
        svm.set_account(self.network, account).expect("the account is written");
    }

    /// Adds `more` to what the treasury has credited, as if a wallet account of nobody in the ledger had received it.
    pub(crate) fn credit_nobody(&self, more: u64) {
        let mut svm = self.chain.svm.borrow_mut();
        let mut account = svm.get_account(&self.treasury).expect("the treasury exists");
        let total = Treasury::decode(&account.data).expect("the treasury decodes").credited_total + more;
        let offset = DISCRIMINATOR_LEN + std::mem::offset_of!(Treasury, credited_total);
        account.data[offset..offset + 8].copy_from_slice(&total.to_le_bytes());
        svm.set_account(self.treasury, account).expect("the account is written");
    }

    /// Credits wallets to the given totals with the settler's key, without the engine.
    pub(crate) fn credit_outside_the_engine(&self, targets: &[(&str, u64)]) {
        let entries: Vec<_> = targets.iter().map(|(node, target)| (self.wallet_address(node), *target)).collect();
        let header = BatchHeader { batch_id: 99, records_root: [0; 32] };
        self.execute_as(&self.settler, credit_ix(self.settler.pubkey(), self.network, header, &entries));
    }

    /// The treasury account on the chain.
    pub(crate) fn treasury_state(&self) -> Treasury {
        let account = self.chain.svm.borrow().get_account(&self.treasury).expect("the treasury exists");
        Treasury::decode(&account.data).expect("the treasury decodes")
    }

    /// The balance of an address on the chain, in lamports.
    pub(crate) fn balance_of(&self, address: &Pubkey) -> u64 {
        self.chain.svm.borrow().get_balance(address).unwrap_or(0)
    }

    /// The node's balance in the ledger.
    pub(crate) fn balance(&self, node: &str) -> NodeWalletBalance {
        block_on(balances::balance(&self.database, &node_id(node))).expect("a balance")
    }
}

/// A ledger whose database has `clock`.
fn empty_ledger(clock: &Arc<ManualClock>) -> SqliteDatabase {
    let database = SqliteDatabase::open(Path::new(":memory:")).expect("an in-memory database opens");
    let of_database = Arc::clone(clock);
    database.set_clock(move || of_database.now_ms()).expect("the database's clock is replaced");
    database
}

fn actor() -> Actor {
    Actor::operator()
}

/// Runs a future to completion. The databases and chains in these tests never wait.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // Concurrent requests yield now and then, although nothing in these tests waits.
    for _ in 0..1_000 {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("the future is pending");
}
