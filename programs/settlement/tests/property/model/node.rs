//! Nodes come, go and come back.

use settlement::events::{DestinationChanged, NodeClosed, NodeRegistered, NodeReopened, ThresholdChanged};

use super::super::chain::told;
use super::super::place::{Net, Place, id_of};
use super::super::step::Registration;
use super::{CLOSED_BYTES, Model, Node, Outcome, Refused, WALLET_BYTES, Wallet, is_payable, require};

impl Model {
    /// What a registration comes to, if it is sound.
    fn judged(&mut self, net: Net, node: u8, actor: u8, asked: &Registration) -> Result<Wallet, Refused> {
        let network = self.network(net)?;
        require(network.settler == actor || network.admin == actor)?;
        let threshold = asked.threshold.unwrap_or(network.parameters.default_threshold);
        require(threshold >= network.parameters.default_threshold)?;
        require(is_payable(asked.owner, net, node) && is_payable(asked.destination(), net, node))?;
        Ok(Wallet {
            owner: asked.owner,
            destination: asked.destination(),
            rent_payer: asked.payer,
            credited: 0,
            paid: 0,
            threshold,
            oldest_unpaid_at: 0,
            last_batch: 0,
        })
    }

    pub(super) fn register(&mut self, net: Net, node: u8, actor: u8, asked: &Registration) -> Outcome {
        require(!self.nodes.contains_key(&(net, node)))?;
        let wallet = self.judged(net, node, actor, asked)?;
        self.pay_rent(Place::Person(asked.payer), Place::Wallet(net, node), WALLET_BYTES)?;
        self.nodes.insert((net, node), Node::Open(wallet));
        Ok(vec![told(NodeRegistered {
            network: Place::Network(net).address(),
            node_wallet: Place::Wallet(net, node).address(),
            node_id: id_of(node),
            owner: wallet.owner.address(),
            destination: wallet.destination.address(),
            rent_payer: Place::Person(asked.payer).address(),
            authority: Place::Person(actor).address(),
            threshold: wallet.threshold,
        })])
    }

    pub(super) fn reopen(&mut self, net: Net, node: u8, actor: u8, asked: &Registration) -> Outcome {
        let Some(Node::Closed { total }) = self.nodes.get(&(net, node)).copied() else {
            return Err(Refused);
        };
        let wallet = Wallet { credited: total, paid: total, ..self.judged(net, node, actor, asked)? };
        self.pay_rent(Place::Person(asked.payer), Place::Wallet(net, node), WALLET_BYTES)?;
        self.nodes.insert((net, node), Node::Open(wallet));
        Ok(vec![told(NodeReopened {
            network: Place::Network(net).address(),
            node_wallet: Place::Wallet(net, node).address(),
            node_id: id_of(node),
            owner: wallet.owner.address(),
            destination: wallet.destination.address(),
            rent_payer: Place::Person(asked.payer).address(),
            authority: Place::Person(actor).address(),
            threshold: wallet.threshold,
            total,
        })])
    }

    pub(super) fn close(&mut self, net: Net, node: u8, actor: u8) -> Outcome {
        let admin = self.in_service(net)?.admin;
        let wallet = *self.wallet_mut(net, node)?;
        require(wallet.owner == Place::Person(actor) || admin == actor)?;
        require(wallet.pending() == 0)?;
        let (place, payer) = (Place::Wallet(net, node), Place::Person(wallet.rent_payer));
        let lamports = self.lamports(place).checked_sub(self.minimum(CLOSED_BYTES)).ok_or(Refused)?;
        // Also when that is nothing, and for the runtime's sake.
        require(self.lamports(payer).checked_add(lamports).ok_or(Refused)? >= self.minimum(0))?;
        self.move_lamports(place, payer, lamports)?;
        self.nodes.insert((net, node), Node::Closed { total: wallet.credited });
        Ok(vec![told(NodeClosed {
            network: Place::Network(net).address(),
            node_wallet: place.address(),
            node_id: id_of(node),
            by: Place::Person(actor).address(),
            total: wallet.credited,
            rent_payer: payer.address(),
            lamports,
        })])
    }

    pub(super) fn set_destination(&mut self, net: Net, node: u8, actor: u8, to: Place) -> Outcome {
        self.current(net)?;
        let wallet = self.wallet_mut(net, node)?;
        require(wallet.owner == Place::Person(actor) && is_payable(to, net, node))?;
        let from = wallet.destination;
        wallet.destination = to;
        Ok(vec![told(DestinationChanged {
            network: Place::Network(net).address(),
            node_wallet: Place::Wallet(net, node).address(),
            owner: Place::Person(actor).address(),
            from: from.address(),
            to: to.address(),
        })])
    }

    pub(super) fn set_threshold(&mut self, net: Net, node: u8, actor: u8, to: u64) -> Outcome {
        let least = self.current(net)?.parameters.default_threshold;
        let wallet = self.wallet_mut(net, node)?;
        require(wallet.owner == Place::Person(actor) && to >= least)?;
        let from = wallet.threshold;
        wallet.threshold = to;
        Ok(vec![told(ThresholdChanged {
            network: Place::Network(net).address(),
            node_wallet: Place::Wallet(net, node).address(),
            owner: Place::Person(actor).address(),
            from,
            to,
        })])
    }
}
