//! The chain: the built program in LiteSVM, which executes the same steps as the model.

use agave_feature_set::replace_spl_token_with_p_token;
use anchor_lang::Event;
use anchor_lang::event::EVENT_IX_TAG_LE;
use anchor_lang::prelude::{AccountMeta, Pubkey};
use litesvm::LiteSVM;
use settlement::client::{
    CreateNetworkArgs, RegisterNodeArgs, SPL_TOKEN_ID, SettleEntry, TOKEN_2022_ID, TokenAsset, UpdateNetworkArgs,
    accept_admin_ix, close_node_ix, create_network_ix, create_token_network_ix, credit_ix, fund_ix, fund_tokens_ix,
    migrate_treasury_ix, pause_ix, payout_ix, payout_tokens_ix, propose_admin_ix, register_node_ix, reopen_node_ix,
    set_destination_ix, set_guardian_ix, set_settler_ix, set_threshold_ix, settle_ix, settle_tokens_ix, unpause_ix,
    update_network_ix, withdraw_ix, withdraw_surplus_ix, withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
use settlement::state::Treasury;
use solana_account::Account;
use solana_clock::Clock;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{VersionedMessage, v0};
use solana_rent::Rent;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

use super::account_id::{AccountId, Net, id_of_node};
use super::model::admin::{guardian, settler};
use super::model::batch::HEADER;
use super::model::{FEE_BASIS_POINTS, MAX_FEE, MINT_BYTES, MINT_BYTES_WITH_FEES, Model, TokenAccount};
use super::step::{Action, Corruption, Entry, Registration, Step, Target};

/// Decimals of both mints.
pub(crate) const DECIMALS: u8 = 6;
/// The freeze authority of both mints.
const FREEZE_AUTHORITY: Pubkey = Pubkey::new_from_array([0xf0; 32]);

/// The instruction data of the self-CPI that emits an event.
pub(crate) fn event_data(event: impl Event) -> Vec<u8> {
    [EVENT_IX_TAG_LE, &event.data()].concat()
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
                AccountId::Mint(net) => Account { data: mint(net), owner: token_program(net), ..Account::default() },
                AccountId::TokenAccount(net, person) if model.tokens.contains_key(&account_id) => {
                    let data = token_account(net, person, model.tokens[&account_id]);
                    Account { data, owner: token_program(net), ..Account::default() }
                }
                _ => Account::default(),
            };
            self.svm
                .set_account(account_id.address(), Account { lamports, ..account })
                .expect("the account is written");
        }
    }

    /// Executes an instruction. Returns the events that the program emitted, or the error and the logs
    /// of a rejected instruction.
    pub(crate) fn execute(&mut self, instruction: Instruction) -> Result<Vec<Vec<u8>>, String> {
        let message = v0::Message::try_compile(&self.payer, &[instruction], &[], self.svm.latest_blockhash())
            .expect("the message compiles");
        let signatures = vec![Default::default(); usize::from(message.header.num_required_signatures)];
        let transaction = VersionedTransaction { signatures, message: VersionedMessage::V0(message) };
        match self.svm.send_transaction(transaction) {
            Ok(meta) => {
                let is_event = |data: &Vec<u8>| data.starts_with(EVENT_IX_TAG_LE);
                let inner = meta.inner_instructions.into_iter().flatten();
                Ok(inner.map(|inner| inner.instruction.data).filter(is_event).collect())
            }
            Err(failed) => Err(format!("{:?}\n{}", failed.err, failed.meta.pretty_logs())),
        }
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
    let actor = AccountId::Person(model.actor(step)).address();
    let (net, id) = (step.net, id_of_node(step.node));
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
            };
            match asset {
                None => create_network_ix(actor, args),
                Some(asset) => create_token_network_ix(actor, args, &asset),
            }
        }
        Action::Update(update) => {
            let [default_threshold, per_node_cap, per_batch_cap, window_limit, window_seconds, max_pending_age] =
                *update;
            let args = UpdateNetworkArgs {
                default_threshold,
                per_node_cap,
                per_batch_cap,
                window_limit,
                window_seconds,
                max_pending_age,
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
        Action::Register(registration) => {
            register_node_ix(actor, AccountId::Person(registration.payer).address(), network, args(id, registration))
        }
        Action::Reopen(registration) => {
            reopen_node_ix(actor, AccountId::Person(registration.payer).address(), network, args(id, registration))
        }
        Action::Close => {
            let payer = model.wallet(net, step.node).map_or(0, |wallet| wallet.rent_payer);
            close_node_ix(actor, network, id, AccountId::Person(payer).address())
        }
        Action::SetDestination(to) => set_destination_ix(actor, network, id, to.address()),
        Action::SetThreshold(threshold) => set_threshold_ix(actor, network, id, *threshold),
        Action::Fund(amount) => match asset {
            None => fund_ix(actor, network, *amount),
            Some(asset) => {
                let from = AccountId::TokenAccount(net, model.actor(step)).address();
                fund_tokens_ix(actor, from, network, &asset, *amount)
            }
        },
        Action::WithdrawSurplus { to, .. } => {
            let (to, amount) = (to.address(), model.requested_amount(step).unwrap_or(0));
            match asset {
                None => withdraw_surplus_ix(actor, network, to, amount),
                Some(asset) => withdraw_surplus_tokens_ix(actor, network, &asset, to, amount),
            }
        }
        Action::Withdraw { .. } => {
            let (to, amount) = (model.payout_account(step).address(), model.requested_amount(step));
            match asset {
                None => withdraw_ix(actor, network, id, to, amount),
                Some(asset) => withdraw_tokens_ix(actor, network, &asset, id, to, amount),
            }
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
        Action::TransferLamports { to, lamports } => {
            solana_system_interface::instruction::transfer(&actor, &to.address(), *lamports)
        }
        Action::TransferTokens { to, amount } => {
            let asset = asset?;
            let from = AccountId::TokenAccount(net, model.actor(step)).address();
            transfer_checked(&asset, from, to.address(), actor, *amount)
        }
        Action::Freeze(account) => set_frozen(*account, 10)?,
        Action::Thaw(account) => set_frozen(*account, 11)?,
        Action::Resend
        | Action::AdvanceTime(_)
        | Action::SetTime(_)
        | Action::SetRentRate(_)
        | Action::DowngradeTreasury => return None,
    })
}

fn args(node_id: [u8; 32], registration: &Registration) -> RegisterNodeArgs {
    RegisterNodeArgs {
        node_id,
        owner: registration.owner.address(),
        destination: registration.destination.map(AccountId::address),
        threshold: registration.threshold,
    }
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
        _ => 0,
    }
}

/// Whether the swap yields another valid instruction, which other steps cover.
fn yields_another_valid_instruction(step: &Step, ix: &Instruction, at: usize, with: AccountId) -> bool {
    let is_batch = matches!(step.action, Action::Credit(_) | Action::Settle(_) | Action::Payout(_));
    match (&step.action, AccountId::from_address(&ix.accounts[at].pubkey), with) {
        // The program account, which Anchor does not check: the program uses its own id for the self-CPI.
        _ if !is_batch && at + 1 == ix.accounts.len() => true,
        // The destination.
        (Action::WithdrawSurplus { .. } | Action::Withdraw { .. }, ..) if at == 3 => true,
        (Action::Register(_) | Action::Reopen(_), Some(AccountId::Wallet(..)), AccountId::Wallet(..)) => false,
        (_, Some(AccountId::Wallet(..)), AccountId::Wallet(..)) => true,
        (
            Action::Propose(_) | Action::Accept | Action::SetGuardian(_),
            Some(AccountId::Network(_)),
            AccountId::Network(_),
        ) => true,
        (Action::Migrate, Some(AccountId::Treasury(_)), AccountId::Treasury(_)) => true,
        (_, Some(AccountId::Treasury(_)), AccountId::Treasury(_)) => is_batch,
        _ => false,
    }
}

fn token_program(net: Net) -> Pubkey {
    if net == Net::Fee { TOKEN_2022_ID } else { SPL_TOKEN_ID }
}

/// The data of a mint. Layout: `spl_token_2022_interface::{state::Mint, extension}`.
fn mint(net: Net) -> Vec<u8> {
    let mut data = vec![0; MINT_BYTES as usize];
    data[36..44].copy_from_slice(&u64::MAX.to_le_bytes());
    data[44] = DECIMALS;
    data[45] = 1;
    data[46] = 1;
    data[50..82].copy_from_slice(FREEZE_AUTHORITY.as_array());
    if net == Net::Fee {
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
fn token_account(net: Net, person: u8, tokens: TokenAccount) -> Vec<u8> {
    let mut data = vec![0; 165];
    data[..32].copy_from_slice(AccountId::Mint(net).address().as_array());
    data[32..64].copy_from_slice(AccountId::Person(person).address().as_array());
    data[64..72].copy_from_slice(&tokens.amount.to_le_bytes());
    data[108] = 1;
    if net == Net::Fee {
        // Account type token account, then the extension TransferFeeAmount with 8 bytes.
        data.extend([2, 2, 0, 8, 0]);
        data.extend(tokens.withheld.to_le_bytes());
    }
    data
}

/// Decodes the data of a token account.
pub(crate) fn decode_token_account(data: &[u8]) -> TokenAccount {
    let u64_at = |at: usize| u64::from_le_bytes(data[at..at + 8].try_into().expect("8 bytes"));
    let mut rest = data.get(166..).unwrap_or_default();
    let mut withheld = 0;
    while let [kind, 0, len, 0, more @ ..] = rest {
        if *kind == 2 {
            withheld = u64::from_le_bytes(more[..8].try_into().expect("8 bytes"));
        }
        rest = &more[usize::from(*len)..];
    }
    TokenAccount { amount: u64_at(64), withheld, is_frozen: data[108] == 2 }
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
    let (AccountId::TokenAccount(net, _) | AccountId::Vault(net)) = account else { return None };
    let accounts = vec![
        AccountMeta::new(account.address(), false),
        AccountMeta::new_readonly(AccountId::Mint(net).address(), false),
        AccountMeta::new_readonly(FREEZE_AUTHORITY, true),
    ];
    Some(Instruction { program_id: token_program(net), accounts, data: vec![number] })
}
