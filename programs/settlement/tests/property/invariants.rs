//! What must hold on the chain after every step, whatever the model says: docs/INVARIANTS.md, as
//! far as one can see it in the accounts.

use std::collections::BTreeMap;

use settlement::state::{ClosedNode, NodeWallet, Treasury};

use anchor_lang::Discriminator;

use super::books::read;
use super::chain::{Chain, tokens_in};
use super::place::{NODES, Net, PEOPLE, Place};
use super::step::{Step, What};

/// What the chain holds at one moment.
#[derive(Clone, Default)]
pub struct Sight {
    treasuries: BTreeMap<Net, Treasury>,
    /// (credited, paid) of every node that was ever registered.
    nodes: BTreeMap<(Net, u8), (u64, u64)>,
    /// Where each open node wants its payouts.
    destinations: BTreeMap<(Net, u8), anchor_lang::prelude::Pubkey>,
    lamports: BTreeMap<Place, u64>,
    tokens: BTreeMap<Place, u64>,
    /// Tokens in all token accounts, withheld fees included.
    supply: BTreeMap<Net, u128>,
}

impl Sight {
    pub fn of(chain: &Chain) -> Self {
        let mut sight = Self::default();
        for place in Place::purses() {
            let Some(account) = chain.account(place) else { continue };
            sight.lamports.insert(place, account.lamports);
            match place {
                Place::Treasury(net) if account.owner == settlement::ID => {
                    sight.treasuries.insert(net, read(chain, place));
                }
                Place::Wallet(net, node) if account.data.starts_with(NodeWallet::DISCRIMINATOR) => {
                    let wallet: NodeWallet = read(chain, place);
                    sight.nodes.insert((net, node), (wallet.credited_total, wallet.paid_total));
                    sight.destinations.insert((net, node), wallet.destination);
                }
                Place::Wallet(net, node) if account.owner == settlement::ID => {
                    let closed: ClosedNode = read(chain, place);
                    sight.nodes.insert((net, node), (closed.total, closed.total));
                }
                Place::Tokens(net, _) | Place::Vault(net) if account.data.len() >= 165 => {
                    let tokens = tokens_in(&account.data);
                    sight.tokens.insert(place, tokens.amount);
                    *sight.supply.entry(net).or_default() += u128::from(tokens.amount) + u128::from(tokens.withheld);
                }
                _ => {}
            }
        }
        sight
    }

    fn lamports(&self, place: Place) -> u64 {
        self.lamports.get(&place).copied().unwrap_or(0)
    }

    fn tokens(&self, place: Place) -> u64 {
        self.tokens.get(&place).copied().unwrap_or(0)
    }

    /// What holds at any moment.
    fn check(&self) {
        for (&net, treasury) in &self.treasuries {
            let (mut credited, mut paid) = (0u128, 0u128);
            for node in 0..NODES {
                let Some(&(node_credited, node_paid)) = self.nodes.get(&(net, node)) else { continue };
                assert!(node_paid <= node_credited, "paid above credited");
                credited += u128::from(node_credited);
                paid += u128::from(node_paid);
                if net.pays_in_sol() {
                    let held = self.lamports(Place::Wallet(net, node));
                    assert!(held >= node_credited - node_paid, "a wallet holds less than is pending");
                }
            }
            assert_eq!(credited, treasury.credited_total.into(), "nodes' credits and the treasury's");
            assert_eq!(paid, treasury.paid_total.into(), "nodes' payments and the treasury's");
            if !net.pays_in_sol() {
                let held = self.tokens(Place::Vault(net));
                assert!(held >= treasury.credited_total - treasury.paid_total, "less than nodes are owed");
                assert!(treasury.token_balance <= held, "more is known than there is");
            }
        }
    }

    /// What holds from one moment to the next.
    pub fn check_after(&self, before: &Self, step: &Step) {
        self.check();
        let sum = |sight: &Self| sight.lamports.values().map(|lamports| u128::from(*lamports)).sum::<u128>();
        assert_eq!(sum(self), sum(before), "lamports came or went");
        for (net, supply) in &before.supply {
            assert_eq!(self.supply.get(net), Some(supply), "tokens came or went");
        }
        for (node, (credited, paid)) in &before.nodes {
            let (credited_now, paid_now) = self.nodes[node];
            assert!(credited_now >= *credited && paid_now >= *paid, "a node's total fell");
        }
        for (&net, old) in &before.treasuries {
            let new = &self.treasuries[&net];
            assert!(new.credited_total >= old.credited_total && new.paid_total >= old.paid_total, "a total fell");
            assert!(new.funded_total >= old.funded_total && new.withdrawn_total >= old.withdrawn_total);
            assert!(new.batch_sequence >= old.batch_sequence);
            if old.paused != 0 {
                self.check_still(before, net);
            }
            if net != step.net {
                assert_eq!(new, old, "a step in one network changed another");
                self.check_still(before, net);
            }
        }
        self.check_paid(before, step);
    }

    /// Nothing of a network was credited, paid, closed or withdrawn.
    fn check_still(&self, before: &Self, net: Net) {
        let (old, new) = (&before.treasuries[&net], &self.treasuries[&net]);
        let totals = |t: &Treasury| (t.credited_total, t.paid_total, t.withdrawn_total, t.batch_sequence);
        assert_eq!(totals(new), totals(old), "something moved");
        assert!(self.lamports(Place::Treasury(net)) >= before.lamports(Place::Treasury(net)));
        assert!(self.tokens(Place::Vault(net)) >= before.tokens(Place::Vault(net)));
        for node in 0..NODES {
            let place = Place::Wallet(net, node);
            assert!(self.lamports(place) >= before.lamports(place), "lamports left a wallet");
        }
    }

    /// A payment reaches the destinations of the nodes that were paid, and nobody else gets richer.
    fn check_paid(&self, before: &Self, step: &Step) {
        if !matches!(step.what, What::Credit(_) | What::Settle(_) | What::Payout(_) | What::Withdraw { .. }) {
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
            for place in Place::purses().filter(|place| !matches!(place, Place::Wallet(of, _) if *of == net)) {
                let got = i128::from(self.lamports(place)) - i128::from(before.lamports(place));
                let owed = due.get(&place.address()).copied().unwrap_or(0) as i128;
                assert!(got <= owed, "{place:?} got {got}, was owed {owed}");
                assert!(place == Place::Treasury(net) || got == owed, "{place:?} got {got}, was owed {owed}");
            }
        } else {
            for person in 0..PEOPLE {
                let place = Place::Tokens(net, person);
                let got = i128::from(self.tokens(place)) - i128::from(before.tokens(place));
                let owed = due.get(&Place::Person(person).address()).copied().unwrap_or(0) as i128;
                // Less where the mint takes a fee.
                assert!(0 <= got && got <= owed && (net == Net::Fee || got == owed), "{place:?} got {got} of {owed}");
            }
            assert_eq!(self.lamports, before.lamports, "a payment in tokens moved lamports, or opened an account");
        }
    }
}

/// What each network credited, to hold against the bound of its outflow window.
#[derive(Default)]
pub struct Outflow {
    networks: BTreeMap<Net, Flow>,
}

#[derive(Default)]
struct Flow {
    /// (limit, seconds) of the window; what came before they changed counts no more.
    window: (u64, u64),
    /// The latest time that the window saw.
    latest: Option<i64>,
    /// (latest time, credited) of every batch since.
    credits: Vec<(i64, u64)>,
}

impl Outflow {
    /// Within any t seconds no more than `limit * (1 + t / seconds)` is credited.
    pub fn check(&mut self, before: &Sight, after: &Sight, now: i64) {
        for (&net, new) in &after.treasuries {
            let Some(old) = before.treasuries.get(&net) else { continue };
            let credited = new.credited_total - old.credited_total;
            if (new.batch_sequence, new.window_updated_at) == (old.batch_sequence, old.window_updated_at) {
                continue;
            }
            let flow = self.networks.entry(net).or_default();
            let window = (new.window_limit, new.window_seconds);
            if flow.window != window {
                *flow = Flow { window, latest: flow.latest, credits: vec![] };
            }
            // A clock that goes back gives no time away a second time.
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
