//! Batches: what each entry credits and pays, and why entries are skipped.

use std::collections::BTreeSet;

use settlement::client::BatchHeader;
use settlement::events::{BatchSettled, PaidOut};
use settlement::rules::SkipReason;
use settlement::state::DestinationSource;

use super::super::account_id::{AccountId, Net, owner_of_node};
use super::super::event::EventData;
use super::super::step::{Entry, Target};
use super::{Model, Outcome, Rejected, WALLET_BYTES, require, some};

/// The header of all batches.
pub(crate) const HEADER: BatchHeader = BatchHeader { batch_id: 77, records_root: [5; 32] };

/// How much a batch can still credit within each limit.
struct RemainingLimits {
    node_cap: u64,
    batch: u64,
    window: u64,
    treasury: u64,
    /// Until the treasury's total reaches its maximum.
    total: u64,
}

/// The accounts that each entry of a batch passes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryAccounts {
    Wallet,
    WalletAndDestination,
}

#[derive(Default)]
struct Skips {
    credit: Vec<(usize, SkipReason)>,
    payout: Vec<(usize, SkipReason)>,
}

fn bits(skips: &[(usize, SkipReason)]) -> u64 {
    skips.iter().fold(0, |bits, (entry, _)| bits | 1 << entry)
}

fn reason_numbers(skips: &[(usize, SkipReason)]) -> impl Iterator<Item = u8> + use<'_> {
    skips.iter().map(|(_, reason)| u8::from(*reason))
}

impl Model {
    pub(super) fn credit(&mut self, net: Net, actor: u8, entries: &[Entry]) -> Outcome {
        self.begin_batch(net, actor, entries, 60)?;
        let mut limits = self.remaining_limits(net);
        let writable = writable_accounts(net, entries, EntryAccounts::Wallet);
        let (mut credited, mut skips) = (0, Skips::default());
        for (i, entry) in entries.iter().enumerate() {
            match self.credit_entry(net, entry, &mut limits, &writable) {
                Ok(amount) => credited += amount,
                Err(reason) => skips.credit.push((i, reason)),
            }
        }
        self.finish_batch(net, entries.len(), credited, 0, skips)
    }

    pub(super) fn settle(&mut self, net: Net, actor: u8, entries: &[Entry]) -> Outcome {
        self.begin_batch(net, actor, entries, 30)?;
        let mut limits = self.remaining_limits(net);
        let before = self.clone();
        let writable = writable_accounts(net, entries, EntryAccounts::WalletAndDestination);
        let (mut credited, mut paid, mut skips) = (0, 0, Skips::default());
        for (i, entry) in entries.iter().enumerate() {
            match self.credit_entry(net, entry, &mut limits, &writable) {
                Ok(amount) => credited += amount,
                Err(reason) => {
                    skips.credit.push((i, reason));
                    if matches!(reason, SkipReason::InvalidWallet | SkipReason::DuplicateWallet) {
                        continue;
                    }
                }
            }
            if self.is_due(net, entry) {
                match self.pay_entry(net, entry, &before, &writable) {
                    Ok(amount) => paid += amount,
                    Err(reason) => skips.payout.push((i, reason)),
                }
            }
        }
        let token_balance = self.token_amount(AccountId::Vault(net));
        self.network(net)?.token_balance = token_balance;
        self.finish_batch(net, entries.len(), credited, paid, skips)
    }

    pub(super) fn payout(&mut self, net: Net, entries: &[Entry]) -> Outcome {
        self.active_network(net)?;
        require((1..=30).contains(&entries.len()))?;
        let before = self.clone();
        let writable = writable_accounts(net, entries, EntryAccounts::WalletAndDestination);
        let (mut paid, mut skips) = (0, vec![]);
        for (i, entry) in entries.iter().enumerate() {
            let outcome = match self.node_of(net, entry, &writable) {
                None => Err(SkipReason::InvalidWallet),
                Some(_) if !self.is_due(net, entry) => Err(SkipReason::NotDue),
                Some(_) => self.pay_entry(net, entry, &before, &writable),
            };
            match outcome {
                Ok(amount) => paid += amount,
                Err(reason) => skips.push((i, reason)),
            }
        }
        let token_balance = self.token_amount(AccountId::Vault(net));
        let network = self.network(net)?;
        network.token_balance = token_balance;
        network.paid += paid;
        let event = PaidOut {
            network: AccountId::Network(net).address(),
            n: entries.len() as u8,
            paid,
            skips: bits(&skips),
            reasons: reason_numbers(&skips).collect(),
        };
        if paid == 0 {
            return Ok(vec![EventData::call(&event)]);
        }
        self.recorded_call(net, &event)
    }

    fn begin_batch(&mut self, net: Net, actor: u8, entries: &[Entry], max: usize) -> Result<(), Rejected> {
        let now = self.now;
        let network = self.active_network(net)?;
        require(network.settler == actor)?;
        require((1..=max).contains(&entries.len()))?;
        network.drain_window(now);
        network.batches += 1;
        Ok(())
    }

    fn remaining_limits(&self, net: Net) -> RemainingLimits {
        let network = &self.networks[&net];
        let owed = network.credited - network.paid;
        let parameters = network.parameters;
        RemainingLimits {
            node_cap: parameters.per_node_cap,
            batch: parameters.per_batch_cap,
            window: parameters.window_limit.saturating_sub(network.window_used),
            treasury: if net.pays_in_sol() { self.surplus(net) } else { network.token_balance.saturating_sub(owed) },
            total: u64::MAX - network.credited,
        }
    }

    fn finish_batch(&mut self, net: Net, n: usize, credited: u64, paid: u64, skips: Skips) -> Outcome {
        if net.pays_in_sol() {
            // The wallets received their lamports entry by entry.
            self.remove_lamports(AccountId::Treasury(net), credited)?;
        }
        let network = self.network(net)?;
        network.window_used = some(network.window_used.checked_add(credited))?;
        network.credited += credited;
        network.paid += paid;
        let sequence = network.batches;
        let event = BatchSettled {
            network: AccountId::Network(net).address(),
            batch_id: HEADER.batch_id,
            sequence,
            records_root: HEADER.records_root,
            n: n as u8,
            credited,
            paid,
            credit_skips: bits(&skips.credit),
            payout_skips: bits(&skips.payout),
            reasons: reason_numbers(&skips.credit).chain(reason_numbers(&skips.payout)).collect(),
        };
        self.recorded_log(net, &event)
    }

    /// The node of an entry's wallet, if that is open and belongs to this network.
    fn node_of(&self, net: Net, entry: &Entry, writable: &BTreeSet<AccountId>) -> Option<u8> {
        match entry.wallet.account_id(net) {
            account_id @ AccountId::Wallet(of, node) if of == net && writable.contains(&account_id) => {
                self.wallet(net, node).map(|_| node)
            }
            _ => None,
        }
    }

    fn credit_entry(
        &mut self,
        net: Net,
        entry: &Entry,
        limits: &mut RemainingLimits,
        writable: &BTreeSet<AccountId>,
    ) -> Result<u64, SkipReason> {
        let node = self.node_of(net, entry, writable).ok_or(SkipReason::InvalidWallet)?;
        let account_id = AccountId::Wallet(net, node);
        let batch = self.networks[&net].batches;
        let wallet = self.nodes[&(net, node)];
        let super::Node::Open(wallet) = wallet else { return Err(SkipReason::InvalidWallet) };
        if wallet.last_batch == batch {
            return Err(SkipReason::DuplicateWallet);
        }
        let Target::Total(target) = entry.target else { unreachable!("batches have absolute totals") };
        let amount = match target.checked_sub(wallet.credited) {
            None | Some(0) => return Err(SkipReason::NothingToCredit),
            Some(amount) => amount,
        };
        let checks = [
            (limits.node_cap, SkipReason::PerNodeCap),
            (limits.batch, SkipReason::PerBatchCap),
            (limits.window, SkipReason::WindowLimit),
            (limits.treasury, SkipReason::TreasuryShort),
            (limits.total, SkipReason::Overflow),
        ];
        if let Some((_, reason)) = checks.into_iter().find(|(limit, _)| amount > *limit) {
            return Err(reason);
        }
        if net.pays_in_sol() {
            let after = self.lamports(account_id).checked_add(amount).ok_or(SkipReason::Overflow)?;
            self.lamports.insert(account_id, after);
        }
        for limit in [&mut limits.batch, &mut limits.window, &mut limits.treasury, &mut limits.total] {
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

    /// Whether an entry's node is due for a payout, because of the pending amount or its age.
    fn is_due(&self, net: Net, entry: &Entry) -> bool {
        let AccountId::Wallet(_, node) = entry.wallet.account_id(net) else { return false };
        let Some(wallet) = self.wallet(net, node) else { return false };
        let age = i128::from(self.now) - i128::from(wallet.oldest_unpaid_at);
        let max = i128::from(self.networks[&net].parameters.max_pending_age);
        wallet.pending() > 0 && (wallet.pending() >= wallet.threshold || age >= max)
    }

    /// Pays out everything that is pending. `before` is the state before the instruction.
    fn pay_entry(
        &mut self,
        net: Net,
        entry: &Entry,
        before: &Self,
        writable: &BTreeSet<AccountId>,
    ) -> Result<u64, SkipReason> {
        let from @ AccountId::Wallet(_, node) = entry.wallet.account_id(net) else {
            return Err(SkipReason::InvalidWallet);
        };
        let Some(wallet) = self.wallet(net, node).copied() else { return Err(SkipReason::InvalidWallet) };
        let to = entry.destination.unwrap_or(AccountId::Incinerator);
        let amount = wallet.pending();
        let skip_if = |condition, reason| if condition { Err(reason) } else { Ok(()) };
        skip_if(to != wallet.destination, SkipReason::DestinationMismatch)?;
        if let Some(mint) = net.mint() {
            let vault = AccountId::Vault(net);
            let account = self.tokens.get(&to).copied();
            let account = account.filter(|_| to.mint().is_some_and(|of| of.token_program() == mint.token_program()));
            let Some(account) = account else { return Err(SkipReason::TokenAccountInvalid) };
            skip_if(to.mint() != Some(mint), SkipReason::TokenAccountWrongMint)?;
            skip_if(to == vault, SkipReason::DestinationIsProgramAccount)?;
            // Whoever chose the destination decided whose it is.
            let is_default = wallet.destination_source == DestinationSource::Default;
            let is_owners = account.owner == AccountId::Person(owner_of_node(node));
            skip_if(is_default && !is_owners, SkipReason::TokenAccountWrongOwner)?;
            skip_if(account.is_frozen, SkipReason::TokenAccountFrozen)?;
            skip_if(!writable.contains(&to), SkipReason::DestinationNotWritable)?;
            skip_if(self.tokens[&vault].is_frozen, SkipReason::TreasuryFrozen)?;
            self.transfer_tokens(mint, (vault, to), AccountId::Treasury(net), amount)
                .map_err(|_| SkipReason::TreasuryTokensShort)?;
        } else {
            skip_if(self.is_owned_by_program(to), SkipReason::DestinationIsProgramAccount)?;
            skip_if(!writable.contains(&to), SkipReason::DestinationNotWritable)?;
            let is_new = self.lamports(to) == 0;
            skip_if(is_new && amount < self.rent_minimum(0), SkipReason::DestinationNotRentExempt)?;
            let left = self.lamports(from).checked_sub(amount).ok_or(SkipReason::WalletShort)?;
            skip_if(left < before.lamports(from).min(self.rent_minimum(WALLET_BYTES)), SkipReason::WalletShort)?;
            self.lamports.insert(from, left);
            let received = self.lamports(to) + amount;
            self.lamports.insert(to, received);
        }
        if let Some(super::Node::Open(wallet)) = self.nodes.get_mut(&(net, node)) {
            wallet.paid = wallet.credited;
            wallet.oldest_unpaid_at = 0;
        }
        Ok(amount)
    }
}

/// The writable accounts of a batch. An account that is writable at one position in a transaction
/// is writable at every position.
fn writable_accounts(net: Net, entries: &[Entry], accounts: EntryAccounts) -> BTreeSet<AccountId> {
    let with_destinations = accounts == EntryAccounts::WalletAndDestination;
    let mut writable = BTreeSet::from([AccountId::Treasury(net)]);
    if with_destinations && !net.pays_in_sol() {
        writable.insert(AccountId::Vault(net));
    }
    for entry in entries {
        if !entry.wallet_readonly {
            writable.insert(entry.wallet.account_id(net));
        }
        if let (true, false, Some(to)) = (with_destinations, entry.destination_readonly, entry.destination) {
            writable.insert(to);
        }
    }
    writable
}
