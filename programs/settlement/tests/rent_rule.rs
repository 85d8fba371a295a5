//! Executes the built program in the runtime itself, which judges what its instructions leave in each account by the
//! rule of SIMD-0392. (LiteSVM, which the other tests use, has the rule that it replaces.)
//!
//! After a rise of the rate, wallets may hold less than the rent-exempt minimum. The promise is that the program skips
//! every payment that the runtime would refuse, so that none fails its batch, and makes all others.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that encounters something unexpected fails by panicking"
)]

#[path = "program/common/program.rs"]
mod program;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, RwLock};

use agave_feature_set::{FeatureSet, relax_post_exec_min_balance_check};
use anchor_lang::Discriminator;
use anchor_lang::prelude::Pubkey;
use bytemuck::Zeroable;
use settlement::client::{
    BatchHeader, NetworkId, SettleEntry, credit_ix, network_address_with_bump, node_wallet_address_with_bump,
    payout_ix, settle_ix, top_up_rent_ix, treasury_address_with_bump, withdraw_ix,
};
use settlement::error::SettlementError;
use settlement::events::BatchSettled;
use settlement::rules::SkipReason;
use settlement::state::{Network, NodeWallet, Treasury};
use solana_account::{Account, AccountSharedData, ReadableAccount};
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_instruction::error::InstructionError;
use solana_message::legacy::Message;
use solana_message::{LegacyMessage, SanitizedMessage};
use solana_program_runtime::execution_budget::{
    SVMTransactionExecutionAndFeeBudgetLimits, SVMTransactionExecutionBudget,
};
use solana_program_runtime::loaded_programs::{BlockRelation, ForkGraph, ProgramRuntimeEnvironments};
use solana_program_runtime::program_cache_entry::ProgramCacheEntry;
use solana_program_runtime::solana_sbpf::program::BuiltinFunctionDefinition;
use solana_rent::Rent;
use solana_sdk_ids::{bpf_loader, native_loader, system_program, sysvar};
use solana_svm::account_loader::CheckedTransactionDetails;
use solana_svm::rent_calculator::check_static_account_rent_state_transition;
use solana_svm::transaction_processing_result::ProcessedTransaction;
use solana_svm::transaction_processor::{
    ExecutionRecordingConfig, TransactionBatchProcessor, TransactionProcessingConfig, TransactionProcessingEnvironment,
};
use solana_svm_callback::{InvokeContextCallback, TransactionProcessingCallback};
use solana_transaction::sanitized::SanitizedTransaction;
use solana_transaction::{Signature, TransactionError};

/// Lamports per byte before and after the rise.
const OLD_RATE: u64 = 3_480;
const NEW_RATE: u64 = 6_960;
const NOW: i64 = 1_800_000_000;
const SLOT: u64 = 10;
const ADMIN: Pubkey = Pubkey::new_from_array([1; 32]);
const SETTLER: Pubkey = Pubkey::new_from_array([2; 32]);

/// The rent-exempt minimum of an account with this many bytes of data.
fn minimum(rate: u64, bytes: usize) -> u64 {
    rate * (128 + bytes as u64)
}

/// The least that a wallet must hold, before and after the rise.
fn wallet_minimum() -> [u64; 2] {
    [OLD_RATE, NEW_RATE].map(|rate| minimum(rate, NodeWallet::SIZE))
}

struct NoForks;

impl ForkGraph for NoForks {
    fn relationship(&self, a: u64, b: u64) -> BlockRelation {
        match a.cmp(&b) {
            std::cmp::Ordering::Less => BlockRelation::Ancestor,
            std::cmp::Ordering::Equal => BlockRelation::Equal,
            std::cmp::Ordering::Greater => BlockRelation::Descendant,
        }
    }
}

struct Accounts(BTreeMap<Pubkey, AccountSharedData>);

impl InvokeContextCallback for Accounts {}

impl TransactionProcessingCallback for Accounts {
    fn get_account_shared_data(&self, key: &Pubkey) -> Option<(AccountSharedData, u64)> {
        self.0.get(key).map(|account| (account.clone(), 0))
    }
}

/// A node of the network.
#[derive(Clone, Copy)]
struct Node {
    id: [u8; 32],
    wallet: Pubkey,
    owner: Pubkey,
    destination: Pubkey,
}

/// A chain after the rise of the rate, with a network that pays in SOL.
struct Chain {
    accounts: Accounts,
    features: FeatureSet,
    network: Pubkey,
    /// Kept because the runtime holds only a weak reference.
    forks: Arc<RwLock<NoForks>>,
}

impl Chain {
    fn new() -> Self {
        let id = NetworkId::from_name("rent").expect("a valid name");
        let (network, bump) = network_address_with_bump(&ADMIN, &id);
        let (treasury, treasury_bump) = treasury_address_with_bump(&network);
        let forks = Arc::new(RwLock::new(NoForks));
        let accounts = Accounts(BTreeMap::new());
        let mut chain = Self { accounts, features: FeatureSet::all_enabled(), network, forks };
        chain.put(settlement::ID, bpf_loader::ID, 1 << 40, program::bytes(), true);
        chain.put(bpf_loader::ID, native_loader::ID, 1, vec![0], true);
        chain.put(SETTLER, system_program::ID, 1 << 40, vec![], false);
        let clock = [SLOT, NOW as u64, 0, 0, NOW as u64].map(u64::to_le_bytes).concat();
        chain.put(sysvar::clock::ID, sysvar::ID, 1 << 30, clock, false);
        let rent = [&NEW_RATE.to_le_bytes()[..], &1f64.to_le_bytes(), &[50]].concat();
        chain.put(sysvar::rent::ID, sysvar::ID, 1 << 30, rent, false);
        let state = Network {
            version: Network::VERSION,
            bump,
            id: id.0,
            admin: ADMIN,
            settler: SETTLER,
            treasury,
            creator: ADMIN,
            ..Zeroable::zeroed()
        };
        chain.put_state(network, 1 << 40, &state);
        let state = Treasury {
            version: Treasury::VERSION,
            bump: treasury_bump,
            network,
            settler: SETTLER,
            per_node_cap: u64::MAX,
            per_batch_cap: u64::MAX,
            window_limit: u64::MAX,
            window_seconds: 1,
            max_pending_age: u64::MAX,
            default_threshold: 1,
            credited_total: 1 << 40,
            ..Zeroable::zeroed()
        };
        chain.put_state(treasury, 1 << 40, &state);
        chain
    }

    fn put(&mut self, key: Pubkey, owner: Pubkey, lamports: u64, data: Vec<u8>, executable: bool) {
        let account = Account { lamports, data, owner, executable, rent_epoch: u64::MAX };
        self.accounts.0.insert(key, account.into());
    }

    fn put_state<T: bytemuck::Pod + Discriminator>(&mut self, key: Pubkey, lamports: u64, state: &T) {
        let data = [T::DISCRIMINATOR, bytemuck::bytes_of(state)].concat();
        self.put(key, settlement::ID, lamports, data, false);
    }

    /// Adds a node with `pending` lamports that were credited before the rise, whose wallet holds `lamports` in addition
    /// to those, and whose destination holds `destination_lamports`.
    fn node(&mut self, number: u16, lamports: u64, pending: u64, destination_lamports: u64) -> Node {
        let key = |mark: u8| {
            let mut key = [mark; 32];
            key[..2].copy_from_slice(&number.to_le_bytes());
            Pubkey::new_from_array(key)
        };
        let (id, owner, destination) = (key(3).to_bytes(), key(4), key(5));
        let (wallet, bump) = node_wallet_address_with_bump(&self.network, &id, &owner);
        let state = NodeWallet {
            version: NodeWallet::VERSION,
            bump,
            network: self.network,
            node_id: id,
            owner,
            destination,
            destination_source: 1,
            credited_total: pending,
            threshold: 1,
            oldest_unpaid_at: NOW,
            ..Zeroable::zeroed()
        };
        self.put_state(wallet, lamports + pending, &state);
        if destination_lamports > 0 {
            self.put(destination, system_program::ID, destination_lamports, vec![], false);
        }
        Node { id, wallet, owner, destination }
    }

    fn lamports(&self, key: Pubkey) -> u64 {
        self.accounts.0.get(&key).map_or(0, ReadableAccount::lamports)
    }

    fn wallet(&self, node: Node) -> NodeWallet {
        bytemuck::pod_read_unaligned(&self.accounts.0[&node.wallet].data()[8..])
    }

    /// Executes an instruction in a transaction of its own and returns its log.
    fn execute(&mut self, instruction: Instruction) -> Result<Vec<String>, TransactionError> {
        let features = self.features.runtime_features();
        let budget = SVMTransactionExecutionBudget::new_with_defaults(true);
        let runtime = solana_syscalls::create_program_runtime_environment(&features, &budget, true, false)
            .expect("a runtime environment");
        let mut processor = TransactionBatchProcessor::<NoForks>::new_uninitialized(SLOT, 0);
        processor.set_program_runtime_environment(runtime.clone());
        let forks = Arc::downgrade(&self.forks);
        processor.global_program_cache.write().expect("no panic").set_fork_graph(forks);
        let loader = ProgramCacheEntry::new_builtin(0, 1, solana_bpf_loader_program::Entrypoint::register);
        processor.add_builtin(bpf_loader::ID, loader);
        processor.fill_missing_sysvar_cache_entries(&self.accounts);

        let message = Message::new(&[instruction], Some(&SETTLER));
        let signatures = vec![Signature::default(); usize::from(message.header.num_required_signatures)];
        let message = SanitizedMessage::Legacy(LegacyMessage::new(message, &HashSet::new()));
        let transaction = SanitizedTransaction::try_new_from_fields(message, Hash::default(), false, signatures)
            .expect("a valid transaction");
        let limits = SVMTransactionExecutionAndFeeBudgetLimits {
            budget,
            loaded_accounts_data_size_limit: 64 << 20,
            fee_details: Default::default(),
        };
        let environment = TransactionProcessingEnvironment {
            blockhash: Hash::default(),
            blockhash_lamports_per_signature: 0,
            alpenglow_migration_succeeded: false,
            epoch_total_stake: 0,
            feature_set: features,
            program_runtime_environments: ProgramRuntimeEnvironments::new(runtime.clone(), runtime),
            rent: Rent::with_lamports_per_byte(NEW_RATE),
        };
        let config = TransactionProcessingConfig {
            recording_config: ExecutionRecordingConfig::new_single_setting(true),
            ..Default::default()
        };
        let mut output = processor.load_and_execute_sanitized_transactions(
            &self.accounts,
            &[transaction],
            vec![Ok(CheckedTransactionDetails::new(None, limits))],
            &environment,
            &config,
        );
        match output.processing_results.remove(0)? {
            ProcessedTransaction::FeesOnly(failed) => Err(failed.load_error),
            ProcessedTransaction::Executed(executed) => {
                executed.execution_details.status?;
                for (key, account) in executed.loaded_transaction.accounts {
                    if account.lamports() == 0 {
                        self.accounts.0.remove(&key);
                    } else {
                        self.accounts.0.insert(key, account);
                    }
                }
                Ok(executed.execution_details.log_messages.expect("logs are recorded"))
            }
        }
    }

    /// Credits `delta` lamports to each node and pays out what is due. Returns the reasons for which entries were not
    /// paid.
    fn settle(&mut self, nodes: &[(Node, u64)]) -> Result<Vec<Option<SkipReason>>, TransactionError> {
        let entry = |&(node, delta): &(Node, u64)| SettleEntry {
            wallet: node.wallet,
            destination: node.destination,
            target: self.wallet(node).credited_total + delta,
        };
        let entries: Vec<_> = nodes.iter().map(entry).collect();
        let batch = BatchHeader { batch_id: 1, records_root: [0; 32] };
        let logs = self.execute(settle_ix(SETTLER, self.network, batch, &entries))?;
        let [event] = &BatchSettled::from_logs(&logs)[..] else { panic!("one event") };
        Ok((0..nodes.len()).map(|i| event.payout_skip_reason(i)).collect())
    }
}

#[test]
fn after_a_rise_of_the_rate_a_wallet_below_the_minimum_is_paid_what_comes_in() {
    let [old, new] = wallet_minimum();
    let mut chain = Chain::new();
    let node = chain.node(0, old, 0, 1);
    assert!(chain.lamports(node.wallet) < new);
    assert_eq!(chain.settle(&[(node, 1)]), Ok(vec![None]));
    assert_eq!((chain.lamports(node.wallet), chain.lamports(node.destination)), (old, 2));

    let batch = BatchHeader { batch_id: 2, records_root: [0; 32] };
    chain.execute(credit_ix(SETTLER, chain.network, batch, &[(node.wallet, 11)])).expect("a credit");
    assert_eq!(chain.lamports(node.wallet), old + 10);
}

#[test]
fn the_runtime_enforces_the_new_rule() {
    // The rule before it let no balance below the minimum rise.
    let mut chain = Chain::new();
    chain.features.deactivate(&relax_post_exec_min_balance_check::ID);
    let node = chain.node(0, wallet_minimum()[1], 0, 1);
    let error = chain.settle(&[(node, 1)]).expect_err("the previous rule refuses it");
    assert!(matches!(error, TransactionError::InsufficientFundsForRent { .. }), "{error:?}");
}

#[test]
fn a_pending_amount_that_has_become_rent_waits_for_a_top_up_of_the_wallet() {
    let [old, new] = wallet_minimum();
    let mut chain = Chain::new();
    let (stuck, other) = (chain.node(0, old, 5_000, 1), chain.node(1, new, 5_000, 1));
    let skips = chain.settle(&[(stuck, 300), (other, 300)]);
    assert_eq!(skips, Ok(vec![Some(SkipReason::WalletShort), None]));
    assert_eq!(chain.lamports(stuck.wallet), old + 5_300);
    assert_eq!((chain.lamports(other.wallet), chain.lamports(other.destination)), (new, 5_301));

    let payout = payout_ix(chain.network, &[(stuck.wallet, stuck.destination)]);
    chain.execute(payout.clone()).expect("a payout that pays nothing");
    assert_eq!(chain.lamports(stuck.wallet), old + 5_300);
    let withdraw = withdraw_ix(stuck.owner, chain.network, stuck.id, stuck.destination, Some(1));
    let error = chain.execute(withdraw).expect_err("the wallet would be further below its minimum");
    let refused = InstructionError::Custom(SettlementError::WalletNotRentExempt.into());
    assert_eq!(error, TransactionError::InstructionError(0, refused));

    chain.execute(top_up_rent_ix(SETTLER, chain.network, &[stuck.wallet])).expect("a top-up");
    assert_eq!(chain.lamports(stuck.wallet), new + 5_300);
    chain.execute(payout).expect("a payout");
    assert_eq!((chain.lamports(stuck.wallet), chain.lamports(stuck.destination)), (new, 5_301));
}

/// Every combination of a wallet's rent, an older pending amount, a credit and a destination's balance.
fn combinations() -> Vec<(u64, u64, u64, u64)> {
    let [old, new] = wallet_minimum();
    let empty = minimum(NEW_RATE, 0);
    let mut all = vec![];
    for lamports in [old, new - 1, new, new + 1] {
        for pending in [0, 1, 5_000, empty] {
            for delta in [0, 1, empty - 1, empty] {
                all.extend([0, 1, empty - 1, empty].map(|destination| (lamports, pending, delta, destination)));
            }
        }
    }
    all
}

/// Whether the runtime accepts that an account's balance changes.
fn is_accepted(before: u64, after: u64, bytes: usize) -> bool {
    let rent = Rent::with_lamports_per_byte(NEW_RATE);
    check_static_account_rent_state_transition(before, after, bytes, &rent, 0, true).is_ok()
}

#[test]
fn exactly_the_payments_that_the_runtime_accepts_are_made_and_none_fails_its_batch() {
    let [_, new] = wallet_minimum();
    let mut chain = Chain::new();
    for (first, batch) in (0..).step_by(30).zip(combinations().chunks(30)) {
        let nodes: Vec<_> = (first..)
            .zip(batch)
            .map(|(number, &(lamports, pending, delta, destination))| {
                (chain.node(number, lamports, pending, destination), delta)
            })
            .collect();
        let skips = chain.settle(&nodes).expect("no entry fails its batch");
        for (((node, _), skip), case) in nodes.iter().zip(skips).zip(batch) {
            let (lamports, pending, delta, destination) = *case;
            let amount = pending + delta;
            let before = lamports + pending;
            let expected = match () {
                () if amount == 0 => Ok(0),
                () if !is_accepted(destination, destination + amount, 0) => Err(SkipReason::DestinationNotRentExempt),
                () if !is_accepted(before, lamports, NodeWallet::SIZE) => Err(SkipReason::WalletShort),
                () => Ok(amount),
            };
            assert_eq!(skip, expected.err(), "{case:?}");
            let paid = expected.unwrap_or(0);
            assert_eq!(chain.lamports(node.wallet), before + delta - paid, "{case:?}");
            assert_eq!(chain.lamports(node.destination), destination + paid, "{case:?}");
        }
        // What remains pending is paid by no `payout` either, unless the credit above made that possible.
        let entries: Vec<_> = nodes.iter().map(|(node, _)| (node.wallet, node.destination)).collect();
        let before: Vec<_> = entries.iter().map(|(wallet, _)| chain.lamports(*wallet)).collect();
        chain.execute(payout_ix(chain.network, &entries)).expect("no entry fails a payout");
        for ((wallet, _), before) in entries.iter().zip(before) {
            assert!(chain.lamports(*wallet) >= before.min(new));
        }
    }
}
