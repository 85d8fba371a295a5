//! The settler's key is stolen and used: docs/runbooks/stolen-settler-key.md, and for the thief's credits
//! docs/runbooks/ledger-and-chain-disagree.md, are followed.

use settlement::client::{BatchHeader, RegisterNodeArgs, credit_ix, node_id, node_wallet_address, register_node_ix};
use solana_keypair::Keypair;
use solana_signer::Signer;
use williw_tests::files;
use williw_tests::network::SOL;
use williw_tests::process::run_to_exit;
use williw_tests::sample_nodes::{NewNode, NodeKind, SampleNode};

use super::Scenario;
use super::runbook::Runbook;
use crate::fixture::OrFail;

/// What the thief credits to a node of the network, in lamports.
const CREDITED_TO_NODE: u64 = 1_000;

/// What the thief credits to a node of their own.
const CREDITED_TO_THIEF: u64 = 2_000;

impl Scenario {
    /// Credits the first node, and a node of the thief's own, with the settler's key.
    fn steal(&self) {
        let (chain, relay_cli, node) = (&self.network.chain, &self.network.relay_cli, &self.nodes[0]);
        let (settler, network, thief) = (relay_cli.settler(), relay_cli.network(), Keypair::new().pubkey());
        let args = RegisterNodeArgs { node_id: node_id("thief"), owner: thief, destination: None, threshold: None };
        let wallet = chain.wallet(&network, &node.id, &node.address).or_fail().expect("the node's wallet");
        let credits = [
            (wallet.address, wallet.credited + CREDITED_TO_NODE),
            (node_wallet_address(&network, &node_id("thief"), &thief), CREDITED_TO_THIEF),
        ];
        let header = BatchHeader { batch_id: 1, records_root: [0; 32] };
        let register = register_node_ix(settler, settler, network, args);
        let credit = credit_ix(settler, network, header, &credits);
        chain.send(&[register, credit], &[relay_cli.settler_keypair()]).or_fail();
    }

    /// Asserts that chain and ledger agree with what every node has earned.
    fn assert_nodes_settled(&mut self) {
        for node in &mut self.nodes {
            node.expect_settlement(self.network.parameters);
        }
        for (node, balances) in self.nodes.iter().zip(self.network.node_balances(&self.nodes)) {
            let mismatches = balances.mismatches(node.expected);
            assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
        }
    }
}

#[test]
fn after_a_theft_a_new_key_pays_every_reward_once_and_nothing_waits_for_the_thiefs_credits() {
    let mut scenario = Scenario::new("stolen-key");
    scenario.steal();
    let settler = Keypair::new();
    let (address, node) = (settler.pubkey().to_string(), scenario.nodes[0].id.clone());
    let stolen =
        files::write_keypair(&scenario.keys(), "stolen", scenario.network.relay_cli.settler_keypair()).or_fail();
    let about_node = [("<ADDRESS>", address.as_str()), ("<NODE>", &node)];
    // Here the excess was for none of the rewards.
    let on_top = [about_node[1], ("--accept-chain", "--pay-on-top")];
    let theft = Runbook::open(&scenario, "stolen-settler-key.md");
    let disagreement = Runbook::open(&scenario, "ledger-and-chain-disagree.md");
    theft.run(1, &[], &[0]);
    theft.run(3, &about_node, &[0]);

    let shown = theft.run(4, &about_node, &[8, 0]);
    for part in ["SOMEBODY ELSE", "credited_elsewhere", &CREDITED_TO_THIEF.to_string()] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    disagreement.run(1, &about_node, &[0, 8, 0]);
    disagreement.run(2, &about_node, &[0, 0]);
    scenario.network.chain.airdrop(&settler.pubkey(), SOL).or_fail();
    files::write_keypair(&scenario.keys(), "settler", &settler).or_fail();
    // Recorded, but the network is still paused.
    disagreement.run(3, &on_top, &[0, 6]);
    theft.run(5, &[], &[0, 0]);
    theft.close(&[]);

    // A new node waits until somebody has decided about the thief's, and the old key settles nothing any more.
    let (parameters, ingest) = (scenario.network.parameters, &scenario.network.ingest);
    let new = NewNode { id: "new", kind: NodeKind::Paid, contributions: 1, variation: 0 };
    let mut new = SampleNode::new(parameters, new);
    new.register(ingest).or_fail();
    new.report(ingest, parameters).or_fail();
    let mut thief = scenario.network.command(&["run"]);
    thief.env("SOLANA_PRIVATE_KEY", stolen);
    let output = run_to_exit(thief).or_fail();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(6) && error.contains("settler"), "{error}");
    assert_eq!(run_to_exit(scenario.network.command(&["run"])).or_fail().status.code(), Some(8));
    let amount = CREDITED_TO_THIEF.to_string();
    let listed = disagreement.run(5, &[("<AMOUNT>", &amount)], &[8, 0, 0]);
    assert!(listed.contains("unknown_credits"), "{listed}");
    disagreement.close(&[4]);
    assert_eq!(run_to_exit(scenario.network.command(&["run"])).or_fail().status.code(), Some(0));
    scenario.nodes.push(new);
    scenario.nodes[0].expected.earned += CREDITED_TO_NODE;
    scenario.assert_nodes_settled();
}
