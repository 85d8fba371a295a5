//! Changes of the cluster's rent.

use settlement::client::close_node_ix;
use settlement::state::{ClosedNode, NodeWallet};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::engine::HOLD_RETRY_MS;
use williw_relay::rent::{self, AccountToAdjust, MAX_ACCOUNTS, RentAdjustment, RentReader};

use crate::support::{EngineFixture, LocalChain, NodeSpec, block_on};

/// The rate of Agave's default rent, in lamports per byte, which LiteSVM starts with.
const RATE: u64 = 6_960;

/// The bytes that the runtime charges for a wallet account.
const WALLET_BYTES: u64 = 128 + NodeWallet::SIZE as u64;

fn reader(fixture: &EngineFixture) -> RentReader<'_, LocalChain> {
    block_on(RentReader::new(&fixture.chain, fixture.network)).unwrap().expect("the network exists")
}

fn find(fixture: &EngineFixture, adjustment: RentAdjustment, nodes: &[NodeSpec]) -> Vec<AccountToAdjust> {
    let wallets: Vec<Pubkey> = nodes.iter().map(|node| fixture.wallet_address(&node.name)).collect();
    block_on(reader(fixture).find(adjustment, &wallets)).unwrap()
}

fn execute(fixture: &EngineFixture, adjustment: RentAdjustment, accounts: &[AccountToAdjust]) {
    let instruction = rent::instruction(adjustment, fixture.settler.pubkey(), fixture.network, accounts);
    fixture.execute_large_as(&fixture.settler, instruction);
}

#[test]
fn a_fall_of_the_rent_leaves_lamports_that_a_full_transaction_moves_to_the_treasury() {
    let nodes: Vec<NodeSpec> = (0..MAX_ACCOUNTS).map(|index| NodeSpec::payable(&format!("node-{index:02}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes[..MAX_ACCOUNTS - 1] {
        fixture.grant(&node.name, 1_500_000);
    }
    // Pending, because it is below the threshold.
    fixture.grant(&nodes[MAX_ACCOUNTS - 1].name, 700_000);
    fixture.settle();
    assert_eq!(find(&fixture, RentAdjustment::Sweep, &nodes), []);

    fixture.set_rent(RATE / 10);
    let swept = find(&fixture, RentAdjustment::Sweep, &nodes);
    assert_eq!(swept.len(), MAX_ACCOUNTS);
    assert!(swept.iter().all(|account| account.lamports == WALLET_BYTES * (RATE - RATE / 10)), "{swept:?}");
    let (before, network) = (fixture.balance_of(&fixture.treasury), fixture.balance_of(&fixture.network));
    execute(&fixture, RentAdjustment::Sweep, &swept);
    let total: u64 = swept.iter().map(|account| account.lamports).sum();
    // The program takes what the network's own account holds too much as well.
    let network = network - fixture.balance_of(&fixture.network);
    assert_eq!(fixture.balance_of(&fixture.treasury), before + total + network);
    assert_eq!(find(&fixture, RentAdjustment::Sweep, &nodes), []);

    // Nothing pending was taken.
    let last = &nodes[MAX_ACCOUNTS - 1].name;
    fixture.grant(last, 300_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet(last).unwrap().paid_total, 1_000_000);
}

#[test]
fn a_rise_of_the_rent_holds_due_payouts_until_their_wallets_are_topped_up() {
    let nodes = [NodeSpec::payable("pending"), NodeSpec::payable("paid")];
    let fixture = EngineFixture::with_network(&nodes, |args| args.max_pending_age = 3_600);
    fixture.grant("pending", 600_000);
    fixture.grant("paid", 2_000_000);
    fixture.settle();
    assert_eq!(find(&fixture, RentAdjustment::TopUp, &nodes), []);

    fixture.set_rent(2 * RATE);
    fixture.advance_time(3_600_000);
    let sends = fixture.chain.sends.get();
    assert_eq!(fixture.settle(), [None], "one settlement, and no further one without work");
    assert_eq!(fixture.chain.sends.get(), sends, "the program would skip the payout");
    assert_eq!(fixture.wallet("pending").unwrap().paid_total, 0);
    let reason = fixture.balance("pending").hold_reason.expect("held");
    assert!(reason.starts_with("wallet_short: ") && reason.contains("williw-relay rent top-up"), "{reason}");
    assert_eq!(fixture.settle(), []);

    // The other wallet is below its minimum as well, but owes nothing.
    let missing = find(&fixture, RentAdjustment::TopUp, &nodes);
    let address = fixture.wallet_address("pending");
    assert_eq!(missing, [AccountToAdjust { address, lamports: WALLET_BYTES * RATE }]);
    assert!(reader(&fixture).surplus() > missing[0].lamports);
    execute(&fixture, RentAdjustment::TopUp, &missing);
    assert_eq!(find(&fixture, RentAdjustment::TopUp, &nodes), []);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("pending").unwrap().paid_total, 600_000);
    assert_eq!(fixture.balance("pending").hold_reason, None);
}

#[test]
fn a_closed_node_keeps_only_the_rent_of_its_smaller_account() {
    let nodes = [NodeSpec::payable("a")];
    let fixture = EngineFixture::new(&nodes);
    fixture.grant("a", 2_000_000);
    fixture.settle();
    let wallet = fixture.wallet("a").unwrap();
    fixture.execute_as_admin(close_node_ix(fixture.admin.pubkey(), fixture.network, wallet.node_id, wallet.owner));
    assert_eq!(find(&fixture, RentAdjustment::Sweep, &nodes), []);

    fixture.set_rent(RATE / 10);
    let swept = find(&fixture, RentAdjustment::Sweep, &nodes);
    let lamports = (128 + ClosedNode::SIZE as u64) * (RATE - RATE / 10);
    assert_eq!(swept, [AccountToAdjust { address: fixture.wallet_address("a"), lamports }]);
    execute(&fixture, RentAdjustment::Sweep, &swept);
    assert_eq!(find(&fixture, RentAdjustment::Sweep, &nodes), []);
}

#[test]
fn accounts_of_other_networks_and_programs_are_not_adjusted() {
    let node = NodeSpec::payable("a");
    let fixture = EngineFixture::new(std::slice::from_ref(&node));
    fixture.grant("a", 600_000);
    fixture.settle();
    let addresses =
        [fixture.network, fixture.treasury, node.address.unwrap(), fixture.settler.pubkey(), Pubkey::new_unique()];
    let other = fixture.create_other_network();
    for rate in [RATE / 10, 2 * RATE] {
        fixture.set_rent(rate);
        for adjustment in [RentAdjustment::Sweep, RentAdjustment::TopUp] {
            assert_eq!(block_on(reader(&fixture).find(adjustment, &addresses)).unwrap(), [], "{adjustment:?}");
            let other = block_on(RentReader::new(&fixture.chain, other)).unwrap().expect("the network exists");
            let wallet = fixture.wallet_address("a");
            assert_eq!(block_on(other.find(adjustment, &[wallet])).unwrap(), [], "{adjustment:?}");
        }
    }
    let none = block_on(RentReader::new(&fixture.chain, fixture.treasury)).unwrap();
    assert!(none.is_none(), "an address without a network");
}
