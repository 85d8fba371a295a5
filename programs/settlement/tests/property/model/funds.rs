//! Funding, withdrawals, and transfers without the program.

use settlement::events::{Funded, SurplusWithdrawn, Withdrawn};
use settlement::state::DestinationSource;

use super::super::account_id::{AccountId, Mint, Net, owner_of_node};
use super::{
    FEE_BASIS_POINTS, MAX_FEE, Model, Outcome, Rejected, TREASURY_BYTES, TokenAccount, WALLET_BYTES, key, require, some,
};

impl Model {
    /// Base units in the treasury that are not owed to any node.
    pub(crate) fn surplus(&self, net: Net) -> u64 {
        let Some(network) = self.networks.get(&net) else { return 0 };
        if net.pays_in_sol() {
            self.treasury_excess(net)
        } else {
            self.token_amount(AccountId::Vault(net)).saturating_sub(network.credited - network.paid)
        }
    }

    /// Lamports in the treasury that are not its rent.
    pub(super) fn treasury_excess(&self, net: Net) -> u64 {
        self.lamports(AccountId::Treasury(net)).saturating_sub(self.rent_minimum(TREASURY_BYTES))
    }

    /// The balance of a token account.
    pub(crate) fn token_amount(&self, account_id: AccountId) -> u64 {
        self.tokens.get(&account_id).map_or(0, |tokens| tokens.amount)
    }

    pub(super) fn fund(&mut self, net: Net, actor: u8, amount: u64, expected_admin: Option<u8>) -> Outcome {
        let admin = self.migrated_network(net)?.admin;
        require(amount > 0 && expected_admin.is_none_or(|expected| expected == admin))?;
        let (funder, vault) = (AccountId::Person(actor), AccountId::Vault(net));
        let received = if let Some(mint) = net.mint() {
            let before = self.token_amount(vault);
            self.transfer_tokens(mint, (AccountId::TokenAccount(mint, actor, 0), vault), funder, amount)?;
            self.token_amount(vault) - before
        } else {
            self.move_lamports(funder, AccountId::Treasury(net), amount)?;
            amount
        };
        let token_balance = self.token_amount(AccountId::Vault(net));
        let network = self.network(net)?;
        network.funded = some(network.funded.checked_add(received))?;
        network.token_balance = token_balance;
        let funded_total = network.funded;
        let network = AccountId::Network(net).address();
        self.recorded_call(net, &Funded { network, funder: key(actor), amount: received, funded_total })
    }

    pub(super) fn withdraw_surplus(&mut self, net: Net, actor: u8, to: AccountId, amount: u64) -> Outcome {
        require(self.active_network(net)?.admin == actor)?;
        require(amount > 0 && amount <= self.surplus(net))?;
        let treasury = AccountId::Treasury(net);
        if let Some(mint) = net.mint() {
            require(to != AccountId::Vault(net))?;
            self.transfer_tokens(mint, (AccountId::Vault(net), to), treasury, amount)?;
        } else {
            self.check_destination(to, amount)?;
            self.move_lamports(treasury, to, amount)?;
        }
        let token_balance = self.token_amount(AccountId::Vault(net));
        let network = self.network(net)?;
        network.withdrawn = some(network.withdrawn.checked_add(amount))?;
        network.token_balance = token_balance;
        let withdrawn_total = network.withdrawn;
        self.recorded_call(
            net,
            &SurplusWithdrawn {
                network: AccountId::Network(net).address(),
                by: key(actor),
                destination: to.address(),
                amount,
                withdrawn_total,
            },
        )
    }

    pub(super) fn withdraw(&mut self, net: Net, node: u8, actor: u8, to: AccountId, requested: Option<u64>) -> Outcome {
        let now = self.now;
        let network = self.migrated_network(net)?;
        require(!network.is_paused || now >= network.hold_until)?;
        let owner = owner_of_node(node);
        let wallet = *self.wallet_mut(net, node)?;
        require(owner == actor && to == wallet.destination)?;
        let amount = requested.unwrap_or(wallet.pending());
        require(amount > 0 && amount <= wallet.pending())?;
        if let Some(mint) = net.mint() {
            require(to != AccountId::Vault(net))?;
            let account = some(self.tokens.get(&to))?;
            let is_default = wallet.destination_source == DestinationSource::Default;
            require(!is_default || account.owner == AccountId::Person(owner))?;
            self.transfer_tokens(mint, (AccountId::Vault(net), to), AccountId::Treasury(net), amount)?;
        } else {
            self.check_destination(to, amount)?;
            let from = AccountId::Wallet(net, node);
            let had = self.lamports(from);
            self.move_lamports(from, to, amount)?;
            require(self.lamports(from) >= had.min(self.rent_minimum(WALLET_BYTES)))?;
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
        self.recorded_call(
            net,
            &Withdrawn {
                network: AccountId::Network(net).address(),
                node_wallet: AccountId::Wallet(net, node).address(),
                owner: key(owner),
                destination: to.address(),
                amount,
                credited_total: wallet.credited,
                paid_total,
            },
        )
    }

    /// Rejects a payment of lamports to an account of the program, to a reserved address, and to a new account that
    /// would not be rent-exempt.
    pub(super) fn check_destination(&self, to: AccountId, amount: u64) -> Result<(), Rejected> {
        require(!self.is_owned_by_program(to) && !to.is_reserved())?;
        require(self.lamports(to) > 0 || amount >= self.rent_minimum(0))
    }

    /// Transfers tokens from one token account to another of the same mint, authorized by `authority`.
    pub(super) fn transfer_tokens(
        &mut self,
        mint: Mint,
        (from, to): (AccountId, AccountId),
        authority: AccountId,
        amount: u64,
    ) -> Result<(), Rejected> {
        require(from.mint() == Some(mint) && to.mint() == Some(mint))?;
        let source = some(self.tokens.get_mut(&from))?;
        require(!source.is_frozen && source.owner == authority)?;
        let left = some(source.amount.checked_sub(amount))?;
        if from == to {
            return Ok(());
        }
        source.amount = left;
        let fee = fee(mint, amount);
        let target = some(self.tokens.get_mut(&to))?;
        require(!target.is_frozen)?;
        target.amount = some(target.amount.checked_add(amount - fee))?;
        target.withheld += fee;
        Ok(())
    }

    pub(super) fn set_frozen(&mut self, account: AccountId, frozen: bool) -> Outcome {
        let tokens = some(self.tokens.get_mut(&account))?;
        require(tokens.is_frozen != frozen)?;
        tokens.is_frozen = frozen;
        Ok(vec![])
    }

    pub(super) fn give_away(&mut self, account: AccountId, actor: u8, to: u8) -> Outcome {
        // The treasury's token account of Token-2022 can't change its owner, but no person owns it anyway.
        let tokens = some(self.tokens.get_mut(&account))?;
        require(!tokens.is_frozen && tokens.owner == AccountId::Person(actor))?;
        tokens.owner = AccountId::Person(to);
        Ok(vec![])
    }

    /// Succeeds even if there is no such token account.
    pub(super) fn harvest(&mut self, net: Net) -> Outcome {
        if let Some(vault) = self.tokens.get_mut(&AccountId::Vault(net)) {
            self.harvested += vault.withheld;
            vault.withheld = 0;
        }
        Ok(vec![])
    }
}

impl TokenAccount {
    pub(crate) fn empty(owner: AccountId) -> Self {
        Self { owner, amount: 0, withheld: 0, is_frozen: false }
    }
}

/// The transfer fee of the mint: rounded up, and capped.
fn fee(mint: Mint, amount: u64) -> u64 {
    if mint != Mint::Fee {
        return 0;
    }
    let fee = (u128::from(amount) * u128::from(FEE_BASIS_POINTS)).div_ceil(10_000);
    fee.min(MAX_FEE.into()) as u64
}
