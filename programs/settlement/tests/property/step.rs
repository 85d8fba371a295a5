//! The steps of a sequence and the probability of each.
//!
//! Amounts and actors are relative to the state at the time of the step ("everything that is pending",
//! "the settler"), so that a sequence remains meaningful when shrinking removes steps from it.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::PERSON_WITHOUT_LAMPORTS;
use super::account_id::{AccountId, Mint, NODES, Net, PEOPLE, TOKEN_ACCOUNTS_PER_PERSON, owner_of_node};

/// The longest time for which a network may hold withdrawals.
pub(crate) const MAX_PAUSE_SECONDS: u64 = 2_592_000;
/// The rates to which the rent falls one after the other, in lamports per byte. Steps choose among them in any order,
/// so that it rises as well.
const RENT_RATES: [u64; 6] = [6_960, 6_333, 5_080, 2_575, 1_322, 696];

/// A step of a sequence.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub net: Net,
    pub node: u8,
    pub actor: Actor,
    pub action: Action,
    /// How the instruction is corrupted, if at all.
    pub corruption: Option<Corruption>,
}

/// Who acts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Actor {
    /// A person who is authorized; the step is directed to a network or node where it has an effect, if any.
    Authorized,
    Person(u8),
}

/// What a step does.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Create(Parameters),
    Update(Update),
    Propose(Option<u8>),
    Accept,
    SetSettler(Option<u8>),
    SetGuardian(Option<u8>),
    Pause,
    Unpause,
    Migrate,
    Register(Registration),
    Reopen(Registration),
    Close,
    SetDestination(Destination),
    SetThreshold(u64),
    Fund {
        amount: u64,
        /// Whom the funder expects to be the admin, if not the actual one.
        expected_admin: Option<u8>,
    },
    WithdrawSurplus {
        to: Destination,
        amount: Amount,
    },
    Withdraw {
        to: Option<AccountId>,
        amount: Option<Amount>,
    },
    Credit(Vec<Entry>),
    Settle(Vec<Entry>),
    Payout(Vec<Entry>),
    SweepRent(Vec<NodeAccount>),
    TopUpRent(Vec<NodeAccount>),
    RecoverLamports {
        to: AccountId,
    },
    RecoverTreasuryTokens {
        mint: Mint,
        /// Tries it with the token account that holds the network's funds.
        from_vault: bool,
        to: AccountId,
    },
    RecoverNodeTokens {
        mint: Mint,
        to: AccountId,
    },
    SetAside,
    ClaimSetAside {
        to: AccountId,
    },
    CloseNetwork {
        to: AccountId,
        /// Receives the tokens that the treasury still holds.
        tokens_to: Option<AccountId>,
    },
    SweepClosedNetwork {
        accounts: Vec<NodeAccount>,
        /// Who is to receive the lamports, if not the last admin.
        expected_admin: Option<u8>,
    },
    /// Sends the last batch again.
    Resend,
    /// Transfers lamports without the program.
    TransferLamports {
        to: AccountId,
        lamports: u64,
    },
    /// Transfers tokens without the program, from the actor's associated token account.
    TransferTokens {
        to: AccountId,
        amount: u64,
    },
    Freeze(AccountId),
    Thaw(AccountId),
    /// Gives a token account to another person.
    GiveAway {
        account: AccountId,
        to: u8,
    },
    /// Moves the transfer fees withheld in a treasury's token account to the mint.
    Harvest,
    /// Moves the clock by this many seconds.
    AdvanceTime(i64),
    /// Sets the clock, in Unix seconds.
    SetTime(i64),
    /// Sets the rent, in lamports per byte.
    SetRentRate(u64),
    /// Turns the treasury into one with the first layout.
    DowngradeTreasury,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub default_threshold: u64,
    pub per_node_cap: u64,
    pub per_batch_cap: u64,
    pub window_limit: u64,
    pub window_seconds: u64,
    pub max_pending_age: u64,
    pub max_pause_seconds: u64,
}

impl Parameters {
    /// Makes one of the parameters invalid.
    fn invalidate(&mut self, index: Option<u8>) {
        match index {
            Some(0) => self.default_threshold = 0,
            Some(1) => self.per_node_cap = 0,
            Some(2) => self.per_batch_cap = 0,
            Some(3) => self.window_limit = 0,
            Some(4) => self.window_seconds = 0,
            Some(5) => self.max_pending_age = 0,
            Some(6) => self.max_pause_seconds = 0,
            Some(_) => self.max_pause_seconds = MAX_PAUSE_SECONDS + 1,
            None => {}
        }
    }
}

/// New values for some of the [`Parameters`], in the order of its fields.
pub(crate) type Update = [Option<u64>; 7];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Registration {
    /// Signed by the admin instead of the settler, if the actor is authorized.
    pub by_admin: bool,
    pub payer: u8,
    /// Another owner than the one from whose key the wallet's address is derived.
    pub other_owner: Option<AccountId>,
    pub destination: Option<Destination>,
    pub threshold: Option<u64>,
}

/// An account that is to receive a network's funds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Destination {
    /// The person or, in a network that pays in tokens, the token account with this number.
    OfPerson(u8, u8),
    Account(AccountId),
}

impl Destination {
    pub(crate) fn account_id(self, net: Net) -> AccountId {
        match (self, net.mint()) {
            (Self::OfPerson(person, _), None) => AccountId::Person(person),
            (Self::OfPerson(person, number), Some(mint)) => AccountId::TokenAccount(mint, person, number),
            (Self::Account(account_id), _) => account_id,
        }
    }
}

/// An account that is passed as one of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeAccount {
    pub account: EntryWallet,
    pub readonly: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    Exactly(u64),
    /// Everything that is available, and this much more.
    AllPlus(u64),
}

/// An entry of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub wallet: EntryWallet,
    /// The destination of the payout; by default the wallet's.
    pub destination: Option<AccountId>,
    pub target: Target,
    pub wallet_readonly: bool,
    pub destination_readonly: bool,
}

/// The account that an entry passes as its wallet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EntryWallet {
    /// The wallet of a node of the network.
    Node(u8),
    Other(AccountId),
}

/// The cumulative total of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// This much above the credited total.
    Above(u64),
    Total(u64),
    /// This much below `u64::MAX`.
    BelowMax(u64),
}

/// How an instruction is corrupted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Corruption {
    /// No account is a signer.
    Unsigned,
    /// The account at this position is replaced by another.
    Swap { at: u8, with: AccountId },
    /// The last byte of the data is removed.
    CutData,
    /// The last account is removed.
    DropAccount,
    /// An account is added, which only batches reject.
    ExtraAccount(AccountId),
}

pub(crate) fn steps(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), count)
}

fn step() -> impl Strategy<Value = Step> {
    let actor = prop_oneof![9 => Just(Actor::Authorized), 1 => person().prop_map(Actor::Person)];
    let corruption = option::weighted(0.06, corruption());
    (net(), 0..NODES, actor, action(), corruption).prop_map(|(net, node, actor, action, corruption)| Step {
        net,
        node,
        actor,
        action,
        corruption,
    })
}

fn net() -> impl Strategy<Value = Net> {
    prop_oneof![4 => Just(Net::Sol), 2 => Just(Net::OtherSol), 3 => Just(Net::Spl), 3 => Just(Net::Fee)]
}

fn person() -> impl Strategy<Value = u8> {
    0..PEOPLE
}

/// Boxed in parts, like the strategies that it uses, because a single strategy does not fit on a thread's stack.
fn action() -> impl Strategy<Value = Action> {
    let batches = prop_oneof![
        4 => entries(8).prop_map(Action::Credit),
        10 => entries(6).prop_map(Action::Settle),
        3 => entries(6).prop_map(Action::Payout),
        1 => entry().prop_map(|entry| Action::Credit(vec![entry; 61])),
        1 => entry().prop_map(|entry| Action::Settle(vec![entry; 31])),
        1 => entry().prop_map(|entry| Action::Payout(vec![entry; 31])),
        2 => Just(Action::Resend),
    ];
    let funds = prop_oneof![
        4 => (amount(), option::weighted(0.1, person()))
            .prop_map(|(amount, expected_admin)| Action::Fund { amount, expected_admin }),
        1 => (destination(), surplus_amount()).prop_map(|(to, amount)| Action::WithdrawSurplus { to, amount }),
        6 => (option::weighted(0.1, any_account()), option::of(withdrawal_amount()))
            .prop_map(|(to, amount)| Action::Withdraw { to, amount }),
        1 => (any_sol_account(), amount()).prop_map(|(to, lamports)| Action::TransferLamports { to, lamports }),
        1 => (token_account(), amount()).prop_map(|(to, amount)| Action::TransferTokens { to, amount }),
    ];
    let recoveries = prop_oneof![
        6 => node_accounts().prop_map(Action::SweepRent),
        5 => node_accounts().prop_map(Action::TopUpRent),
        2 => person_or_account().prop_map(|to| Action::RecoverLamports { to }),
        3 => (mint(), prop::bool::weighted(0.3), token_account())
            .prop_map(|(mint, from_vault, to)| Action::RecoverTreasuryTokens { mint, from_vault, to: of_mint(to, mint) }),
        3 => (mint(), token_account())
            .prop_map(|(mint, to)| Action::RecoverNodeTokens { mint, to: of_mint(to, mint) }),
        5 => Just(Action::SetAside),
        3 => any_sol_account().prop_map(|to| Action::ClaimSetAside { to }),
        1 => (person_or_account(), option::of(token_account()))
            .prop_map(|(to, tokens_to)| Action::CloseNetwork { to, tokens_to }),
        3 => (node_accounts(), option::weighted(0.1, person()))
            .prop_map(|(accounts, expected_admin)| Action::SweepClosedNetwork { accounts, expected_admin }),
    ];
    let nodes = prop_oneof![
        1 => registration().prop_map(Action::Register),
        3 => registration().prop_map(Action::Reopen),
        3 => Just(Action::Close),
        4 => destination().prop_map(Action::SetDestination),
        2 => threshold().prop_map(Action::SetThreshold),
    ];
    let authorities = prop_oneof![
        2 => (parameters(), option::weighted(0.2, 0..8u8)).prop_map(|(mut parameters, invalid)| {
            parameters.invalidate(invalid);
            Action::Create(parameters)
        }),
        2 => update().prop_map(Action::Update),
        3 => option::weighted(0.8, person()).prop_map(Action::Propose),
        2 => Just(Action::Accept),
        1 => option::weighted(0.9, person()).prop_map(Action::SetSettler),
        1 => option::weighted(0.9, person()).prop_map(Action::SetGuardian),
        3 => Just(Action::Pause),
        3 => Just(Action::Unpause),
    ];
    let environment = prop_oneof![
        20 => (0i64..400).prop_map(Action::AdvanceTime),
        4 => (-400i64..0).prop_map(Action::AdvanceTime),
        1 => prop_oneof![
            6 => Just(1_900_000_000),
            2 => Just(1_700_000_000),
            1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(-1), Just(0)],
        ]
        .prop_map(Action::SetTime),
        4 => rent_rate().prop_map(Action::SetRentRate),
        2 => token_account().prop_map(Action::Freeze),
        3 => token_account().prop_map(Action::Thaw),
        2 => (prop_oneof![owners_account(), token_account()], person())
            .prop_map(|(account, to)| Action::GiveAway { account, to }),
        1 => Just(Action::Harvest),
        2 => Just(Action::DowngradeTreasury),
        5 => Just(Action::Migrate),
    ];
    prop_oneof![
        12 => batches.boxed(),
        6 => funds.boxed(),
        4 => recoveries.boxed(),
        5 => nodes.boxed(),
        3 => authorities.boxed(),
        5 => environment.boxed(),
    ]
    .boxed()
}

/// The rent at the beginning: often the lowest, because a rise leaves accounts short.
pub(crate) fn initial_rent_rate() -> impl Strategy<Value = u64> {
    prop_oneof![2 => rent_rate(), 1 => Just(RENT_RATES[RENT_RATES.len() - 1])]
}

/// A rent in lamports per byte.
fn rent_rate() -> impl Strategy<Value = u64> {
    prop::sample::select(&RENT_RATES[..])
}

/// Amounts below and above the rent of the accounts, among others.
fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(0u64),
        2 => 1u64..10,
        6 => 1u64..3_000_000,
        6 => 1u64..100_000_000,
        1 => 1u64..u64::MAX,
        1 => Just(u64::MAX),
    ]
}

fn withdrawal_amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        3 => (1u64..10_000_000).prop_map(Amount::Exactly),
        3 => Just(Amount::AllPlus(0)),
        1 => Just(Amount::AllPlus(1)),
        1 => amount().prop_map(Amount::Exactly),
    ]
}

/// Rarely the whole surplus, since the network cannot credit anything afterwards.
fn surplus_amount() -> impl Strategy<Value = Amount> {
    prop_oneof![8 => (1u64..10_000_000).prop_map(Amount::Exactly), 2 => withdrawal_amount()]
}

fn limit(max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![20 => 1..max, 2 => Just(u64::MAX), 1 => Just(1u64)]
}

/// Valid parameters of a network.
pub(crate) fn parameters() -> BoxedStrategy<Parameters> {
    (
        prop_oneof![10 => 1..10_000_000u64, 10 => 1..300_000u64, 1 => Just(1u64)],
        limit(20_000_000),
        limit(40_000_000),
        limit(60_000_000),
        prop_oneof![20 => 1u64..2_000, 1 => Just(u64::MAX)],
        prop_oneof![4 => 1u64..1_000, 1 => Just(u64::MAX)],
        prop_oneof![8 => 1u64..300, 1 => Just(MAX_PAUSE_SECONDS)],
    )
        .prop_map(|(threshold, node_cap, batch_cap, limit, seconds, age, pause)| Parameters {
            default_threshold: threshold,
            per_node_cap: node_cap,
            per_batch_cap: batch_cap,
            window_limit: limit,
            window_seconds: seconds,
            max_pending_age: age,
            max_pause_seconds: pause,
        })
        .boxed()
}

fn update() -> BoxedStrategy<Update> {
    let optional = |max| option::weighted(0.3, prop_oneof![20 => limit(max), 1 => Just(0)]);
    (
        optional(4_000_000),
        optional(20_000_000),
        optional(40_000_000),
        optional(60_000_000),
        optional(2_000),
        optional(1_000),
        option::weighted(0.3, prop_oneof![20 => 1u64..300, 1 => Just(MAX_PAUSE_SECONDS + 1)]),
    )
        .prop_map(|(a, b, c, d, e, f, g)| [a, b, c, d, e, f, g])
        .boxed()
}

fn threshold() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0u64..8_000_000, 1 => Just(u64::MAX)]
}

fn registration() -> BoxedStrategy<Registration> {
    let destination = option::weighted(0.4, destination());
    (any::<bool>(), person(), option::weighted(0.08, any_account()), destination, option::weighted(0.2, threshold()))
        .prop_map(|(by_admin, payer, other_owner, destination, threshold)| Registration {
            by_admin,
            payer,
            other_owner,
            destination,
            threshold,
        })
        .boxed()
}

/// The destination that the admin chooses for a node, which often can't be paid.
pub(crate) fn chosen_destination() -> impl Strategy<Value = Destination> {
    let of_other_mint = (person(), 0..TOKEN_ACCOUNTS_PER_PERSON)
        .prop_map(|(person, number)| Destination::Account(AccountId::TokenAccount(Mint::Other, person, number)));
    let new = Just(Destination::OfPerson(PERSON_WITHOUT_LAMPORTS, 0));
    let of_program = prop::sample::select(vec![AccountId::Network(Net::Spl), AccountId::Treasury(Net::Fee)]);
    prop_oneof![
        3 => destination(),
        1 => of_program.prop_map(Destination::Account),
        1 => of_other_mint,
        1 => new,
    ]
}

/// The destination that a node tries to set: usually a person, or for tokens one of a person's token accounts.
fn destination() -> BoxedStrategy<Destination> {
    prop_oneof![
        5 => (person(), 0..TOKEN_ACCOUNTS_PER_PERSON).prop_map(|(person, number)| Destination::OfPerson(person, number)),
        1 => any_account().prop_map(Destination::Account),
        1 => token_account().prop_map(Destination::Account),
    ]
        .boxed()
}

fn person_or_account() -> impl Strategy<Value = AccountId> {
    prop_oneof![3 => person().prop_map(AccountId::Person), 1 => any_account()]
}

fn any_sol_account() -> BoxedStrategy<AccountId> {
    let net = || prop::sample::select(&Net::ALL[..]);
    prop_oneof![
        1 => person().prop_map(AccountId::Person),
        2 => (net(), 0..NODES).prop_map(|(net, node)| AccountId::Wallet(net, node)),
        1 => (net(), 0..NODES).prop_map(|(net, node)| AccountId::Claim(net, node)),
        1 => net().prop_map(AccountId::Treasury),
        1 => net().prop_map(AccountId::Network),
    ]
    .boxed()
}

fn any_account() -> BoxedStrategy<AccountId> {
    prop_oneof![
        5 => any_sol_account(),
        2 => token_account(),
        1 => prop_oneof![Just(AccountId::Incinerator), Just(AccountId::EventAuthority), Just(AccountId::ClockSysvar)],
        1 => mint().prop_map(AccountId::Mint),
    ]
    .boxed()
}

fn mint() -> impl Strategy<Value = Mint> {
    prop_oneof![2 => Just(Mint::Spl), 2 => Just(Mint::Fee), 1 => Just(Mint::Other)]
}

/// The default destination of a node.
fn owners_account() -> impl Strategy<Value = AccountId> {
    (mint(), 0..NODES).prop_map(|(mint, node)| AccountId::TokenAccount(mint, owner_of_node(node), 0))
}

fn token_account() -> BoxedStrategy<AccountId> {
    let any_net = || prop::sample::select(&Net::ALL[..]);
    prop_oneof![
        8 => (mint(), person(), 0..TOKEN_ACCOUNTS_PER_PERSON)
            .prop_map(|(mint, person, number)| AccountId::TokenAccount(mint, person, number)),
        2 => prop_oneof![Just(Net::Spl), Just(Net::Fee)].prop_map(AccountId::Vault),
        1 => (any_net(), mint()).prop_map(|(net, mint)| AccountId::TreasuryTokens(net, mint)),
        1 => (any_net(), mint()).prop_map(|(net, mint)| AccountId::NodeTokens(net, mint)),
    ]
    .boxed()
}

/// The same token account of this mint, if a person's.
fn of_mint(account: AccountId, mint: Mint) -> AccountId {
    match account {
        AccountId::TokenAccount(_, person, number) => AccountId::TokenAccount(mint, person, number),
        _ => account,
    }
}

/// Every node of the network.
fn all_nodes() -> Vec<NodeAccount> {
    (0..NODES).map(|node| NodeAccount { account: EntryWallet::Node(node), readonly: false }).collect()
}

fn node_accounts() -> BoxedStrategy<Vec<NodeAccount>> {
    let account = prop_oneof![
        6 => (0..NODES).prop_map(EntryWallet::Node),
        1 => any_account().prop_map(EntryWallet::Other),
    ];
    let any = (account, prop::bool::weighted(0.1)).prop_map(|(account, readonly)| NodeAccount { account, readonly });
    prop_oneof![3 => Just(all_nodes()), 2 => vec(any, 0..8)].boxed()
}

/// How a network is closed in an orderly way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindDown {
    pub net: Net,
    /// The number of random steps before it.
    pub after: usize,
    /// Whether the rent is at its lowest, so that every account is rent-exempt.
    pub at_lowest_rent: bool,
    /// Whether the owners set destinations that can be paid.
    pub owners_cooperate: bool,
}

pub(crate) fn wind_down(max_steps: usize) -> impl Strategy<Value = Option<WindDown>> {
    let any = (prop::sample::select(&Net::ALL[..]), 0..=max_steps, prop::bool::weighted(0.7), any::<bool>());
    option::weighted(
        0.3,
        any.prop_map(|(net, after, at_lowest_rent, owners_cooperate)| WindDown {
            net,
            after,
            at_lowest_rent,
            owners_cooperate,
        }),
    )
}

impl WindDown {
    /// The steps that pay everyone, close the network and recover what is left of it.
    pub(crate) fn steps(self) -> Vec<Step> {
        let Self { net, at_lowest_rent, owners_cooperate, .. } = self;
        let own = Destination::OfPerson(0, 0);
        let to = AccountId::Person(0);
        let lowest = at_lowest_rent.then_some(Action::SetRentRate(RENT_RATES[RENT_RATES.len() - 1]));
        let mut actions: Vec<_> = lowest.into_iter().map(|action| (0, action)).collect();
        actions.extend([(0, Action::Unpause), (0, Action::Migrate)]);
        let vault = AccountId::Vault(net);
        actions.extend([vault, own.account_id(net)].map(|account| (0, Action::Thaw(account))));
        actions.push((0, Action::TopUpRent(all_nodes())));
        for node in 0..NODES {
            if owners_cooperate {
                actions.push((node, Action::SetDestination(own)));
            }
            actions.push((node, Action::Withdraw { to: None, amount: None }));
            actions.push((node, Action::SetAside));
            actions.push((node, Action::ClaimSetAside { to }));
        }
        actions.extend([
            (0, Action::Close),
            (0, Action::Harvest),
            (0, Action::SweepRent(all_nodes())),
            (0, Action::RecoverLamports { to }),
            (0, Action::CloseNetwork { to, tokens_to: net.mint().map(|_| own.account_id(net)) }),
            (0, Action::SweepClosedNetwork { accounts: all_nodes(), expected_admin: None }),
        ]);
        for mint in Mint::ALL {
            let to = AccountId::TokenAccount(mint, 0, 1);
            actions.push((0, Action::RecoverTreasuryTokens { mint, from_vault: false, to }));
            actions.push((0, Action::RecoverNodeTokens { mint, to }));
        }
        let step = |(node, action)| Step { net, node, actor: Actor::Authorized, action, corruption: None };
        actions.into_iter().map(step).collect()
    }
}

fn entries(max: usize) -> impl Strategy<Value = Vec<Entry>> {
    prop_oneof![30 => vec(entry(), 1..=max), 1 => Just(vec![])]
}

fn entry() -> BoxedStrategy<Entry> {
    let wallet = prop_oneof![
        12 => (0..NODES).prop_map(EntryWallet::Node),
        1 => any_account().prop_map(EntryWallet::Other),
    ];
    let target = prop_oneof![
        8 => (0u64..4_000_000).prop_map(Target::Above),
        4 => (0u64..200_000).prop_map(Target::Above),
        2 => (0u64..100_000_000).prop_map(Target::Above),
        2 => (0u64..10_000_000).prop_map(Target::Total),
        1 => (0u64..3).prop_map(Target::BelowMax),
    ];
    (
        wallet,
        option::weighted(0.12, prop_oneof![any_account(), token_account()]),
        target,
        prop::bool::weighted(0.04),
        prop::bool::weighted(0.04),
    )
        .prop_map(|(wallet, destination, target, wallet_readonly, destination_readonly)| Entry {
            wallet,
            destination,
            target,
            wallet_readonly,
            destination_readonly,
        })
        .boxed()
}

fn corruption() -> impl Strategy<Value = Corruption> {
    prop_oneof![
        2 => Just(Corruption::Unsigned),
        4 => (0u8..14, any_account()).prop_map(|(at, with)| Corruption::Swap { at, with }),
        1 => Just(Corruption::CutData),
        1 => Just(Corruption::DropAccount),
        1 => any_account().prop_map(Corruption::ExtraAccount),
    ]
}
