//! Rent, recoveries, and the end of a network.

use std::collections::BTreeSet;

use settlement::events::{
    ClaimPaid, ClosedNetworkSwept, LamportsRecovered, NetworkClosed, PendingSetAside, RentSwept, RentToppedUp,
    TokensRecovered,
};

use settlement::state::DestinationSource;

use super::super::account_id::{AccountId, Mint, NODE_WITH_TOKENS, Net, owner_of_node};
use super::super::step::NodeAccount;
use super::{
    CLOSED_NETWORK_BYTES, CLOSED_NODE_BYTES, Model, NETWORK_BYTES, Node, Outcome, Rejected, WALLET_BYTES, key, require,
    some, unrecorded,
};

impl Model {
    pub(super) fn sweep_rent(&mut self, net: Net, accounts: &[NodeAccount]) -> Outcome {
        self.migrated_network(net)?;
        let network = AccountId::Network(net);
        let writable = writable_accounts(net, accounts, &[network, AccountId::Treasury(net)]);
        let (mut emptied, mut lamports) = (0, 0);
        for account_id in [network].into_iter().chain(accounts.iter().map(|account| account.account.account_id(net))) {
            let kept = match account_id {
                AccountId::Wallet(of, node) if of == net => match self.nodes.get(&(net, node)) {
                    Some(Node::Closed { .. }) => self.rent_minimum(CLOSED_NODE_BYTES),
                    Some(Node::Open(wallet)) => {
                        self.rent_minimum(WALLET_BYTES) + if net.pays_in_sol() { wallet.pending() } else { 0 }
                    }
                    None => continue,
                },
                _ if account_id == network => self.rent_minimum(NETWORK_BYTES),
                _ => continue,
            };
            let excess = self.lamports(account_id).saturating_sub(kept);
            if excess > 0 && writable.contains(&account_id) {
                self.move_lamports(account_id, AccountId::Treasury(net), excess)?;
                emptied += 1;
                lamports += excess;
            }
        }
        require(lamports > 0)?;
        self.recorded_call(net, &RentSwept { network: network.address(), accounts: emptied, lamports })
    }

    pub(super) fn top_up_rent(&mut self, net: Net, actor: u8, accounts: &[NodeAccount]) -> Outcome {
        let network = self.migrated_network(net)?;
        require(network.admin == actor || network.settler == actor && !network.is_paused)?;
        require(net.pays_in_sol())?;
        let treasury = AccountId::Treasury(net);
        let writable = writable_accounts(net, accounts, &[treasury]);
        let (mut filled, mut lamports) = (0, 0);
        for account in accounts {
            let account_id = account.account.account_id(net);
            let AccountId::Wallet(of, node) = account_id else { continue };
            let pending = self.wallet(of, node).map_or(0, |wallet| wallet.pending());
            if of != net || pending == 0 || !writable.contains(&account_id) {
                continue;
            }
            let missing = (self.rent_minimum(WALLET_BYTES) + pending).saturating_sub(self.lamports(account_id));
            if missing > 0 && missing <= self.surplus(net) {
                self.move_lamports(treasury, account_id, missing)?;
                filled += 1;
                lamports += missing;
            }
        }
        require(lamports > 0)?;
        let network = AccountId::Network(net).address();
        self.recorded_call(net, &RentToppedUp { network, by: key(actor), accounts: filled, lamports })
    }

    pub(super) fn recover_lamports(&mut self, net: Net, actor: u8, to: AccountId) -> Outcome {
        require(self.active_network(net)?.admin == actor && !net.pays_in_sol())?;
        let lamports = self.treasury_excess(net);
        require(lamports > 0)?;
        self.check_destination(to, lamports)?;
        self.move_lamports(AccountId::Treasury(net), to, lamports)?;
        let network = AccountId::Network(net).address();
        self.recorded_call(net, &LamportsRecovered { network, by: key(actor), destination: to.address(), lamports })
    }

    pub(super) fn recover_treasury_tokens(
        &mut self,
        net: Net,
        actor: u8,
        mint: Mint,
        from: AccountId,
        to: AccountId,
    ) -> Outcome {
        let is_known = self.networks.contains_key(&net) || self.closed_networks.contains_key(&net);
        require(is_known && self.admin(net) == actor)?;
        require(from != AccountId::Vault(net))?;
        self.recover_tokens(net, actor, mint, (from, to), AccountId::Treasury(net))
    }

    /// Works without a network and without a wallet: the owner's signature is enough.
    pub(super) fn recover_node_tokens(
        &mut self,
        net: Net,
        node: u8,
        actor: u8,
        mint: Mint,
        from: AccountId,
        to: AccountId,
    ) -> Outcome {
        require(owner_of_node(node) == actor)?;
        self.recover_tokens(net, actor, mint, (from, to), AccountId::Wallet(net, node))
    }

    fn recover_tokens(
        &mut self,
        net: Net,
        actor: u8,
        mint: Mint,
        (from, to): (AccountId, AccountId),
        authority: AccountId,
    ) -> Outcome {
        let amount = self.token_amount(from);
        require(amount > 0 && from != to)?;
        self.transfer_tokens(mint, (from, to), authority, amount)?;
        unrecorded(&TokensRecovered {
            network: AccountId::Network(net).address(),
            by: key(actor),
            mint: AccountId::Mint(mint).address(),
            from: from.address(),
            to: to.address(),
            amount,
        })
    }

    /// Whether a node's destination can't be paid, whatever the amount.
    pub(super) fn is_unpayable(&self, net: Net, node: u8) -> bool {
        let Some(wallet) = self.wallet(net, node) else { return false };
        let to = wallet.destination;
        let Some(mint) = net.mint() else { return self.is_owned_by_program(to) };
        // Anybody can create the default one.
        let is_default = wallet.destination_source == DestinationSource::Default;
        let Some(account) = self.tokens.get(&to).filter(|_| to.mint() == Some(mint)) else { return !is_default };
        is_default && account.owner != AccountId::Person(owner_of_node(node))
    }

    pub(super) fn set_aside(&mut self, net: Net, node: u8, actor: u8) -> Outcome {
        require(self.active_network(net)?.admin == actor)?;
        let wallet = *self.wallet_mut(net, node)?;
        let amount = wallet.pending();
        require(amount > 0 && self.is_unpayable(net, node))?;
        let (treasury, vault, from) = (AccountId::Treasury(net), AccountId::Vault(net), AccountId::Wallet(net, node));
        let claim = if let Some(mint) = net.mint() {
            require(node == NODE_WITH_TOKENS)?;
            let claim = AccountId::NodeTokens(net, mint);
            self.transfer_tokens(mint, (vault, claim), treasury, amount)?;
            claim
        } else {
            let claim = AccountId::Claim(net, node);
            self.check_destination(claim, amount)?;
            let had = self.lamports(from);
            self.move_lamports(from, claim, amount)?;
            require(self.lamports(from) >= had.min(self.rent_minimum(WALLET_BYTES)))?;
            claim
        };
        let updated = self.wallet_mut(net, node)?;
        updated.paid = updated.credited;
        updated.oldest_unpaid_at = 0;
        let token_balance = self.token_amount(vault);
        let network = self.network(net)?;
        network.paid += amount;
        network.token_balance = token_balance;
        self.recorded_call(
            net,
            &PendingSetAside {
                network: AccountId::Network(net).address(),
                node_wallet: from.address(),
                owner: key(owner_of_node(node)),
                by: key(actor),
                claim: claim.address(),
                amount,
                paid_total: wallet.credited,
            },
        )
    }

    /// Works without a network and without a wallet: the owner's signature is enough.
    pub(super) fn claim_set_aside(&mut self, net: Net, node: u8, actor: u8, to: AccountId) -> Outcome {
        require(owner_of_node(node) == actor)?;
        let claim = AccountId::Claim(net, node);
        let lamports = self.lamports(claim);
        require(lamports > 0)?;
        self.move_lamports(claim, to, lamports)?;
        unrecorded(&ClaimPaid {
            network: AccountId::Network(net).address(),
            node_wallet: AccountId::Wallet(net, node).address(),
            owner: key(actor),
            destination: to.address(),
            lamports,
        })
    }

    pub(super) fn close_network(
        &mut self,
        net: Net,
        actor: u8,
        to: AccountId,
        tokens_to: Option<AccountId>,
    ) -> Outcome {
        let network = *self.active_network(net)?;
        require(network.admin == actor && network.credited == network.paid)?;
        let (network_id, treasury, vault) = (AccountId::Network(net), AccountId::Treasury(net), AccountId::Vault(net));
        let tokens = self.token_amount(vault);
        let mut vault_rent = 0;
        if let Some(mint) = net.mint() {
            if tokens > 0 {
                let tokens_to = some(tokens_to)?;
                require(tokens_to != vault)?;
                self.transfer_tokens(mint, (vault, tokens_to), treasury, tokens)?;
            }
            require(some(self.tokens.get(&vault))?.withheld == 0 && to != vault)?;
            vault_rent = self.lamports(vault);
            self.move_lamports(vault, to, vault_rent)?;
            self.tokens.remove(&vault);
        }
        let held = self.lamports(treasury);
        self.check_destination(to, held)?;
        let freed = self.lamports(network_id).saturating_sub(self.rent_minimum(CLOSED_NETWORK_BYTES));
        self.move_lamports(treasury, to, held)?;
        self.move_lamports(network_id, to, freed)?;
        self.networks.remove(&net);
        self.closed_networks.insert(net, actor);
        unrecorded(&NetworkClosed {
            network: network_id.address(),
            by: key(actor),
            destination: to.address(),
            lamports: held + freed + vault_rent,
            tokens,
            total: network.credited,
            history_hash: network.history_hash,
            history_count: network.history_count,
        })
    }

    pub(super) fn sweep_closed_network(
        &mut self,
        net: Net,
        accounts: &[NodeAccount],
        expected_admin: Option<u8>,
    ) -> Outcome {
        let admin = *some(self.closed_networks.get(&net))?;
        require(expected_admin.is_none_or(|expected| expected == admin))?;
        let (network, treasury, to) = (AccountId::Network(net), AccountId::Treasury(net), AccountId::Person(admin));
        let writable = writable_accounts(net, accounts, &[network, treasury, to]);
        let (mut emptied, mut lamports) = (0, 0);
        let network_rent = self.rent_minimum(CLOSED_NETWORK_BYTES);
        let mut take = |model: &mut Self, from: AccountId, kept: u64| -> Result<(), Rejected> {
            let amount = model.lamports(from).saturating_sub(kept);
            emptied += u8::from(amount > 0);
            lamports += amount;
            model.move_lamports(from, to, amount)
        };
        take(self, treasury, 0)?;
        take(self, network, network_rent)?;
        for account in accounts {
            let account_id = account.account.account_id(net);
            let AccountId::Wallet(of, node) = account_id else { continue };
            if of == net && writable.contains(&account_id) && self.nodes.remove(&(net, node)).is_some() {
                take(self, account_id, 0)?;
            }
        }
        require(lamports > 0)?;
        let (network, admin) = (network.address(), to.address());
        unrecorded(&ClosedNetworkSwept { network, admin, accounts: emptied, lamports })
    }
}

/// The writable accounts of an instruction with these `accounts` and these `named` ones. An account that is writable at
/// one position is writable at every position.
fn writable_accounts(net: Net, accounts: &[NodeAccount], named: &[AccountId]) -> BTreeSet<AccountId> {
    let listed = accounts.iter().filter(|account| !account.readonly).map(|account| account.account.account_id(net));
    listed.chain(named.iter().copied()).collect()
}
