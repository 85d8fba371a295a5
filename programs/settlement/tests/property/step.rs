//! What may happen next, and how likely it is.
//!
//! Steps name amounts and actors by their relation to the world at that moment ("all that is
//! pending", "the settler"), so that a sequence still means something after shrinking took steps
//! out of it.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::place::{NODES, Net, PEOPLE, Place};

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Step {
    pub net: Net,
    pub node: u8,
    pub who: Who,
    pub what: What,
    /// How the instruction is spoiled on its way.
    pub spoil: Option<Spoil>,
}

/// Who acts.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// Whoever may, and where there is something to do, if there is.
    Rightful,
    Person(u8),
}

/// What happens.
#[derive(Clone, Debug)]
pub enum What {
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
    SetDestination(Place),
    SetThreshold(u64),
    Fund(u64),
    WithdrawSurplus {
        to: Place,
        amount: Amount,
    },
    Withdraw {
        to: Option<Place>,
        amount: Option<Amount>,
    },
    Credit(Vec<Entry>),
    Settle(Vec<Entry>),
    Payout(Vec<Entry>),
    /// The last `credit` or `settle` once more.
    Again,
    /// A plain transfer of lamports.
    Gift {
        to: Place,
        lamports: u64,
    },
    /// A plain transfer of the network's tokens.
    TokenGift {
        to: Place,
        amount: u64,
    },
    Freeze(Place),
    Thaw(Place),
    /// The clock moves by so many seconds.
    Pass(i64),
    /// The clock is set.
    Jump(i64),
    /// The rate of rent is set, in lamports per byte.
    Rent(u64),
    /// The treasury turns out to be of the first layout.
    Age,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    pub default_threshold: u64,
    pub per_node_cap: u64,
    pub per_batch_cap: u64,
    pub window_limit: u64,
    pub window_seconds: u64,
    pub max_pending_age: u64,
}

impl Parameters {
    /// Makes one of them zero, which no network can run with.
    fn forget(&mut self, which: Option<u8>) {
        match which {
            Some(0) => self.default_threshold = 0,
            Some(1) => self.per_node_cap = 0,
            Some(2) => self.per_batch_cap = 0,
            Some(3) => self.window_limit = 0,
            Some(4) => self.window_seconds = 0,
            Some(_) => self.max_pending_age = 0,
            None => {}
        }
    }
}

/// The same, of which some are left out.
pub type Update = [Option<u64>; 6];

#[derive(Clone, Copy, Debug)]
pub struct Registration {
    pub payer: u8,
    pub owner: Place,
    pub destination: Option<Place>,
    pub threshold: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub enum Amount {
    Exactly(u64),
    /// All there is to take, and so many more.
    AllAnd(u64),
}

/// One entry of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub wallet: At,
    /// Where the payout goes; where the wallet says when left out.
    pub destination: Option<Place>,
    pub target: Target,
    pub wallet_readonly: bool,
    pub destination_readonly: bool,
}

/// What an entry passes as its wallet account.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// The wallet account of one of the network's own nodes.
    Node(u8),
    Elsewhere(Place),
}

/// An entry's cumulative total.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// So much above what is credited.
    Above(u64),
    Total(u64),
    /// So much below 2^64 - 1.
    BelowMax(u64),
}

/// How an instruction is spoiled.
#[derive(Clone, Copy, Debug)]
pub enum Spoil {
    /// Nobody signs.
    Unsigned,
    /// Another account in an account's place.
    Swap { at: u8, with: Place },
    /// The last byte of the data is missing.
    CutData,
    /// The last account is missing.
    DropAccount,
    /// An account too many, which only batches mind.
    ExtraAccount(Place),
}

pub fn steps(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), count)
}

fn step() -> impl Strategy<Value = Step> {
    let who = prop_oneof![9 => Just(Who::Rightful), 1 => person().prop_map(Who::Person)];
    let spoil = option::weighted(0.06, spoil());
    (net(), 0..NODES, who, what(), spoil).prop_map(|(net, node, who, what, spoil)| Step { net, node, who, what, spoil })
}

fn net() -> impl Strategy<Value = Net> {
    prop_oneof![4 => Just(Net::Sol), 1 => Just(Net::OtherSol), 3 => Just(Net::Spl), 3 => Just(Net::Fee)]
}

fn person() -> impl Strategy<Value = u8> {
    0..PEOPLE
}

/// Boxed part by part: in one piece they don't fit a thread's stack.
fn what() -> impl Strategy<Value = What> {
    let batches = prop_oneof![
        4 => entries(8).prop_map(What::Credit),
        10 => entries(6).prop_map(What::Settle),
        3 => entries(6).prop_map(What::Payout),
        1 => entry().prop_map(|entry| What::Credit(vec![entry; 61])),
        1 => entry().prop_map(|entry| What::Settle(vec![entry; 31])),
        1 => entry().prop_map(|entry| What::Payout(vec![entry; 31])),
        2 => Just(What::Again),
    ];
    let funds = prop_oneof![
        4 => amount().prop_map(What::Fund),
        1 => (prop_oneof![place(), tokens()], surplus()).prop_map(|(to, amount)| What::WithdrawSurplus { to, amount }),
        6 => (option::weighted(0.1, any_place()), option::of(taken()))
            .prop_map(|(to, amount)| What::Withdraw { to, amount }),
        1 => (any_purse(), amount()).prop_map(|(to, lamports)| What::Gift { to, lamports }),
        1 => (tokens(), amount()).prop_map(|(to, amount)| What::TokenGift { to, amount }),
    ];
    let nodes = prop_oneof![
        1 => registration().prop_map(What::Register),
        3 => registration().prop_map(What::Reopen),
        3 => Just(What::Close),
        4 => named().prop_map(What::SetDestination),
        2 => threshold().prop_map(What::SetThreshold),
    ];
    let authorities = prop_oneof![
        1 => (parameters(), option::weighted(0.2, 0..6u8)).prop_map(|(mut parameters, zero)| {
            parameters.forget(zero);
            What::Create(parameters)
        }),
        2 => update().prop_map(What::Update),
        3 => option::weighted(0.8, person()).prop_map(What::Propose),
        2 => Just(What::Accept),
        1 => option::weighted(0.9, person()).prop_map(What::SetSettler),
        1 => option::weighted(0.9, person()).prop_map(What::SetGuardian),
        1 => Just(What::Pause),
        2 => Just(What::Unpause),
    ];
    let world = prop_oneof![
        20 => (0i64..400).prop_map(What::Pass),
        4 => (-400i64..0).prop_map(What::Pass),
        1 => prop_oneof![
            6 => Just(1_900_000_000),
            2 => Just(1_700_000_000),
            1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(-1), Just(0)],
        ]
        .prop_map(What::Jump),
        3 => prop_oneof![1 => Just(3_480u64), 4 => Just(6_960), 1 => Just(7_100), 1 => Just(13_920)]
            .prop_map(What::Rent),
        2 => tokens().prop_map(What::Freeze),
        3 => tokens().prop_map(What::Thaw),
        2 => Just(What::Age),
        5 => Just(What::Migrate),
    ];
    prop_oneof![
        12 => batches.boxed(),
        6 => funds.boxed(),
        5 => nodes.boxed(),
        3 => authorities.boxed(),
        5 => world.boxed(),
    ]
    .boxed()
}

/// Around the rent of the accounts in question, so that both sides of it are met.
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

fn taken() -> impl Strategy<Value = Amount> {
    prop_oneof![
        3 => (1u64..10_000_000).prop_map(Amount::Exactly),
        3 => Just(Amount::AllAnd(0)),
        1 => Just(Amount::AllAnd(1)),
        1 => amount().prop_map(Amount::Exactly),
    ]
}

/// Rarely all of it, which stops everything.
fn surplus() -> impl Strategy<Value = Amount> {
    prop_oneof![8 => (1u64..10_000_000).prop_map(Amount::Exactly), 2 => taken()]
}

fn limit(most: u64) -> impl Strategy<Value = u64> {
    prop_oneof![20 => 1..most, 2 => Just(u64::MAX), 1 => Just(1u64)]
}

/// What a network can be set up with.
pub fn parameters() -> impl Strategy<Value = Parameters> {
    (
        prop_oneof![20 => 1..10_000_000u64, 1 => Just(1u64)],
        limit(20_000_000),
        limit(40_000_000),
        limit(60_000_000),
        prop_oneof![20 => 1u64..2_000, 1 => Just(u64::MAX)],
        prop_oneof![4 => 1u64..1_000, 1 => Just(u64::MAX)],
    )
        .prop_map(
            |(default_threshold, per_node_cap, per_batch_cap, window_limit, window_seconds, max_pending_age)| {
                Parameters {
                    default_threshold,
                    per_node_cap,
                    per_batch_cap,
                    window_limit,
                    window_seconds,
                    max_pending_age,
                }
            },
        )
}

fn update() -> impl Strategy<Value = Update> {
    let some = |most| option::weighted(0.3, prop_oneof![20 => limit(most), 1 => Just(0)]);
    (some(4_000_000), some(20_000_000), some(40_000_000), some(60_000_000), some(2_000), some(1_000))
        .prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f])
}

fn threshold() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0u64..8_000_000, 1 => Just(u64::MAX)]
}

fn registration() -> impl Strategy<Value = Registration> {
    let owner = prop_oneof![12 => person().prop_map(Place::Person), 1 => any_place()];
    (person(), owner, option::weighted(0.4, named()), option::weighted(0.2, threshold()))
        .prop_map(|(payer, owner, destination, threshold)| Registration { payer, owner, destination, threshold })
}

/// What a node may try to name as its destination: mostly somebody.
fn named() -> impl Strategy<Value = Place> {
    prop_oneof![2 => person().prop_map(Place::Person), 1 => any_place()]
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![3 => person().prop_map(Place::Person), 1 => any_place()]
}

fn any_purse() -> impl Strategy<Value = Place> {
    let net = || prop::sample::select(&Net::ALL[..]);
    prop_oneof![
        1 => person().prop_map(Place::Person),
        2 => (net(), 0..NODES).prop_map(|(net, node)| Place::Wallet(net, node)),
        1 => net().prop_map(Place::Treasury),
        1 => net().prop_map(Place::Network),
    ]
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        5 => any_purse(),
        2 => tokens(),
        1 => prop_oneof![Just(Place::Incinerator), Just(Place::EventAuthority), Just(Place::ClockSysvar)],
        1 => prop_oneof![Just(Place::Mint(Net::Spl)), Just(Place::Mint(Net::Fee))],
    ]
}

/// A token account.
fn tokens() -> impl Strategy<Value = Place> {
    let net = || prop_oneof![Just(Net::Spl), Just(Net::Fee)];
    prop_oneof![
        4 => (net(), person()).prop_map(|(net, person)| Place::Tokens(net, person)),
        1 => net().prop_map(Place::Vault),
    ]
}

fn entries(most: usize) -> impl Strategy<Value = Vec<Entry>> {
    prop_oneof![30 => vec(entry(), 1..=most), 1 => Just(vec![])]
}

fn entry() -> impl Strategy<Value = Entry> {
    let wallet = prop_oneof![
        12 => (0..NODES).prop_map(At::Node),
        1 => any_place().prop_map(At::Elsewhere),
    ];
    let target = prop_oneof![
        10 => (0u64..4_000_000).prop_map(Target::Above),
        2 => (0u64..100_000_000).prop_map(Target::Above),
        2 => (0u64..10_000_000).prop_map(Target::Total),
        1 => (0u64..3).prop_map(Target::BelowMax),
    ];
    (
        wallet,
        option::weighted(0.12, prop_oneof![any_place(), tokens()]),
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
}

fn spoil() -> impl Strategy<Value = Spoil> {
    prop_oneof![
        2 => Just(Spoil::Unsigned),
        4 => (0u8..14, any_place()).prop_map(|(at, with)| Spoil::Swap { at, with }),
        1 => Just(Spoil::CutData),
        1 => Just(Spoil::DropAccount),
        1 => any_place().prop_map(Spoil::ExtraAccount),
    ]
}
