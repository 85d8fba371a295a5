//! Owners act between planning and landing.

use settlement::client::{RegisterNodeArgs, close_node_ix, node_id, reopen_node_ix, set_destination_ix};
use solana_keypair::Keypair;
use solana_signer::Signer;
use williw_tests::faults::Fault;
use williw_tests::network::SOL;
use williw_tests::process::run_to_success;

use super::Scenario;
use crate::fixture::{OrFail, localnet};

#[test]
fn what_owners_do_after_a_batch_was_planned_affects_only_their_own_payouts() {
    let scenario = Scenario::new("owner-acts");
    let network = scenario.network.relay_cli.network();
    let (chain, nodes, owners) = (&scenario.network.chain, &scenario.nodes, &scenario.owners);
    let destination = Keypair::new().pubkey();
    let redirect = set_destination_ix(owners[0].pubkey(), network, node_id(&nodes[0].id), destination);
    let close = close_node_ix(owners[1].pubkey(), network, node_id(&nodes[1].id), owners[1].pubkey());
    chain.airdrop(&owners[0].pubkey(), SOL).or_fail();

    let held = scenario.spawn_up_to("sendTransaction", Fault::Forward);
    chain.send(&[redirect, close], &[&owners[0], &owners[1]]).or_fail();
    held.finish();
    // The batch that was planned before has landed, and has credited those that it could.
    assert_eq!(scenario.latest_attempts(), ["finalized"]);
    assert_eq!(scenario.latest_outcomes(), ["credited", "skipped", "credited"]);
    let paid = |node: usize| {
        let wallet = chain.wallet(&network, &nodes[node].id, &nodes[node].address).or_fail();
        wallet.map(|wallet| wallet.paid)
    };
    assert_eq!(paid(2), Some(nodes[2].expected.earned), "the third owner has done nothing");

    // The next run pays the first node where its owner wants it. The second one's reward waits for its wallet.
    chain.airdrop(&destination, SOL).or_fail();
    run_to_success(scenario.relay(localnet().url())).or_fail();
    assert_eq!(paid(0), Some(nodes[0].expected.earned));
    assert_eq!(chain.balance(&destination).or_fail(), SOL + nodes[0].expected.earned - nodes[0].expected.paid);
    let holds = "SELECT hold_reason FROM payables WHERE node_id = ?1";
    let hold = scenario.network.ledger.rows(holds, Some(&nodes[1].id)).or_fail();
    assert_eq!(hold, [[Some("node_closed".to_owned())]]);

    let relay_cli = &scenario.network.relay_cli;
    let (admin, node_id, owner) = (relay_cli.admin(), node_id(&nodes[1].id), owners[1].pubkey());
    let args = RegisterNodeArgs { node_id, owner, destination: None, threshold: None };
    chain.send(&[reopen_node_ix(admin, admin, network, args)], &[relay_cli.admin_keypair()]).or_fail();
    run_to_success(scenario.relay(localnet().url())).or_fail();
    for (node, sample) in nodes.iter().enumerate() {
        assert_eq!(paid(node), Some(sample.expected.earned), "{}", sample.id);
    }
    let unconfirmed = "SELECT COUNT(*) FROM rewards WHERE status <> 'confirmed'";
    assert_eq!(scenario.network.ledger.number(unconfirmed, None).or_fail(), 0);
}
