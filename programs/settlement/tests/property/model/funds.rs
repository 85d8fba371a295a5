//! Funding, withdrawals, and transfers without the program.

use settlement::events::{Funded, SurplusWithdrawn, Withdrawn};

use super::super::account_id::{AccountId, Net};
use super::super::chain::event_data;
use super::{FEE_BASIS_POINTS, MAX_FEE, Model, Outcome, Rejected, TREASURY_BYTES, TokenAccount, WALLET_BYTES, require};

impl Model {
    /// Base units in the treasury that are not owed to any node.
    pub(crate) fn surplus(&self, net: Net) -> u64 {
        let Some(network) = self.networks.get(&net) else { return 0 };
        if net.pays_in_sol() {
            self.lamports(AccountId::Treasury(net)).saturating_sub(self.rent_minimum(TREASURY_BYTES))
        } else {
            self.token_amount(AccountId::Vault(net)).saturating_sub(network.credited - network.paid)
        }
    }

    /// The balance of a token account.
    pub(crate) fn token_amount(&self, account_id: AccountId) -> u64 {
        self.tokens.get(&account_id).map_or(0, |tokens| tokens.amount)
    }

    pub(super) fn fund(&mut self, net: Net, actor: u8, amount: u64) -> Outcome {
        self.migrated_network(net)?;
        require(amount > 0)?;
        let received = if net.pays_in_sol() {
            self.move_lamports(AccountId::Person(actor), AccountId::Treasury(net), amount)?;
            amount
        } else {
            let before = self.token_amount(AccountId::Vault(net));
            self.transfer_tokens(net, AccountId::TokenAccount(net, actor), AccountId::Vault(net), amount)?;
            self.token_amount(AccountId::Vault(net)) - before
        };
        let token_balance = self.token_amount(AccountId::Vault(net));
        let network = self.network(net)?;
        network.funded = network.funded.checked_add(received).ok_or(Rejected)?;
        network.token_balance = token_balance;
        Ok(vec![event_data(Funded {
            network: AccountId::Network(net).address(),
            funder: AccountId::Person(actor).address(),
            amount: received,
            funded_total: network.funded,
        })])
    }

    pub(super) fn withdraw_surplus(&mut self, net: Net, actor: u8, to: AccountId, amount: u64) -> Outcome {
        require(self.active_network(net)?.admin == actor)?;
        require(amount > 0 && amount <= self.surplus(net))?;
        if net.pays_in_sol() {
            require(!self.is_owned_by_program(to) && !to.is_reserved())?;
            self.check_destination(to, amount)?;
            self.move_lamports(AccountId::Treasury(net), to, amount)?;
        } else {
            require(to != AccountId::Vault(net))?;
            self.transfer_tokens(net, AccountId::Vault(net), to, amount)?;
        }
        let token_balance = self.token_amount(AccountId::Vault(net));
        let network = self.network(net)?;
        network.withdrawn = network.withdrawn.checked_add(amount).ok_or(Rejected)?;
        network.token_balance = token_balance;
        Ok(vec![event_data(SurplusWithdrawn {
            network: AccountId::Network(net).address(),
            by: AccountId::Person(actor).address(),
            destination: to.address(),
            amount,
            withdrawn_total: network.withdrawn,
        })])
    }

    pub(super) fn withdraw(&mut self, net: Net, node: u8, actor: u8, to: AccountId, requested: Option<u64>) -> Outcome {
        self.active_network(net)?;
        let wallet = *self.wallet_mut(net, node)?;
        require(wallet.owner == AccountId::Person(actor))?;
        let amount = requested.unwrap_or(wallet.pending());
        require(amount > 0 && amount <= wallet.pending())?;
        if net.pays_in_sol() {
            require(to == wallet.destination && !self.is_owned_by_program(to))?;
            self.check_destination(to, amount)?;
            let from = AccountId::Wallet(net, node);
            require(self.lamports(from).checked_sub(amount).ok_or(Rejected)? >= self.rent_minimum(WALLET_BYTES))?;
            self.move_lamports(from, to, amount)?;
        } else {
            require(owner_of(net, to) == Some(wallet.destination))?;
            self.transfer_tokens(net, AccountId::Vault(net), to, amount)?;
        }
        let updated = self.wallet_mut(net, node)?;
        updated.paid += amount;
        if updated.pending() == 0 {
            updated.oldest_unpaid_at = 0;
        }
        let paid_total = updated.paid;
        let token_balance = self.token_amount(AccountId::Vault(net));
        let network = self.network(net)?;
        network.paid += amount;
        network.token_balance = token_balance;
        Ok(vec![event_data(Withdrawn {
            network: AccountId::Network(net).address(),
            node_wallet: AccountId::Wallet(net, node).address(),
            owner: wallet.owner.address(),
            destination: wallet.destination.address(),
            amount,
            credited_total: wallet.credited,
            paid_total,
        })])
    }

    /// Rejects a payment that leaves the destination below its rent minimum, even if the runtime would allow it.
    fn check_destination(&self, to: AccountId, amount: u64) -> Result<(), Rejected> {
        require(self.lamports(to).checked_add(amount).ok_or(Rejected)? >= self.rent_minimum(self.bytes(to)))
    }

    /// Transfers tokens between two token accounts of the network's mint.
    pub(super) fn transfer_tokens(
        &mut self,
        net: Net,
        from: AccountId,
        to: AccountId,
        amount: u64,
    ) -> Result<(), Rejected> {
        require(is_of_mint(net, from) && is_of_mint(net, to))?;
        let source = self.tokens.get_mut(&from).ok_or(Rejected)?;
        require(!source.is_frozen)?;
        let left = source.amount.checked_sub(amount).ok_or(Rejected)?;
        if from == to {
            return Ok(());
        }
        source.amount = left;
        let fee = fee(net, amount);
        let target = self.tokens.get_mut(&to).ok_or(Rejected)?;
        require(!target.is_frozen)?;
        target.amount = target.amount.checked_add(amount - fee).ok_or(Rejected)?;
        target.withheld += fee;
        Ok(())
    }

    pub(super) fn set_frozen(&mut self, account: AccountId, frozen: bool) -> Outcome {
        let tokens: &mut TokenAccount = self.tokens.get_mut(&account).ok_or(Rejected)?;
        require(tokens.is_frozen != frozen)?;
        tokens.is_frozen = frozen;
        Ok(vec![])
    }
}

/// The transfer fee of the mint: rounded up, and capped.
fn fee(net: Net, amount: u64) -> u64 {
    if net != Net::Fee {
        return 0;
    }
    let fee = (u128::from(amount) * u128::from(FEE_BASIS_POINTS)).div_ceil(10_000);
    fee.min(MAX_FEE.into()) as u64
}

/// Whether the account is a token account of the network's mint.
pub(super) fn is_of_mint(net: Net, account_id: AccountId) -> bool {
    matches!(account_id, AccountId::TokenAccount(of, _) | AccountId::Vault(of) if of == net)
}

/// The owner of a token account of the network's mint.
pub(super) fn owner_of(net: Net, account_id: AccountId) -> Option<AccountId> {
    match account_id {
        AccountId::TokenAccount(of, person) if of == net => Some(AccountId::Person(person)),
        AccountId::Vault(of) if of == net => Some(AccountId::Treasury(net)),
        _ => None,
    }
}
