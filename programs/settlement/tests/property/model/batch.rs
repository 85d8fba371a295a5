//! Batches: what each entry is credited and paid, and why not.

use std::collections::BTreeSet;

use settlement::client::BatchHeader;
use settlement::events::{BatchSettled, PaidOut};
use settlement::rules::SkipReason;

use super::super::chain::told;
use super::super::place::{Net, Place};
use super::super::step::{Entry, Target};
use super::funds::{is_of_mint, owner_of};
use super::{Model, Outcome, Refused, WALLET_BYTES, require};

/// The header of every batch here.
pub const HEADER: BatchHeader = BatchHeader { batch_id: 77, records_root: [5; 32] };

/// What is left for a batch to credit, limit by limit.
struct Left {
    node_cap: u64,
    batch: u64,
    window: u64,
    treasury: u64,
    /// Until the treasury's total is full.
    total: u64,
}

#[derive(Default)]
struct Skips {
    credit: Vec<(usize, SkipReason)>,
    payout: Vec<(usize, SkipReason)>,
}

fn bits(skips: &[(usize, SkipReason)]) -> u64 {
    skips.iter().fold(0, |bits, (entry, _)| bits | 1 << entry)
}

fn numbers(skips: &[(usize, SkipReason)]) -> impl Iterator<Item = u8> + use<'_> {
    skips.iter().map(|(_, reason)| u8::from(*reason))
}

impl Model {
    pub(super) fn credit(&mut self, net: Net, actor: u8, entries: &[Entry]) -> Outcome {
        self.begin(net, actor, entries, 60)?;
        let mut left = self.left(net);
        let writable = writable(net, entries, false);
        let (mut credited, mut skips) = (0, Skips::default());
        for (i, entry) in entries.iter().enumerate() {
            match self.credit_one(net, entry, &mut left, &writable) {
                Ok(amount) => credited += amount,
                Err(reason) => skips.credit.push((i, reason)),
            }
        }
        self.end(net, entries.len(), credited, 0, skips)
    }

    pub(super) fn settle(&mut self, net: Net, actor: u8, entries: &[Entry]) -> Outcome {
        self.begin(net, actor, entries, 30)?;
        let mut left = self.left(net);
        let writable = writable(net, entries, true);
        let (mut credited, mut paid, mut skips) = (0, 0, Skips::default());
        for (i, entry) in entries.iter().enumerate() {
            match self.credit_one(net, entry, &mut left, &writable) {
                Ok(amount) => credited += amount,
                Err(reason) => {
                    skips.credit.push((i, reason));
                    if matches!(reason, SkipReason::InvalidWallet | SkipReason::DuplicateWallet) {
                        continue;
                    }
                }
            }
            if self.is_due(net, entry) {
                match self.pay(net, entry, &writable) {
                    Ok(amount) => paid += amount,
                    Err(reason) => skips.payout.push((i, reason)),
                }
            }
        }
        let known_tokens = self.held(Place::Vault(net));
        self.network(net)?.known_tokens = known_tokens;
        self.end(net, entries.len(), credited, paid, skips)
    }

    pub(super) fn payout(&mut self, net: Net, entries: &[Entry]) -> Outcome {
        self.in_service(net)?;
        require((1..=30).contains(&entries.len()))?;
        let writable = writable(net, entries, true);
        let (mut paid, mut skips) = (0, vec![]);
        for (i, entry) in entries.iter().enumerate() {
            let outcome = match self.node_of(net, entry, &writable) {
                None => Err(SkipReason::InvalidWallet),
                Some(_) if !self.is_due(net, entry) => Err(SkipReason::NotDue),
                Some(_) => self.pay(net, entry, &writable),
            };
            match outcome {
                Ok(amount) => paid += amount,
                Err(reason) => skips.push((i, reason)),
            }
        }
        let known_tokens = self.held(Place::Vault(net));
        let network = self.network(net)?;
        network.known_tokens = known_tokens;
        network.paid += paid;
        Ok(vec![told(PaidOut {
            network: Place::Network(net).address(),
            n: entries.len() as u8,
            paid,
            skips: bits(&skips),
            reasons: numbers(&skips).collect(),
        })])
    }

    fn begin(&mut self, net: Net, actor: u8, entries: &[Entry], most: usize) -> Result<(), Refused> {
        let now = self.now;
        let network = self.in_service(net)?;
        require(network.settler == actor)?;
        require((1..=most).contains(&entries.len()))?;
        network.empty_window(now);
        network.batches += 1;
        Ok(())
    }

    fn left(&self, net: Net) -> Left {
        let network = &self.networks[&net];
        let owed = network.credited - network.paid;
        let parameters = network.parameters;
        Left {
            node_cap: parameters.per_node_cap,
            batch: parameters.per_batch_cap,
            window: parameters.window_limit.saturating_sub(network.window_used),
            treasury: if net.pays_in_sol() { self.surplus(net) } else { network.known_tokens.saturating_sub(owed) },
            total: u64::MAX - network.credited,
        }
    }

    fn end(&mut self, net: Net, n: usize, credited: u64, paid: u64, skips: Skips) -> Outcome {
        if net.pays_in_sol() {
            // Into the wallets it went entry by entry.
            self.take(Place::Treasury(net), credited)?;
        }
        let network = self.network(net)?;
        network.window_used = network.window_used.checked_add(credited).ok_or(Refused)?;
        network.credited += credited;
        network.paid += paid;
        Ok(vec![told(BatchSettled {
            network: Place::Network(net).address(),
            batch_id: HEADER.batch_id,
            sequence: network.batches,
            records_root: HEADER.records_root,
            n: n as u8,
            credited,
            paid,
            credit_skips: bits(&skips.credit),
            payout_skips: bits(&skips.payout),
            reasons: numbers(&skips.credit).chain(numbers(&skips.payout)).collect(),
        })])
    }

    /// The node whose wallet an entry names, if it is an open one of this network.
    fn node_of(&self, net: Net, entry: &Entry, writable: &BTreeSet<Place>) -> Option<u8> {
        match entry.wallet.place(net) {
            place @ Place::Wallet(of, node) if of == net && writable.contains(&place) => {
                self.wallet(net, node).map(|_| node)
            }
            _ => None,
        }
    }

    fn credit_one(
        &mut self,
        net: Net,
        entry: &Entry,
        left: &mut Left,
        writable: &BTreeSet<Place>,
    ) -> Result<u64, SkipReason> {
        let node = self.node_of(net, entry, writable).ok_or(SkipReason::InvalidWallet)?;
        let place = Place::Wallet(net, node);
        let batch = self.networks[&net].batches;
        let wallet = self.nodes[&(net, node)];
        let super::Node::Open(wallet) = wallet else { return Err(SkipReason::InvalidWallet) };
        if wallet.last_batch == batch {
            return Err(SkipReason::DuplicateWallet);
        }
        let Target::Total(target) = entry.target else { unreachable!("batches are in numbers") };
        let amount = match target.checked_sub(wallet.credited) {
            None | Some(0) => return Err(SkipReason::NothingToCredit),
            Some(amount) => amount,
        };
        let limits = [
            (left.node_cap, SkipReason::PerNodeCap),
            (left.batch, SkipReason::PerBatchCap),
            (left.window, SkipReason::WindowLimit),
            (left.treasury, SkipReason::TreasuryShort),
            (left.total, SkipReason::Overflow),
        ];
        if let Some((_, reason)) = limits.into_iter().find(|(limit, _)| amount > *limit) {
            return Err(reason);
        }
        if net.pays_in_sol() {
            let after = self.lamports(place).checked_add(amount).ok_or(SkipReason::Overflow)?;
            if after < self.minimum(WALLET_BYTES) {
                return Err(SkipReason::WalletNotRentExempt);
            }
            self.lamports.insert(place, after);
        }
        for limit in [&mut left.batch, &mut left.window, &mut left.treasury, &mut left.total] {
            *limit -= amount;
        }
        let now = self.now;
        if let Some(super::Node::Open(wallet)) = self.nodes.get_mut(&(net, node)) {
            if wallet.pending() == 0 {
                wallet.oldest_unpaid_at = now;
            }
            wallet.credited = target;
            wallet.last_batch = batch;
        }
        Ok(amount)
    }

    /// Whether an entry's node is to be paid out: by size, or by age.
    fn is_due(&self, net: Net, entry: &Entry) -> bool {
        let Place::Wallet(_, node) = entry.wallet.place(net) else { return false };
        let Some(wallet) = self.wallet(net, node) else { return false };
        let age = i128::from(self.now) - i128::from(wallet.oldest_unpaid_at);
        let most = i128::from(self.networks[&net].parameters.max_pending_age);
        wallet.pending() > 0 && (wallet.pending() >= wallet.threshold || age >= most)
    }

    /// Pays out all that is pending.
    fn pay(&mut self, net: Net, entry: &Entry, writable: &BTreeSet<Place>) -> Result<u64, SkipReason> {
        let from @ Place::Wallet(_, node) = entry.wallet.place(net) else { return Err(SkipReason::InvalidWallet) };
        let Some(wallet) = self.wallet(net, node).copied() else { return Err(SkipReason::InvalidWallet) };
        let to = entry.destination.unwrap_or(Place::Incinerator);
        let amount = wallet.pending();
        let refuse = |refused, reason| if refused { Err(reason) } else { Ok(()) };
        if net.pays_in_sol() {
            refuse(to != wallet.destination, SkipReason::DestinationMismatch)?;
            refuse(self.is_programs(to), SkipReason::DestinationIsProgramAccount)?;
            refuse(!writable.contains(&to), SkipReason::DestinationNotWritable)?;
            let after = self.lamports(to) + amount;
            refuse(after < self.minimum(self.bytes(to)), SkipReason::DestinationNotRentExempt)?;
            let left = self.lamports(from).checked_sub(amount).ok_or(SkipReason::WalletShort)?;
            refuse(left < self.minimum(WALLET_BYTES), SkipReason::WalletShort)?;
            self.lamports.insert(from, left);
            self.lamports.insert(to, after);
        } else {
            let vault = Place::Vault(net);
            let account = self.tokens.get(&to).copied().filter(|_| is_of_mint(net, to));
            let Some(account) = account else { return Err(SkipReason::TokenAccountInvalid) };
            refuse(to == vault, SkipReason::DestinationIsProgramAccount)?;
            refuse(owner_of(net, to) != Some(wallet.destination), SkipReason::TokenAccountWrongOwner)?;
            refuse(account.is_frozen, SkipReason::TokenAccountFrozen)?;
            refuse(!writable.contains(&to), SkipReason::DestinationNotWritable)?;
            refuse(self.tokens[&vault].is_frozen, SkipReason::TreasuryFrozen)?;
            self.transfer_tokens(net, vault, to, amount).map_err(|_| SkipReason::TreasuryTokensShort)?;
        }
        if let Some(super::Node::Open(wallet)) = self.nodes.get_mut(&(net, node)) {
            wallet.paid = wallet.credited;
            wallet.oldest_unpaid_at = 0;
        }
        Ok(amount)
    }
}

/// What a batch may write: an account that is writable anywhere in a transaction is so everywhere.
fn writable(net: Net, entries: &[Entry], with_destinations: bool) -> BTreeSet<Place> {
    let mut writable = BTreeSet::from([Place::Treasury(net)]);
    if with_destinations && !net.pays_in_sol() {
        writable.insert(Place::Vault(net));
    }
    for entry in entries {
        if !entry.wallet_readonly {
            writable.insert(entry.wallet.place(net));
        }
        if let (true, false, Some(to)) = (with_destinations, entry.destination_readonly, entry.destination) {
            writable.insert(to);
        }
    }
    writable
}
