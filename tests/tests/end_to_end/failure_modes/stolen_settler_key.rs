//! The settler's key is stolen: what docs/runbooks/stolen-settler-key.md says.

use solana_keypair::Keypair;
use solana_signer::Signer;
use williw_tests::files;
use williw_tests::network::SOL;
use williw_tests::process::{run_to_exit, run_to_success};

use super::Scenario;
use crate::fixture::{OrFail, localnet};

#[test]
fn a_rotated_key_settles_nothing_and_the_new_one_pays_every_reward_once() {
    let mut scenario = Scenario::new("stolen-key");
    let settler = Keypair::new();
    scenario.network.control(&["pause"]);
    scenario.network.control(&["set-settler", &settler.pubkey().to_string()]);
    let shown = scenario.network.control(&["unpause"]);
    assert_eq!((&shown["settler"], &shown["paused"]), (&settler.pubkey().to_string().into(), &false.into()), "{shown}");

    let output = run_to_exit(scenario.relay(localnet().url())).or_fail();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(6) && error.contains("settler"), "{error}");

    scenario.network.chain.airdrop(&settler.pubkey(), SOL).or_fail();
    let file = files::write_keypair(&scenario.network.directory, "new-settler", &settler).or_fail();
    let mut relay = scenario.relay(localnet().url());
    relay.env("SOLANA_PRIVATE_KEY", file);
    run_to_success(relay).or_fail();
    scenario.verify();
}
