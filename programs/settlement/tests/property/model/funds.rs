//! Single payments: in, out, and past the program.

use settlement::events::{Funded, SurplusWithdrawn, Withdrawn};

use super::super::chain::told;
use super::super::place::{Net, Place};
use super::{FEE_BASIS_POINTS, FEE_MOST, Model, Outcome, Refused, TREASURY_BYTES, Tokens, WALLET_BYTES, require};

impl Model {
    /// Base units that are owed to nobody.
    pub fn surplus(&self, net: Net) -> u64 {
        let Some(network) = self.networks.get(&net) else { return 0 };
        if net.pays_in_sol() {
            self.lamports(Place::Treasury(net)).saturating_sub(self.minimum(TREASURY_BYTES))
        } else {
            self.held(Place::Vault(net)).saturating_sub(network.credited - network.paid)
        }
    }

    /// Tokens in a token account.
    pub fn held(&self, place: Place) -> u64 {
        self.tokens.get(&place).map_or(0, |tokens| tokens.amount)
    }

    pub(super) fn fund(&mut self, net: Net, actor: u8, amount: u64) -> Outcome {
        self.current(net)?;
        require(amount > 0)?;
        let received = if net.pays_in_sol() {
            self.move_lamports(Place::Person(actor), Place::Treasury(net), amount)?;
            amount
        } else {
            let before = self.held(Place::Vault(net));
            self.transfer_tokens(net, Place::Tokens(net, actor), Place::Vault(net), amount)?;
            self.held(Place::Vault(net)) - before
        };
        let known_tokens = self.held(Place::Vault(net));
        let network = self.network(net)?;
        network.funded = network.funded.checked_add(received).ok_or(Refused)?;
        network.known_tokens = known_tokens;
        Ok(vec![told(Funded {
            network: Place::Network(net).address(),
            funder: Place::Person(actor).address(),
            amount: received,
            funded_total: network.funded,
        })])
    }

    pub(super) fn withdraw_surplus(&mut self, net: Net, actor: u8, to: Place, amount: u64) -> Outcome {
        require(self.in_service(net)?.admin == actor)?;
        require(amount > 0 && amount <= self.surplus(net))?;
        if net.pays_in_sol() {
            require(!self.is_programs(to) && !to.is_reserved())?;
            self.check_destination(to, amount)?;
            self.move_lamports(Place::Treasury(net), to, amount)?;
        } else {
            require(to != Place::Vault(net))?;
            self.transfer_tokens(net, Place::Vault(net), to, amount)?;
        }
        let known_tokens = self.held(Place::Vault(net));
        let network = self.network(net)?;
        network.withdrawn = network.withdrawn.checked_add(amount).ok_or(Refused)?;
        network.known_tokens = known_tokens;
        Ok(vec![told(SurplusWithdrawn {
            network: Place::Network(net).address(),
            by: Place::Person(actor).address(),
            destination: to.address(),
            amount,
            withdrawn_total: network.withdrawn,
        })])
    }

    pub(super) fn withdraw(&mut self, net: Net, node: u8, actor: u8, to: Place, asked: Option<u64>) -> Outcome {
        self.in_service(net)?;
        let wallet = *self.wallet_mut(net, node)?;
        require(wallet.owner == Place::Person(actor))?;
        let amount = asked.unwrap_or(wallet.pending());
        require(amount > 0 && amount <= wallet.pending())?;
        if net.pays_in_sol() {
            require(to == wallet.destination && !self.is_programs(to))?;
            self.check_destination(to, amount)?;
            let from = Place::Wallet(net, node);
            require(self.lamports(from).checked_sub(amount).ok_or(Refused)? >= self.minimum(WALLET_BYTES))?;
            self.move_lamports(from, to, amount)?;
        } else {
            require(owner_of(net, to) == Some(wallet.destination))?;
            self.transfer_tokens(net, Place::Vault(net), to, amount)?;
        }
        let paid = self.wallet_mut(net, node)?;
        paid.paid += amount;
        if paid.pending() == 0 {
            paid.oldest_unpaid_at = 0;
        }
        let paid_total = paid.paid;
        let known_tokens = self.held(Place::Vault(net));
        let network = self.network(net)?;
        network.paid += amount;
        network.known_tokens = known_tokens;
        Ok(vec![told(Withdrawn {
            network: Place::Network(net).address(),
            node_wallet: Place::Wallet(net, node).address(),
            owner: wallet.owner.address(),
            destination: wallet.destination.address(),
            amount,
            credited_total: wallet.credited,
            paid_total,
        })])
    }

    /// Refuses to leave a destination below its rent, even where the runtime would not mind.
    fn check_destination(&self, to: Place, amount: u64) -> Result<(), Refused> {
        require(self.lamports(to).checked_add(amount).ok_or(Refused)? >= self.minimum(self.bytes(to)))
    }

    /// A transfer between two token accounts of the network's mint.
    pub(super) fn transfer_tokens(&mut self, net: Net, from: Place, to: Place, amount: u64) -> Result<(), Refused> {
        require(is_of_mint(net, from) && is_of_mint(net, to))?;
        let source = self.tokens.get_mut(&from).ok_or(Refused)?;
        require(!source.is_frozen)?;
        let left = source.amount.checked_sub(amount).ok_or(Refused)?;
        if from == to {
            return Ok(());
        }
        source.amount = left;
        let fee = fee(net, amount);
        let target = self.tokens.get_mut(&to).ok_or(Refused)?;
        require(!target.is_frozen)?;
        target.amount = target.amount.checked_add(amount - fee).ok_or(Refused)?;
        target.withheld += fee;
        Ok(())
    }

    pub(super) fn set_frozen(&mut self, account: Place, frozen: bool) -> Outcome {
        let tokens: &mut Tokens = self.tokens.get_mut(&account).ok_or(Refused)?;
        require(tokens.is_frozen != frozen)?;
        tokens.is_frozen = frozen;
        Ok(vec![])
    }
}

/// What the mint keeps of a transfer: rounded up, up to a limit.
fn fee(net: Net, amount: u64) -> u64 {
    if net != Net::Fee {
        return 0;
    }
    let fee = (u128::from(amount) * u128::from(FEE_BASIS_POINTS)).div_ceil(10_000);
    fee.min(FEE_MOST.into()) as u64
}

/// Whether it is the place of a token account of the network's mint.
pub(super) fn is_of_mint(net: Net, place: Place) -> bool {
    matches!(place, Place::Tokens(of, _) | Place::Vault(of) if of == net)
}

/// Whose token account of the network's mint it is.
pub(super) fn owner_of(net: Net, place: Place) -> Option<Place> {
    match place {
        Place::Tokens(of, person) if of == net => Some(Place::Person(person)),
        Place::Vault(of) if of == net => Some(Place::Treasury(net)),
        _ => None,
    }
}
