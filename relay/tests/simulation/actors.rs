//! Everybody but the relays: operators who grant rewards, owners, the admin, and strangers.

mod money;
mod tables;
mod token_accounts;

pub(crate) use tables::TableAction;
pub(crate) use token_accounts::TokenAction;

use settlement::client::{
    RegisterNodeArgs, UpdateNetworkArgs, close_node_ix, pause_ix, reopen_node_ix, set_destination_ix, set_threshold_ix,
    top_up_rent_ix, unpause_ix, update_network_ix,
};
use settlement::state::NodeWallet;
use solana_account::ReadableAccount as _;
use solana_instruction::Instruction;
use solana_message::{Message, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer as _;
use solana_transaction::versioned::VersionedTransaction;
use std::rc::Rc;
use williw_relay::database::Statement;
use williw_relay::ledger::{Actor, nodes, rewards};
use williw_relay::types::{IdempotencyKey, Lamports, NewNode, RewardDistribution};

use crate::cluster::{Asset, Travelling};
use crate::ledger::at_once;
use crate::random::Stream;
use crate::scenario::{Actors, Node, Unpayable};
use crate::world::{RelayClock, World};

/// Lamports per byte and epoch of the cluster's rent at the start.
const RENT_PER_BYTE: u64 = 6_960;

/// Something that anybody but a relay does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Grant,
    TellAddress,
    Withdraw,
    SetDestination,
    SetThreshold,
    PayOut,
    Close,
    Pause,
    Unpause,
    ChangeLimits,
    Fund,
    WithdrawSurplus,
    DrainSettler,
    RefillSettler,
    Suspend,
    Reinstate,
    ChangeRent,
    /// Something happens to a token account.
    Token(TokenAction),
    /// Something happens to a lookup table.
    Table(TableAction),
}

impl World {
    /// Registers the nodes and grants the first rewards.
    pub(crate) fn prepare(&self) {
        for node in self.nodes() {
            self.register(node, node.has_address);
            if node.unpayable == Some(Unpayable::Suspended) {
                self.set_status(node, "suspended");
            }
        }
        for _ in 0..self.scenario.first_rewards {
            self.grant();
        }
    }

    /// The operator backs the ledger up, restores it later, and grants rewards afterwards.
    pub(crate) fn schedule_restore(&self) {
        let heal_ms = self.scenario.heal_ms;
        let mut random = self.random(Stream::Actors);
        // Long enough for a settlement in between, and for one before the faults end.
        let back_up_ms = random.between(0, heal_ms / 4);
        let restore_ms = random.between(heal_ms / 2, heal_ms * 3 / 4);
        drop(random);
        self.schedule_effect(back_up_ms, Self::back_up_ledger);
        self.schedule_effect(restore_ms, |world| world.restore_requested.set(true));
        self.schedule_effect(restore_ms + 1_000, Self::grant);
        self.schedule_effect(restore_ms + 2_000, Self::grant);
    }

    /// Somebody does something.
    pub(crate) fn act(&self) {
        let actors = self.scenario.actors;
        let mut possible = vec![Action::Grant, Action::Grant, Action::TellAddress];
        let mut add = |enabled: bool, actions: &[Action]| possible.extend(actions.iter().filter(|_| enabled));
        add(actors.owners, &[Action::Withdraw, Action::SetDestination, Action::SetThreshold, Action::PayOut]);
        add(actors.closing, &[Action::Withdraw, Action::Close, Action::Close]);
        add(actors.pauses, &[Action::Pause, Action::Unpause]);
        add(actors.caps, &[Action::ChangeLimits]);
        add(actors.treasury, &[Action::Fund, Action::WithdrawSurplus]);
        add(actors.settler, &[Action::DrainSettler, Action::RefillSettler]);
        add(actors.suspensions, &[Action::Suspend, Action::Reinstate]);
        add(actors.rent, &[Action::ChangeRent]);
        let is_token = self.scenario.asset.mint().is_some();
        add(is_token && actors.owners, &TokenAction::OF_OWNERS.map(Action::Token));
        add(is_token && actors.issuer, &TokenAction::OF_ISSUERS.map(Action::Token));
        add(actors.outsider, &TableAction::ALL.map(Action::Table));
        let action = *self.random(Stream::Actors).pick(&possible);
        let node = self.random(Stream::Actors).pick(self.nodes()).clone();
        self.perform(action, &node);
    }

    /// `node` does something, or something is done for it.
    pub(crate) fn perform(&self, action: Action, node: &Node) {
        let network = self.keys.network().address();
        let (admin, settler) = (self.keys.admin.pubkey(), self.keys.settler.pubkey());
        let (owner, id) = (node.owner, node.id.on_chain());
        let amount = |low, high| self.random(Stream::Actors).amount(low, high);
        match action {
            Action::Grant => self.grant(),
            Action::TellAddress => self.register(node, node.unpayable != Some(Unpayable::NoAddress)),
            Action::Withdraw => {
                let part = self.chance(Stream::Actors, 500).then(|| amount(1, 500));
                self.submit("owner", action, self.withdrawal(node, part));
            }
            Action::SetDestination => {
                let destination = *self.random(Stream::Actors).pick(&self.destinations(node));
                self.submit("owner", action, set_destination_ix(owner, network, id, destination));
            }
            Action::SetThreshold => {
                self.submit("owner", action, set_threshold_ix(owner, network, id, amount(1_000, 4_000)));
            }
            Action::PayOut => {
                self.submit("stranger", action, self.payout(node));
            }
            Action::Close => self.submit("owner", action, close_node_ix(owner, network, id, owner)),
            Action::Pause => self.submit("admin", action, pause_ix(admin, network)),
            Action::Unpause => self.submit("admin", action, unpause_ix(admin, network)),
            Action::ChangeLimits => {
                let args = UpdateNetworkArgs {
                    per_node_cap: Some(amount(200, 5_000)),
                    per_batch_cap: Some(amount(500, 8_000)),
                    window_limit: Some(amount(1_000, 20_000)),
                    max_pending_age: Some(amount(5, 600)),
                    ..UpdateNetworkArgs::default()
                };
                self.submit("admin", action, update_network_ix(admin, network, args));
            }
            Action::Fund => self.submit("admin", action, self.funding(amount(1, 20_000))),
            Action::WithdrawSurplus => self.withdraw_surplus(amount(0, 2_000)),
            Action::DrainSettler => {
                let left = *self.random(Stream::Actors).pick(&[0, 893_000, 900_000]);
                let balance = self.balance(&settler);
                if balance > left {
                    let transfer = solana_system_interface::instruction::transfer(&settler, &admin, balance - left);
                    self.submit("settler", action, transfer);
                }
            }
            Action::RefillSettler => self.refill_settler(),
            Action::Suspend => self.set_status(node, "suspended"),
            Action::Reinstate if node.unpayable == Some(Unpayable::Suspended) => {}
            Action::Reinstate => self.set_status(node, "active"),
            Action::ChangeRent => self.set_rent(amount(700, 2 * RENT_PER_BYTE)),
            Action::Token(action) => self.act_on_token_account(action, node),
            Action::Table(action) => self.act_on_table(action),
        }
    }

    /// The balance of an address in the newest block.
    pub(crate) fn balance(&self, address: &Pubkey) -> u64 {
        let cluster = self.cluster.borrow();
        let state = cluster.blocks[cluster.tip].state.borrow();
        state.accounts_db().get_account_ref(address).map_or(0, |account| account.lamports())
    }

    /// The wallet account of a node in the newest block.
    fn wallet(&self, node: &Node) -> Option<NodeWallet> {
        let cluster = self.cluster.borrow();
        let state = cluster.blocks[cluster.tip].state.borrow();
        state.accounts_db().get_account_ref(&node.wallet).and_then(|account| NodeWallet::decode(account.data()).ok())
    }

    /// Sends a transaction whose fee the sponsor pays. The signatures of others than the settler are taken for granted.
    pub(crate) fn submit(&self, actor: &str, what: impl std::fmt::Debug, instruction: Instruction) {
        self.submit_all(actor, what, &[instruction]);
    }

    /// As [`World::submit`], with several instructions.
    pub(crate) fn submit_all(&self, actor: &str, what: impl std::fmt::Debug, instructions: &[Instruction]) {
        let mut cluster = self.cluster.borrow_mut();
        let blockhash = cluster.blocks[cluster.tip].hash;
        let message = Message::new_with_blockhash(instructions, Some(&self.keys.sponsor.pubkey()), &blockhash);
        let mut signatures = vec![Signature::default(); usize::from(message.header.num_required_signatures)];
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.random(Stream::Actors).bytes());
        signatures[0] = Signature::from(bytes);
        let transaction = Rc::new(VersionedTransaction { signatures, message: VersionedMessage::Legacy(message) });
        cluster.mempool.push(Travelling { transaction, patience: 20 });
        drop(cluster);
        self.tell(actor, format_args!("{what:?}"));
    }

    fn refill_settler(&self) {
        let (admin, settler) = (self.keys.admin.pubkey(), self.keys.settler.pubkey());
        let transfer = solana_system_interface::instruction::transfer(&admin, &settler, 1_000_000_000);
        self.submit("admin", Action::RefillSettler, transfer);
    }

    /// Gives a wallet account what it lacks after the rent rate has risen. The program tops up only those with a pending
    /// amount, but the cluster rejects every credit to an account below its minimum that does not lift it above.
    fn top_up_rent(&self, node: &Node) {
        let (admin, network) = (self.keys.admin.pubkey(), self.keys.network().address());
        let Some(wallet) = self.wallet(node) else { return };
        let minimum = {
            let cluster = self.cluster.borrow();
            let state = cluster.blocks[cluster.tip].state.borrow();
            state.minimum_balance_for_rent_exemption(NodeWallet::SIZE)
        };
        let pending = if self.scenario.asset == Asset::Sol { wallet.pending() } else { 0 };
        let missing = (minimum + pending).saturating_sub(self.balance(&node.wallet));
        if missing == 0 {
            return;
        }
        let top_up = if pending > 0 {
            top_up_rent_ix(admin, network, &[node.wallet])
        } else {
            solana_system_interface::instruction::transfer(&admin, &node.wallet, missing)
        };
        self.submit("admin", "TopUpRent", top_up);
    }

    /// Changes the cluster's rent from the next block on.
    fn set_rent(&self, lamports_per_byte: u64) {
        self.tell("cluster", format_args!("rent is {lamports_per_byte} lamports a byte"));
        let mut cluster = self.cluster.borrow_mut();
        let tip = cluster.tip;
        let mut state = cluster.blocks[tip].state.borrow().clone();
        let mut rent: solana_rent::Rent = state.get_sysvar();
        rent.lamports_per_byte = lamports_per_byte;
        state.set_sysvar(&rent);
        cluster.blocks[tip].state = Rc::new(std::cell::RefCell::new(state));
    }

    fn clock(&self) -> RelayClock {
        RelayClock { now: self.ledger.clock(), skew_ms: Rc::default() }
    }

    fn register(&self, node: &Node, with_address: bool) {
        self.tell(
            "operator",
            format_args!("registers {} {}", node.id, if with_address { "with its address" } else { "" }),
        );
        let new = NewNode {
            id: node.id.clone(),
            address: with_address.then(|| node.owner.to_string().parse().expect("a valid address")),
            public_key: None,
            capabilities: None,
        };
        let (clock, operator) = (self.clock(), Actor::operator());
        let registered = nodes::register(self.ledger.database(), &clock, &operator, new);
        at_once(registered).expect("the node is registered");
    }

    fn set_status(&self, node: &Node, status: &str) {
        const SQL: &str = "UPDATE nodes SET status = ?1 WHERE id = ?2";
        self.tell("operator", format_args!("makes {} {status}", node.id));
        self.ledger.run(vec![Statement::new(SQL).bind(status).bind(&node.id)]).expect("the node is updated");
    }

    /// Grants a reward to some node, or several to one, or one to each where transactions have to be full.
    fn grant(&self) {
        let number = self.granted.get() + 1;
        self.granted.set(number);
        let receivers: Vec<usize> = if self.scenario.is_full {
            (0..self.nodes().len()).collect()
        } else {
            let index = self.random(Stream::Actors).index(self.nodes().len());
            let count = if self.chance(Stream::Actors, 200) { 3 } else { 1 };
            vec![index; count]
        };
        let entries: Vec<_> = receivers
            .into_iter()
            .map(|index| {
                let large = self.chance(Stream::Actors, 150);
                let amount = self.random(Stream::Actors).amount(1, if large { 6_000 } else { 900 });
                self.checker.borrow_mut().earned[index] += amount;
                self.tell("operator", format_args!("grants {amount} to {}", self.nodes()[index].id));
                RewardDistribution {
                    node_id: self.nodes()[index].id.clone(),
                    amount_lamports: Lamports::new(amount).expect("a valid amount"),
                    reason: None,
                }
            })
            .collect();
        let key: IdempotencyKey = format!("grant-{number}").parse().expect("a valid key");
        let (clock, operator) = (self.clock(), Actor::operator());
        let granted = rewards::distribute(self.ledger.database(), &clock, &operator, &key, entries);
        at_once(granted).expect("the rewards are granted");
    }

    /// Everything becomes as it should be: whatever keeps a reward from being paid is put right.
    pub(crate) fn put_right(&self) {
        let (admin, network) = (self.keys.admin.pubkey(), self.keys.network().address());
        let Actors { pauses, caps, treasury, settler, suspensions, rent, restores, .. } = self.scenario.actors;
        if rent {
            self.set_rent(RENT_PER_BYTE);
        }
        if pauses {
            self.submit("admin", Action::Unpause, unpause_ix(admin, network));
        }
        let parameters = self.scenario.parameters;
        let limits = [parameters.per_node_cap, parameters.per_batch_cap, parameters.window_limit];
        let [per_node_cap, per_batch_cap] = self.scenario.last_caps;
        if caps || limits != [Some(per_node_cap), Some(per_batch_cap), Some(u64::MAX)] {
            let args = UpdateNetworkArgs {
                per_node_cap: Some(per_node_cap),
                per_batch_cap: Some(per_batch_cap),
                window_limit: Some(u64::MAX),
                ..UpdateNetworkArgs::default()
            };
            self.submit("admin", Action::ChangeLimits, update_network_ix(admin, network, args));
        }
        self.fund_treasury(treasury || self.scenario.treasury.is_some());
        if settler {
            self.refill_settler();
        }
        self.put_token_accounts_right();
        for node in self.nodes() {
            if (!node.has_address || restores) && node.unpayable != Some(Unpayable::NoAddress) {
                self.register(node, true);
            }
            if suspensions && node.unpayable != Some(Unpayable::Suspended) {
                self.set_status(node, "active");
            }
        }
    }

    fn fund_treasury(&self, is_short: bool) {
        if is_short {
            self.submit("admin", Action::Fund, self.funding(1_000_000_000));
        }
    }

    /// As [`World::put_right`], once the network is no longer paused and the treasury no longer frozen.
    pub(crate) fn put_nodes_right(&self) {
        let (admin, network) = (self.keys.admin.pubkey(), self.keys.network().address());
        let Actors { owners, closing, rent, treasury, issuer, .. } = self.scenario.actors;
        self.fund_treasury(issuer && (treasury || self.scenario.treasury.is_some()));
        if !(owners || closing || rent) {
            return;
        }
        for node in self.nodes() {
            let (owner, node_id) = (node.owner, node.id.on_chain());
            self.top_up_rent(node);
            if self.wallet(node).is_some() {
                let destination = self.scenario.asset.default_destination(&owner);
                self.submit("owner", Action::SetDestination, set_destination_ix(owner, network, node_id, destination));
            } else if self.balance(&node.wallet) > 0 {
                let args = RegisterNodeArgs { node_id, owner, destination: None, threshold: None };
                let sponsor = self.keys.sponsor.pubkey();
                self.submit("admin", "Reopen", reopen_node_ix(admin, sponsor, network, args));
            }
        }
    }
}
