//! The invariants of docs/INVARIANTS.md that can be observed in the accounts. They are checked after
//! every step, independently of the model.

use std::collections::{BTreeMap, BTreeSet};

use settlement::state::{ClosedNode, NodeWallet, Treasury};

use anchor_lang::Discriminator;

use super::account_id::{AccountId, NODES, Net, PEOPLE};
use super::accounting::read;
use super::chain::{Chain, decode_token_account};
use super::step::{Action, Step};

/// The state of the chain at one point in time.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    treasuries: BTreeMap<Net, Treasury>,
    /// (credited, paid) totals of every node that was ever registered.
    nodes: BTreeMap<(Net, u8), (u64, u64)>,
    /// The destination of each open node.
    destinations: BTreeMap<(Net, u8), anchor_lang::prelude::Pubkey>,
    /// The open nodes whose destination was chosen by nobody but their owner.
    confirmed: BTreeSet<(Net, u8)>,
    lamports: BTreeMap<AccountId, u64>,
    tokens: BTreeMap<AccountId, u64>,
    /// Tokens in all token accounts, including withheld fees.
    supply: BTreeMap<Net, u128>,
}

impl Snapshot {
    pub(crate) fn of(chain: &Chain) -> Self {
        let mut snapshot = Self::default();
        for account_id in AccountId::with_lamports() {
            let Some(account) = chain.account(account_id) else { continue };
            snapshot.lamports.insert(account_id, account.lamports);
            match account_id {
                AccountId::Treasury(net) if account.owner == settlement::ID => {
                    snapshot.treasuries.insert(net, read(chain, account_id));
                }
                AccountId::Wallet(net, node) if account.data.starts_with(NodeWallet::DISCRIMINATOR) => {
                    let wallet: NodeWallet = read(chain, account_id);
                    snapshot.nodes.insert((net, node), (wallet.credited_total, wallet.paid_total));
                    snapshot.destinations.insert((net, node), wallet.destination);
                    if wallet.is_destination_confirmed() {
                        snapshot.confirmed.insert((net, node));
                    }
                }
                AccountId::Wallet(net, node) if account.owner == settlement::ID => {
                    let closed: ClosedNode = read(chain, account_id);
                    snapshot.nodes.insert((net, node), (closed.total, closed.total));
                }
                AccountId::TokenAccount(net, _) | AccountId::Vault(net) if account.data.len() >= 165 => {
                    let tokens = decode_token_account(&account.data);
                    snapshot.tokens.insert(account_id, tokens.amount);
                    *snapshot.supply.entry(net).or_default() += u128::from(tokens.amount) + u128::from(tokens.withheld);
                }
                _ => {}
            }
        }
        snapshot
    }

    fn lamports(&self, account_id: AccountId) -> u64 {
        self.lamports.get(&account_id).copied().unwrap_or(0)
    }

    fn tokens(&self, account_id: AccountId) -> u64 {
        self.tokens.get(&account_id).copied().unwrap_or(0)
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
    }

    /// Checks what must hold from one step to the next.
    pub(crate) fn check_after(&self, before: &Self, step: &Step) {
        self.check();
        let sum = |snapshot: &Self| snapshot.lamports.values().map(|lamports| u128::from(*lamports)).sum::<u128>();
        assert_eq!(sum(self), sum(before), "lamports were created or destroyed");
        for (net, supply) in &before.supply {
            assert_eq!(self.supply.get(net), Some(supply), "tokens were created or destroyed");
        }
        for (node, (credited, paid)) in &before.nodes {
            let (credited_now, paid_now) = self.nodes[node];
            assert!(credited_now >= *credited && paid_now >= *paid, "a total of a node decreased");
        }
        for (&net, old) in &before.treasuries {
            let new = &self.treasuries[&net];
            assert!(
                new.credited_total >= old.credited_total && new.paid_total >= old.paid_total,
                "a total of the treasury decreased"
            );
            assert!(new.funded_total >= old.funded_total && new.withdrawn_total >= old.withdrawn_total);
            assert!(new.batch_sequence >= old.batch_sequence);
            if old.paused != 0 {
                self.assert_unchanged(before, net);
            }
            if net != step.net {
                assert_eq!(new, old, "a step in one network changed another network");
                self.assert_unchanged(before, net);
            }
        }
        self.check_destinations(before, step);
        self.check_paid(before, step);
    }

    /// Checks that a destination changes only by its owner's `set_destination`, and that all others are
    /// either the owner's or marked as chosen by another key.
    fn check_destinations(&self, before: &Self, step: &Step) {
        for (node, destination) in &self.destinations {
            let is_new = before.destinations.get(node) != Some(destination);
            match (&step.action, is_new) {
                (_, false) => {
                    let may_confirm = matches!(step.action, Action::SetDestination(_));
                    let was_confirmed = before.confirmed.contains(node);
                    assert!(
                        may_confirm || self.confirmed.contains(node) == was_confirmed,
                        "a destination was confirmed"
                    );
                }
                (Action::SetDestination(_), true) => {
                    assert!(self.confirmed.contains(node), "not marked as the owner's")
                }
                (Action::Register(registration) | Action::Reopen(registration), true) => {
                    let is_owner = registration.owner.address() == *destination;
                    assert_eq!(self.confirmed.contains(node), is_owner, "another key's choice counts as the owner's");
                }
                (action, true) => panic!("{action:?} changed a destination"),
            }
        }
    }

    /// Asserts that nothing was credited, paid, closed or withdrawn in a network.
    fn assert_unchanged(&self, before: &Self, net: Net) {
        let (old, new) = (&before.treasuries[&net], &self.treasuries[&net]);
        let totals = |t: &Treasury| (t.credited_total, t.paid_total, t.withdrawn_total, t.batch_sequence);
        assert_eq!(totals(new), totals(old), "a total changed");
        assert!(self.lamports(AccountId::Treasury(net)) >= before.lamports(AccountId::Treasury(net)));
        assert!(self.tokens(AccountId::Vault(net)) >= before.tokens(AccountId::Vault(net)));
        for node in 0..NODES {
            let account_id = AccountId::Wallet(net, node);
            assert!(self.lamports(account_id) >= before.lamports(account_id), "lamports left a wallet");
        }
    }

    /// Checks that payments arrive at the destinations of the paid nodes, and that no other balance increases.
    fn check_paid(&self, before: &Self, step: &Step) {
        if !matches!(step.action, Action::Credit(_) | Action::Settle(_) | Action::Payout(_) | Action::Withdraw { .. }) {
            return;
        }
        let net = step.net;
        let mut due: BTreeMap<_, u128> = BTreeMap::new();
        for ((of, node), (_, paid)) in &self.nodes {
            let before_paid = before.nodes.get(&(*of, *node)).map_or(0, |(_, paid)| *paid);
            if *paid > before_paid {
                *due.entry(self.destinations[&(*of, *node)]).or_default() += u128::from(paid - before_paid);
            }
        }
        if net.pays_in_sol() {
            for account_id in AccountId::with_lamports()
                .filter(|account_id| !matches!(account_id, AccountId::Wallet(of, _) if *of == net))
            {
                let got = i128::from(self.lamports(account_id)) - i128::from(before.lamports(account_id));
                let owed = due.get(&account_id.address()).copied().unwrap_or(0) as i128;
                assert!(got <= owed, "{account_id:?} received {got} instead of {owed}");
                assert!(
                    account_id == AccountId::Treasury(net) || got == owed,
                    "{account_id:?} received {got} instead of {owed}"
                );
            }
        } else {
            for person in 0..PEOPLE {
                let account_id = AccountId::TokenAccount(net, person);
                let got = i128::from(self.tokens(account_id)) - i128::from(before.tokens(account_id));
                let owed = due.get(&AccountId::Person(person).address()).copied().unwrap_or(0) as i128;
                // Less than owed if the mint has a transfer fee.
                assert!(
                    0 <= got && got <= owed && (net == Net::Fee || got == owed),
                    "{account_id:?} received {got} of {owed}"
                );
            }
            assert_eq!(self.lamports, before.lamports, "a token payment moved lamports or opened an account");
        }
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
