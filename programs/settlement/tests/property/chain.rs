//! The chain: the built program in LiteSVM, which executes the same steps as the model.

use agave_feature_set::replace_spl_token_with_p_token;
use anchor_lang::prelude::{AccountMeta, Pubkey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use litesvm::LiteSVM;
use settlement::client::{
    CreateNetworkArgs, RegisterNodeArgs, SettleEntry, TokenAsset, UpdateNetworkArgs, accept_admin_ix,
    claim_set_aside_ix, close_network_ix, close_node_ix, close_token_network_ix, create_network_ix,
    create_token_network_ix, credit_ix, fund_ix, fund_tokens_ix, is_reserved_address, migrate_treasury_ix, pause_ix,
    payout_ix, payout_tokens_ix, propose_admin_ix, recover_lamports_ix, recover_node_tokens_ix,
    recover_treasury_tokens_ix, register_node_ix, reopen_node_ix, set_aside_ix, set_aside_tokens_ix,
    set_destination_ix, set_guardian_ix, set_settler_ix, set_threshold_ix, settle_ix, settle_tokens_ix,
    sweep_closed_network_ix, sweep_rent_ix, top_up_rent_ix, unpause_ix, update_network_ix, withdraw_ix,
    withdraw_surplus_ix, withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
use settlement::state::Treasury;
use solana_account::Account;
use solana_clock::Clock;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{VersionedMessage, v0};
use solana_rent::Rent;
use solana_signer::Signer;
use solana_transaction::TransactionError;
use solana_transaction::versioned::VersionedTransaction;

use super::account_id::{AccountId, Mint, Net, id_of_node, owner_of_node};
use super::event::EventData;
use super::model::admin::{guardian, settler};
use super::model::batch::HEADER;
use super::model::{
    DECIMALS, FEE_BASIS_POINTS, MAX_FEE, MINT_BYTES, MINT_BYTES_WITH_FEES, Model, Rejected, TokenAccount,
};
use super::step::{Action, Corruption, Entry, NodeAccount, Registration, Step, Target};

/// The freeze authority of all mints.
const FREEZE_AUTHORITY: Pubkey = Pubkey::new_from_array([0xf0; 32]);
/// Offset of the withheld fees in the data of [`Mint::Fee`].
const MINT_WITHHELD: usize = 166 + 4 + 2 * 32;

/// An instruction that was rejected.
pub(crate) struct Failure {
    pub rejected: Rejected,
    /// The error and the logs.
    pub details: String,
}

/// The implementation of the SPL Token program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SplTokenVersion {
    /// p-token, which supports batched transfers.
    PToken,
    /// The predecessor of p-token.
    Original,
}

/// LiteSVM with the program.
#[derive(Clone)]
pub(crate) struct Chain {
    svm: LiteSVM,
    /// Pays the transaction fees, so that they do not affect any balance of the model.
    payer: Pubkey,
}

impl Chain {
    /// Signatures are not verified; which accounts are signers still matters.
    pub(crate) fn new(spl_token: SplTokenVersion) -> Self {
        let mut features = LiteSVM::mainnet_feature_set();
        if spl_token == SplTokenVersion::Original {
            features.deactivate(&replace_spl_token_with_p_token::ID);
        }
        let mut svm = LiteSVM::default()
            .with_feature_set(features)
            .with_builtins()
            .with_lamports(1 << 60)
            .with_sysvars()
            .with_feature_accounts()
            .with_default_programs()
            .with_transaction_history(0);
        svm.add_program(settlement::ID, &super::program::bytes()).expect("the program loads");
        let payer = Keypair::new().pubkey();
        svm.airdrop(&payer, 1 << 50).expect("an airdrop");
        Self { svm, payer }
    }

    /// Creates all accounts of the initial model.
    pub(crate) fn load(&mut self, model: &Model) {
        self.set_time(model.now);
        self.set_rent(model.rent_rate);
        for (&account_id, &lamports) in &model.lamports {
            let account = match account_id {
                AccountId::Mint(of) => Account { data: mint(of), owner: of.token_program(), ..Account::default() },
                _ => match (account_id.mint(), model.tokens.get(&account_id)) {
                    (Some(of), Some(tokens)) => {
                        Account { data: token_account(of, *tokens), owner: of.token_program(), ..Account::default() }
                    }
                    _ => Account::default(),
                },
            };
            self.svm
                .set_account(account_id.address(), Account { lamports, ..account })
                .expect("the account is written");
        }
    }

    /// Executes an instruction. Returns the events that the program emitted.
    pub(crate) fn execute(&mut self, instruction: Instruction) -> Result<Vec<EventData>, Failure> {
        let message = v0::Message::try_compile(&self.payer, &[instruction], &[], self.svm.latest_blockhash())
            .expect("the message compiles");
        let signatures = vec![Default::default(); usize::from(message.header.num_required_signatures)];
        let transaction = VersionedTransaction { signatures, message: VersionedMessage::V0(message) };
        match self.svm.send_transaction(transaction) {
            Ok(meta) => {
                // Only the program logs data.
                let logged = meta.logs.iter().filter_map(|line| line.strip_prefix("Program data: "));
                let logged = logged.map(|data| EventData::Log(STANDARD.decode(data).expect("valid base64")));
                let inner = meta.inner_instructions.iter().flatten();
                let called = inner.filter_map(|inner| EventData::from_inner_instruction(&inner.instruction.data));
                Ok(logged.chain(called).collect())
            }
            Err(failed) => {
                let rejected = match failed.err {
                    TransactionError::InsufficientFundsForRent { .. } => Rejected::ByRentRule,
                    _ => Rejected::ByInstruction,
                };
                Err(Failure { rejected, details: format!("{:?}\n{}", failed.err, failed.meta.pretty_logs()) })
            }
        }
    }

    /// The transfer fees that were moved to [`Mint::Fee`].
    pub(crate) fn harvested(&self) -> u64 {
        let mint = self.account(AccountId::Mint(Mint::Fee)).expect("the mint exists");
        u64_at(&mint.data, MINT_WITHHELD)
    }

    pub(crate) fn account(&self, account_id: AccountId) -> Option<Account> {
        self.svm.get_account(&account_id.address())
    }

    pub(crate) fn set_time(&mut self, now: i64) {
        let mut clock: Clock = self.svm.get_sysvar();
        clock.unix_timestamp = now;
        self.svm.set_sysvar(&clock);
    }

    pub(crate) fn set_rent(&mut self, rate: u64) {
        let mut rent: Rent = self.svm.get_sysvar();
        rent.lamports_per_byte = rate;
        self.svm.set_sysvar(&rent);
    }

    /// Turns a treasury into one with the first layout.
    pub(crate) fn downgrade_treasury(&mut self, net: Net) {
        let account_id = AccountId::Treasury(net);
        let mut account = self.account(account_id).expect("the treasury exists");
        account.data[8 + core::mem::offset_of!(Treasury, version)] = 1;
        self.svm.set_account(account_id.address(), account).expect("the account is written");
    }
}

/// The instruction of a step, and whether it was corrupted. `None` for steps without an instruction.
pub(crate) fn instruction(model: &Model, step: &Step) -> Option<(Instruction, bool)> {
    let mut ix = valid_instruction(model, step)?;
    let is_corrupted = step.corruption.is_some_and(|corruption| corruption.apply(step, &mut ix));
    Some((ix, is_corrupted))
}

fn valid_instruction(model: &Model, step: &Step) -> Option<Instruction> {
    let person_of_step = model.actor(step);
    let actor = AccountId::Person(person_of_step).address();
    let (net, id) = (step.net, id_of_node(step.node));
    let wallet_of_step = AccountId::Wallet(net, step.node).address();
    let owner = AccountId::Person(owner_of_node(step.node)).address();
    let admin = |expected: &Option<u8>| AccountId::Person(expected.unwrap_or(model.admin(net))).address();
    let network = AccountId::Network(net).address();
    let asset = net.asset();
    let person = |person: &Option<u8>| person.map(|person| AccountId::Person(person).address()).unwrap_or_default();
    Some(match &step.action {
        Action::Create(parameters) => {
            let args = CreateNetworkArgs {
                id: net.id(),
                settler: AccountId::Person(settler(net)).address(),
                guardian: AccountId::Person(guardian(net)).address(),
                default_threshold: parameters.default_threshold,
                per_node_cap: parameters.per_node_cap,
                per_batch_cap: parameters.per_batch_cap,
                window_limit: parameters.window_limit,
                window_seconds: parameters.window_seconds,
                max_pending_age: parameters.max_pending_age,
                max_pause_seconds: parameters.max_pause_seconds,
            };
            let creator = AccountId::Person(net.creator()).address();
            let mut ix = match asset {
                None => create_network_ix(creator, args),
                Some(asset) => create_token_network_ix(creator, args, &asset),
            };
            // Whoever it is tries to create it at this address.
            ix.accounts[0].pubkey = actor;
            ix
        }
        Action::Update(update) => {
            let [threshold, node_cap, batch_cap, limit, seconds, age, pause] = *update;
            let args = UpdateNetworkArgs {
                default_threshold: threshold,
                per_node_cap: node_cap,
                per_batch_cap: batch_cap,
                window_limit: limit,
                window_seconds: seconds,
                max_pending_age: age,
                max_pause_seconds: pause,
            };
            update_network_ix(actor, network, args)
        }
        Action::Propose(next) => propose_admin_ix(actor, network, person(next)),
        Action::Accept => accept_admin_ix(actor, network),
        Action::SetSettler(next) => set_settler_ix(actor, network, person(next)),
        Action::SetGuardian(next) => set_guardian_ix(actor, network, person(next)),
        Action::Pause => pause_ix(actor, network),
        Action::Unpause => unpause_ix(actor, network),
        Action::Migrate => migrate_treasury_ix(network),
        Action::Register(registration) | Action::Reopen(registration) => {
            let payer = AccountId::Person(registration.payer).address();
            let args = args(net, step.node, registration);
            let owner = args.owner;
            let mut ix = match step.action {
                Action::Register(_) => register_node_ix(actor, payer, network, args),
                _ => reopen_node_ix(actor, payer, network, args),
            };
            // Other owners have other wallets, which the simulation doesn't have. Only those who can't own any are
            // named with the address of their own.
            let own = [AccountId::Network(net), AccountId::Treasury(net)].map(AccountId::address);
            if !is_reserved_address(&owner) && !own.contains(&owner) {
                ix.accounts[4].pubkey = wallet_of_step;
            }
            ix
        }
        Action::Close => close_node_ix(actor, network, id, owner),
        Action::SetDestination(to) => {
            with_wallet(set_destination_ix(actor, network, id, to.account_id(net).address()), 3, wallet_of_step)
        }
        Action::SetThreshold(threshold) => {
            with_wallet(set_threshold_ix(actor, network, id, *threshold), 3, wallet_of_step)
        }
        Action::Fund { amount, expected_admin } => match net.mint() {
            None => fund_ix(actor, network, admin(expected_admin), *amount),
            Some(mint) => {
                let from = AccountId::TokenAccount(mint, person_of_step, 0).address();
                fund_tokens_ix(actor, from, network, admin(expected_admin), &mint.asset(), *amount)
            }
        },
        Action::WithdrawSurplus { to, .. } => {
            let (to, amount) = (to.account_id(net).address(), model.requested_amount(step).unwrap_or(0));
            match asset {
                None => withdraw_surplus_ix(actor, network, to, amount),
                Some(asset) => withdraw_surplus_tokens_ix(actor, network, &asset, to, amount),
            }
        }
        Action::Withdraw { .. } => {
            let (to, amount) = (model.payout_account(step).address(), model.requested_amount(step));
            let ix = match asset {
                None => withdraw_ix(actor, network, id, to, amount),
                Some(asset) => withdraw_tokens_ix(actor, network, &asset, id, to, amount),
            };
            with_wallet(ix, 3, wallet_of_step)
        }
        Action::Credit(entries) => {
            let pairs: Vec<_> = entries.iter().map(|entry| (wallet(net, entry), target(entry))).collect();
            let mut ix = credit_ix(actor, network, HEADER, &pairs);
            mark_readonly(&mut ix, entries, 1);
            ix
        }
        Action::Settle(entries) => {
            let mut ix = match asset {
                None => settle_ix(actor, network, HEADER, &settles(net, entries)),
                Some(asset) => settle_tokens_ix(actor, network, &asset, HEADER, &settles(net, entries)),
            };
            mark_readonly(&mut ix, entries, 2);
            ix
        }
        Action::Payout(entries) => {
            let pairs: Vec<_> = settles(net, entries).iter().map(|e| (e.wallet, e.destination)).collect();
            let mut ix = match asset {
                None => payout_ix(network, &pairs),
                Some(asset) => payout_tokens_ix(network, &asset, &pairs),
            };
            mark_readonly(&mut ix, entries, 2);
            ix
        }
        Action::SweepRent(accounts) => with_accounts(sweep_rent_ix(network, &[]), net, accounts),
        Action::TopUpRent(accounts) => with_accounts(top_up_rent_ix(actor, network, &[]), net, accounts),
        Action::RecoverLamports { to } => recover_lamports_ix(actor, network, to.address()),
        Action::RecoverTreasuryTokens { mint, from_vault, to } => {
            let mint = net.mint().filter(|_| *from_vault).unwrap_or(*mint);
            let from = model.recovered_account(step).address();
            recover_treasury_tokens_ix(actor, network, &mint.asset(), from, to.address())
        }
        Action::RecoverNodeTokens { mint, to } => {
            let from = model.recovered_account(step).address();
            let ix = recover_node_tokens_ix(actor, network, id, &mint.asset(), from, to.address());
            with_wallet(ix, 2, wallet_of_step)
        }
        Action::SetAside => {
            let destination = model.payout_account(step).address();
            match net.mint() {
                None => set_aside_ix(actor, network, id, owner, destination),
                Some(mint) => {
                    let claim = AccountId::NodeTokens(net, mint).address();
                    set_aside_tokens_ix(actor, network, &mint.asset(), id, owner, destination, claim)
                }
            }
        }
        Action::ClaimSetAside { to } => {
            let mut ix = with_wallet(claim_set_aside_ix(actor, network, id, to.address()), 2, wallet_of_step);
            ix.accounts[3].pubkey = AccountId::Claim(net, step.node).address();
            ix
        }
        Action::CloseNetwork { to, tokens_to } => match asset {
            None => close_network_ix(actor, network, to.address()),
            Some(asset) => {
                close_token_network_ix(actor, network, &asset, tokens_to.map(AccountId::address), to.address())
            }
        },
        Action::SweepClosedNetwork { accounts, expected_admin } => {
            with_accounts(sweep_closed_network_ix(network, admin(expected_admin), &[]), net, accounts)
        }
        Action::TransferLamports { to, lamports } => {
            solana_system_interface::instruction::transfer(&actor, &to.address(), *lamports)
        }
        Action::TransferTokens { to, amount } => {
            let mint = to.mint()?;
            let from = AccountId::TokenAccount(mint, person_of_step, 0).address();
            transfer_checked(&mint.asset(), from, to.address(), actor, *amount)
        }
        Action::Freeze(account) => set_frozen(*account, 10)?,
        Action::Thaw(account) => set_frozen(*account, 11)?,
        Action::GiveAway { account, to } => give_away(*account, actor, *to)?,
        Action::Harvest => harvest(net)?,
        Action::Resend
        | Action::AdvanceTime(_)
        | Action::SetTime(_)
        | Action::SetRentRate(_)
        | Action::DowngradeTreasury => return None,
    })
}

fn args(net: Net, node: u8, registration: &Registration) -> RegisterNodeArgs {
    let owner = registration.other_owner.unwrap_or(AccountId::Person(owner_of_node(node)));
    RegisterNodeArgs {
        node_id: id_of_node(node),
        owner: owner.address(),
        destination: registration.destination.map(|to| to.account_id(net).address()),
        threshold: registration.threshold,
    }
}

/// Replaces the wallet, which is derived from the signer, by that of the step's node.
fn with_wallet(mut ix: Instruction, at: usize, wallet: Pubkey) -> Instruction {
    ix.accounts[at].pubkey = wallet;
    ix
}

fn with_accounts(mut ix: Instruction, net: Net, accounts: &[NodeAccount]) -> Instruction {
    ix.accounts.extend(accounts.iter().map(|account| AccountMeta {
        pubkey: account.account.account_id(net).address(),
        is_signer: false,
        is_writable: !account.readonly,
    }));
    ix
}

fn wallet(net: Net, entry: &Entry) -> Pubkey {
    entry.wallet.account_id(net).address()
}

fn target(entry: &Entry) -> u64 {
    match entry.target {
        Target::Total(total) => total,
        _ => unreachable!("batches have absolute totals"),
    }
}

fn settles(net: Net, entries: &[Entry]) -> Vec<SettleEntry> {
    let settle = |entry: &Entry| SettleEntry {
        wallet: wallet(net, entry),
        destination: entry.destination.unwrap_or(AccountId::Incinerator).address(),
        target: target(entry),
    };
    entries.iter().map(settle).collect()
}

/// Marks the read-only accounts of entries, which come last, with `each` accounts per entry.
fn mark_readonly(ix: &mut Instruction, entries: &[Entry], each: usize) {
    let first = ix.accounts.len() - entries.len() * each;
    for (metas, entry) in ix.accounts[first..].chunks_exact_mut(each).zip(entries) {
        metas[0].is_writable = !entry.wallet_readonly;
        if let Some(destination) = metas.get_mut(1) {
            destination.is_writable = !entry.destination_readonly;
        }
    }
}

impl Corruption {
    /// Corrupts an instruction. Returns `false` if the instruction is still valid.
    fn apply(self, step: &Step, ix: &mut Instruction) -> bool {
        let is_batch = matches!(step.action, Action::Credit(_) | Action::Settle(_) | Action::Payout(_));
        let is_ours = ix.program_id == settlement::ID;
        match self {
            _ if !is_ours => false,
            Self::Unsigned => {
                let was_signed = ix.accounts.iter().any(|meta| meta.is_signer);
                ix.accounts.iter_mut().for_each(|meta| meta.is_signer = false);
                was_signed
            }
            Self::CutData => ix.data.pop().is_some(),
            // Without one of its accounts, a sweep is another valid instruction.
            Self::DropAccount if !is_batch && entry_accounts(&step.action) > 0 => false,
            Self::DropAccount => ix.accounts.pop().is_some(),
            Self::ExtraAccount(account_id) => {
                ix.accounts.push(AccountMeta::new_readonly(account_id.address(), false));
                is_batch
            }
            Self::Swap { at, with } => {
                let at = usize::from(at);
                let signs = ix.accounts.iter().any(|meta| meta.is_signer && meta.pubkey == with.address());
                let named = ix.accounts.len() - entry_accounts(&step.action);
                if at >= named
                    || signs
                    || ix.accounts[at].pubkey == with.address()
                    || yields_another_valid_instruction(step, ix, at, with)
                {
                    return false;
                }
                ix.accounts[at].pubkey = with.address();
                ix.accounts[at].is_signer = false;
                true
            }
        }
    }
}

fn entry_accounts(action: &Action) -> usize {
    match action {
        Action::Credit(entries) => entries.len(),
        Action::Settle(entries) | Action::Payout(entries) => 2 * entries.len(),
        Action::SweepRent(accounts) | Action::TopUpRent(accounts) | Action::SweepClosedNetwork { accounts, .. } => {
            accounts.len()
        }
        _ => 0,
    }
}

/// Whether the swap may yield another valid instruction, which other steps cover.
fn yields_another_valid_instruction(step: &Step, ix: &Instruction, at: usize, with: AccountId) -> bool {
    match (&step.action, at) {
        // The destination or, of tokens that are recovered, the source.
        (Action::WithdrawSurplus { .. } | Action::RecoverLamports { .. } | Action::CloseNetwork { .. }, 3)
        | (Action::SetDestination(_) | Action::ClaimSetAside { .. }, 4)
        | (Action::RecoverTreasuryTokens { .. } | Action::RecoverNodeTokens { .. }, 3 | 4) => true,
        // The token account that receives what is left, which is ignored if nothing is.
        (Action::CloseNetwork { .. }, 7) => !step.net.pays_in_sol(),
        // The token account that receives what is set aside.
        (Action::SetAside, 7) => !step.net.pays_in_sol(),
        // The funder's token account.
        (Action::Fund { .. }, 5) => !step.net.pays_in_sol(),
        (Action::Propose(_) | Action::Accept | Action::SetGuardian(_), _) => {
            let old = AccountId::from_address(&ix.accounts[at].pubkey);
            matches!((old, with), (Some(AccountId::Network(_)), AccountId::Network(_)))
        }
        _ => false,
    }
}

/// The data of a mint. Layout: `spl_token_2022_interface::{state::Mint, extension}`.
fn mint(mint: Mint) -> Vec<u8> {
    let mut data = vec![0; MINT_BYTES as usize];
    data[36..44].copy_from_slice(&u64::MAX.to_le_bytes());
    data[44] = DECIMALS;
    data[45] = 1;
    data[46] = 1;
    data[50..82].copy_from_slice(FREEZE_AUTHORITY.as_array());
    if mint == Mint::Fee {
        data.resize(165, 0);
        // Account type mint, then the extension TransferFeeConfig with 108 bytes.
        data.extend([1, 1, 0, 108, 0]);
        data.extend([0; 32 + 32 + 8]);
        for _ in ["older fee", "newer fee"] {
            // Effective from epoch 0.
            data.extend(0u64.to_le_bytes());
            data.extend(MAX_FEE.to_le_bytes());
            data.extend(FEE_BASIS_POINTS.to_le_bytes());
        }
        assert_eq!(data.len() as u64, MINT_BYTES_WITH_FEES);
    }
    data
}

/// The data of a token account, with the same layout.
fn token_account(mint: Mint, tokens: TokenAccount) -> Vec<u8> {
    let mut data = vec![0; 165];
    data[..32].copy_from_slice(AccountId::Mint(mint).address().as_array());
    data[32..64].copy_from_slice(tokens.owner.address().as_array());
    data[64..72].copy_from_slice(&tokens.amount.to_le_bytes());
    data[108] = 1;
    if mint == Mint::Fee {
        // Account type token account, then the extension TransferFeeAmount with 8 bytes.
        data.extend([2, 2, 0, 8, 0]);
        data.extend(tokens.withheld.to_le_bytes());
    }
    data
}

fn u64_at(data: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(data[at..at + 8].try_into().expect("8 bytes"))
}

/// Decodes the data of a token account.
pub(crate) fn decode_token_account(data: &[u8]) -> TokenAccount {
    let mut rest = data.get(166..).unwrap_or_default();
    let mut withheld = 0;
    while let [kind, 0, len, 0, more @ ..] = rest {
        if *kind == 2 {
            withheld = u64_at(more, 0);
        }
        rest = &more[usize::from(*len)..];
    }
    let owner = Pubkey::new_from_array(data[32..64].try_into().expect("32 bytes"));
    let owner = AccountId::from_address(&owner).expect("an owner of the simulation");
    TokenAccount { owner, amount: u64_at(data, 64), withheld, is_frozen: data[108] == 2 }
}

fn transfer_checked(asset: &TokenAsset, from: Pubkey, to: Pubkey, owner: Pubkey, amount: u64) -> Instruction {
    let mut data = vec![12];
    data.extend(amount.to_le_bytes());
    data.push(DECIMALS);
    let accounts = vec![
        AccountMeta::new(from, false),
        AccountMeta::new_readonly(asset.mint, false),
        AccountMeta::new(to, false),
        AccountMeta::new_readonly(owner, true),
    ];
    Instruction { program_id: asset.token_program, accounts, data }
}

/// `FreezeAccount` or `ThawAccount`, by the mint's freeze authority.
fn set_frozen(account: AccountId, number: u8) -> Option<Instruction> {
    let mint = account.mint()?;
    let accounts = vec![
        AccountMeta::new(account.address(), false),
        AccountMeta::new_readonly(AccountId::Mint(mint).address(), false),
        AccountMeta::new_readonly(FREEZE_AUTHORITY, true),
    ];
    Some(Instruction { program_id: mint.token_program(), accounts, data: vec![number] })
}

/// `SetAuthority` of the type `AccountOwner`.
fn give_away(account: AccountId, owner: Pubkey, to: u8) -> Option<Instruction> {
    let mut data = vec![6, 2, 1];
    data.extend(AccountId::Person(to).address().as_array());
    let accounts = vec![AccountMeta::new(account.address(), false), AccountMeta::new_readonly(owner, true)];
    Some(Instruction { program_id: account.mint()?.token_program(), accounts, data })
}

/// `HarvestWithheldTokensToMint` of the extension TransferFee.
fn harvest(net: Net) -> Option<Instruction> {
    let mint = net.mint().filter(|mint| *mint == Mint::Fee)?;
    let accounts = [AccountId::Mint(mint), AccountId::Vault(net)];
    let accounts = accounts.map(|account_id| AccountMeta::new(account_id.address(), false)).to_vec();
    Some(Instruction { program_id: mint.token_program(), accounts, data: vec![26, 4] })
}
