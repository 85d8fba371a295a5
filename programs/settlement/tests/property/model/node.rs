//! Nodes: registration, closing, reopening, and settings.

use settlement::events::{DestinationChanged, NodeClosed, NodeRegistered, NodeReopened, ThresholdChanged};
use settlement::state::DestinationSource;

use super::super::account_id::{AccountId, Net, id_of_node, owner_of_node};
use super::super::step::Registration;
use super::{
    CLOSED_NODE_BYTES, Model, Node, Outcome, Rejected, WALLET_BYTES, Wallet, is_payable, key, require, unrecorded,
};

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
        let owner = AccountId::Person(owner_of_node(node));
        let default_destination = default_destination(net, node);
        let default_threshold = network.parameters.default_threshold;
        let destination = registration.destination.map_or(default_destination, |to| to.account_id(net));
        let threshold = registration.threshold.unwrap_or(default_threshold);
        let is_default = destination == default_destination;
        let settler_may =
            network.settler == actor && !network.is_paused && is_default && threshold == default_threshold;
        require(network.admin == actor || settler_may)?;
        require(threshold >= default_threshold)?;
        // The wallet's address is derived from its owner.
        require(registration.other_owner.is_none_or(|other| other == owner))?;
        require(is_payable(destination, net, node))?;
        Ok(Wallet {
            destination,
            credited: 0,
            paid: 0,
            threshold,
            oldest_unpaid_at: 0,
            last_batch: 0,
            destination_source: if is_default { DestinationSource::Default } else { DestinationSource::Admin },
        })
    }

    pub(super) fn register(&mut self, net: Net, node: u8, actor: u8, registration: &Registration) -> Outcome {
        require(!self.nodes.contains_key(&(net, node)))?;
        let wallet = self.validated_wallet(net, node, actor, registration)?;
        self.pay_rent(AccountId::Person(registration.payer), AccountId::Wallet(net, node), WALLET_BYTES)?;
        self.nodes.insert((net, node), Node::Open(wallet));
        unrecorded(&NodeRegistered {
            network: AccountId::Network(net).address(),
            node_wallet: AccountId::Wallet(net, node).address(),
            node_id: id_of_node(node),
            owner: key(owner_of_node(node)),
            destination: wallet.destination.address(),
            authority: AccountId::Person(actor).address(),
            threshold: wallet.threshold,
        })
    }

    pub(super) fn reopen(&mut self, net: Net, node: u8, actor: u8, registration: &Registration) -> Outcome {
        let Some(Node::Closed { total }) = self.nodes.get(&(net, node)).copied() else {
            return Err(Rejected::ByInstruction);
        };
        let wallet = Wallet { credited: total, paid: total, ..self.validated_wallet(net, node, actor, registration)? };
        self.pay_rent(AccountId::Person(registration.payer), AccountId::Wallet(net, node), WALLET_BYTES)?;
        self.nodes.insert((net, node), Node::Open(wallet));
        unrecorded(&NodeReopened {
            network: AccountId::Network(net).address(),
            node_wallet: AccountId::Wallet(net, node).address(),
            node_id: id_of_node(node),
            owner: key(owner_of_node(node)),
            destination: wallet.destination.address(),
            authority: AccountId::Person(actor).address(),
            threshold: wallet.threshold,
            total,
        })
    }

    pub(super) fn close(&mut self, net: Net, node: u8, actor: u8) -> Outcome {
        let admin = self.active_network(net)?.admin;
        let wallet = *self.wallet_mut(net, node)?;
        require(owner_of_node(node) == actor || admin == actor)?;
        require(wallet.pending() == 0)?;
        let account_id = AccountId::Wallet(net, node);
        let lamports = self.lamports(account_id).saturating_sub(self.rent_minimum(CLOSED_NODE_BYTES));
        self.move_lamports(account_id, AccountId::Treasury(net), lamports)?;
        self.nodes.insert((net, node), Node::Closed { total: wallet.credited });
        self.recorded_call(
            net,
            &NodeClosed {
                network: AccountId::Network(net).address(),
                node_wallet: account_id.address(),
                node_id: id_of_node(node),
                owner: key(owner_of_node(node)),
                by: key(actor),
                total: wallet.credited,
                lamports,
            },
        )
    }

    pub(super) fn set_destination(&mut self, net: Net, node: u8, actor: u8, to: AccountId) -> Outcome {
        self.migrated_network(net)?;
        require(owner_of_node(node) == actor && is_payable(to, net, node))?;
        let can_receive = match net.mint() {
            None => !self.is_owned_by_program(to),
            Some(mint) => to.mint() == Some(mint) && self.tokens.contains_key(&to),
        };
        require(can_receive)?;
        let wallet = self.wallet_mut(net, node)?;
        let from = wallet.destination;
        wallet.destination = to;
        wallet.destination_source = DestinationSource::Owner;
        unrecorded(&DestinationChanged {
            network: AccountId::Network(net).address(),
            node_wallet: AccountId::Wallet(net, node).address(),
            owner: AccountId::Person(actor).address(),
            from: from.address(),
            to: to.address(),
        })
    }

    pub(super) fn set_threshold(&mut self, net: Net, node: u8, actor: u8, to: u64) -> Outcome {
        let min_threshold = self.migrated_network(net)?.parameters.default_threshold;
        let wallet = self.wallet_mut(net, node)?;
        require(owner_of_node(node) == actor && to >= min_threshold)?;
        let from = wallet.threshold;
        wallet.threshold = to;
        unrecorded(&ThresholdChanged {
            network: AccountId::Network(net).address(),
            node_wallet: AccountId::Wallet(net, node).address(),
            owner: AccountId::Person(actor).address(),
            from,
            to,
        })
    }
}

/// Where a node's payouts go if nobody chose another destination.
pub(crate) fn default_destination(net: Net, node: u8) -> AccountId {
    let owner = owner_of_node(node);
    net.mint().map_or(AccountId::Person(owner), |mint| AccountId::TokenAccount(mint, owner, 0))
}
