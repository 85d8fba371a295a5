//! The chain: the built program in a LiteSVM, given the same steps as the model.

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

use super::model::admin::{guardian, settler};
use super::model::batch::HEADER;
use super::model::{FEE_BASIS_POINTS, FEE_MOST, MINT_BYTES, MINT_BYTES_WITH_FEES, Model, Tokens};
use super::place::{Net, Place, id_of};
use super::step::{Entry, Registration, Spoil, Step, Target, What};

/// Decimals of both mints.
pub const DECIMALS: u8 = 6;
/// May freeze token accounts of both mints.
const FREEZER: Pubkey = Pubkey::new_from_array([0xf0; 32]);

/// The bytes in which an event reaches the chain.
pub fn told(event: impl Event) -> Vec<u8> {
    [EVENT_IX_TAG_LE, &event.data()].concat()
}

/// A LiteSVM with the program.
#[derive(Clone)]
pub struct Chain {
    svm: LiteSVM,
    /// Pays the fees, so that no balance that the model keeps changes by one.
    payer: Pubkey,
}

impl Chain {
    /// With SPL Token as p-token, which takes many transfers in one call, or as the program before
    /// it. Signatures are taken for granted: what counts is who was asked for one.
    pub fn new(with_p_token: bool) -> Self {
        let mut features = LiteSVM::mainnet_feature_set();
        if !with_p_token {
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

    /// Puts everything there that the model begins with.
    pub fn begin(&mut self, model: &Model) {
        self.set_time(model.now);
        self.set_rent(model.rate);
        for (&place, &lamports) in &model.lamports {
            let account = match place {
                Place::Mint(net) => Account { data: mint(net), owner: token_program(net), ..Account::default() },
                Place::Tokens(net, person) if model.tokens.contains_key(&place) => {
                    let data = token_account(net, person, model.tokens[&place]);
                    Account { data, owner: token_program(net), ..Account::default() }
                }
                _ => Account::default(),
            };
            self.svm.set_account(place.address(), Account { lamports, ..account }).expect("the account is written");
        }
    }

    /// Does a step: the events that the program told, or `None` for one that was refused, with the
    /// log of why.
    pub fn run(&mut self, instruction: Instruction) -> Result<Vec<Vec<u8>>, String> {
        let message = v0::Message::try_compile(&self.payer, &[instruction], &[], self.svm.latest_blockhash())
            .expect("the message compiles");
        let signatures = vec![Default::default(); usize::from(message.header.num_required_signatures)];
        let transaction = VersionedTransaction { signatures, message: VersionedMessage::V0(message) };
        match self.svm.send_transaction(transaction) {
            Ok(meta) => {
                let told = |data: &Vec<u8>| data.starts_with(EVENT_IX_TAG_LE);
                let inner = meta.inner_instructions.into_iter().flatten();
                Ok(inner.map(|inner| inner.instruction.data).filter(told).collect())
            }
            Err(failed) => Err(format!("{:?}\n{}", failed.err, failed.meta.pretty_logs())),
        }
    }

    pub fn account(&self, place: Place) -> Option<Account> {
        self.svm.get_account(&place.address())
    }

    pub fn set_time(&mut self, now: i64) {
        let mut clock: Clock = self.svm.get_sysvar();
        clock.unix_timestamp = now;
        self.svm.set_sysvar(&clock);
    }

    pub fn set_rent(&mut self, rate: u64) {
        let mut rent: Rent = self.svm.get_sysvar();
        rent.lamports_per_byte = rate;
        self.svm.set_sysvar(&rent);
    }

    /// Makes a treasury one of the first layout.
    pub fn age(&mut self, net: Net) {
        let place = Place::Treasury(net);
        let mut account = self.account(place).expect("a treasury");
        account.data[8 + core::mem::offset_of!(Treasury, version)] = 1;
        self.svm.set_account(place.address(), account).expect("the account is written");
    }
}

/// The instruction of a step, and whether it was spoiled; `None` for steps without one.
pub fn instruction(model: &Model, step: &Step) -> Option<(Instruction, bool)> {
    let mut ix = sound_instruction(model, step)?;
    let is_spoiled = step.spoil.is_some_and(|spoil| spoil.apply(step, &mut ix));
    Some((ix, is_spoiled))
}

fn sound_instruction(model: &Model, step: &Step) -> Option<Instruction> {
    let actor = Place::Person(model.actor(step)).address();
    let (net, id) = (step.net, id_of(step.node));
    let network = Place::Network(net).address();
    let asset = net.asset();
    let person = |person: &Option<u8>| person.map(|person| Place::Person(person).address()).unwrap_or_default();
    Some(match &step.what {
        What::Create(parameters) => {
            let args = CreateNetworkArgs {
                id: net.id(),
                settler: Place::Person(settler(net)).address(),
                guardian: Place::Person(guardian(net)).address(),
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
        What::Update(update) => {
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
        What::Propose(next) => propose_admin_ix(actor, network, person(next)),
        What::Accept => accept_admin_ix(actor, network),
        What::SetSettler(next) => set_settler_ix(actor, network, person(next)),
        What::SetGuardian(next) => set_guardian_ix(actor, network, person(next)),
        What::Pause => pause_ix(actor, network),
        What::Unpause => unpause_ix(actor, network),
        What::Migrate => migrate_treasury_ix(network),
        What::Register(asked) => {
            register_node_ix(actor, Place::Person(asked.payer).address(), network, args(id, asked))
        }
        What::Reopen(asked) => reopen_node_ix(actor, Place::Person(asked.payer).address(), network, args(id, asked)),
        What::Close => {
            let payer = model.wallet(net, step.node).map_or(0, |wallet| wallet.rent_payer);
            close_node_ix(actor, network, id, Place::Person(payer).address())
        }
        What::SetDestination(to) => set_destination_ix(actor, network, id, to.address()),
        What::SetThreshold(threshold) => set_threshold_ix(actor, network, id, *threshold),
        What::Fund(amount) => match asset {
            None => fund_ix(actor, network, *amount),
            Some(asset) => {
                let from = Place::Tokens(net, model.actor(step)).address();
                fund_tokens_ix(actor, from, network, &asset, *amount)
            }
        },
        What::WithdrawSurplus { to, .. } => {
            let (to, amount) = (to.address(), model.asked(step).unwrap_or(0));
            match asset {
                None => withdraw_surplus_ix(actor, network, to, amount),
                Some(asset) => withdraw_surplus_tokens_ix(actor, network, &asset, to, amount),
            }
        }
        What::Withdraw { .. } => {
            let (to, amount) = (model.paid_to(step).address(), model.asked(step));
            match asset {
                None => withdraw_ix(actor, network, id, to, amount),
                Some(asset) => withdraw_tokens_ix(actor, network, &asset, id, to, amount),
            }
        }
        What::Credit(entries) => {
            let pairs: Vec<_> = entries.iter().map(|entry| (wallet(net, entry), target(entry))).collect();
            let mut ix = credit_ix(actor, network, HEADER, &pairs);
            mark_readonly(&mut ix, entries, 1);
            ix
        }
        What::Settle(entries) => {
            let mut ix = match asset {
                None => settle_ix(actor, network, HEADER, &settles(net, entries)),
                Some(asset) => settle_tokens_ix(actor, network, &asset, HEADER, &settles(net, entries)),
            };
            mark_readonly(&mut ix, entries, 2);
            ix
        }
        What::Payout(entries) => {
            let pairs: Vec<_> = settles(net, entries).iter().map(|e| (e.wallet, e.destination)).collect();
            let mut ix = match asset {
                None => payout_ix(network, &pairs),
                Some(asset) => payout_tokens_ix(network, &asset, &pairs),
            };
            mark_readonly(&mut ix, entries, 2);
            ix
        }
        What::Gift { to, lamports } => solana_system_interface::instruction::transfer(&actor, &to.address(), *lamports),
        What::TokenGift { to, amount } => {
            let asset = asset?;
            let from = Place::Tokens(net, model.actor(step)).address();
            transfer_checked(&asset, from, to.address(), actor, *amount)
        }
        What::Freeze(account) => set_frozen(*account, 10)?,
        What::Thaw(account) => set_frozen(*account, 11)?,
        What::Again | What::Pass(_) | What::Jump(_) | What::Rent(_) | What::Age => return None,
    })
}

fn args(node_id: [u8; 32], asked: &Registration) -> RegisterNodeArgs {
    RegisterNodeArgs {
        node_id,
        owner: asked.owner.address(),
        destination: asked.destination.map(Place::address),
        threshold: asked.threshold,
    }
}

fn wallet(net: Net, entry: &Entry) -> Pubkey {
    entry.wallet.place(net).address()
}

fn target(entry: &Entry) -> u64 {
    match entry.target {
        Target::Total(total) => total,
        _ => unreachable!("batches are in numbers"),
    }
}

fn settles(net: Net, entries: &[Entry]) -> Vec<SettleEntry> {
    let settle = |entry: &Entry| SettleEntry {
        wallet: wallet(net, entry),
        destination: entry.destination.unwrap_or(Place::Incinerator).address(),
        target: target(entry),
    };
    entries.iter().map(settle).collect()
}

/// The entries' accounts are the last ones, so many each.
fn mark_readonly(ix: &mut Instruction, entries: &[Entry], each: usize) {
    let first = ix.accounts.len() - entries.len() * each;
    for (metas, entry) in ix.accounts[first..].chunks_exact_mut(each).zip(entries) {
        metas[0].is_writable = !entry.wallet_readonly;
        if let Some(destination) = metas.get_mut(1) {
            destination.is_writable = !entry.destination_readonly;
        }
    }
}

impl Spoil {
    /// Spoils an instruction. `false` when it stayed as good as it was.
    fn apply(self, step: &Step, ix: &mut Instruction) -> bool {
        let is_batch = matches!(step.what, What::Credit(_) | What::Settle(_) | What::Payout(_));
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
            Self::ExtraAccount(place) => {
                ix.accounts.push(AccountMeta::new_readonly(place.address(), false));
                is_batch
            }
            Self::Swap { at, with } => {
                let at = usize::from(at);
                let signs = ix.accounts.iter().any(|meta| meta.is_signer && meta.pubkey == with.address());
                let named = ix.accounts.len() - entry_accounts(&step.what);
                if at >= named || signs || ix.accounts[at].pubkey == with.address() || means_another(step, ix, at, with)
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

fn entry_accounts(what: &What) -> usize {
    match what {
        What::Credit(entries) => entries.len(),
        What::Settle(entries) | What::Payout(entries) => 2 * entries.len(),
        _ => 0,
    }
}

/// Whether the swap makes another sound instruction of it, which other steps try.
fn means_another(step: &Step, ix: &Instruction, at: usize, with: Place) -> bool {
    let is_batch = matches!(step.what, What::Credit(_) | What::Settle(_) | What::Payout(_));
    match (&step.what, Place::at(&ix.accounts[at].pubkey), with) {
        // The program itself, at which Anchor does not look: it calls itself by its own address.
        _ if !is_batch && at + 1 == ix.accounts.len() => true,
        // The destination.
        (What::WithdrawSurplus { .. } | What::Withdraw { .. }, ..) if at == 3 => true,
        (What::Register(_) | What::Reopen(_), Some(Place::Wallet(..)), Place::Wallet(..)) => false,
        (_, Some(Place::Wallet(..)), Place::Wallet(..)) => true,
        (What::Propose(_) | What::Accept | What::SetGuardian(_), Some(Place::Network(_)), Place::Network(_)) => true,
        (What::Migrate, Some(Place::Treasury(_)), Place::Treasury(_)) => true,
        (_, Some(Place::Treasury(_)), Place::Treasury(_)) => is_batch,
        _ => false,
    }
}

fn token_program(net: Net) -> Pubkey {
    if net == Net::Fee { TOKEN_2022_ID } else { SPL_TOKEN_ID }
}

/// A mint's bytes. Layout: `spl_token_2022_interface::{state::Mint, extension}`.
fn mint(net: Net) -> Vec<u8> {
    let mut data = vec![0; MINT_BYTES as usize];
    data[36..44].copy_from_slice(&u64::MAX.to_le_bytes());
    data[44] = DECIMALS;
    data[45] = 1;
    data[46] = 1;
    data[50..82].copy_from_slice(FREEZER.as_array());
    if net == Net::Fee {
        data.resize(165, 0);
        // A mint; the extension TransferFeeConfig of 108 bytes.
        data.extend([1, 1, 0, 108, 0]);
        data.extend([0; 32 + 32 + 8]);
        for _ in ["the older fee", "the newer one"] {
            // From epoch 0 on.
            data.extend(0u64.to_le_bytes());
            data.extend(FEE_MOST.to_le_bytes());
            data.extend(FEE_BASIS_POINTS.to_le_bytes());
        }
        assert_eq!(data.len() as u64, MINT_BYTES_WITH_FEES);
    }
    data
}

/// A token account's bytes, likewise.
fn token_account(net: Net, person: u8, tokens: Tokens) -> Vec<u8> {
    let mut data = vec![0; 165];
    data[..32].copy_from_slice(Place::Mint(net).address().as_array());
    data[32..64].copy_from_slice(Place::Person(person).address().as_array());
    data[64..72].copy_from_slice(&tokens.amount.to_le_bytes());
    data[108] = 1;
    if net == Net::Fee {
        // A token account; the extension TransferFeeAmount of 8 bytes.
        data.extend([2, 2, 0, 8, 0]);
        data.extend(tokens.withheld.to_le_bytes());
    }
    data
}

/// What lies in a token account's bytes.
pub fn tokens_in(data: &[u8]) -> Tokens {
    let u64_at = |at: usize| u64::from_le_bytes(data[at..at + 8].try_into().expect("8 bytes"));
    let mut rest = data.get(166..).unwrap_or_default();
    let mut withheld = 0;
    while let [kind, 0, len, 0, more @ ..] = rest {
        if *kind == 2 {
            withheld = u64::from_le_bytes(more[..8].try_into().expect("8 bytes"));
        }
        rest = &more[usize::from(*len)..];
    }
    Tokens { amount: u64_at(64), withheld, is_frozen: data[108] == 2 }
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
fn set_frozen(account: Place, number: u8) -> Option<Instruction> {
    let (Place::Tokens(net, _) | Place::Vault(net)) = account else { return None };
    let accounts = vec![
        AccountMeta::new(account.address(), false),
        AccountMeta::new_readonly(Place::Mint(net).address(), false),
        AccountMeta::new_readonly(FREEZER, true),
    ];
    Some(Instruction { program_id: token_program(net), accounts, data: vec![number] })
}
