//! The treasury is emptied between planning and landing, and funded as docs/runbooks/short-treasury.md says.

use settlement::client::withdraw_surplus_ix;
use williw_tests::faults::Fault;

use super::Scenario;
use super::runbook::Runbook;
use crate::fixture::OrFail;

#[test]
fn rewards_that_an_emptied_treasury_could_not_pay_are_paid_once_it_is_funded() {
    let mut scenario = Scenario::new("emptied-treasury");
    let held = scenario.spawn_up_to("sendTransaction", Fault::Forward);
    let (chain, relay_cli) = (&scenario.network.chain, &scenario.network.relay_cli);
    let treasury = chain.treasury(&relay_cli.network()).or_fail().expect("the treasury");
    let surplus = treasury.lamports - chain.rent_minimum(settlement::state::Treasury::SIZE).or_fail();
    let withdraw = withdraw_surplus_ix(relay_cli.admin(), relay_cli.network(), relay_cli.admin(), surplus);
    chain.send(&[withdraw], &[relay_cli.admin_keypair()]).or_fail();
    held.finish();
    let query = "SELECT COUNT(*) FROM payables WHERE hold_reason = 'treasury_short'";
    assert_eq!(scenario.network.ledger.number(query, None).or_fail(), 3);
    let runbook = Runbook::open(&scenario, "short-treasury.md");
    let shown = runbook.run(1, &[], &[0]);
    assert!(shown.contains("treasury_short") && shown.contains("it holds 0 lamports"), "{shown}");
    runbook.run(2, &[], &[0]);
    runbook.run(3, &[], &[0]);
    runbook.close(&[]);
    // Then the treasury holds again what was funded and not credited.
    scenario.network.chain.airdrop(&treasury.address, surplus).or_fail();
    scenario.verify();
}
