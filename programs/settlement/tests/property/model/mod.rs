//! A model of the program in integers and maps, according to its design: how each instruction changes
//! the state, and when it is rejected.
//!
//! It does not use the program's rules, so that an error in them cannot go unnoticed. It includes what
//! the runtime enforces: balances, rent as LiteSVM does (see [`Model::check_rents`]), and that a rejected instruction
//! changes nothing.

pub(crate) mod admin;
pub(crate) mod batch;
mod funds;
mod node;
mod recovery;

use std::collections::BTreeMap;

use anchor_lang::Event;
use anchor_lang::prelude::Pubkey;
use settlement::events::BatchSettled;
use settlement::state::DestinationSource;
use sha2::{Digest, Sha256};

use super::account_id::{AccountId, Mint, NODE_WITH_TOKENS, NODES, Net, PEOPLE, owner_of_node};
use super::event::EventData;
use super::step::{Action, Actor, Amount, Entry, EntryWallet, Parameters, Step, Target};

/// Sizes of the program's accounts, in bytes.
pub(crate) const NETWORK_BYTES: u64 = 512;
pub(crate) const TREASURY_BYTES: u64 = 384;
pub(crate) const WALLET_BYTES: u64 = 200;
pub(crate) const CLOSED_NODE_BYTES: u64 = 48;
pub(crate) const CLOSED_NETWORK_BYTES: u64 = 48;
/// Sizes of the treasury's token account, as the associated token program creates it.
const VAULT_BYTES: u64 = 165;
const VAULT_BYTES_WITH_FEES: u64 = 182;
/// Sizes of a person's token account and of the mints.
pub(crate) const TOKEN_ACCOUNT_BYTES: u64 = 165;
pub(crate) const TOKEN_ACCOUNT_BYTES_WITH_FEES: u64 = 178;
pub(crate) const MINT_BYTES: u64 = 82;
pub(crate) const MINT_BYTES_WITH_FEES: u64 = 278;
/// Bytes of overhead that rent is charged for with every account.
const OVERHEAD_BYTES: u64 = 128;

/// The transfer fee of [`Net::Fee`]'s mint: the rate in basis points, and the maximum in base units.
pub(crate) const FEE_BASIS_POINTS: u16 = 150;
pub(crate) const MAX_FEE: u64 = 50_000;

/// Decimals of all mints.
pub(crate) const DECIMALS: u8 = 6;

/// Why nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// The instruction fails.
    ByInstruction,
    /// The instruction succeeds, but LiteSVM rejects the balances that it leaves.
    ByRentRule,
}

pub(crate) type Outcome = Result<Vec<EventData>, Rejected>;

/// The state of the whole simulation.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The current time, in Unix seconds.
    pub now: i64,
    /// The rent, in lamports per byte.
    pub rent_rate: u64,
    pub lamports: BTreeMap<AccountId, u64>,
    /// All token accounts.
    pub tokens: BTreeMap<AccountId, TokenAccount>,
    /// All open networks.
    pub networks: BTreeMap<Net, Network>,
    /// All closed networks, with their last admins.
    pub closed_networks: BTreeMap<Net, u8>,
    /// All nodes that were ever registered, except those that were swept after their network was closed.
    pub nodes: BTreeMap<(Net, u8), Node>,
    /// Transfer fees that were moved from token accounts to [`Mint::Fee`].
    pub harvested: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenAccount {
    pub owner: AccountId,
    pub amount: u64,
    /// Withheld transfer fees, which do not belong to the owner.
    pub withheld: u64,
    pub is_frozen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    pub admin: u8,
    pub pending_admin: Option<u8>,
    pub settler: u8,
    pub guardian: u8,
    pub created_at: i64,
    pub parameters: Parameters,
    pub treasury_version: u8,
    pub is_paused: bool,
    pub window_used: u64,
    pub window_updated_at: i64,
    pub credited: u64,
    pub paid: u64,
    pub funded: u64,
    pub withdrawn: u64,
    pub batches: u64,
    /// The balance of the treasury's token account, as far as the program knows it.
    pub token_balance: u64,
    /// The time from which owners can withdraw even if the network is paused.
    pub hold_until: i64,
    /// Hash over every event that moved funds, and their number.
    pub history_hash: [u8; 32],
    pub history_count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Open(Wallet),
    Closed { total: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wallet {
    pub destination: AccountId,
    pub credited: u64,
    pub paid: u64,
    pub threshold: u64,
    pub oldest_unpaid_at: i64,
    pub last_batch: u64,
    pub destination_source: DestinationSource,
}

impl Wallet {
    pub(crate) fn pending(&self) -> u64 {
        self.credited - self.paid
    }
}

/// Rejects the instruction unless the condition holds.
fn require(condition: bool) -> Result<(), Rejected> {
    if condition { Ok(()) } else { Err(Rejected::ByInstruction) }
}

/// The value, or the instruction is rejected.
fn some<T>(value: Option<T>) -> Result<T, Rejected> {
    value.ok_or(Rejected::ByInstruction)
}

fn key(person: u8) -> Pubkey {
    AccountId::Person(person).address()
}

impl Model {
    /// Applies the instruction of a step. If it is rejected, nothing changes. Steps without an instruction are
    /// handled by the caller.
    pub(crate) fn apply(&mut self, step: &Step) -> Outcome {
        let before = self.clone();
        let outcome = self.execute(step).and_then(|events| self.check_rents(&before).map(|()| events));
        if outcome.is_err() {
            *self = before;
        }
        outcome
    }

    fn execute(&mut self, step: &Step) -> Outcome {
        let (net, node, actor) = (step.net, step.node, self.actor(step));
        match &step.action {
            Action::Create(parameters) => self.create(net, actor, *parameters),
            Action::Update(update) => self.update(net, actor, update),
            Action::Propose(person) => self.propose(net, actor, *person),
            Action::Accept => self.accept(net, actor),
            Action::SetSettler(person) => self.set_settler(net, actor, *person),
            Action::SetGuardian(person) => self.set_guardian(net, actor, *person),
            Action::Pause => self.pause(net, actor),
            Action::Unpause => self.unpause(net, actor),
            Action::Migrate => self.migrate(net),
            Action::Register(registration) => self.register(net, node, actor, registration),
            Action::Reopen(registration) => self.reopen(net, node, actor, registration),
            Action::Close => self.close(net, node, actor),
            Action::SetDestination(to) => self.set_destination(net, node, actor, to.account_id(net)),
            Action::SetThreshold(threshold) => self.set_threshold(net, node, actor, *threshold),
            Action::Fund { amount, expected_admin } => self.fund(net, actor, *amount, *expected_admin),
            Action::WithdrawSurplus { to, .. } => {
                self.withdraw_surplus(net, actor, to.account_id(net), self.requested_amount(step).unwrap_or(0))
            }
            Action::Withdraw { .. } => {
                self.withdraw(net, node, actor, self.payout_account(step), self.requested_amount(step))
            }
            Action::Credit(entries) => self.credit(net, actor, entries),
            Action::Settle(entries) => self.settle(net, actor, entries),
            Action::Payout(entries) => self.payout(net, entries),
            Action::SweepRent(accounts) => self.sweep_rent(net, accounts),
            Action::TopUpRent(accounts) => self.top_up_rent(net, actor, accounts),
            Action::RecoverLamports { to } => self.recover_lamports(net, actor, *to),
            Action::RecoverTreasuryTokens { mint, from_vault, to } => {
                let mint = net.mint().filter(|_| *from_vault).unwrap_or(*mint);
                self.recover_treasury_tokens(net, actor, mint, self.recovered_account(step), *to)
            }
            Action::RecoverNodeTokens { mint, to } => {
                self.recover_node_tokens(net, node, actor, *mint, self.recovered_account(step), *to)
            }
            Action::SetAside => self.set_aside(net, node, actor),
            Action::ClaimSetAside { to } => self.claim_set_aside(net, node, actor, *to),
            Action::CloseNetwork { to, tokens_to } => self.close_network(net, actor, *to, *tokens_to),
            Action::SweepClosedNetwork { accounts, expected_admin } => {
                self.sweep_closed_network(net, accounts, *expected_admin)
            }
            Action::TransferLamports { to, lamports } => {
                self.move_lamports(AccountId::Person(actor), *to, *lamports).map(|()| vec![])
            }
            Action::TransferTokens { to, amount } => {
                let mint = some(to.mint())?;
                let transfer = (AccountId::TokenAccount(mint, actor, 0), *to);
                self.transfer_tokens(mint, transfer, AccountId::Person(actor), *amount).map(|()| vec![])
            }
            Action::Freeze(account) => self.set_frozen(*account, true),
            Action::Thaw(account) => self.set_frozen(*account, false),
            Action::GiveAway { account, to } => self.give_away(*account, actor, *to),
            Action::Harvest => self.harvest(net),
            Action::Resend
            | Action::AdvanceTime(_)
            | Action::SetTime(_)
            | Action::SetRentRate(_)
            | Action::DowngradeTreasury => Ok(vec![]),
        }
    }

    /// The admin of a network that is open or closed; of others, whoever can create it.
    pub(crate) fn admin(&self, net: Net) -> u8 {
        let open = self.networks.get(&net).map(|network| network.admin);
        open.or(self.closed_networks.get(&net).copied()).unwrap_or(net.creator())
    }

    /// The person who acts in a step.
    pub(crate) fn actor(&self, step: &Step) -> u8 {
        let network = self.networks.get(&step.net);
        let authorized = || match step.action {
            Action::Accept => network?.pending_admin,
            Action::Pause => Some(network?.guardian),
            Action::Register(registration) | Action::Reopen(registration) if registration.by_admin => None,
            Action::Register(_) | Action::Reopen(_) | Action::Credit(_) | Action::Settle(_) | Action::TopUpRent(_) => {
                Some(network?.settler)
            }
            Action::Close
            | Action::Withdraw { .. }
            | Action::SetDestination(_)
            | Action::SetThreshold(_)
            | Action::ClaimSetAside { .. }
            | Action::RecoverNodeTokens { .. } => Some(owner_of_node(step.node)),
            Action::Fund { .. } | Action::TransferLamports { .. } | Action::TransferTokens { .. } => {
                Some(step.node % PEOPLE)
            }
            Action::GiveAway { account, .. } => match self.tokens.get(&account)?.owner {
                AccountId::Person(owner) => Some(owner),
                _ => None,
            },
            _ => None,
        };
        match step.actor {
            Actor::Person(person) => person,
            Actor::Authorized => authorized().unwrap_or(self.admin(step.net)),
        }
    }

    /// Directs the step to a network or node where it has an effect, if it has none where it is directed to. Also done for
    /// hostile actors where there is rarely anything to take.
    pub(crate) fn retargeted(&self, step: &Step) -> Step {
        let mut step = step.clone();
        let is_rare = matches!(step.action, Action::ClaimSetAside { .. } | Action::SetAside | Action::TopUpRent(_));
        if matches!(step.actor, Actor::Person(_)) && !is_rare {
            return step;
        }
        let node = |wanted: fn(&Node) -> bool| {
            let found = |(at, node): &(&(Net, u8), &Node)| wanted(node) && self.networks.contains_key(&at.0);
            let is_here = self.nodes.get(&(step.net, step.node)).is_some_and(wanted);
            self.nodes.iter().find(found).filter(|_| !is_here).map(|(&at, _)| at)
        };
        let net = |wanted: fn(&Network) -> bool| {
            let found = |(_, network): &(&Net, &Network)| wanted(network);
            let is_here = self.networks.get(&step.net).is_some_and(wanted);
            self.networks.iter().find(found).filter(|_| !is_here).map(|(&net, _)| (net, step.node))
        };
        let found = match &mut step.action {
            Action::Reopen(_) => node(|node| matches!(node, Node::Closed { .. })),
            Action::Withdraw { .. } => node(|node| matches!(node, Node::Open(wallet) if wallet.pending() > 0)),
            Action::Accept => net(|network| network.pending_admin.is_some()),
            Action::Unpause => net(|network| network.is_paused),
            Action::Migrate => net(|network| network.treasury_version == 1),
            Action::Thaw(account) => {
                let frozen = self.tokens.iter().find(|(_, tokens)| tokens.is_frozen);
                let is_here = self.tokens.get(account).is_some_and(|tokens| tokens.is_frozen);
                *account = frozen.filter(|_| !is_here).map_or(*account, |(frozen, _)| *frozen);
                None
            }
            Action::TopUpRent(_) => {
                let is_short = |net: &Net| (0..NODES).any(|node| self.lacks_rent(*net, node));
                let short = Net::ALL.into_iter().find(is_short).filter(|_| !is_short(&step.net));
                short.map(|net| (net, step.node))
            }
            Action::RecoverNodeTokens { .. } => Some((step.net, NODE_WITH_TOKENS)),
            Action::SetAside => {
                let is_stuck = |at: &(Net, u8)| {
                    let pending = self.wallet(at.0, at.1).map_or(0, |wallet| wallet.pending());
                    pending > 0 && self.is_unpayable(at.0, at.1)
                };
                let stuck = self.nodes.keys().copied().find(is_stuck);
                stuck.filter(|_| !is_stuck(&(step.net, step.node)))
            }
            Action::ClaimSetAside { .. } => {
                let has_claim = |at: &(Net, u8)| self.lamports(AccountId::Claim(at.0, at.1)) > 0;
                let found = self.nodes.keys().copied().find(has_claim);
                found.filter(|_| !has_claim(&(step.net, step.node)))
            }
            Action::SweepClosedNetwork { .. } => {
                let closed = self.closed_networks.first_key_value().map(|(&net, _)| (net, step.node));
                closed.filter(|_| !self.closed_networks.contains_key(&step.net))
            }
            _ => None,
        };
        (step.net, step.node) = found.unwrap_or((step.net, step.node));
        step
    }

    /// The amount that a withdrawal requests.
    pub(crate) fn requested_amount(&self, step: &Step) -> Option<u64> {
        let (amount, all) = match step.action {
            Action::Withdraw { amount, .. } => (amount?, self.wallet(step.net, step.node).map_or(0, |w| w.pending())),
            Action::WithdrawSurplus { amount, .. } => (amount, self.surplus(step.net)),
            _ => return None,
        };
        Some(match amount {
            Amount::Exactly(amount) => amount,
            Amount::AllPlus(extra) => all.saturating_add(extra),
        })
    }

    /// The account that a withdrawal pays to.
    pub(crate) fn payout_account(&self, step: &Step) -> AccountId {
        match step.action {
            Action::Withdraw { to: Some(to), .. } => to,
            _ => self.destination_account(AccountId::Wallet(step.net, step.node)),
        }
    }

    /// The account that receives a wallet's payouts.
    fn destination_account(&self, wallet: AccountId) -> AccountId {
        let wallet = match wallet {
            AccountId::Wallet(net, node) => self.wallet(net, node),
            _ => None,
        };
        wallet.map_or(AccountId::Person(0), |wallet| wallet.destination)
    }

    /// The token account that a step recovers tokens from.
    pub(crate) fn recovered_account(&self, step: &Step) -> AccountId {
        match step.action {
            Action::RecoverTreasuryTokens { from_vault: true, .. } if !step.net.pays_in_sol() => {
                AccountId::Vault(step.net)
            }
            Action::RecoverNodeTokens { mint, .. } => AccountId::NodeTokens(step.net, mint),
            Action::RecoverTreasuryTokens { mint, .. } => AccountId::TreasuryTokens(step.net, mint),
            _ => AccountId::Treasury(step.net),
        }
    }

    /// Replaces relative amounts and default destinations of a batch with absolute values.
    pub(crate) fn with_absolute_totals(&self, net: Net, entries: &[Entry]) -> Vec<Entry> {
        let absolute = |entry: &Entry| {
            let wallet = entry.wallet.account_id(net);
            let credited = match wallet {
                AccountId::Wallet(of, node) => self.credited(of, node),
                _ => 0,
            };
            let target = match entry.target {
                Target::Above(more) => credited.saturating_add(more),
                Target::Total(total) => total,
                Target::BelowMax(less) => u64::MAX - less,
            };
            let destination = entry.destination.unwrap_or_else(|| self.destination_account(wallet));
            Entry { target: Target::Total(target), destination: Some(destination), ..*entry }
        };
        entries.iter().map(absolute).collect()
    }

    /// The total credited to a node, whether it is open or closed.
    pub(crate) fn credited(&self, net: Net, node: u8) -> u64 {
        match self.nodes.get(&(net, node)) {
            Some(Node::Open(wallet)) => wallet.credited,
            Some(Node::Closed { total }) => *total,
            None => 0,
        }
    }

    pub(crate) fn wallet(&self, net: Net, node: u8) -> Option<&Wallet> {
        match self.nodes.get(&(net, node)) {
            Some(Node::Open(wallet)) => Some(wallet),
            _ => None,
        }
    }

    /// Whether a wallet that pays in lamports can't pay all that is pending, because of its rent.
    fn lacks_rent(&self, net: Net, node: u8) -> bool {
        let pending = self.wallet(net, node).filter(|_| net.pays_in_sol()).map_or(0, |wallet| wallet.pending());
        let held = self.lamports(AccountId::Wallet(net, node));
        pending > 0 && held < self.rent_minimum(WALLET_BYTES) + pending
    }

    fn wallet_mut(&mut self, net: Net, node: u8) -> Result<&mut Wallet, Rejected> {
        match self.nodes.get_mut(&(net, node)) {
            Some(Node::Open(wallet)) => Ok(wallet),
            _ => Err(Rejected::ByInstruction),
        }
    }

    fn network(&mut self, net: Net) -> Result<&mut Network, Rejected> {
        some(self.networks.get_mut(&net))
    }

    /// A network whose treasury has the latest layout.
    fn migrated_network(&mut self, net: Net) -> Result<&mut Network, Rejected> {
        let network = self.network(net)?;
        require(network.treasury_version == 2)?;
        Ok(network)
    }

    /// A network that is also not paused.
    fn active_network(&mut self, net: Net) -> Result<&mut Network, Rejected> {
        let network = self.migrated_network(net)?;
        require(!network.is_paused)?;
        Ok(network)
    }

    pub(crate) fn lamports(&self, account_id: AccountId) -> u64 {
        self.lamports.get(&account_id).copied().unwrap_or(0)
    }

    /// The rent minimum of an account of this size.
    pub(crate) fn rent_minimum(&self, bytes: u64) -> u64 {
        self.rent_rate * (OVERHEAD_BYTES + bytes)
    }

    /// The size of an account's data.
    pub(crate) fn bytes(&self, account_id: AccountId) -> u64 {
        match account_id {
            AccountId::Network(net) if self.networks.contains_key(&net) => NETWORK_BYTES,
            AccountId::Network(net) if self.closed_networks.contains_key(&net) => CLOSED_NETWORK_BYTES,
            AccountId::Treasury(net) if self.networks.contains_key(&net) => TREASURY_BYTES,
            AccountId::Vault(net) if self.tokens.contains_key(&account_id) => vault_bytes(net),
            AccountId::Mint(Mint::Fee) => MINT_BYTES_WITH_FEES,
            AccountId::Mint(_) => MINT_BYTES,
            _ if self.tokens.contains_key(&account_id) => match account_id.mint() {
                Some(Mint::Fee) => TOKEN_ACCOUNT_BYTES_WITH_FEES,
                _ => TOKEN_ACCOUNT_BYTES,
            },
            AccountId::Wallet(net, node) => match self.nodes.get(&(net, node)) {
                Some(Node::Open(_)) => WALLET_BYTES,
                Some(Node::Closed { .. }) => CLOSED_NODE_BYTES,
                None => 0,
            },
            _ => 0,
        }
    }

    /// Whether the account is owned by the program.
    fn is_owned_by_program(&self, account_id: AccountId) -> bool {
        match account_id {
            AccountId::Network(net) => self.networks.contains_key(&net) || self.closed_networks.contains_key(&net),
            AccountId::Treasury(net) => self.networks.contains_key(&net),
            AccountId::Wallet(net, node) => self.nodes.contains_key(&(net, node)),
            _ => false,
        }
    }

    fn remove_lamports(&mut self, from: AccountId, lamports: u64) -> Result<(), Rejected> {
        let left = some(self.lamports(from).checked_sub(lamports))?;
        self.lamports.insert(from, left);
        Ok(())
    }

    fn add_lamports(&mut self, to: AccountId, lamports: u64) -> Result<(), Rejected> {
        let sum = some(self.lamports(to).checked_add(lamports))?;
        self.lamports.insert(to, sum);
        Ok(())
    }

    fn move_lamports(&mut self, from: AccountId, to: AccountId, lamports: u64) -> Result<(), Rejected> {
        self.remove_lamports(from, lamports)?;
        self.add_lamports(to, lamports)
    }

    /// Transfers what an account of this size lacks to its rent minimum from `payer`.
    fn pay_rent(&mut self, payer: AccountId, account: AccountId, bytes: u64) -> Result<(), Rejected> {
        let missing = self.rent_minimum(bytes).saturating_sub(self.lamports(account));
        self.move_lamports(payer, account, missing)
    }

    /// LiteSVM's rule: an account must be empty or rent-exempt, unless it was not rent-exempt before, kept its size and
    /// its balance did not increase.
    ///
    /// The program follows SIMD-0392, by which accounts that are not rent-exempt may also receive lamports or change
    /// their size. LiteSVM rejects that. Such steps have no effect here, as on a cluster without SIMD-0392.
    fn check_rents(&self, before: &Self) -> Result<(), Rejected> {
        for (&account_id, &lamports) in &self.lamports {
            let (bytes, had_bytes, had) =
                (self.bytes(account_id), before.bytes(account_id), before.lamports(account_id));
            let was_short = had > 0 && had < self.rent_minimum(had_bytes);
            let stays_short = was_short && bytes == had_bytes && lamports <= had;
            if lamports > 0 && lamports < self.rent_minimum(bytes) && !stays_short {
                return Err(Rejected::ByRentRule);
            }
        }
        Ok(())
    }

    /// Adds an event to a network's history, and returns it as emitted by a call.
    fn recorded_call(&mut self, net: Net, event: &impl Event) -> Outcome {
        self.network(net)?.record(&event.data());
        Ok(vec![EventData::call(event)])
    }

    /// Adds the event of a batch to a network's history, and returns it as emitted by a log.
    fn recorded_log(&mut self, net: Net, event: &BatchSettled) -> Outcome {
        self.network(net)?.record(&event.data());
        Ok(vec![EventData::log(event)])
    }
}

impl Network {
    fn record(&mut self, event: &[u8]) {
        self.history_hash = Sha256::digest([&self.history_hash, event].concat()).into();
        self.history_count += 1;
    }
}

fn vault_bytes(net: Net) -> u64 {
    if net == Net::Fee { VAULT_BYTES_WITH_FEES } else { VAULT_BYTES }
}

impl EntryWallet {
    pub(crate) fn account_id(self, net: Net) -> AccountId {
        match self {
            Self::Node(node) => AccountId::Wallet(net, node),
            Self::Other(account_id) => account_id,
        }
    }
}

/// Whether a node may use the account as its owner or destination.
fn is_payable(account_id: AccountId, net: Net, node: u8) -> bool {
    let own = [AccountId::Network(net), AccountId::Treasury(net), AccountId::Wallet(net, node), AccountId::Vault(net)];
    !account_id.is_reserved() && !own.contains(&account_id)
}

/// An event without a place in the history.
fn unrecorded(event: &impl Event) -> Outcome {
    Ok(vec![EventData::call(event)])
}
