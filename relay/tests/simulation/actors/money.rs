//! What moves the network's asset: withdrawals, payouts, and the admin's funds.

use settlement::client::{
    fund_ix, fund_tokens_ix, payout_ix, payout_tokens_ix, treasury_address, treasury_token_address, withdraw_ix,
    withdraw_surplus_ix, withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
use settlement::state::Treasury;
use solana_account::ReadableAccount as _;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;

use super::Action;
use crate::scenario::Node;
use crate::world::World;

impl World {
    /// Where the node's payouts go.
    fn destination(&self, node: &Node) -> Pubkey {
        let default = self.scenario.asset.default_destination(&node.owner);
        self.wallet(node).map_or(default, |wallet| wallet.destination)
    }

    /// Destinations that an owner may choose, and some that the program refuses.
    pub(super) fn destinations(&self, node: &Node) -> [Pubkey; 4] {
        let (asset, network) = (self.scenario.asset, self.keys.network().address());
        let unpayable = match asset.mint() {
            None => [treasury_address(&network), settlement::ID],
            Some(mint) => [treasury_token_address(&network, &mint), node.owner],
        };
        let [default, other] = [node.owner, node.spare].map(|owner| asset.default_destination(&owner));
        [default, other, unpayable[0], unpayable[1]]
    }

    /// The owner withdraws `part` of what is pending, or all of it.
    pub(super) fn withdrawal(&self, node: &Node, part: Option<u64>) -> Instruction {
        let (network, id, to) = (self.keys.network().address(), node.id.on_chain(), self.destination(node));
        match self.scenario.asset.mint() {
            None => withdraw_ix(node.owner, network, id, to, part),
            Some(mint) => withdraw_tokens_ix(node.owner, network, &mint, id, to, part),
        }
    }

    /// Anybody pays the node what is due.
    pub(super) fn payout(&self, node: &Node) -> Instruction {
        let (network, entry) = (self.keys.network().address(), (node.wallet, self.destination(node)));
        match self.scenario.asset.mint() {
            None => payout_ix(network, &[entry]),
            Some(mint) => payout_tokens_ix(network, &mint, &[entry]),
        }
    }

    /// The admin funds the treasury.
    pub(super) fn funding(&self, amount: u64) -> Instruction {
        let (admin, network) = (self.keys.admin.pubkey(), self.keys.network().address());
        match self.scenario.asset.mint() {
            None => fund_ix(admin, network, admin, amount),
            Some(mint) => {
                let from = self.scenario.asset.default_destination(&admin);
                fund_tokens_ix(admin, from, network, admin, &mint, amount)
            }
        }
    }

    /// The admin withdraws all but `left` of the surplus.
    pub(crate) fn withdraw_surplus(&self, left: u64) {
        let (admin, network) = (self.keys.admin.pubkey(), self.keys.network().address());
        let surplus = self.surplus(&treasury_address(&network));
        if surplus > left {
            let withdraw = match self.scenario.asset.mint() {
                None => withdraw_surplus_ix(admin, network, admin, surplus - left),
                Some(mint) => {
                    let to = self.scenario.asset.default_destination(&admin);
                    withdraw_surplus_tokens_ix(admin, network, &mint, to, surplus - left)
                }
            };
            self.submit("admin", Action::WithdrawSurplus, withdraw);
        }
    }

    /// What the treasury holds beyond its rent or what it owes.
    fn surplus(&self, treasury: &Pubkey) -> u64 {
        let cluster = self.cluster.borrow();
        let state = cluster.blocks[cluster.tip].state.borrow();
        let account = state.accounts_db().get_account_ref(treasury).expect("the treasury exists");
        match self.scenario.asset.mint() {
            None => account.lamports().saturating_sub(state.minimum_balance_for_rent_exemption(Treasury::SIZE)),
            Some(_) => {
                let treasury = Treasury::decode(account.data()).expect("the treasury decodes");
                treasury.token_balance.saturating_sub(treasury.credited_total - treasury.paid_total)
            }
        }
    }
}
