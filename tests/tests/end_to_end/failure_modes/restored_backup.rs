//! The ledger is restored from a backup: docs/runbooks/restored-backup.md and docs/runbooks/ledger-and-chain-disagree.md are
//! followed.

use std::path::PathBuf;

use solana_keypair::Keypair;
use solana_signer::Signer;
use williw_tests::ingest::{Ingest, SqliteIngest};
use williw_tests::ledger_file::LedgerFile;
use williw_tests::process::run_to_success;
use williw_tests::relay_cli::LedgerLocation;
use williw_tests::sample_nodes::{NewNode, NodeKind, SampleNode};

use super::Scenario;
use super::runbook::Runbook;
use crate::fixture::OrFail;

#[test]
fn a_restored_and_a_rebuilt_ledger_pay_nothing_twice_and_go_on_after_the_runbook_was_followed() {
    let mut scenario = Scenario::new("restored-backup");
    let parameters = scenario.network.parameters;
    let file = scenario.network.directory.join("restored.sqlite");
    let backup = rusqlite::Connection::open(scenario.network.directory.join("ledger.sqlite")).or_fail();
    backup.execute("VACUUM INTO ?1", [file.to_str().expect("a path")]).or_fail();
    drop(backup);

    // What the backup lacks: a settlement, a node, rewards, and another settlement.
    scenario.run_and_verify();
    let owner = Keypair::new();
    let later = NewNode { id: "later", kind: NodeKind::Paid, contributions: 1, variation: 7 };
    let mut later = SampleNode::new(parameters, later);
    later.address = owner.pubkey();
    later.register(&scenario.network.ingest).or_fail();
    scenario.nodes.push(later);
    scenario.owners.push(owner);
    scenario.report_more();
    scenario.run_and_verify();

    scenario.use_ledger(file);
    let restored = Runbook::open(&scenario, "restored-backup.md");
    let shown = restored.run(2, &[], &[8]);
    assert!(shown.contains("credited_elsewhere"), "{shown}");
    restored.run(3, &[], &[8]);
    // Step 4: the node with the address that it had.
    scenario.nodes.last().expect("the node").register(&scenario.network.ingest).or_fail();
    scenario.import_rewards_and_decide(&restored);
    restored.close(&[0]);
    scenario.report_more();
    scenario.run_and_verify();

    scenario.use_ledger(scenario.network.directory.join("rebuilt.sqlite"));
    for node in &scenario.nodes {
        node.register(&scenario.network.ingest).or_fail();
    }
    let restored = Runbook::open(&scenario, "restored-backup.md");
    restored.run(0, &[], &[0]);
    scenario.import_rewards_and_decide(&restored);
    restored.close(&[2, 3]);
    scenario.report_more();
    scenario.run_and_verify();
}

impl Scenario {
    /// From now on, the network's ledger is this one, which is created if it does not exist.
    fn use_ledger(&mut self, file: PathBuf) {
        self.network.ingest = SqliteIngest::open(&file, self.network.parameters.lamports_per_score).or_fail();
        self.network.ledger = LedgerFile::open(&file).or_fail();
        self.network.ledger_location = LedgerLocation::File(file);
    }

    /// Steps 5 to 7 of the page: every contribution, and the decision about every node, after which nothing is paid.
    fn import_rewards_and_decide(&self, restored: &Runbook<'_>) {
        let treasury = || self.network.chain.treasury(&self.network.relay_cli.network()).or_fail();
        let before = treasury();
        // Contributions that are there already count once.
        for node in &self.nodes {
            for index in 0..node.contributions() {
                self.network.ingest.record_contribution(&node.contribution(index)).or_fail();
            }
        }
        let listed = restored.run(6, &[], &[8, 0]);
        let disagreement = Runbook::open(self, "ledger-and-chain-disagree.md");
        for node in &self.nodes {
            assert!(listed.contains(&node.id), "{} in {listed}", node.id);
        }
        // About one node, and then about all others.
        let node = [("<NODE>", self.nodes[0].id.as_str())];
        disagreement.run(1, &node, &[0, 8, 0]);
        disagreement.run(2, &node, &[0, 0]);
        disagreement.run(3, &node, &[0, 8]);
        disagreement.run(4, &[], &[0, 0, 0]);
        disagreement.close(&[5]);
        assert_eq!(treasury(), before, "nothing was paid again");
        let open = "SELECT COUNT(*) FROM rewards WHERE status <> 'confirmed' OR kind = 'correction'";
        assert_eq!(self.network.ledger.number(open, None).or_fail(), 0);
        run_to_success(self.network.command(&["reconcile"])).or_fail();
    }
}
