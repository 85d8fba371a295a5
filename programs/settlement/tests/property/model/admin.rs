//! Networks: creation, settings, and authorities.

use settlement::events::{
    AdminChanged, AdminProposed, GuardianChanged, Migrated, NetworkCreated, NetworkMint, NetworkUpdated, Paused,
    SettlerChanged, Unpaused,
};

use super::super::account_id::{AccountId, Net};
use super::super::event::EventData;
use super::super::step::{MAX_PAUSE_SECONDS, Parameters, Update};
use super::{
    DECIMALS, Model, NETWORK_BYTES, Network, Outcome, Rejected, TREASURY_BYTES, TokenAccount, key, require, some,
    unrecorded, vault_bytes,
};

/// The settler of a new network. Each network has a different one, who has no rights in the others.
pub(crate) fn settler(net: Net) -> u8 {
    net as u8 + 1
}

/// The guardian of a new network.
pub(crate) fn guardian(net: Net) -> u8 {
    net as u8 + 2
}

impl Parameters {
    fn check(&self) -> Result<(), Rejected> {
        let Self { default_threshold, per_node_cap, per_batch_cap, window_limit, window_seconds, .. } = *self;
        let positive = [default_threshold, per_node_cap, per_batch_cap, window_limit, window_seconds];
        require(!positive.contains(&0) && self.max_pending_age > 0)?;
        require((1..=MAX_PAUSE_SECONDS).contains(&self.max_pause_seconds))
    }
}

impl Model {
    pub(super) fn create(&mut self, net: Net, actor: u8, parameters: Parameters) -> Outcome {
        require(actor == net.creator())?;
        require(!self.networks.contains_key(&net) && !self.closed_networks.contains_key(&net))?;
        parameters.check()?;
        self.pay_rent(AccountId::Person(actor), AccountId::Network(net), NETWORK_BYTES)?;
        self.pay_rent(AccountId::Person(actor), AccountId::Treasury(net), TREASURY_BYTES)?;
        if !net.pays_in_sol() {
            self.pay_rent(AccountId::Person(actor), AccountId::Vault(net), vault_bytes(net))?;
            self.tokens.insert(AccountId::Vault(net), TokenAccount::empty(AccountId::Treasury(net)));
        }
        let network = Network {
            admin: actor,
            pending_admin: None,
            settler: settler(net),
            guardian: guardian(net),
            created_at: self.now,
            parameters,
            treasury_version: 2,
            is_paused: false,
            window_used: 0,
            window_updated_at: self.now,
            credited: 0,
            paid: 0,
            funded: 0,
            withdrawn: 0,
            batches: 0,
            token_balance: 0,
            hold_until: 0,
            history_hash: [0; 32],
            history_count: 0,
        };
        self.networks.insert(net, network);

        let address = AccountId::Network(net).address();
        let mut events = vec![EventData::call(&NetworkCreated {
            network: address,
            treasury: AccountId::Treasury(net).address(),
            id: net.id(),
            admin: key(actor),
            settler: key(settler(net)),
            guardian: key(guardian(net)),
            default_threshold: parameters.default_threshold,
            per_node_cap: parameters.per_node_cap,
            per_batch_cap: parameters.per_batch_cap,
            window_limit: parameters.window_limit,
            window_seconds: parameters.window_seconds,
            max_pending_age: parameters.max_pending_age,
            max_pause_seconds: parameters.max_pause_seconds,
        })];
        if let Some(asset) = net.asset() {
            events.push(EventData::call(&NetworkMint {
                network: address,
                mint: asset.mint,
                token_program: asset.token_program,
                treasury_token_account: AccountId::Vault(net).address(),
                decimals: DECIMALS,
            }));
        }
        Ok(events)
    }

    pub(super) fn update(&mut self, net: Net, actor: u8, update: &Update) -> Outcome {
        let now = self.now;
        let network = self.migrated_network(net)?;
        require(network.admin == actor && *update != [None; 7])?;
        let [threshold, node_cap, batch_cap, limit, seconds, age, pause] = *update;
        let old = network.parameters;
        let parameters = Parameters {
            default_threshold: threshold.unwrap_or(old.default_threshold),
            per_node_cap: node_cap.unwrap_or(old.per_node_cap),
            per_batch_cap: batch_cap.unwrap_or(old.per_batch_cap),
            window_limit: limit.unwrap_or(old.window_limit),
            window_seconds: seconds.unwrap_or(old.window_seconds),
            max_pending_age: age.unwrap_or(old.max_pending_age),
            max_pause_seconds: pause.unwrap_or(old.max_pause_seconds),
        };
        parameters.check()?;
        // A shorter hold could begin sooner after the last one.
        let settled_at = network.hold_until.saturating_add(old.max_pause_seconds as i64);
        require(parameters.max_pause_seconds == old.max_pause_seconds || now >= settled_at)?;
        // The window drains at the old rate up to now, and at the new rate from now on.
        network.drain_window(now);
        network.window_updated_at = network.window_updated_at.max(now);
        network.parameters = parameters;
        unrecorded(&NetworkUpdated {
            network: AccountId::Network(net).address(),
            by: key(actor),
            default_threshold: parameters.default_threshold,
            per_node_cap: parameters.per_node_cap,
            per_batch_cap: parameters.per_batch_cap,
            window_limit: parameters.window_limit,
            window_seconds: parameters.window_seconds,
            max_pending_age: parameters.max_pending_age,
            max_pause_seconds: parameters.max_pause_seconds,
        })
    }

    pub(super) fn propose(&mut self, net: Net, actor: u8, person: Option<u8>) -> Outcome {
        let network = self.network(net)?;
        require(network.admin == actor)?;
        network.pending_admin = person;
        let pending_admin = person.map(key).unwrap_or_default();
        unrecorded(&AdminProposed { network: AccountId::Network(net).address(), by: key(actor), pending_admin })
    }

    pub(super) fn accept(&mut self, net: Net, actor: u8) -> Outcome {
        let network = self.network(net)?;
        require(network.pending_admin == Some(actor))?;
        let from = network.admin;
        network.admin = actor;
        network.pending_admin = None;
        unrecorded(&AdminChanged { network: AccountId::Network(net).address(), from: key(from), to: key(actor) })
    }

    pub(super) fn set_settler(&mut self, net: Net, actor: u8, person: Option<u8>) -> Outcome {
        let network = self.migrated_network(net)?;
        require(network.admin == actor)?;
        let from = network.settler;
        network.settler = some(person)?;
        let (from, to) = (key(from), key(network.settler));
        unrecorded(&SettlerChanged { network: AccountId::Network(net).address(), by: key(actor), from, to })
    }

    pub(super) fn set_guardian(&mut self, net: Net, actor: u8, person: Option<u8>) -> Outcome {
        let network = self.network(net)?;
        require(network.admin == actor)?;
        let from = network.guardian;
        network.guardian = some(person)?;
        let (from, to) = (key(from), key(network.guardian));
        unrecorded(&GuardianChanged { network: AccountId::Network(net).address(), by: key(actor), from, to })
    }

    /// A hold neither begins nor is extended before the latest one has been over for as long as it may last.
    pub(super) fn pause(&mut self, net: Net, actor: u8) -> Outcome {
        let now = self.now;
        let network = self.migrated_network(net)?;
        require(network.guardian == actor || network.admin == actor)?;
        let max = network.parameters.max_pause_seconds as i64;
        if !network.is_paused && now >= network.hold_until.saturating_add(max) {
            network.hold_until = now.saturating_add(max);
        }
        network.is_paused = true;
        let hold_until = network.hold_until;
        unrecorded(&Paused { network: AccountId::Network(net).address(), by: key(actor), hold_until })
    }

    pub(super) fn unpause(&mut self, net: Net, actor: u8) -> Outcome {
        let network = self.migrated_network(net)?;
        require(network.admin == actor)?;
        network.is_paused = false;
        unrecorded(&Unpaused { network: AccountId::Network(net).address(), by: key(actor) })
    }

    pub(super) fn migrate(&mut self, net: Net) -> Outcome {
        let network = self.network(net)?;
        require(network.treasury_version == 1)?;
        network.treasury_version = 2;
        unrecorded(&Migrated { account: AccountId::Treasury(net).address(), from: 1, to: 2 })
    }
}

impl Network {
    /// Drains the window at `limit / seconds`. Time that is too short to drain a whole unit is carried
    /// over, unless the window is empty.
    pub(super) fn drain_window(&mut self, now: i64) {
        let elapsed = i128::from(now) - i128::from(self.window_updated_at);
        if elapsed <= 0 {
            return;
        }
        let Parameters { window_limit, window_seconds, .. } = self.parameters;
        // Saturation is harmless: the amount exceeds any window.
        let drained = (elapsed as u128).saturating_mul(window_limit.into()) / u128::from(window_seconds);
        if drained == 0 && self.window_used > 0 {
            return;
        }
        self.window_used = u128::from(self.window_used).saturating_sub(drained) as u64;
        self.window_updated_at = now;
    }
}
