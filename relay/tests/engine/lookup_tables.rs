//! Lookup tables: more nodes share a transaction, and whatever a table holds, no wrong node is credited.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer as _;
use williw_relay::audit::{BindingError, ExecutedBatch};
use williw_relay::chain::verdict::SentTransaction;
use williw_relay::chain::{
    Account, AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, FinalizedBlock,
    LatestBlockhash, Pool, Simulation, StatusSearch, StatusesAtSlot, TransactionVersion,
};
use williw_relay::database::Database;
use williw_relay::engine::{BatchState, FormatChoice};
use williw_relay::lookup_tables::{
    COOL_DOWN_SLOTS, Change, ChangeKind, Closing, Conclusion, ExtendLimits, Extension, Fault, ListedTable, Selection,
    TableError, TableKeeper, TableState, WARM_UP_SLOTS,
};
use williw_relay::transaction::{BatchKind, Budget, Format};
use williw_relay::types::RewardStatus;

use crate::support::{CrashPoint, CrashTiming, EngineFixture, LocalChain, NodeSpec, TRIGGER, block_on};

/// The offset of the first address in the account of a table.
const FIRST_ADDRESS: usize = 56;

const ALL: ExtendLimits = ExtendLimits { min_batches: 1, max_addresses: 10_000, max_rent_lamports: u64::MAX };

/// Changes the data of a table's account.
type Lie = fn(&mut Vec<u8>);

/// An RPC node of the cluster, which may lie about finalized lookup tables.
struct Node<'a> {
    chain: &'a LocalChain,
    /// Changes the data of a table.
    lie: Cell<Option<Lie>>,
    /// At how much earlier a slot it claims to have read finalized accounts.
    slots_behind: Cell<u64>,
    /// An account that it still shows as finalized.
    stale: RefCell<Option<(Pubkey, Account)>>,
}

impl<'a> Node<'a> {
    fn new(chain: &'a LocalChain) -> Self {
        Self { chain, lie: Cell::new(None), slots_behind: Cell::new(0), stale: RefCell::default() }
    }
}

impl Chain for &Node<'_> {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.chain.genesis_hash().await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        self.chain.latest_blockhash().await
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        self.chain.finalized_block().await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        let mut read = self.chain.accounts(addresses, data, commitment, min_slot).await?;
        if let Some((stale, account)) = &*self.stale.borrow()
            && commitment == Commitment::Finalized
            && let Some(position) = addresses.iter().position(|address| address == stale)
        {
            read.accounts[position] = Some(account.clone());
        }
        let tables = read.accounts.iter_mut().flatten().filter(|account| {
            account.owner == solana_sdk_ids::address_lookup_table::ID && commitment == Commitment::Finalized
        });
        for table in tables {
            if let Some(lie) = self.lie.get() {
                lie(&mut table.data);
                read.slot -= self.slots_behind.get();
            }
        }
        Ok(read)
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.chain.minimum_balance(data_len).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.chain.simulate(transaction).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        self.chain.send(transaction).await
    }

    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        self.chain.statuses(signatures, search).await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        self.chain.transaction(signature).await
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.chain.recent_priority_fees(writable).await
    }
}

/// Exchanges the first two addresses.
fn swap(data: &mut [u8]) {
    let (first, second) = data[FIRST_ADDRESS..].split_at_mut(32);
    first.swap_with_slice(&mut second[..32]);
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("n{index:03}")).collect()
}

/// A network whose nodes have been credited once, by v0 transactions.
fn credited(count: usize) -> (EngineFixture, Vec<String>) {
    let names = names(count);
    let specs: Vec<NodeSpec> = names.iter().map(|name| NodeSpec::payable(name)).collect();
    let fixture = EngineFixture::new(&specs);
    fixture.chain.keep_slots();
    fixture.chain.skip_slots(1_000);
    grant(&fixture, &names, 10);
    assert_eq!(settle(&fixture), [None]);
    (fixture, names)
}

/// The same, paid out as well, so that their destinations are put into tables, too.
fn paid(count: usize) -> (EngineFixture, Vec<String>) {
    let (fixture, names) = credited(count);
    grant(&fixture, &names, 1_000_000);
    assert_eq!(settle(&fixture), [None]);
    (fixture, names)
}

fn grant(fixture: &EngineFixture, names: &[String], amount: u64) {
    for name in names {
        fixture.grant(name, amount);
    }
}

/// Settles with two nodes that agree.
fn settle(fixture: &EngineFixture) -> Vec<Option<String>> {
    settle_on(fixture, Pool::new([&fixture.chain, &fixture.chain]))
}

fn settle_on<C: Chain>(fixture: &EngineFixture, chain: C) -> Vec<Option<String>> {
    let v0 = FormatChoice::Only(Format::V0);
    let engine = fixture.engine_with(&fixture.database, chain, |config| config.format = v0);
    fixture.settle_with(&engine).expect("the engine does not return an error")
}

type Keeper<D, C> = TableKeeper<D, C>;

fn keeper_on<D: Database, C: Chain>(
    fixture: &EngineFixture,
    database: D,
    chain: C,
) -> Result<Keeper<D, C>, TableError> {
    let (network, settler) = (fixture.network, fixture.settler.pubkey());
    block_on(TableKeeper::new(database, chain, network, settler, "tables".to_owned()))
}

/// Records, sends and concludes a change, as the command does.
fn apply<D: Database, C: Chain>(
    fixture: &EngineFixture,
    keeper: &Keeper<D, C>,
    chain: &impl Chain,
    change: &Change,
) -> Result<Conclusion, TableError> {
    let latest = block_on(chain.latest_blockhash())?;
    let settler = fixture.settler.pubkey();
    let unsigned = Format::V0.build(&settler, &change.instructions, &Budget::WIDEST, latest.blockhash)?;
    let signed = unsigned.clone().signed(fixture.settler.sign_message(&unsigned.message_bytes()))?;
    let sent = SentTransaction { signature: signed.signature, last_valid_block_height: latest.last_valid_block_height };
    block_on(keeper.record(change, &sent))?;
    block_on(chain.send(&signed.bytes))?;
    conclude(fixture, keeper)
}

fn conclude<D: Database, C: Chain>(fixture: &EngineFixture, keeper: &Keeper<D, C>) -> Result<Conclusion, TableError> {
    for _ in 0..50 {
        match block_on(keeper.conclude())? {
            Conclusion::Pending(_) => fixture.advance_time(400),
            concluded => return Ok(concluded),
        }
    }
    panic!("the transaction comes to no end");
}

/// Extends tables until nothing is left to add. Returns the addresses that were added.
fn extend_with<D: Database, C: Chain>(
    fixture: &EngineFixture,
    database: D,
    chain: &C,
    limits: ExtendLimits,
) -> Result<Vec<Change>, TableError> {
    let keeper = keeper_on(fixture, database, chain)?;
    conclude(fixture, &keeper)?;
    let (mut extension, mut changes) = (Extension::new(limits), Vec::new());
    while let Some(change) = block_on(keeper.next_extension(&mut extension))? {
        assert_eq!(apply(fixture, &keeper, chain, &change)?, Conclusion::Applied);
        changes.push(change);
    }
    Ok(changes)
}

fn extend(fixture: &EngineFixture) -> Vec<Change> {
    let changes = extend_with(fixture, &fixture.database, &fixture.chain, ALL).unwrap();
    fixture.chain.skip_slots(WARM_UP_SLOTS);
    changes
}

fn close(fixture: &EngineFixture, selection: Selection) -> Result<(Vec<Change>, Closing), TableError> {
    let keeper = keeper_on(fixture, &fixture.database, &fixture.chain)?;
    conclude(fixture, &keeper)?;
    let (mut closing, mut changes) = (Closing::new(selection), Vec::new());
    while let Some(change) = block_on(keeper.next_closing(&mut closing))? {
        assert_eq!(apply(fixture, &keeper, &fixture.chain, &change)?, Conclusion::Applied);
        changes.push(change);
    }
    Ok((changes, closing))
}

fn list(fixture: &EngineFixture) -> Vec<ListedTable> {
    block_on(keeper_on(fixture, &fixture.database, &fixture.chain).unwrap().list()).unwrap()
}

/// The addresses of a table on the chain.
fn on_chain(fixture: &EngineFixture, table: &Pubkey) -> Vec<Pubkey> {
    let account = fixture.chain.svm.borrow().get_account(table).expect("the table exists");
    account.data[FIRST_ADDRESS..].chunks(32).map(|bytes| Pubkey::try_from(bytes).unwrap()).collect()
}

/// Changes a table on the chain, without its program.
fn edit(fixture: &EngineFixture, table: &Pubkey, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut svm = fixture.chain.svm.borrow_mut();
    let mut account = svm.get_account(table).expect("the table exists");
    edit(&mut account.data);
    svm.set_account(*table, account).expect("the account is written");
}

/// The sizes of the payment batches since the first `known` batches that were confirmed, largest first.
fn confirmed_since(fixture: &EngineFixture, known: usize) -> Vec<u64> {
    let batches = fixture.batches().into_iter().skip(known).filter(|batch| batch.state == BatchState::Confirmed);
    let mut sizes: Vec<u64> = batches.map(|batch| batch.entry_count).collect();
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    sizes
}

/// Checks the totals of every node, and that all rewards are confirmed.
fn assert_totals(fixture: &EngineFixture, names: &[String], credited: u64, paid: u64) {
    for name in names {
        let wallet = fixture.wallet(name).unwrap();
        assert_eq!((wallet.credited_total, wallet.paid_total), (credited, paid), "{name}");
        assert_eq!(fixture.balance(name).credited_lamports.get(), credited, "{name}");
    }
    assert!(fixture.rewards().iter().all(|reward| reward.status == RewardStatus::Confirmed));
}

#[test]
fn the_fullest_transactions_credit_and_pay_exactly_and_are_within_the_limits() {
    let (fixture, names) = paid(118);
    let changes = extend(&fixture);
    assert_eq!(changes.iter().filter(|change| change.kind == ChangeKind::Create).count(), 1);
    let (known, landed) = (fixture.batches().len(), fixture.chain.history.borrow().len());

    grant(&fixture, &names, 10);
    assert_eq!(settle(&fixture), [None]);
    assert_eq!(confirmed_since(&fixture, known), [59, 59]);
    assert_totals(&fixture, &names, 1_000_020, 1_000_010);

    let known = fixture.batches().len();
    grant(&fixture, &names, 1_000_000);
    assert_eq!(settle(&fixture), [None]);
    assert_eq!(confirmed_since(&fixture, known), [29, 29, 29, 29, 2]);
    assert_totals(&fixture, &names, 2_000_020, 2_000_020);

    let mut largest = 0;
    for (_, recorded) in fixture.chain.history.borrow().iter().skip(landed) {
        assert!(recorded.error.is_none() && recorded.version == TransactionVersion::V0);
        largest = largest.max(recorded.bytes.len());
        // Audits see the accounts as the transaction meant them.
        let executed = ExecutedBatch::all_of(recorded).unwrap();
        assert!(executed.iter().all(|batch| batch.event.credit_skips == 0 && batch.network == fixture.network));
    }
    assert!(largest > 900 && largest <= Format::V0.max_bytes(), "{largest}");
}

#[test]
fn a_batch_mixes_nodes_with_and_without_tables_as_far_as_its_bytes_allow() {
    let (fixture, mut all) = credited(40);
    extend(&fixture);
    let others: Vec<String> = (0..30).map(|index| format!("m{index:03}")).collect();
    for name in &others {
        fixture.register(&NodeSpec::payable(name));
    }
    grant(&fixture, &others, 1);
    assert_eq!(settle(&fixture), [None]);
    all.extend(others);
    grant(&fixture, &all, 10);
    let known = fixture.batches().len();
    assert_eq!(settle(&fixture), [None]);
    let sizes: Vec<_> = fixture
        .batches()
        .iter()
        .skip(known)
        .filter(|batch| batch.kind == BatchKind::Credit)
        .map(|batch| (batch.state, batch.entry_count))
        .collect();
    assert_eq!(sizes, [(BatchState::Confirmed, 50), (BatchState::Confirmed, 20)]);
    // Another wallet would have taken its address, its index and its target.
    let largest = fixture.chain.history.borrow().iter().map(|(_, recorded)| recorded.bytes.len()).max().unwrap();
    assert!((Format::V0.max_bytes() - 41 + 1..=Format::V0.max_bytes()).contains(&largest), "{largest}");
    assert_totals(&fixture, &all[..40], 20, 0);
    assert_totals(&fixture, &all[40..], 11, 0);
}

#[test]
fn a_table_is_used_only_once_every_leader_has_it_and_only_if_two_nodes_say_what_it_holds() {
    let (fixture, names) = credited(50);
    let extended = extend_with(&fixture, &fixture.database, &fixture.chain, ALL).unwrap();
    assert_eq!(extended.iter().map(|change| change.addresses.len()).sum::<usize>(), 50);
    let sizes = |chain: &dyn Fn() -> Vec<Option<String>>| {
        grant(&fixture, &names, 10);
        let known = fixture.batches().len();
        assert_eq!(chain(), [None]);
        confirmed_since(&fixture, known)
    };
    let plain = [21, 21, 8];
    assert_eq!(sizes(&|| settle(&fixture)), plain, "it is not warm");
    fixture.chain.skip_slots(WARM_UP_SLOTS);
    assert_eq!(sizes(&|| settle_on(&fixture, &fixture.chain)), plain, "one node");
    assert_eq!(sizes(&|| settle_on(&fixture, Pool::new([&fixture.chain]))), plain, "a pool of one node");
    assert_eq!(sizes(&|| settle(&fixture)), [50]);
    let logged = fixture.log().into_iter().filter(|line| line.contains("only one RPC node")).count();
    assert_eq!(logged, 2, "once for each of the two engines with one node");
    assert_totals(&fixture, &names, 50, 0);
}

#[test]
fn a_node_that_lies_about_a_table_only_makes_transactions_smaller() {
    let swaps: Lie = |data| swap(data);
    let freeze: Lie = |data| data[21] = 0;
    let deactivate: Lie = |data| data[4..12].copy_from_slice(&1_u64.to_le_bytes());
    let empty: Lie = |data| data.truncate(FIRST_ADDRESS);
    let garbage: Lie = |data| data.fill(0xee);
    for lie in [swaps, freeze, deactivate, empty, garbage] {
        for slots_behind in [0, 1] {
            for liar_first in [false, true] {
                let (fixture, names) = credited(50);
                extend(&fixture);
                let (honest, liar) = (Node::new(&fixture.chain), Node::new(&fixture.chain));
                liar.lie.set(Some(lie));
                liar.slots_behind.set(slots_behind);
                let nodes = if liar_first { [&liar, &honest] } else { [&honest, &liar] };
                grant(&fixture, &names, 10);
                let known = fixture.batches().len();
                assert_eq!(settle_on(&fixture, Pool::new(nodes)), [None]);
                assert_eq!(confirmed_since(&fixture, known), [21, 21, 8]);
                assert!(fixture.log().iter().any(|line| line.contains("do not agree what they hold")));
                assert_totals(&fixture, &names, 20, 0);
            }
        }
    }
}

#[test]
fn a_table_that_holds_something_else_than_was_recorded_is_not_used_even_if_all_nodes_agree() {
    let (fixture, names) = credited(50);
    let table = extend(&fixture)[0].table;
    edit(&fixture, &table, |data| swap(data));
    assert_eq!(list(&fixture)[0].fault, Some(Fault::OtherAddress(0)));
    let settles_without = |reason: &str, credited: u64| {
        grant(&fixture, &names, 10);
        let known = fixture.batches().len();
        assert_eq!(settle(&fixture), [None]);
        assert_eq!(confirmed_since(&fixture, known), [21, 21, 8], "{reason}");
        assert!(fixture.log().iter().any(|line| line.contains(reason)), "{reason}");
        assert_totals(&fixture, &names, credited, 0);
    };
    settles_without("at position 0, the chain has another address", 20);
    // Nothing is added to it either.
    let more = extend_with(&fixture, &fixture.database, &fixture.chain, ALL).unwrap();
    assert!(more.is_empty(), "all addresses are in the table, as far as the ledger knows");

    edit(&fixture, &table, |data| swap(data));
    assert_eq!(list(&fixture)[0].fault, None);
    edit(&fixture, &table, |data| data[22..54].copy_from_slice(Keypair::new().pubkey().as_ref()));
    settles_without("its authority is not the settler's key", 30);
    edit(&fixture, &table, |data| data[22..54].copy_from_slice(fixture.settler.pubkey().as_ref()));
    edit(&fixture, &table, |data| data[4..12].copy_from_slice(&900_u64.to_le_bytes()));
    settles_without("it was deactivated", 40);
}

#[test]
fn a_table_that_disappears_before_its_batches_are_signed_leaves_nothing_stuck() {
    // Found out before the simulation, by the simulation, before the signature, and only by the expiry.
    for stage in ["planned", "planned, and the closing is not finalized", "simulated", "signed"] {
        let (fixture, names) = credited(59);
        let table = extend(&fixture)[0].table;
        grant(&fixture, &names, 10);
        let nodes = [Node::new(&fixture.chain), Node::new(&fixture.chain)];
        let v0 = FormatChoice::Only(Format::V0);
        let engine = fixture.engine_with(&fixture.database, Pool::new(nodes.iter()), |config| config.format = v0);
        let known = fixture.batches().len();
        let is_reached = || {
            let batches = fixture.batches();
            let attempts = batches.get(known).map(|batch| batch.attempts.clone());
            match stage {
                "simulated" => attempts.is_some_and(|attempts| !attempts.is_empty()),
                "signed" => attempts.is_some_and(|attempts| attempts.iter().any(|one| one.signature.is_some())),
                _ => attempts.is_some(),
            }
        };
        while !is_reached() {
            block_on(engine.advance(TRIGGER)).unwrap();
        }
        assert_eq!(fixture.latest_batch().entry_count, 59, "{stage}");
        if stage.contains("not finalized") {
            let read = block_on(fixture.chain.accounts(&[table], AccountData::Full, Commitment::Finalized, 0)).unwrap();
            for node in &nodes {
                node.stale.replace(Some((table, read.accounts[0].clone().unwrap())));
            }
        }
        fixture.chain.svm.borrow_mut().set_account(table, solana_account::Account::default()).unwrap();
        assert_eq!(fixture.settle_with(&engine).unwrap(), [None], "{stage}");
        assert_totals(&fixture, &names, 20, 0);
        let sizes = confirmed_since(&fixture, known);
        assert!(sizes.len() >= 3 && sizes.iter().all(|size| *size <= 21), "{stage}: {sizes:?}");
    }
}

#[test]
fn a_crash_in_the_middle_of_an_extension_leaves_no_address_twice_and_no_table_unknown() {
    // The first transaction creates a table, and the second one extends it.
    for timing in [CrashTiming::BeforeEffect, CrashTiming::AfterEffect] {
        for at in 0.. {
            let (fixture, _) = credited(35);
            let point = CrashPoint::new(at, timing);
            let (database, chain) = (point.database(&fixture.database), point.chain(&fixture.chain));
            if extend_with(&fixture, &database, &chain, ALL).is_ok() {
                assert!(at > 20, "the extension makes suspiciously few calls: {at}");
                break;
            }
            extend_with(&fixture, &fixture.database, &fixture.chain, ALL).unwrap();
            let tables = list(&fixture);
            let written: Vec<Pubkey> = tables.iter().flat_map(|table| on_chain(&fixture, &table.address)).collect();
            assert_eq!(written.len(), 35, "call {at}, {timing:?}");
            assert_eq!(written.iter().collect::<BTreeSet<_>>().len(), 35, "call {at}, {timing:?}");
            let owned =
                fixture.chain.svm.borrow().get_program_accounts(&solana_sdk_ids::address_lookup_table::ID).len();
            assert_eq!(owned, tables.len(), "call {at}, {timing:?}");
            assert!(tables.iter().all(|table| table.state == TableState::Open && table.fault.is_none()));
        }
    }
}

#[test]
fn an_extension_takes_the_oldest_nodes_that_are_paid_often_within_its_limits() {
    let (fixture, names) = credited(30);
    grant(&fixture, &names[10..], 10);
    assert_eq!(settle(&fixture), [None]);
    let wallets = |range: std::ops::Range<usize>| -> Vec<Pubkey> {
        names[range].iter().map(|name| fixture.wallet_address(name)).collect()
    };
    let added = |limits| -> Vec<Pubkey> {
        let changes = extend_with(&fixture, &fixture.database, &fixture.chain, limits).unwrap();
        changes.into_iter().flat_map(|change| change.addresses).collect()
    };
    assert_eq!(added(ExtendLimits { min_batches: 3, ..ALL }), [], "no node was paid so often");
    assert_eq!(added(ExtendLimits { min_batches: 2, max_addresses: 5, ..ALL }), wallets(10..15));
    let before = fixture.balance_of(&fixture.settler.pubkey());
    let rent = 2 * 32 * block_on(fixture.chain.minimum_balance(0)).unwrap() / 128;
    assert_eq!(added(ExtendLimits { min_batches: 2, max_rent_lamports: rent + 1, ..ALL }), wallets(15..17));
    assert_eq!(before - fixture.balance_of(&fixture.settler.pubkey()), rent + 5_000, "the rent that was announced");
    assert_eq!(added(ExtendLimits { min_batches: 2, max_rent_lamports: rent / 2 - 1, ..ALL }), []);
    assert_eq!(added(ALL), [wallets(0..10), wallets(17..30)].concat());
    assert_eq!(added(ALL), [], "no address is added twice");
    assert_eq!(list(&fixture).len(), 1, "the table was extended");
}

#[test]
fn nodes_are_packed_table_by_table_if_there_are_many_tables() {
    const TABLES: usize = 20;
    let (fixture, names) = credited(6 * TABLES);
    let mut tables = Vec::new();
    for _ in 0..TABLES {
        let limits = ExtendLimits { max_addresses: 6, ..ALL };
        let changes = extend_with(&fixture, &fixture.database, &fixture.chain, limits).unwrap();
        // A table that holds more than the ledger has recorded is not extended.
        edit(&fixture, &changes[0].table, |data| data.extend([7; 32]));
        tables.push(changes[0].table);
    }
    assert_eq!(tables.iter().collect::<BTreeSet<_>>().len(), TABLES);
    fixture.chain.skip_slots(WARM_UP_SLOTS);
    // In the order of age, each node is in another table than the one before, and transactions would name all tables.
    let by_turns: Vec<String> = (0..6).flat_map(|turn| names.iter().skip(turn).step_by(6)).cloned().collect();
    grant(&fixture, &by_turns, 10);
    let known = fixture.batches().len();
    assert_eq!(settle(&fixture), [None]);
    assert_eq!(confirmed_since(&fixture, known), [54, 54, 12]);
    assert_totals(&fixture, &names, 20, 0);
}

#[test]
fn a_destination_that_nodes_share_is_written_once() {
    let (fixture, names) = credited(1);
    let owner = fixture.wallet(&names[0]).unwrap().owner;
    let twin = NodeSpec { name: "twin".to_owned(), address: Some(owner), funds: 0 };
    fixture.register(&twin);
    let both = [names[0].clone(), twin.name];
    grant(&fixture, &both, 1_000_000);
    assert_eq!(settle(&fixture), [None]);
    let table = extend(&fixture)[0].table;
    let expected = [fixture.wallet_address(&both[0]), owner, fixture.wallet_address(&both[1])];
    assert_eq!(on_chain(&fixture, &table), expected);
}

#[test]
fn two_processes_cannot_change_tables_at_the_same_time() {
    let (fixture, _) = credited(10);
    let keepers = [(); 2].map(|()| keeper_on(&fixture, &fixture.database, &fixture.chain).unwrap());
    let changes =
        keepers.each_ref().map(|keeper| block_on(keeper.next_extension(&mut Extension::new(ALL))).unwrap().unwrap());
    let sent = |number: u8| SentTransaction { signature: Signature::from([number; 64]), last_valid_block_height: 1 };
    block_on(keepers[0].record(&changes[0], &sent(1))).unwrap();
    assert_eq!(block_on(keepers[1].record(&changes[1], &sent(2))), Err(TableError::Busy));
    // The first transaction was never sent. Once it cannot land any more, nothing of it is left.
    assert_eq!(conclude(&fixture, &keepers[1]), Ok(Conclusion::Dropped));
    assert_eq!(list(&fixture), []);
    assert_eq!(extend(&fixture).len(), 1);
    assert_eq!(list(&fixture)[0].addresses, 10);
}

#[test]
fn closing_returns_the_rent_and_waits_for_settlements_and_for_the_cool_down() {
    let (fixture, names) = credited(30);
    let table = extend(&fixture)[0].table;
    let selection = || Selection::Only([table].into());
    grant(&fixture, &names, 10);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    block_on(engine.advance(TRIGGER)).unwrap();
    assert!(matches!(close(&fixture, selection()), Err(TableError::Settling { .. })), "a runner settles");
    block_on(engine.stop()).unwrap();
    assert!(matches!(close(&fixture, selection()), Err(TableError::SettlementOpen(_))), "it has not finished");
    fixture.settle_with(&engine).unwrap();

    let (changes, _) = close(&fixture, selection()).unwrap();
    assert_eq!(changes.iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::Deactivate]);
    assert_eq!(list(&fixture)[0].state, TableState::Closing);
    grant(&fixture, &names, 10);
    let known = fixture.batches().len();
    assert_eq!(settle(&fixture), [None]);
    assert_eq!(confirmed_since(&fixture, known), [21, 9], "it is not used any more");

    // The same address can be put into another table meanwhile.
    assert_eq!(extend(&fixture).iter().map(|change| change.addresses.len()).sum::<usize>(), 30);
    let (changes, closing) = close(&fixture, Selection::Only(BTreeSet::new())).unwrap();
    assert!(changes.is_empty() && closing.waiting.len() == 1 && closing.problems.is_empty());
    fixture.chain.skip_slots(COOL_DOWN_SLOTS);
    let (balance, rent) = (fixture.balance_of(&fixture.settler.pubkey()), fixture.balance_of(&table));
    let (changes, _) = close(&fixture, Selection::Only(BTreeSet::new())).unwrap();
    assert_eq!(
        changes.iter().map(|change| (change.kind, change.rent_lamports)).collect::<Vec<_>>(),
        [(ChangeKind::Close, rent)]
    );
    assert!(rent > 30 * 32 * 3_480);
    assert_eq!(fixture.balance_of(&fixture.settler.pubkey()), balance + rent - 5_000);
    assert_eq!(fixture.balance_of(&table), 0);
    assert_eq!(list(&fixture).len(), 1, "the new one");
}

#[test]
fn a_crash_while_a_table_is_closed_is_resumed() {
    for timing in [CrashTiming::BeforeEffect, CrashTiming::AfterEffect] {
        for at in 0.. {
            let (fixture, _) = credited(5);
            let table = extend(&fixture)[0].table;
            let point = CrashPoint::new(at, timing);
            let (database, chain) = (point.database(&fixture.database), point.chain(&fixture.chain));
            let crashing = || -> Result<(), TableError> {
                let keeper = keeper_on(&fixture, &database, &chain)?;
                for _ in 0..2 {
                    let mut closing = Closing::new(Selection::All);
                    while let Some(change) = block_on(keeper.next_closing(&mut closing))? {
                        apply(&fixture, &keeper, &chain, &change)?;
                    }
                    fixture.chain.skip_slots(COOL_DOWN_SLOTS);
                }
                Ok(())
            };
            if crashing().is_ok() {
                assert!(at > 15, "closing makes suspiciously few calls: {at}");
                break;
            }
            // A lease that was not released has to expire.
            fixture.advance_time(60_000);
            for _ in 0..2 {
                close(&fixture, Selection::All).unwrap();
                fixture.chain.skip_slots(COOL_DOWN_SLOTS);
            }
            assert_eq!(fixture.balance_of(&table), 0, "call {at}, {timing:?}");
            assert_eq!(list(&fixture), [], "call {at}, {timing:?}");
        }
    }
}

#[test]
fn tables_of_another_cluster_are_not_touched() {
    let (fixture, _) = credited(5);
    extend(&fixture);
    fixture.chain.genesis.set([8; 32]);
    let refused = keeper_on(&fixture, &fixture.database, &fixture.chain).map(drop);
    assert!(
        matches!(refused, Err(TableError::Binding(BindingError::Other { name: "genesis_hash", .. }))),
        "{refused:?}"
    );
}
