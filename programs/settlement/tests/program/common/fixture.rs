//! A network in LiteSVM, with its keys, funds and nodes.

use litesvm::LiteSVM;
use litesvm::types::{FailedTransactionMetadata, TransactionMetadata};
use settlement::client::{
    BatchHeader, CreateNetworkArgs, RegisterNodeArgs, SettleEntry, close_node_ix, create_network_ix, credit_ix,
    fund_ix, network_address, node_wallet_address, pause_ix, register_node_ix, settle_ix, treasury_address, unpause_ix,
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

/// One SOL in lamports.
pub(crate) const SOL: u64 = 1_000_000_000;

/// The initial time of every fixture, in Unix seconds.
pub(crate) const START: i64 = 1_800_000_000;

/// The longest time for which a pause holds withdrawals in every fixture, in seconds.
pub(crate) const MAX_PAUSE_SECONDS: u64 = 86_400;

/// The maximum size of a legacy or v0 transaction, in bytes.
const V0_MAX_BYTES: usize = 1_232;
/// The maximum size of a v1 transaction, in bytes.
pub(crate) const V1_MAX_BYTES: usize = v1::MAX_TRANSACTION_SIZE;

/// The compute unit limit of v1 transactions: more than any of them uses. `costs` measures the usage.
pub(crate) const COMPUTE_UNITS: u32 = 1_400_000;
/// The limit on a v1 transaction's loaded account data in bytes, which includes the program.
const LOADED_ACCOUNTS_BYTES: u32 = 64 << 20;

/// LiteSVM with the program, one network, and the network's keys.
pub(crate) struct ProgramFixture {
    pub(crate) svm: LiteSVM,
    /// Pays the fees, so that they don't change the balances that tests check.
    pub(crate) payer: Keypair,
    pub(crate) admin: Keypair,
    pub(crate) settler: Keypair,
    pub(crate) guardian: Keypair,
    pub(crate) network: Pubkey,
    pub(crate) treasury: Pubkey,
}

/// The result of sending a transaction.
pub(crate) type TransactionOutcome = Result<TransactionMetadata, Box<FailedTransactionMetadata>>;

/// A registered node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: [u8; 32],
    pub(crate) owner: Keypair,
    pub(crate) destination: Pubkey,
    pub(crate) wallet: Pubkey,
}

impl Node {
    /// The node's entry in a `settle`.
    pub(crate) fn entry(&self, target: u64) -> SettleEntry {
        SettleEntry { wallet: self.wallet, destination: self.destination, target }
    }
}

/// A batch that was applied.
#[derive(Debug)]
pub(crate) struct AppliedBatch {
    pub(crate) event: BatchSettled,
    pub(crate) compute_units: u64,
}

impl ProgramFixture {
    /// A network called "test" with 100 SOL of funds, a threshold of 1 SOL, and limits that tests
    /// don't reach by accident.
    pub(crate) fn new() -> Self {
        Self::with_args(|_| {})
    }

    /// Like [`Self::new`], with some parameters changed.
    pub(crate) fn with_args(change: impl FnOnce(&mut CreateNetworkArgs)) -> Self {
        Self::on_runtime(super::runtime(), change)
    }

    /// Like [`Self::with_args`], on the given runtime.
    pub(crate) fn on_runtime(svm: LiteSVM, change: impl FnOnce(&mut CreateNetworkArgs)) -> Self {
        let mut fixture = Self::without_network(svm);
        let mut args = fixture.network_args("test");
        change(&mut args);
        fixture.create_network(args).expect("the network is created");
        fixture.fund(100 * SOL);
        fixture
    }

    /// The program and the keys, without a network.
    pub(crate) fn without_network(mut svm: LiteSVM) -> Self {
        if svm.get_account(&settlement::ID).is_none() {
            svm.add_program(settlement::ID, &super::program::bytes()).expect("the program loads");
        }
        let admin = Keypair::new();
        let network = network_address(&admin.pubkey(), &super::network_id("test"));
        let mut fixture = Self {
            svm,
            payer: Keypair::new(),
            admin,
            settler: Keypair::new(),
            guardian: Keypair::new(),
            network,
            treasury: treasury_address(&network),
        };
        fixture.set_time(START);
        for key in [&fixture.payer.pubkey(), &fixture.admin.pubkey()] {
            fixture.svm.airdrop(key, 10_000 * SOL).expect("the airdrop succeeds");
        }
        fixture
    }

    /// A copy in the same state, which changes independently.
    pub(crate) fn fork(&self) -> Self {
        Self {
            svm: self.svm.clone(),
            payer: self.payer.insecure_clone(),
            admin: self.admin.insecure_clone(),
            settler: self.settler.insecure_clone(),
            guardian: self.guardian.insecure_clone(),
            network: self.network,
            treasury: self.treasury,
        }
    }

    /// The arguments that [`ProgramFixture::new`] creates its network with.
    pub(crate) fn network_args(&self, name: &str) -> CreateNetworkArgs {
        CreateNetworkArgs {
            id: super::network_id(name).0,
            settler: self.settler.pubkey(),
            guardian: self.guardian.pubkey(),
            default_threshold: SOL,
            per_node_cap: 1_000 * SOL,
            per_batch_cap: 10_000 * SOL,
            window_limit: 100_000 * SOL,
            window_seconds: 86_400,
            max_pending_age: 30 * 86_400,
            max_pause_seconds: MAX_PAUSE_SECONDS,
        }
    }

    /// Creates a network whose admin is the fixture's.
    pub(crate) fn create_network(&mut self, args: CreateNetworkArgs) -> TransactionOutcome {
        let admin = self.admin.insecure_clone();
        self.send(&[create_network_ix(admin.pubkey(), args)], &[&admin])
    }

    /// Funds the treasury from the payer.
    pub(crate) fn fund(&mut self, lamports: u64) {
        let ix = fund_ix(self.payer.pubkey(), self.network, self.admin.pubkey(), lamports);
        self.send(&[ix], &[]).expect("the treasury is funded");
    }

    /// Registers a node with the default destination.
    pub(crate) fn register_node(&mut self, name: &str) -> Node {
        self.register_node_with(name, |_| {})
    }

    /// Registers a node with some arguments changed, by the admin if there is a destination or a threshold.
    pub(crate) fn register_node_with(&mut self, name: &str, change: impl FnOnce(&mut RegisterNodeArgs)) -> Node {
        let owner = Keypair::new();
        let mut args = RegisterNodeArgs {
            node_id: settlement::client::node_id(name),
            owner: owner.pubkey(),
            destination: None,
            threshold: None,
        };
        change(&mut args);
        let is_default = args.destination.is_none() && args.threshold.is_none();
        let authority = if is_default { &self.settler } else { &self.admin }.insecure_clone();
        self.send_register_node(&authority, args).expect("the node is registered");
        let wallet = node_wallet_address(&self.network, &args.node_id, &args.owner);
        let account = self.svm.get_account(&wallet).expect("the wallet exists");
        let destination = NodeWallet::decode(&account.data).expect("a valid wallet").destination;
        Node { id: args.node_id, destination, wallet, owner }
    }

    /// Registers nodes called `node-0`, `node-1`, and so on.
    pub(crate) fn register_nodes(&mut self, count: usize) -> Vec<Node> {
        (0..count).map(|i| self.register_node(&format!("node-{i}"))).collect()
    }

    /// Sends a `register_node` whose rent the fixture's payer pays.
    pub(crate) fn send_register_node(&mut self, authority: &Keypair, args: RegisterNodeArgs) -> TransactionOutcome {
        let payer = self.payer.pubkey();
        let ix = register_node_ix(authority.pubkey(), payer, self.network, args);
        self.send(&[ix], &[authority])
    }

    /// Sends a `credit` as the settler.
    #[track_caller]
    pub(crate) fn credit(&mut self, entries: &[(Pubkey, u64)]) -> AppliedBatch {
        let ix = credit_ix(self.settler.pubkey(), self.network, header(1), entries);
        self.apply_batch(ix)
    }

    /// Sends a `settle` as the settler.
    #[track_caller]
    pub(crate) fn settle(&mut self, entries: &[SettleEntry]) -> AppliedBatch {
        let ix = settle_ix(self.settler.pubkey(), self.network, header(1), entries);
        self.apply_batch(ix)
    }

    /// Sends a batch as the settler, in a v1 transaction whose fee the settler pays: a full batch has
    /// no room for the address of a separate payer.
    #[track_caller]
    pub(crate) fn apply_batch(&mut self, ix: Instruction) -> AppliedBatch {
        match self.send_batch(ix) {
            Ok(meta) => AppliedBatch { event: self.batch_event(&meta), compute_units: meta.compute_units_consumed },
            Err(failed) => panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()),
        }
    }

    /// Like [`ProgramFixture::apply_batch`], for a batch that may fail.
    pub(crate) fn send_batch(&mut self, ix: Instruction) -> TransactionOutcome {
        self.send_batch_with_limit(ix, COMPUTE_UNITS)
    }

    /// Like [`ProgramFixture::send_batch`], with this compute unit limit.
    pub(crate) fn send_batch_with_limit(&mut self, ix: Instruction, compute_units: u32) -> TransactionOutcome {
        let settler = self.settler.insecure_clone();
        if self.lamports(&settler.pubkey()) < SOL {
            self.airdrop(&settler.pubkey(), SOL);
        }
        let message = v1_message(self.svm.latest_blockhash(), &[ix], &settler.pubkey(), compute_units);
        self.send_message(message, &[&settler], V1_MAX_BYTES)
    }

    /// The only event of this type among a transaction's inner instructions.
    #[track_caller]
    pub(crate) fn event<T>(&self, meta: &TransactionMetadata, decode: fn(&[u8]) -> Option<T>) -> T {
        let mut events: Vec<T> =
            meta.inner_instructions.iter().flatten().filter_map(|inner| decode(&inner.instruction.data)).collect();
        assert_eq!(events.len(), 1, "expected one event\n{}", meta.pretty_logs());
        events.remove(0)
    }

    /// The only batch that a transaction executed.
    #[track_caller]
    pub(crate) fn batch_event(&self, meta: &TransactionMetadata) -> BatchSettled {
        let mut events = BatchSettled::from_logs(&meta.logs);
        assert_eq!(events.len(), 1, "expected one batch\n{}", meta.pretty_logs());
        events.remove(0)
    }

    /// Sends a v0 transaction whose fee the fixture's payer pays.
    pub(crate) fn send(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> TransactionOutcome {
        let payer = self.payer.insecure_clone();
        let mut all = vec![&payer];
        all.extend(signers);
        self.send_v0(instructions, &all)
    }

    /// Sends a v0 transaction whose fee the first signer pays.
    pub(crate) fn send_v0(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> TransactionOutcome {
        let payer = signers[0].pubkey();
        let message = v0::Message::try_compile(&payer, instructions, &[], self.svm.latest_blockhash())
            .expect("the message compiles");
        self.send_message(VersionedMessage::V0(message), signers, V0_MAX_BYTES)
    }

    /// Sends a v1 transaction that only the payer signs.
    pub(crate) fn send_v1(&mut self, instructions: &[Instruction], payer: &Keypair) -> TransactionOutcome {
        let message = v1_message(self.svm.latest_blockhash(), instructions, &payer.pubkey(), COMPUTE_UNITS);
        self.send_message(message, &[payer], V1_MAX_BYTES)
    }

    /// Sends a transaction that is at most `max_bytes` long.
    pub(crate) fn send_message(
        &mut self,
        message: VersionedMessage,
        signers: &[&Keypair],
        max_bytes: usize,
    ) -> TransactionOutcome {
        let transaction = VersionedTransaction::try_new(message, signers).expect("no signer is missing");
        let bytes = wire_size(&transaction);
        assert!(bytes <= max_bytes, "the transaction has {bytes} bytes, the limit is {max_bytes}");
        let outcome = self.svm.send_transaction(transaction).map_err(Box::new);
        // Allows the same batch to be sent again.
        self.svm.expire_blockhash();
        outcome
    }

    /// Pauses the network as the guardian.
    pub(crate) fn pause(&mut self) {
        let guardian = self.guardian.insecure_clone();
        let ix = pause_ix(guardian.pubkey(), self.network);
        self.send(&[ix], &[&guardian]).expect("the network is paused");
    }

    /// Sets the clock sysvar to `now` in Unix seconds.
    pub(crate) fn set_time(&mut self, now: i64) {
        let mut clock: Clock = self.svm.get_sysvar();
        clock.unix_timestamp = now;
        self.svm.set_sysvar(&clock);
    }

    /// Multiplies the rent rate by `factor`.
    pub(crate) fn raise_rent(&mut self, factor: u64) {
        let rate = self.svm.get_sysvar::<Rent>().lamports_per_byte;
        self.set_rent_rate(rate * factor);
    }

    /// Sets the rent rate in lamports per byte.
    pub(crate) fn set_rent_rate(&mut self, rate: u64) {
        let mut rent: Rent = self.svm.get_sysvar();
        rent.lamports_per_byte = rate;
        self.svm.set_sysvar(&rent);
    }

    /// Deploys another program and returns its address.
    pub(crate) fn deploy_program(&mut self) -> Pubkey {
        let address = Pubkey::new_unique();
        self.svm.add_program(address, &super::program::bytes()).expect("the program loads");
        address
    }

    /// The rent-exempt minimum of an account with this much data.
    pub(crate) fn rent(&self, bytes: usize) -> u64 {
        self.svm.minimum_balance_for_rent_exemption(bytes)
    }

    pub(crate) fn lamports(&self, address: &Pubkey) -> u64 {
        self.svm.get_balance(address).unwrap_or(0)
    }

    /// Adds lamports to an account, as a transfer from a stranger would.
    pub(crate) fn airdrop(&mut self, address: &Pubkey, lamports: u64) {
        let mut account = self.svm.get_account(address).unwrap_or_default();
        account.lamports += lamports;
        self.set_account(address, account);
    }

    /// Removes lamports from an account, as if its rent had risen by as many.
    pub(crate) fn take_lamports(&mut self, address: &Pubkey, lamports: u64) {
        let mut account = self.svm.get_account(address).expect("the account exists");
        account.lamports -= lamports;
        self.set_account(address, account);
    }

    /// Sets the treasury's balance to its rent plus these lamports.
    pub(crate) fn set_surplus(&mut self, lamports: u64) {
        let mut account = self.svm.get_account(&self.treasury).expect("the treasury exists");
        account.lamports = self.rent(Treasury::SIZE) + lamports;
        self.set_account(&{ self.treasury }, account);
    }

    /// Writes an account directly, without any checks.
    pub(crate) fn set_account(&mut self, address: &Pubkey, account: Account) {
        self.svm.set_account(*address, account).expect("the account is written");
    }

    /// Changes fields of one of the program's accounts directly, without any checks.
    pub(crate) fn edit_account<T: bytemuck::Pod>(&mut self, address: &Pubkey, change: impl FnOnce(&mut T)) {
        let mut account = self.svm.get_account(address).expect("the account exists");
        let mut fields: T = bytemuck::pod_read_unaligned(&account.data[8..]);
        change(&mut fields);
        account.data[8..].copy_from_slice(bytemuck::bytes_of(&fields));
        self.set_account(address, account);
    }

    /// The address of the network that the fixture's admin creates with this name.
    pub(crate) fn network_address(&self, name: &str) -> Pubkey {
        network_address(&self.admin.pubkey(), &super::network_id(name))
    }

    /// Unpauses the network as the admin.
    pub(crate) fn unpause(&mut self) {
        let admin = self.admin.insecure_clone();
        let ix = unpause_ix(admin.pubkey(), self.network);
        self.send(&[ix], &[&admin]).expect("the network is unpaused");
    }

    /// Closes a node as its owner.
    pub(crate) fn close_node(&mut self, node: &Node) -> TransactionOutcome {
        let ix = close_node_ix(node.owner.pubkey(), self.network, node.id, node.owner.pubkey());
        self.send(&[ix], &[&node.owner])
    }

    pub(crate) fn network_state(&self) -> Network {
        let account = self.svm.get_account(&self.network).expect("the network exists");
        Network::decode(&account.data).expect("a valid network")
    }

    pub(crate) fn treasury_state(&self) -> Treasury {
        let account = self.svm.get_account(&self.treasury).expect("the treasury exists");
        Treasury::decode(&account.data).expect("a valid treasury")
    }

    pub(crate) fn wallet_state(&self, node: &Node) -> NodeWallet {
        let account = self.svm.get_account(&node.wallet).expect("the wallet exists");
        NodeWallet::decode(&account.data).expect("a valid wallet")
    }

    /// The lamports in a wallet account above its rent.
    pub(crate) fn wallet_lamports(&self, node: &Node) -> u64 {
        self.lamports(&node.wallet) - self.rent(NodeWallet::SIZE)
    }

    /// The lamports in the treasury above its rent.
    pub(crate) fn surplus(&self) -> u64 {
        self.lamports(&self.treasury) - self.rent(Treasury::SIZE)
    }
}

/// A batch header with this id.
pub(crate) fn header(batch_id: u64) -> BatchHeader {
    BatchHeader { batch_id, records_root: [7; 32] }
}

/// A v1 message whose fee `payer` pays.
pub(crate) fn v1_message(
    blockhash: solana_hash::Hash,
    instructions: &[Instruction],
    payer: &Pubkey,
    compute_units: u32,
) -> VersionedMessage {
    let config = TransactionConfig::empty()
        .with_compute_unit_limit(compute_units)
        .with_loaded_accounts_data_size_limit(LOADED_ACCOUNTS_BYTES);
    VersionedMessage::V1(
        v1::Message::try_compile_with_config(payer, instructions, blockhash, config).expect("the message compiles"),
    )
}

/// The size of a serialized transaction in bytes.
pub(crate) fn wire_size(transaction: &VersionedTransaction) -> usize {
    wincode::serialize(transaction).expect("the transaction serializes").len()
}
