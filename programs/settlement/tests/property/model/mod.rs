//! The program as its design describes it, in integers and maps: what each instruction does to the
//! books, and when it is refused.
//!
//! Written without the program's rules, so that the two can only agree by being right. Where the
//! runtime has a say, the model says it too: rent, balances, and that a refused instruction changes
//! nothing.

pub mod admin;
pub mod batch;
mod funds;
mod node;

use std::collections::BTreeMap;

use super::place::{Net, PEOPLE, Place};
use super::step::{Amount, At, Entry, Parameters, Registration, Step, Target, What, Who};

/// Bytes of the program's accounts.
pub const NETWORK_BYTES: u64 = 512;
pub const TREASURY_BYTES: u64 = 384;
pub const WALLET_BYTES: u64 = 240;
pub const CLOSED_BYTES: u64 = 16;
/// Of a treasury's token account, as the associated token program opens it.
const VAULT_BYTES: u64 = 165;
const VAULT_BYTES_WITH_FEES: u64 = 182;
/// Of a person's token account, and of the mints.
pub const TOKENS_BYTES: u64 = 165;
pub const TOKENS_BYTES_WITH_FEES: u64 = 178;
pub const MINT_BYTES: u64 = 82;
pub const MINT_BYTES_WITH_FEES: u64 = 278;
/// Bytes that every account pays for beside its own.
const OVERHEAD_BYTES: u64 = 128;

/// What the transfer fee of [`Net::Fee`]'s mint is: ten-thousandths, and base units at most.
pub const FEE_BASIS_POINTS: u16 = 150;
pub const FEE_MOST: u64 = 50_000;

/// An event, as the data of the program's call to itself.
pub type Told = Vec<u8>;

/// An instruction that has to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

pub type Outcome = Result<Vec<Told>, Refused>;

/// The whole small world.
#[derive(Clone, Debug)]
pub struct Model {
    /// Unix seconds.
    pub now: i64,
    /// Lamports per byte.
    pub rate: u64,
    pub lamports: BTreeMap<Place, u64>,
    /// Token accounts.
    pub tokens: BTreeMap<Place, Tokens>,
    pub networks: BTreeMap<Net, Network>,
    /// Nodes that were ever registered.
    pub nodes: BTreeMap<(Net, u8), Node>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub amount: u64,
    /// Fees that lie in the account and are not its owner's.
    pub withheld: u64,
    pub is_frozen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
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
    /// What the treasury knows to lie in its token account.
    pub known_tokens: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    Open(Wallet),
    Closed { total: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wallet {
    pub owner: Place,
    pub destination: Place,
    pub rent_payer: u8,
    pub credited: u64,
    pub paid: u64,
    pub threshold: u64,
    pub oldest_unpaid_at: i64,
    pub last_batch: u64,
}

impl Wallet {
    pub fn pending(&self) -> u64 {
        self.credited - self.paid
    }
}

/// Refuses unless it holds.
fn require(holds: bool) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(Refused) }
}

impl Model {
    /// What a step does, or that it is refused, which changes nothing. Steps that no program has a
    /// say in are the runner's.
    pub fn apply(&mut self, step: &Step) -> Outcome {
        let before = self.clone();
        let outcome = self.run(step).and_then(|told| self.check_rents(&before).map(|()| told));
        if outcome.is_err() {
            *self = before;
        }
        outcome
    }

    fn run(&mut self, step: &Step) -> Outcome {
        let (net, node, actor) = (step.net, step.node, self.actor(step));
        match &step.what {
            What::Create(parameters) => self.create(net, actor, *parameters),
            What::Update(update) => self.update(net, actor, update),
            What::Propose(person) => self.propose(net, actor, *person),
            What::Accept => self.accept(net, actor),
            What::SetSettler(person) => self.set_settler(net, actor, *person),
            What::SetGuardian(person) => self.set_guardian(net, actor, *person),
            What::Pause => self.pause(net, actor),
            What::Unpause => self.unpause(net, actor),
            What::Migrate => self.migrate(net),
            What::Register(registration) => self.register(net, node, actor, registration),
            What::Reopen(registration) => self.reopen(net, node, actor, registration),
            What::Close => self.close(net, node, actor),
            What::SetDestination(place) => self.set_destination(net, node, actor, *place),
            What::SetThreshold(threshold) => self.set_threshold(net, node, actor, *threshold),
            What::Fund(amount) => self.fund(net, actor, *amount),
            What::WithdrawSurplus { to, .. } => self.withdraw_surplus(net, actor, *to, self.asked(step).unwrap_or(0)),
            What::Withdraw { .. } => self.withdraw(net, node, actor, self.paid_to(step), self.asked(step)),
            What::Credit(entries) => self.credit(net, actor, entries),
            What::Settle(entries) => self.settle(net, actor, entries),
            What::Payout(entries) => self.payout(net, entries),
            What::Gift { to, lamports } => self.move_lamports(Place::Person(actor), *to, *lamports).map(|()| vec![]),
            What::TokenGift { to, amount } => {
                self.transfer_tokens(net, Place::Tokens(net, actor), *to, *amount).map(|()| vec![])
            }
            What::Freeze(account) => self.set_frozen(*account, true),
            What::Thaw(account) => self.set_frozen(*account, false),
            What::Again | What::Pass(_) | What::Jump(_) | What::Rent(_) | What::Age => Ok(vec![]),
        }
    }

    /// Who acts in a step.
    pub fn actor(&self, step: &Step) -> u8 {
        let rightful = || {
            let network = self.networks.get(&step.net)?;
            Some(match step.what {
                What::Accept => network.pending_admin?,
                What::Pause => network.guardian,
                What::Register(_) | What::Reopen(_) | What::Credit(_) | What::Settle(_) => network.settler,
                What::Close | What::Withdraw { .. } | What::SetDestination(_) | What::SetThreshold(_) => {
                    match self.wallet(step.net, step.node)?.owner {
                        Place::Person(owner) => owner,
                        _ => return None,
                    }
                }
                What::Fund(_) | What::Gift { .. } | What::TokenGift { .. } => step.node % PEOPLE,
                _ => network.admin,
            })
        };
        match step.who {
            Who::Person(person) => person,
            Who::Rightful => rightful().unwrap_or(0),
        }
    }

    /// The step, turned to where there is something to do for it.
    pub fn aimed(&self, step: &Step) -> Step {
        let mut step = step.clone();
        if matches!(step.who, Who::Person(_)) {
            return step;
        }
        let node = |wanted: fn(&Node) -> bool| {
            let found = |(_, node): &(&(Net, u8), &Node)| wanted(node);
            self.nodes.iter().find(found).map(|(&at, _)| at)
        };
        let net = |wanted: fn(&Network) -> bool| {
            let found = |(_, network): &(&Net, &Network)| wanted(network);
            self.networks.iter().find(found).map(|(&net, _)| (net, step.node))
        };
        let found = match &mut step.what {
            What::Reopen(_) => node(|node| matches!(node, Node::Closed { .. })),
            What::Withdraw { .. } => node(|node| matches!(node, Node::Open(wallet) if wallet.pending() > 0))
                .filter(|_| self.wallet(step.net, step.node).is_none_or(|wallet| wallet.pending() == 0)),
            What::Accept => net(|network| network.pending_admin.is_some()),
            What::Unpause => net(|network| network.is_paused),
            What::Migrate => net(|network| network.treasury_version == 1),
            What::Thaw(account) => {
                let frozen = self.tokens.iter().find(|(_, tokens)| tokens.is_frozen);
                *account = frozen.map_or(*account, |(frozen, _)| *frozen);
                None
            }
            _ => None,
        };
        (step.net, step.node) = found.unwrap_or((step.net, step.node));
        step
    }

    /// The amount that a withdrawal asks for.
    pub fn asked(&self, step: &Step) -> Option<u64> {
        let (amount, all) = match step.what {
            What::Withdraw { amount, .. } => (amount?, self.wallet(step.net, step.node).map_or(0, |w| w.pending())),
            What::WithdrawSurplus { amount, .. } => (amount, self.surplus(step.net)),
            _ => return None,
        };
        Some(match amount {
            Amount::Exactly(amount) => amount,
            Amount::AllAnd(more) => all.saturating_add(more),
        })
    }

    /// The account that a withdrawal goes to.
    pub fn paid_to(&self, step: &Step) -> Place {
        match step.what {
            What::Withdraw { to: Some(to), .. } => to,
            _ => self.named_by(step.net, Place::Wallet(step.net, step.node)),
        }
    }

    /// The account that a wallet's payouts are meant for: for tokens, the token account of the
    /// person that it names.
    fn named_by(&self, net: Net, wallet: Place) -> Place {
        let destination = match wallet {
            Place::Wallet(of, node) => self.wallet(of, node).map(|wallet| wallet.destination),
            _ => None,
        };
        match destination.unwrap_or(Place::Person(0)) {
            Place::Person(person) if !net.pays_in_sol() => Place::Tokens(net, person),
            place => place,
        }
    }

    /// The same batch, with everything that is said by relation said in numbers.
    pub fn in_numbers(&self, net: Net, entries: &[Entry]) -> Vec<Entry> {
        let numbers = |entry: &Entry| {
            let wallet = entry.wallet.place(net);
            let credited = match wallet {
                Place::Wallet(of, node) => self.credited(of, node),
                _ => 0,
            };
            let target = match entry.target {
                Target::Above(more) => credited.saturating_add(more),
                Target::Total(total) => total,
                Target::BelowMax(less) => u64::MAX - less,
            };
            let destination = entry.destination.unwrap_or_else(|| self.named_by(net, wallet));
            Entry { target: Target::Total(target), destination: Some(destination), ..*entry }
        };
        entries.iter().map(numbers).collect()
    }

    /// Base units ever credited to a node, closed or not.
    pub fn credited(&self, net: Net, node: u8) -> u64 {
        match self.nodes.get(&(net, node)) {
            Some(Node::Open(wallet)) => wallet.credited,
            Some(Node::Closed { total }) => *total,
            None => 0,
        }
    }

    pub fn wallet(&self, net: Net, node: u8) -> Option<&Wallet> {
        match self.nodes.get(&(net, node)) {
            Some(Node::Open(wallet)) => Some(wallet),
            _ => None,
        }
    }

    fn wallet_mut(&mut self, net: Net, node: u8) -> Result<&mut Wallet, Refused> {
        match self.nodes.get_mut(&(net, node)) {
            Some(Node::Open(wallet)) => Ok(wallet),
            _ => Err(Refused),
        }
    }

    fn network(&mut self, net: Net) -> Result<&mut Network, Refused> {
        self.networks.get_mut(&net).ok_or(Refused)
    }

    /// A network whose treasury is of the newest layout.
    fn current(&mut self, net: Net) -> Result<&mut Network, Refused> {
        let network = self.network(net)?;
        require(network.treasury_version == 2)?;
        Ok(network)
    }

    /// The same, and not paused.
    fn in_service(&mut self, net: Net) -> Result<&mut Network, Refused> {
        let network = self.current(net)?;
        require(!network.is_paused)?;
        Ok(network)
    }

    pub fn lamports(&self, place: Place) -> u64 {
        self.lamports.get(&place).copied().unwrap_or(0)
    }

    /// Lamports that an account of so many bytes has to hold.
    pub fn minimum(&self, bytes: u64) -> u64 {
        self.rate * (OVERHEAD_BYTES + bytes)
    }

    /// Bytes of the data that lie there.
    pub fn bytes(&self, place: Place) -> u64 {
        match place {
            Place::Network(net) if self.networks.contains_key(&net) => NETWORK_BYTES,
            Place::Treasury(net) if self.networks.contains_key(&net) => TREASURY_BYTES,
            Place::Vault(net) if self.tokens.contains_key(&place) => vault_bytes(net),
            Place::Tokens(net, _) if self.tokens.contains_key(&place) => match net {
                Net::Fee => TOKENS_BYTES_WITH_FEES,
                _ => TOKENS_BYTES,
            },
            Place::Mint(Net::Fee) => MINT_BYTES_WITH_FEES,
            Place::Mint(_) => MINT_BYTES,
            Place::Wallet(net, node) => match self.nodes.get(&(net, node)) {
                Some(Node::Open(_)) => WALLET_BYTES,
                Some(Node::Closed { .. }) => CLOSED_BYTES,
                None => 0,
            },
            _ => 0,
        }
    }

    /// Whether the account belongs to the program.
    fn is_programs(&self, place: Place) -> bool {
        match place {
            Place::Network(net) | Place::Treasury(net) => self.networks.contains_key(&net),
            Place::Wallet(net, node) => self.nodes.contains_key(&(net, node)),
            _ => false,
        }
    }

    fn take(&mut self, from: Place, lamports: u64) -> Result<(), Refused> {
        let left = self.lamports(from).checked_sub(lamports).ok_or(Refused)?;
        self.lamports.insert(from, left);
        Ok(())
    }

    fn give(&mut self, to: Place, lamports: u64) -> Result<(), Refused> {
        let sum = self.lamports(to).checked_add(lamports).ok_or(Refused)?;
        self.lamports.insert(to, sum);
        Ok(())
    }

    fn move_lamports(&mut self, from: Place, to: Place, lamports: u64) -> Result<(), Refused> {
        self.take(from, lamports)?;
        self.give(to, lamports)
    }

    /// Has `payer` bring an account up to what so many bytes need.
    fn pay_rent(&mut self, payer: Place, account: Place, bytes: u64) -> Result<(), Refused> {
        let missing = self.minimum(bytes).saturating_sub(self.lamports(account));
        self.move_lamports(payer, account, missing)
    }

    /// The runtime's rule: an account holds its rent, or nothing, or it did not before either and
    /// got no more.
    fn check_rents(&self, before: &Self) -> Result<(), Refused> {
        for (&place, &lamports) in &self.lamports {
            let (bytes, had_bytes, had) = (self.bytes(place), before.bytes(place), before.lamports(place));
            let was_short = had > 0 && had < self.minimum(had_bytes);
            let stays_short = was_short && bytes == had_bytes && lamports <= had;
            require(lamports == 0 || lamports >= self.minimum(bytes) || stays_short)?;
        }
        Ok(())
    }
}

fn vault_bytes(net: Net) -> u64 {
    if net == Net::Fee { VAULT_BYTES_WITH_FEES } else { VAULT_BYTES }
}

impl At {
    pub fn place(self, net: Net) -> Place {
        match self {
            Self::Node(node) => Place::Wallet(net, node),
            Self::Elsewhere(place) => place,
        }
    }
}

/// Whether a node may name the place as its owner or destination.
fn is_payable(place: Place, net: Net, node: u8) -> bool {
    let own = [Place::Network(net), Place::Treasury(net), Place::Wallet(net, node)];
    !place.is_reserved() && !own.contains(&place)
}

impl Registration {
    fn destination(&self) -> Place {
        self.destination.unwrap_or(self.owner)
    }
}
