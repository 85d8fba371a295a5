//! Nodes: registration, closing, reopening, and settings.

use settlement::events::{DestinationChanged, NodeClosed, NodeRegistered, NodeReopened, ThresholdChanged};
use settlement::state::DestinationSource;

use super::super::account_id::{AccountId, Net, id_of_node};
use super::super::chain::event_data;
use super::super::step::Registration;
use super::{CLOSED_BYTES, Model, Node, Outcome, Rejected, WALLET_BYTES, Wallet, is_payable, require};

impl Model {
    /// The new wallet of a registration, if the registration is valid.
    fn validated_wallet(
        &mut self,
        net: Net,
        node: u8,
        actor: u8,
        registration: &Registration,
    ) -> Result<Wallet, Rejected> {
        let network = self.migrated_network(net)?;
        let chooses_owner = registration.destination() == registration.owner;
        let settler_may = network.settler == actor && !network.is_paused && chooses_owner;
        require(network.admin == actor || settler_may)?;
        let threshold = registration.threshold.unwrap_or(network.parameters.default_threshold);
        require(threshold >= network.parameters.default_threshold)?;
        require(is_payable(registration.owner, net, node) && is_payable(registration.destination(), net, node))?;
        Ok(Wallet {
            owner: registration.owner,
            destination: registration.destination(),
            rent_payer: registration.payer,
            credited: 0,
            paid: 0,
            threshold,
            oldest_unpaid_at: 0,
            last_batch: 0,
            destination_source: if chooses_owner { DestinationSource::Default } else { DestinationSource::Admin },
        })
    }

    pub(super) fn register(&mut self, net: Net, node: u8, actor: u8, registration: &Registration) -> Outcome {
        require(!self.nodes.contains_key(&(net, node)))?;
        let wallet = self.validated_wallet(net, node, actor, registration)?;
        self.pay_rent(AccountId::Person(registration.payer), AccountId::Wallet(net, node), WALLET_BYTES)?;
        self.nodes.insert((net, node), Node::Open(wallet));
        Ok(vec![event_data(NodeRegistered {
            network: AccountId::Network(net).address(),
            node_wallet: AccountId::Wallet(net, node).address(),
            node_id: id_of_node(node),
            owner: wallet.owner.address(),
            destination: wallet.destination.address(),
            rent_payer: AccountId::Person(registration.payer).address(),
            authority: AccountId::Person(actor).address(),
            threshold: wallet.threshold,
        })])
    }

    pub(super) fn reopen(&mut self, net: Net, node: u8, actor: u8, registration: &Registration) -> Outcome {
        let Some(Node::Closed { total }) = self.nodes.get(&(net, node)).copied() else {
            return Err(Rejected);
        };
        let wallet = Wallet { credited: total, paid: total, ..self.validated_wallet(net, node, actor, registration)? };
        self.pay_rent(AccountId::Person(registration.payer), AccountId::Wallet(net, node), WALLET_BYTES)?;
        self.nodes.insert((net, node), Node::Open(wallet));
        Ok(vec![event_data(NodeReopened {
            network: AccountId::Network(net).address(),
            node_wallet: AccountId::Wallet(net, node).address(),
            node_id: id_of_node(node),
            owner: wallet.owner.address(),
            destination: wallet.destination.address(),
            rent_payer: AccountId::Person(registration.payer).address(),
            authority: AccountId::Person(actor).address(),
            threshold: wallet.threshold,
            total,
        })])
    }

    pub(super) fn close(&mut self, net: Net, node: u8, actor: u8) -> Outcome {
        let admin = self.active_network(net)?.admin;
        let wallet = *self.wallet_mut(net, node)?;
        require(wallet.owner == AccountId::Person(actor) || admin == actor)?;
        require(wallet.pending() == 0)?;
        let (account_id, payer) = (AccountId::Wallet(net, node), AccountId::Person(wallet.rent_payer));
        let lamports = self.lamports(account_id).checked_sub(self.rent_minimum(CLOSED_BYTES)).ok_or(Rejected)?;
        // Required by the runtime, even if no lamports are moved.
        require(self.lamports(payer).checked_add(lamports).ok_or(Rejected)? >= self.rent_minimum(0))?;
        self.move_lamports(account_id, payer, lamports)?;
        self.nodes.insert((net, node), Node::Closed { total: wallet.credited });
        Ok(vec![event_data(NodeClosed {
            network: AccountId::Network(net).address(),
            node_wallet: account_id.address(),
            node_id: id_of_node(node),
            by: AccountId::Person(actor).address(),
            total: wallet.credited,
            rent_payer: payer.address(),
            lamports,
        })])
    }

    pub(super) fn set_destination(&mut self, net: Net, node: u8, actor: u8, to: AccountId) -> Outcome {
        self.migrated_network(net)?;
        let wallet = self.wallet_mut(net, node)?;
        require(wallet.owner == AccountId::Person(actor) && is_payable(to, net, node))?;
        let from = wallet.destination;
        wallet.destination = to;
        wallet.destination_source = DestinationSource::Owner;
        Ok(vec![event_data(DestinationChanged {
            network: AccountId::Network(net).address(),
            node_wallet: AccountId::Wallet(net, node).address(),
            owner: AccountId::Person(actor).address(),
            from: from.address(),
            to: to.address(),
        })])
    }

    pub(super) fn set_threshold(&mut self, net: Net, node: u8, actor: u8, to: u64) -> Outcome {
        let min_threshold = self.migrated_network(net)?.parameters.default_threshold;
        let wallet = self.wallet_mut(net, node)?;
        require(wallet.owner == AccountId::Person(actor) && to >= min_threshold)?;
        let from = wallet.threshold;
        wallet.threshold = to;
        Ok(vec![event_data(ThresholdChanged {
            network: AccountId::Network(net).address(),
            node_wallet: AccountId::Wallet(net, node).address(),
            owner: AccountId::Person(actor).address(),
            from,
            to,
        })])
    }
}
