//! The steps of a sequence and the probability of each.
//!
//! Amounts and actors are relative to the state at the time of the step ("everything that is pending",
//! "the settler"), so that a sequence remains meaningful when shrinking removes steps from it.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::account_id::{AccountId, NODES, Net, PEOPLE};

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
    SetDestination(AccountId),
    SetThreshold(u64),
    Fund(u64),
    WithdrawSurplus {
        to: AccountId,
        amount: Amount,
    },
    Withdraw {
        to: Option<AccountId>,
        amount: Option<Amount>,
    },
    Credit(Vec<Entry>),
    Settle(Vec<Entry>),
    Payout(Vec<Entry>),
    /// Sends the last batch again.
    Resend,
    /// Transfers lamports without the program.
    TransferLamports {
        to: AccountId,
        lamports: u64,
    },
    /// Transfers the network's tokens without the program.
    TransferTokens {
        to: AccountId,
        amount: u64,
    },
    Freeze(AccountId),
    Thaw(AccountId),
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
}

impl Parameters {
    /// Sets one of the parameters to zero, which is invalid.
    fn clear(&mut self, index: Option<u8>) {
        match index {
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

/// New values for some of the [`Parameters`], in the order of its fields.
pub(crate) type Update = [Option<u64>; 6];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Registration {
    /// Signed by the admin instead of the settler, if the actor is authorized.
    pub by_admin: bool,
    pub payer: u8,
    pub owner: AccountId,
    pub destination: Option<AccountId>,
    pub threshold: Option<u64>,
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
    prop_oneof![4 => Just(Net::Sol), 1 => Just(Net::OtherSol), 3 => Just(Net::Spl), 3 => Just(Net::Fee)]
}

fn person() -> impl Strategy<Value = u8> {
    0..PEOPLE
}

/// Boxed in parts, because a single strategy does not fit on a thread's stack.
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
        4 => amount().prop_map(Action::Fund),
        1 => (prop_oneof![person_or_account(), token_account()], surplus_amount())
            .prop_map(|(to, amount)| Action::WithdrawSurplus { to, amount }),
        6 => (option::weighted(0.1, any_account()), option::of(withdrawal_amount()))
            .prop_map(|(to, amount)| Action::Withdraw { to, amount }),
        1 => (any_sol_account(), amount()).prop_map(|(to, lamports)| Action::TransferLamports { to, lamports }),
        1 => (token_account(), amount()).prop_map(|(to, amount)| Action::TransferTokens { to, amount }),
    ];
    let nodes = prop_oneof![
        1 => registration().prop_map(Action::Register),
        3 => registration().prop_map(Action::Reopen),
        3 => Just(Action::Close),
        4 => destination().prop_map(Action::SetDestination),
        2 => threshold().prop_map(Action::SetThreshold),
    ];
    let authorities = prop_oneof![
        1 => (parameters(), option::weighted(0.2, 0..6u8)).prop_map(|(mut parameters, zero)| {
            parameters.clear(zero);
            Action::Create(parameters)
        }),
        2 => update().prop_map(Action::Update),
        3 => option::weighted(0.8, person()).prop_map(Action::Propose),
        2 => Just(Action::Accept),
        1 => option::weighted(0.9, person()).prop_map(Action::SetSettler),
        1 => option::weighted(0.9, person()).prop_map(Action::SetGuardian),
        1 => Just(Action::Pause),
        2 => Just(Action::Unpause),
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
        3 => prop_oneof![1 => Just(3_480u64), 4 => Just(6_960), 1 => Just(7_100), 1 => Just(13_920)]
            .prop_map(Action::SetRentRate),
        2 => token_account().prop_map(Action::Freeze),
        3 => token_account().prop_map(Action::Thaw),
        2 => Just(Action::DowngradeTreasury),
        5 => Just(Action::Migrate),
    ];
    prop_oneof![
        12 => batches.boxed(),
        6 => funds.boxed(),
        5 => nodes.boxed(),
        3 => authorities.boxed(),
        5 => environment.boxed(),
    ]
    .boxed()
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
pub(crate) fn parameters() -> impl Strategy<Value = Parameters> {
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
    let optional = |max| option::weighted(0.3, prop_oneof![20 => limit(max), 1 => Just(0)]);
    (
        optional(4_000_000),
        optional(20_000_000),
        optional(40_000_000),
        optional(60_000_000),
        optional(2_000),
        optional(1_000),
    )
        .prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f])
}

fn threshold() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0u64..8_000_000, 1 => Just(u64::MAX)]
}

fn registration() -> impl Strategy<Value = Registration> {
    let owner = prop_oneof![12 => person().prop_map(AccountId::Person), 1 => any_account()];
    (any::<bool>(), person(), owner, option::weighted(0.4, destination()), option::weighted(0.2, threshold())).prop_map(
        |(by_admin, payer, owner, destination, threshold)| Registration {
            by_admin,
            payer,
            owner,
            destination,
            threshold,
        },
    )
}

/// The destination that a node tries to set: usually a person.
fn destination() -> impl Strategy<Value = AccountId> {
    prop_oneof![2 => person().prop_map(AccountId::Person), 1 => any_account()]
}

fn person_or_account() -> impl Strategy<Value = AccountId> {
    prop_oneof![3 => person().prop_map(AccountId::Person), 1 => any_account()]
}

fn any_sol_account() -> impl Strategy<Value = AccountId> {
    let net = || prop::sample::select(&Net::ALL[..]);
    prop_oneof![
        1 => person().prop_map(AccountId::Person),
        2 => (net(), 0..NODES).prop_map(|(net, node)| AccountId::Wallet(net, node)),
        1 => net().prop_map(AccountId::Treasury),
        1 => net().prop_map(AccountId::Network),
    ]
}

fn any_account() -> impl Strategy<Value = AccountId> {
    prop_oneof![
        5 => any_sol_account(),
        2 => token_account(),
        1 => prop_oneof![Just(AccountId::Incinerator), Just(AccountId::EventAuthority), Just(AccountId::ClockSysvar)],
        1 => prop_oneof![Just(AccountId::Mint(Net::Spl)), Just(AccountId::Mint(Net::Fee))],
    ]
}

fn token_account() -> impl Strategy<Value = AccountId> {
    let net = || prop_oneof![Just(Net::Spl), Just(Net::Fee)];
    prop_oneof![
        4 => (net(), person()).prop_map(|(net, person)| AccountId::TokenAccount(net, person)),
        1 => net().prop_map(AccountId::Vault),
    ]
}

fn entries(max: usize) -> impl Strategy<Value = Vec<Entry>> {
    prop_oneof![30 => vec(entry(), 1..=max), 1 => Just(vec![])]
}

fn entry() -> impl Strategy<Value = Entry> {
    let wallet = prop_oneof![
        12 => (0..NODES).prop_map(EntryWallet::Node),
        1 => any_account().prop_map(EntryWallet::Other),
    ];
    let target = prop_oneof![
        10 => (0u64..4_000_000).prop_map(Target::Above),
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
