//! The invariants of docs/INVARIANTS.md that can be observed in the accounts. They are checked after
//! every step, independently of the model.

use std::collections::{BTreeMap, BTreeSet};

use anchor_lang::prelude::Pubkey;
use anchor_lang::{AnchorDeserialize, Discriminator, Event};
use settlement::events::{
    BatchSettled, ClosedNetworkSwept, Funded, LamportsRecovered, NetworkClosed, NodeClosed, PaidOut, PendingSetAside,
    RentSwept, RentToppedUp, SurplusWithdrawn, Withdrawn,
};
use settlement::state::{ClosedNetwork, ClosedNode, Network, NodeWallet, Treasury};
use sha2::{Digest, Sha256};

use super::account_id::{AccountId, Mint, NODE_WITH_TOKENS, NODES, Net, owner_of_node};
use super::accounting::read;
use super::chain::{Chain, decode_token_account};
use super::event::EventData;
use super::model::{CLOSED_NETWORK_BYTES, TREASURY_BYTES, WALLET_BYTES};
use super::step::{Action, NodeAccount, Step};

/// The state of the chain at one point in time.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    networks: BTreeMap<Net, Network>,
    closed_networks: BTreeMap<Net, ClosedNetwork>,
    treasuries: BTreeMap<Net, Treasury>,
    /// (credited, paid) totals of every node that was ever registered.
    nodes: BTreeMap<(Net, u8), (u64, u64)>,
    wallets: BTreeMap<(Net, u8), NodeWallet>,
    lamports: BTreeMap<AccountId, u64>,
    /// Sizes of accounts in bytes.
    bytes: BTreeMap<AccountId, u64>,
    tokens: BTreeMap<AccountId, u64>,
    /// Tokens in all token accounts, including withheld fees, and the fees in the mint.
    supply: BTreeMap<Mint, u128>,
}

/// A step that was executed, and its circumstances.
pub(crate) struct Executed<'a> {
    pub step: &'a Step,
    /// The person who acted.
    pub actor: u8,
    /// The events that were emitted. Empty if the instruction was rejected.
    pub events: &'a [EventData],
    /// Whether it was an instruction, and succeeded.
    pub succeeded: bool,
    /// The time, in Unix seconds.
    pub now: i64,
    /// The rent, in lamports per byte.
    pub rent_rate: u64,
}

impl Executed<'_> {
    fn rent_minimum(&self, bytes: u64) -> u64 {
        self.rent_rate * (128 + bytes)
    }

    fn sum<E: Event + AnchorDeserialize + Discriminator>(&self, amount: impl Fn(&E) -> u64) -> u64 {
        self.events.iter().filter_map(|event| event.decode::<E>()).map(|event| amount(&event)).sum()
    }
}

impl Snapshot {
    pub(crate) fn of(chain: &Chain) -> Self {
        let mut snapshot = Self::default();
        for account_id in AccountId::with_lamports() {
            let Some(account) = chain.account(account_id) else { continue };
            snapshot.lamports.insert(account_id, account.lamports);
            snapshot.bytes.insert(account_id, account.data.len() as u64);
            let is_ours = account.owner == settlement::ID;
            let is_a = |discriminator: &[u8]| is_ours && account.data.starts_with(discriminator);
            match account_id {
                AccountId::Network(net) if is_a(Network::DISCRIMINATOR) => {
                    snapshot.networks.insert(net, read(chain, account_id));
                }
                AccountId::Network(net) if is_ours => {
                    snapshot.closed_networks.insert(net, read(chain, account_id));
                }
                AccountId::Treasury(net) if is_ours => {
                    snapshot.treasuries.insert(net, read(chain, account_id));
                }
                AccountId::Wallet(net, node) if is_a(NodeWallet::DISCRIMINATOR) => {
                    let wallet: NodeWallet = read(chain, account_id);
                    snapshot.nodes.insert((net, node), (wallet.credited_total, wallet.paid_total));
                    snapshot.wallets.insert((net, node), wallet);
                }
                AccountId::Wallet(net, node) if is_ours => {
                    let closed: ClosedNode = read(chain, account_id);
                    snapshot.nodes.insert((net, node), (closed.total, closed.total));
                }
                _ => {}
            }
            if let Some(mint) = account_id.mint().filter(|_| account.data.len() >= 165) {
                let tokens = decode_token_account(&account.data);
                snapshot.tokens.insert(account_id, tokens.amount);
                *snapshot.supply.entry(mint).or_default() += u128::from(tokens.amount) + u128::from(tokens.withheld);
            }
        }
        *snapshot.supply.entry(Mint::Fee).or_default() += u128::from(chain.harvested());
        snapshot
    }

    fn lamports(&self, account_id: AccountId) -> u64 {
        self.lamports.get(&account_id).copied().unwrap_or(0)
    }

    fn bytes(&self, account_id: AccountId) -> u64 {
        self.bytes.get(&account_id).copied().unwrap_or(0)
    }

    fn tokens(&self, account_id: AccountId) -> u64 {
        self.tokens.get(&account_id).copied().unwrap_or(0)
    }

    /// Lamports at all addresses of a network.
    fn lamports_of(&self, net: Net) -> u128 {
        net.accounts().map(|account_id| u128::from(self.lamports(account_id))).sum()
    }

    /// Checks what must hold at any time.
    fn check(&self) {
        for (&net, treasury) in &self.treasuries {
            let (mut credited, mut paid) = (0u128, 0u128);
            for node in 0..NODES {
                let Some(&(node_credited, node_paid)) = self.nodes.get(&(net, node)) else { continue };
                assert!(node_paid <= node_credited, "a node was paid more than it was credited");
                credited += u128::from(node_credited);
                paid += u128::from(node_paid);
                if net.pays_in_sol() {
                    let held = self.lamports(AccountId::Wallet(net, node));
                    assert!(held >= node_credited - node_paid, "a wallet holds less than its pending amount");
                }
            }
            assert_eq!(
                credited,
                treasury.credited_total.into(),
                "the treasury's credited_total differs from the sum over its nodes"
            );
            assert_eq!(
                paid,
                treasury.paid_total.into(),
                "the treasury's paid_total differs from the sum over its nodes"
            );
            if !net.pays_in_sol() {
                let held = self.tokens(AccountId::Vault(net));
                assert!(
                    held >= treasury.credited_total - treasury.paid_total,
                    "the treasury holds less than it owes to nodes"
                );
                assert!(treasury.token_balance <= held, "token_balance exceeds the actual balance");
            }
        }
        for (&(net, node), wallet) in &self.wallets {
            assert_eq!(wallet.owner, AccountId::Person(owner_of_node(node)).address(), "a wallet has another owner");
            assert_eq!(wallet.network, AccountId::Network(net).address(), "a wallet belongs to another network");
        }
    }

    /// Checks what must hold from one step to the next.
    pub(crate) fn check_after(&self, before: &Self, executed: &Executed) {
        let step = executed.step;
        self.check();
        let sum = |snapshot: &Self| snapshot.lamports.values().map(|lamports| u128::from(*lamports)).sum::<u128>();
        assert_eq!(sum(self), sum(before), "lamports were created or destroyed");
        assert_eq!(self.supply, before.supply, "tokens were created or destroyed");
        for (at, (credited, paid)) in &before.nodes {
            let is_gone = before.closed_networks.contains_key(&at.0) && !self.nodes.contains_key(at);
            let (credited_now, paid_now) = if is_gone { (*credited, *paid) } else { self.nodes[at] };
            assert!(credited_now >= *credited && paid_now >= *paid, "a total of a node decreased");
        }
        for (net, closed) in &before.closed_networks {
            assert_eq!(self.closed_networks.get(net), Some(closed), "a closed network changed");
        }
        for (&net, old) in &before.treasuries {
            if net != step.net {
                assert_eq!(self.treasuries.get(&net), Some(old), "a step in one network changed another network");
                self.assert_unchanged(before, net);
            }
            let Some(new) = self.treasuries.get(&net) else {
                assert!(matches!(step.action, Action::CloseNetwork { .. }), "a treasury disappeared");
                assert!(old.credited_total == old.paid_total && old.paused == 0, "a network that owes was closed");
                continue;
            };
            assert!(
                new.credited_total >= old.credited_total && new.paid_total >= old.paid_total,
                "a total of the treasury decreased"
            );
            assert!(new.funded_total >= old.funded_total && new.withdrawn_total >= old.withdrawn_total);
            assert!(new.batch_sequence >= old.batch_sequence);
            assert!(new.history_count >= old.history_count && new.history_count - old.history_count <= 1);
            if old.paused != 0 && net == step.net {
                self.check_paused(before, executed);
            }
            check_hold(old, new, executed);
        }
        self.check_destinations(before, executed);
        self.check_paid(before, executed);
        self.check_custody(before, executed);
        self.check_rent(before, executed);
        self.check_outflow(before, executed);
        self.check_swept(executed);
    }

    /// Checks that a paused network lets funds go only to owners who withdraw after the hold has ended, and to accounts
    /// of its own.
    fn check_paused(&self, before: &Self, executed: &Executed) {
        let net = executed.step.net;
        match executed.step.action {
            Action::Withdraw { .. } if executed.now >= before.treasuries[&net].hold_until => {}
            // These move lamports between the network's accounts.
            Action::SweepRent(_) | Action::TopUpRent(_) => {
                assert_eq!(self.lamports_of(net), before.lamports_of(net), "lamports left a paused network");
            }
            _ => self.assert_unchanged(before, net),
        }
    }

    /// Checks that destinations change only by their owners' `set_destination`, that all others are either the owner's
    /// or marked as chosen by another key, and that the settler chose none of them.
    fn check_destinations(&self, before: &Self, executed: &Executed) {
        for (at, wallet) in &self.wallets {
            let old = before.wallets.get(at);
            let is_confirmed = wallet.is_destination_confirmed();
            match (&executed.step.action, old) {
                (Action::SetDestination(_), Some(old)) => {
                    let is_changed = old.destination != wallet.destination;
                    assert!(!is_changed || is_confirmed, "not marked as the owner's");
                    assert!(!is_changed || executed.actor == owner_of_node(at.1), "somebody else chose a destination");
                }
                (_, Some(old)) => {
                    let (new, old) = ((wallet.destination, is_confirmed), old);
                    assert_eq!(new, (old.destination, old.is_destination_confirmed()), "a destination changed");
                }
                (Action::Register(_) | Action::Reopen(_), None) => {
                    let network = &before.networks[&at.0];
                    let is_default = wallet.destination == default_destination(at.0, at.1);
                    assert_eq!(is_confirmed, is_default, "another key's choice counts as the owner's");
                    if AccountId::Person(executed.actor).address() != network.admin {
                        assert!(is_default, "the settler chose a destination");
                        assert_eq!(wallet.threshold, network.default_threshold, "the settler chose a threshold");
                        assert_eq!(before.treasuries[&at.0].paused, 0, "the settler registered during a pause");
                    }
                }
                (action, None) => panic!("{action:?} registered a node"),
            }
        }
    }

    /// Asserts that nothing was credited, paid, closed or withdrawn in a network.
    fn assert_unchanged(&self, before: &Self, net: Net) {
        let (old, new) = (&before.treasuries[&net], &self.treasuries[&net]);
        let totals = |t: &Treasury| (t.credited_total, t.paid_total, t.withdrawn_total, t.batch_sequence);
        assert_eq!(totals(new), totals(old), "a total changed");
        for account_id in net.accounts() {
            assert!(self.lamports(account_id) >= before.lamports(account_id), "lamports left {account_id:?}");
            assert!(self.tokens(account_id) >= before.tokens(account_id), "tokens left {account_id:?}");
        }
    }

    /// Checks that payments arrive at the destinations of the paid nodes, and that no other balance increases.
    fn check_paid(&self, before: &Self, executed: &Executed) {
        let step = executed.step;
        let pays = matches!(
            step.action,
            Action::Credit(_) | Action::Settle(_) | Action::Payout(_) | Action::Withdraw { .. } | Action::SetAside
        );
        if !pays {
            return;
        }
        let net = step.net;
        let mut due: BTreeMap<Pubkey, u128> = BTreeMap::new();
        for (at, (_, paid)) in &self.nodes {
            let before_paid = before.nodes.get(at).map_or(0, |(_, paid)| *paid);
            if *paid > before_paid {
                let claim = match (&step.action, at.0.mint()) {
                    (Action::SetAside, None) => Some(AccountId::Claim(at.0, at.1)),
                    (Action::SetAside, Some(mint)) => Some(AccountId::NodeTokens(at.0, mint)),
                    _ => None,
                };
                let destination = claim.map_or(self.wallets[at].destination, AccountId::address);
                *due.entry(destination).or_default() += u128::from(paid - before_paid);
            }
        }
        let owed = |account_id: AccountId| due.get(&account_id.address()).copied().unwrap_or(0) as i128;
        if let Some(mint) = net.mint() {
            for account_id in AccountId::with_lamports().filter(|account_id| account_id.mint().is_some()) {
                let got = i128::from(self.tokens(account_id)) - i128::from(before.tokens(account_id));
                let owed = owed(account_id);
                if account_id == AccountId::Vault(net) {
                    assert_eq!(-got, due.values().sum::<u128>() as i128, "the treasury paid another amount");
                    continue;
                }
                // Less than owed if the mint has a transfer fee.
                let is_right = 0 <= got && got <= owed && (mint == Mint::Fee || got == owed);
                assert!(is_right, "{account_id:?} received {got} of {owed}");
            }
            assert_eq!(self.lamports, before.lamports, "a token payment moved lamports or opened an account");
        } else {
            for account_id in AccountId::with_lamports()
                .filter(|account_id| !matches!(account_id, AccountId::Wallet(of, _) if *of == net))
            {
                let got = i128::from(self.lamports(account_id)) - i128::from(before.lamports(account_id));
                let owed = owed(account_id);
                let is_right = got == owed || account_id == AccountId::Treasury(net) && got <= owed;
                assert!(is_right, "{account_id:?} received {got} instead of {owed}");
            }
        }
    }

    /// Checks that only the owner takes what was set aside or sent to a wallet's address, and only the admin what was sent
    /// to the treasury's.
    fn check_custody(&self, before: &Self, executed: &Executed) {
        let Executed { step, actor, .. } = *executed;
        for (&account_id, &had) in &before.lamports {
            let AccountId::Claim(net, node) = account_id else { continue };
            let is_owners = matches!(step.action, Action::ClaimSetAside { .. })
                && (step.net, step.node) == (net, node)
                && actor == owner_of_node(node);
            assert!(self.lamports(account_id) >= had || is_owners, "somebody else took {account_id:?}");
        }
        for (&account_id, &had) in &before.tokens {
            let may_take = match account_id {
                AccountId::NodeTokens(net, _) => {
                    matches!(step.action, Action::RecoverNodeTokens { .. })
                        && step.net == net
                        && actor == owner_of_node(NODE_WITH_TOKENS)
                }
                AccountId::TreasuryTokens(net, _) => {
                    let admin = before.networks.get(&net).map(|network| network.admin);
                    let admin = admin.or(before.closed_networks.get(&net).map(|closed| closed.admin));
                    matches!(step.action, Action::RecoverTreasuryTokens { .. })
                        && step.net == net
                        && admin == Some(AccountId::Person(actor).address())
                }
                _ => true,
            };
            assert!(self.tokens(account_id) >= had || may_take, "somebody else took {account_id:?}");
        }
    }

    /// Checks that each account of the program that remains one holds no less than its rent minimum, or than it held
    /// before if that was less (SIMD-0392).
    fn check_rent(&self, before: &Self, executed: &Executed) {
        for account_id in Net::ALL.into_iter().flat_map(Net::accounts) {
            let (bytes, had) = (self.bytes(account_id), before.lamports(account_id));
            let existed = bytes > 0 && before.bytes(account_id) > 0;
            let floor = executed.rent_minimum(bytes).min(if existed { had } else { u64::MAX });
            let has = self.lamports(account_id);
            // A change of the rent moves nothing.
            assert!(bytes == 0 || has >= floor, "{account_id:?} holds {has} of {floor}");
        }
    }

    /// Checks that no more lamports left a network than its events name, so that rent never goes to anybody else. Fewer
    /// may have left, because a destination may be an unused address of the network.
    fn check_outflow(&self, before: &Self, executed: &Executed) {
        for net in Net::ALL {
            let network = AccountId::Network(net).address();
            let is_own = |of: &Pubkey| *of == network;
            let mut named = 0;
            if net.pays_in_sol() {
                named += executed.sum::<Withdrawn>(|e| e.amount * u64::from(is_own(&e.network)));
                named += executed.sum::<PaidOut>(|e| e.paid * u64::from(is_own(&e.network)));
                named += executed.sum::<BatchSettled>(|e| e.paid * u64::from(is_own(&e.network)));
                named += executed.sum::<SurplusWithdrawn>(|e| e.amount * u64::from(is_own(&e.network)));
                named += executed.sum::<PendingSetAside>(|e| e.amount * u64::from(is_own(&e.network)));
            }
            named += executed.sum::<LamportsRecovered>(|e| e.lamports * u64::from(is_own(&e.network)));
            named += executed.sum::<ClosedNetworkSwept>(|e| e.lamports * u64::from(is_own(&e.network)));
            named += executed.sum::<NetworkClosed>(|e| e.lamports * u64::from(is_own(&e.network)));
            let left = before.lamports_of(net).saturating_sub(self.lamports_of(net));
            assert!(left <= named.into(), "lamports left {net:?} that no event names");
        }
    }

    /// Checks that a sweep leaves nothing behind that nobody could recover.
    fn check_swept(&self, executed: &Executed) {
        if !executed.succeeded {
            return;
        }
        let net = executed.step.net;
        let is_writable = |account: &&NodeAccount| !account.readonly;
        match &executed.step.action {
            Action::SweepRent(accounts) => {
                for account in accounts.iter().filter(is_writable) {
                    let AccountId::Wallet(of, node) = account.account.account_id(net) else { continue };
                    let Some(wallet) = self.wallets.get(&(of, node)).filter(|_| of == net) else { continue };
                    let pending = if net.pays_in_sol() { wallet.pending() } else { 0 };
                    let kept = executed.rent_minimum(WALLET_BYTES) + pending;
                    assert!(self.lamports(AccountId::Wallet(net, node)) <= kept, "a swept wallet keeps too much");
                }
            }
            Action::SweepClosedNetwork { accounts, .. } => {
                let swept: BTreeSet<_> =
                    accounts.iter().filter(is_writable).map(|account| account.account.account_id(net)).collect();
                for account_id in net.accounts().filter(|account_id| self.bytes(*account_id) > 0) {
                    let is_left = account_id == AccountId::Network(net)
                        || matches!(account_id, AccountId::Wallet(..)) && !swept.contains(&account_id);
                    assert!(is_left, "{account_id:?} is left of a closed network");
                }
                assert_eq!(self.lamports(AccountId::Treasury(net)), 0, "lamports are left at the treasury");
                let kept = self.lamports(AccountId::Network(net));
                assert!(kept <= executed.rent_minimum(CLOSED_NETWORK_BYTES), "lamports are left in the network");
            }
            Action::RecoverLamports { .. } => {
                let kept = self.lamports(AccountId::Treasury(net));
                assert_eq!(kept, executed.rent_minimum(TREASURY_BYTES), "lamports are left in the treasury");
            }
            _ => {}
        }
    }
}

/// Checks that a hold begins only by a pause, lasts no longer than the network allows, and leaves owners as much time
/// after the last one.
fn check_hold(old: &Treasury, new: &Treasury, executed: &Executed) {
    if new.hold_until == old.hold_until {
        return;
    }
    assert!(matches!(executed.step.action, Action::Pause), "a hold changed without a pause");
    assert_eq!(old.paused, 0, "a pause of a paused network changed the hold");
    assert_eq!(new.max_pause_seconds, old.max_pause_seconds, "the length of a hold changed with it");
    let max = i128::from(new.max_pause_seconds);
    let (now, until) = (i128::from(executed.now), i128::from(new.hold_until));
    assert!((now..=now + max).contains(&until), "a hold is too long");
    let end_of_last = i128::from(old.hold_until) + max;
    assert!(now >= end_of_last || executed.now == i64::MAX, "a hold begins too soon after the last one");
}

/// Where a node's payouts go if nobody chose another destination.
fn default_destination(net: Net, node: u8) -> Pubkey {
    let owner = AccountId::Person(owner_of_node(node)).address();
    net.asset().map_or(owner, |asset| settlement::client::associated_token_address(&owner, &asset))
}

/// What the events of each network say, to check that its treasury says the same.
#[derive(Default)]
pub(crate) struct History {
    networks: BTreeMap<Net, Replay>,
}

/// The history of a network, replayed from its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Replay {
    hash: [u8; 32],
    count: u64,
    credited: u64,
    paid: u64,
    funded: u64,
    withdrawn: u64,
    is_closed: bool,
}

impl History {
    /// Replays the events of a step and checks that they lead to what the treasuries store.
    pub(crate) fn check(&mut self, after: &Snapshot, executed: &Executed) {
        for event in executed.events {
            self.networks.entry(executed.step.net).or_default().replay(event);
        }
        for (net, treasury) in &after.treasuries {
            let stored = Replay {
                hash: treasury.history_hash,
                count: treasury.history_count,
                credited: treasury.credited_total,
                paid: treasury.paid_total,
                funded: treasury.funded_total,
                withdrawn: treasury.withdrawn_total,
                is_closed: false,
            };
            assert_eq!(self.networks.get(net).copied().unwrap_or_default(), stored, "the history of {net:?}");
        }
        for net in after.closed_networks.keys() {
            assert!(self.networks[net].is_closed, "{net:?} was closed without an event");
        }
    }
}

impl Replay {
    fn replay(&mut self, event: &EventData) {
        let closed: Option<NetworkClosed> = event.decode();
        if let Some(closed) = closed {
            assert_eq!((closed.history_hash, closed.history_count), (self.hash, self.count), "the last hash");
            assert_eq!((closed.total, closed.total), (self.credited, self.paid), "a closed network owes something");
            self.is_closed = true;
            return;
        }
        let is_a = |discriminator: &[u8]| event.bytes().starts_with(discriminator);
        let others = [
            NodeClosed::DISCRIMINATOR,
            RentSwept::DISCRIMINATOR,
            RentToppedUp::DISCRIMINATOR,
            LamportsRecovered::DISCRIMINATOR,
        ];
        if let Some(batch) = event.decode::<BatchSettled>() {
            self.credited += batch.credited;
            self.paid += batch.paid;
        } else if let Some(payout) = event.decode::<PaidOut>() {
            if payout.paid == 0 {
                return;
            }
            self.paid += payout.paid;
        } else if let Some(withdrawal) = event.decode::<Withdrawn>() {
            self.paid += withdrawal.amount;
        } else if let Some(set_aside) = event.decode::<PendingSetAside>() {
            self.paid += set_aside.amount;
        } else if let Some(funded) = event.decode::<Funded>() {
            self.funded += funded.amount;
        } else if let Some(withdrawal) = event.decode::<SurplusWithdrawn>() {
            self.withdrawn += withdrawal.amount;
        } else if !others.into_iter().any(is_a) {
            return;
        }
        assert!(!self.is_closed, "funds of a closed network moved");
        self.hash = Sha256::new().chain_update(self.hash).chain_update(event.bytes()).finalize().into();
        self.count += 1;
    }
}

/// The credits of each network, to check them against its outflow window.
#[derive(Default)]
pub(crate) struct OutflowHistory {
    networks: BTreeMap<Net, NetworkOutflow>,
}

#[derive(Default)]
struct NetworkOutflow {
    /// (limit, seconds) of the window. The history restarts when they change.
    window: (u64, u64),
    /// The latest time at which a batch was processed.
    latest: Option<i64>,
    /// (latest time, credited) of every batch since the last restart.
    credits: Vec<(i64, u64)>,
}

impl OutflowHistory {
    /// Checks that at most `limit * (1 + t / seconds)` is credited within any t seconds.
    pub(crate) fn check(&mut self, before: &Snapshot, after: &Snapshot, now: i64) {
        for (&net, new) in &after.treasuries {
            let Some(old) = before.treasuries.get(&net) else { continue };
            let credited = new.credited_total - old.credited_total;
            if (new.batch_sequence, new.window_updated_at) == (old.batch_sequence, old.window_updated_at) {
                continue;
            }
            let flow = self.networks.entry(net).or_default();
            let window = (new.window_limit, new.window_seconds);
            if flow.window != window {
                *flow = NetworkOutflow { window, latest: flow.latest, credits: vec![] };
            }
            // If the clock goes back, the same time does not count twice.
            let latest = flow.latest.map_or(now, |latest| latest.max(now));
            flow.latest = Some(latest);
            if credited == 0 {
                continue;
            }
            flow.credits.push((latest, credited));
            let mut sum = 0u128;
            for (time, credited) in flow.credits.iter().rev() {
                sum += u128::from(*credited);
                let elapsed = (i128::from(latest) - i128::from(*time)) as u128;
                let (limit, seconds) = (u128::from(window.0), u128::from(window.1));
                let bound = (limit * seconds).saturating_add(limit.saturating_mul(elapsed));
                assert!(sum.saturating_mul(seconds) <= bound, "{net:?} credited {sum} in {elapsed} seconds");
            }
        }
    }
}
