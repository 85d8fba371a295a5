//! Accounts that are not node accounts of a network, although some resemble them.

use anchor_lang::prelude::Pubkey;
use settlement::client::treasury_address;
use settlement::state::NodeWallet;
use solana_account::Account;

use super::fixture::{Node, ProgramFixture, SOL};

/// Accounts that an instruction which takes a list of node accounts of the fixture's network must ignore. All hold more
/// lamports than they need, and more than their totals.
pub(crate) fn unrelated_accounts(fixture: &mut ProgramFixture, node: &Node) -> Vec<Pubkey> {
    // Another network of the same admin and settler, with an open, an unpaid and a closed node.
    let own = (fixture.network, fixture.treasury);
    let args = fixture.network_args("unrelated");
    fixture.create_network(args).expect("the network is created");
    fixture.network = fixture.network_address("unrelated");
    fixture.treasury = treasury_address(&fixture.network);
    fixture.fund(10 * SOL);
    let [open, pending, closed] = ["open", "pending", "closed"].map(|name| fixture.register_node(name));
    fixture.credit(&[(pending.wallet, SOL / 2)]);
    fixture.close_node(&closed).expect("the node is closed");
    let mut all = vec![fixture.network, fixture.treasury, open.wallet, pending.wallet, closed.wallet];
    (fixture.network, fixture.treasury) = own;

    let genuine = fixture.svm.get_account(&node.wallet).expect("the wallet exists");
    let mut place = |change: &dyn Fn(&mut Account)| {
        let mut account = genuine.clone();
        change(&mut account);
        let address = Pubkey::new_unique();
        fixture.set_account(&address, account);
        address
    };
    all.extend([
        place(&|account| account.owner = Pubkey::new_unique()),
        // Anyone can create such an account for the program.
        place(&|account| account.data.fill(0)),
        place(&|account| account.data.clear()),
        place(&|account| account.data.truncate(NodeWallet::SIZE - 1)),
        place(&|account| account.data.push(0)),
        place(&|account| account.data[0] ^= 1),
        place(&|account| {
            account.data.clear();
            account.owner = solana_sdk_ids::system_program::ID;
        }),
    ]);
    for address in &all {
        fixture.airdrop(address, SOL);
    }
    all
}
