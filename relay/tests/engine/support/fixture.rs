//! A network on the chain, its nodes in the ledger, and engines that settle it.

use std::path::{Path, PathBuf};

use litesvm::LiteSVM;
use settlement::client::{
    CreateNetworkArgs, NetworkId, create_network_ix, fund_ix, network_address, node_wallet_address, pause_ix,
    treasury_address, unpause_ix,
};
use settlement::state::{NodeWallet, Treasury};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{Message, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::chain::Chain;
use williw_relay::clock::{Clock, ManualClock};
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::database::{Database, Statement};
use williw_relay::engine::{Engine, EngineConfig, EngineError, EngineParts, Progress, Trigger};
use williw_relay::events::NoEvents;
use williw_relay::ledger::{Actor, balances, nodes, rewards};
use williw_relay::signer::SecretKey;
use williw_relay::types::{IdempotencyKey, Lamports, NewNode, NodeId, NodeWalletBalance, RewardDistribution};

use super::{Crash, CrashPoint, LocalChain};

/// A node's threshold unless a test says otherwise.
pub const THRESHOLD: u64 = 1_000_000;

pub fn lamports(value: u64) -> Lamports {
    Lamports::new(value).expect("an amount")
}

pub fn node_id(name: &str) -> NodeId {
    name.parse().expect("a node id")
}

/// A node to be registered.
pub struct NodeSpec {
    pub name: String,
    pub address: Option<Pubkey>,
    /// Lamports that its address has on the chain before.
    pub funds: u64,
}

impl NodeSpec {
    /// A node whose address exists and can take any payout.
    pub fn payable(name: &str) -> Self {
        Self { name: name.to_owned(), address: Some(Keypair::new().pubkey()), funds: 1_000_000_000 }
    }

    /// A node whose address does not exist on the chain.
    pub fn unfunded(name: &str) -> Self {
        Self { funds: 0, ..Self::payable(name) }
    }

    /// A node that has not named an address.
    pub fn without_address(name: &str) -> Self {
        Self { name: name.to_owned(), address: None, funds: 0 }
    }
}

/// Everything that outlives a process.
pub struct Scenario {
    pub chain: LocalChain,
    pub database: SqliteDatabase,
    pub clock: ManualClock,
    pub admin: Keypair,
    pub settler: Keypair,
    pub network: Pubkey,
    pub treasury: Pubkey,
    network_id: NetworkId,
    processes: std::cell::Cell<u32>,
    grants: std::cell::Cell<u32>,
}

const ANY: Trigger<'static> = Trigger { name: "test", retry_held: false };

fn program_file() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")), PathBuf::from);
    std::env::var_os("WILLIW_PROGRAM_SO").map_or_else(|| target.join("deploy/settlement.so"), PathBuf::from)
}

impl Scenario {
    /// A network with wide limits, a funded treasury, and the nodes registered in the ledger.
    pub fn new(nodes: &[NodeSpec]) -> Self {
        Self::with(nodes, |_| {})
    }

    /// The same with changed parameters.
    pub fn with(nodes: &[NodeSpec], change: impl FnOnce(&mut CreateNetworkArgs)) -> Self {
        let file = program_file();
        assert!(file.exists(), "{} is missing: run `make program`", file.display());
        let mut svm = LiteSVM::new().with_sigverify(false).with_blockhash_check(false);
        svm.add_program_from_file(settlement::ID, &file).expect("the program loads");
        let (admin, settler) = (Keypair::new(), Keypair::new());
        svm.airdrop(&admin.pubkey(), 1_000_000_000_000).expect("airdrop");
        svm.airdrop(&settler.pubkey(), 10_000_000_000).expect("airdrop");
        let network_id = NetworkId::from_name("test").expect("a name");
        let network = network_address(&network_id);
        let clock = ManualClock::at(1_800_000_000_000);
        let scenario = Self {
            chain: LocalChain::new(svm),
            database: SqliteDatabase::open(Path::new(":memory:")).expect("a database"),
            clock,
            admin,
            settler,
            network,
            treasury: treasury_address(&network),
            network_id,
            processes: Default::default(),
            grants: Default::default(),
        };
        scenario.set_chain_time();
        let mut args = CreateNetworkArgs {
            id: network_id.0,
            settler: scenario.settler.pubkey(),
            guardian: scenario.admin.pubkey(),
            default_threshold: THRESHOLD,
            per_node_cap: u64::MAX,
            per_batch_cap: u64::MAX,
            window_limit: u64::MAX,
            window_seconds: 3_600,
            max_pending_age: 30 * 24 * 3_600,
        };
        change(&mut args);
        scenario.by_admin(create_network_ix(scenario.admin.pubkey(), args));
        scenario.fund(100_000_000_000);
        for node in nodes {
            scenario.register(node);
        }
        scenario
    }

    fn set_chain_time(&self) {
        let mut svm = self.chain.svm.borrow_mut();
        let mut clock: solana_clock::Clock = svm.get_sysvar();
        clock.unix_timestamp = self.clock.now_ms() / 1_000;
        svm.set_sysvar(&clock);
    }

    /// Runs an instruction of the admin's, outside the engine.
    pub fn by_admin(&self, instruction: Instruction) {
        self.by(&self.admin, instruction);
    }

    /// Runs an instruction outside the engine.
    pub fn by(&self, signer: &Keypair, instruction: Instruction) {
        let mut svm = self.chain.svm.borrow_mut();
        svm.expire_blockhash();
        let message = Message::new_with_blockhash(&[instruction], Some(&signer.pubkey()), &svm.latest_blockhash());
        let transaction = VersionedTransaction::try_new(VersionedMessage::Legacy(message), &[signer]).expect("signed");
        svm.send_transaction(transaction).expect("the instruction succeeds");
    }

    pub fn fund(&self, amount: u64) {
        self.by_admin(fund_ix(self.admin.pubkey(), self.network, amount));
    }

    pub fn pause(&self) {
        self.by_admin(pause_ix(self.admin.pubkey(), self.network));
    }

    pub fn unpause(&self) {
        self.by_admin(unpause_ix(self.admin.pubkey(), self.network));
    }

    pub fn register(&self, node: &NodeSpec) {
        if let Some(address) = node.address.filter(|_| node.funds > 0) {
            self.chain.svm.borrow_mut().airdrop(&address, node.funds).expect("airdrop");
        }
        let new = NewNode {
            id: node_id(&node.name),
            address: node.address.map(|address| address.to_string().parse().expect("an address")),
            public_key: None,
            capabilities: None,
        };
        block_on(nodes::register(&self.database, &self.clock, &actor(), new)).expect("registered");
    }

    /// Grants a reward.
    pub fn reward(&self, node: &str, amount: u64) {
        self.grants.set(self.grants.get() + 1);
        let key: IdempotencyKey = format!("grant-{}", self.grants.get()).parse().expect("a key");
        let entry = RewardDistribution { node_id: node_id(node), amount_lamports: lamports(amount), reason: None };
        block_on(rewards::distribute(&self.database, &self.clock, &actor(), &key, vec![entry])).expect("granted");
    }

    /// What a process of the relay sees, with its own name for the lease.
    pub fn engine<D: Database, C: Chain>(
        &self,
        database: D,
        chain: C,
    ) -> Engine<D, C, SecretKey, &ManualClock, NoEvents> {
        self.processes.set(self.processes.get() + 1);
        let config = EngineConfig::new(self.network_id, format!("process-{}", self.processes.get()));
        let secret = bs58::encode(self.settler.to_bytes()).into_string();
        let signer = SecretKey::parse(&secret).expect("a key");
        Engine::new(EngineParts { database, chain, signer, clock: &self.clock, events: NoEvents }, config)
    }

    /// Time and blocks go on.
    pub fn pass(&self, ms: u64) {
        self.clock.advance(ms as i64);
        self.set_chain_time();
        self.chain.produce_block();
    }

    /// Runs a process of the relay until it has nothing more to do; what it finished.
    pub fn settle(&self) -> Vec<Option<String>> {
        self.run(&CrashPoint::never()).expect("the relay runs through")
    }

    /// Runs a process of the relay that may crash.
    pub fn run(&self, point: &CrashPoint) -> Result<Vec<Option<String>>, EngineError> {
        let database = Crash { inner: &self.database, point };
        let chain = Crash { inner: &self.chain, point };
        let engine = self.engine(database, chain);
        self.run_engine(&engine)
    }

    pub fn run_engine<D: Database, C: Chain>(
        &self,
        engine: &Engine<D, C, SecretKey, &ManualClock, NoEvents>,
    ) -> Result<Vec<Option<String>>, EngineError> {
        const MOST_CALLS: usize = 2_000;
        let mut finished = Vec::new();
        for _ in 0..MOST_CALLS {
            match block_on(engine.advance(ANY))? {
                Progress::Idle => return Ok(finished),
                Progress::Busy { retry_after_ms, .. } => self.pass(retry_after_ms),
                Progress::Opened | Progress::Continue { after_ms: 0 } => {}
                Progress::Continue { after_ms } => self.pass(after_ms),
                Progress::Finished { failure, .. } => {
                    let failed = failure.is_some();
                    finished.push(failure);
                    if failed {
                        return Ok(finished);
                    }
                }
            }
        }
        panic!("the relay does not come to an end; finished so far: {finished:?}");
    }

    pub fn wallet(&self, node: &str) -> Option<NodeWallet> {
        let address = node_wallet_address(&self.network, &node_id(node).on_chain());
        let account = self.chain.svm.borrow().get_account(&address)?;
        Some(NodeWallet::decode(&account.data).expect("a wallet"))
    }

    pub fn treasury_state(&self) -> Treasury {
        let account = self.chain.svm.borrow().get_account(&self.treasury).expect("the treasury");
        Treasury::decode(&account.data).expect("a treasury")
    }

    pub fn balance_of(&self, address: &Pubkey) -> u64 {
        self.chain.svm.borrow().get_balance(address).unwrap_or(0)
    }

    pub fn balance(&self, node: &str) -> NodeWalletBalance {
        block_on(balances::balance(&self.database, &node_id(node))).expect("a balance")
    }

    /// One column of every row, as text.
    pub fn column(&self, sql: &'static str) -> Vec<Option<String>> {
        let rows = block_on(self.database.query(Statement::new(sql))).expect("a query");
        rows.iter().map(|row| row.optional("value").expect("a column called value")).collect()
    }

    pub fn count(&self, sql: &'static str) -> u64 {
        self.column(sql).first().cloned().flatten().and_then(|text| text.parse().ok()).expect("a count")
    }
}

fn actor() -> Actor {
    Actor::operator()
}

/// The databases and chains here never wait.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("a future that waits"),
    }
}
