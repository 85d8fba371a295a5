//! The configuration file.

use std::fs;

use crate::process::Relay;
use crate::rpc::{Cluster, Rpc};
use crate::status::relay_with_a_reward;

#[tokio::test]
async fn settings_come_from_the_file_unless_the_environment_or_the_command_line_has_them() {
    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await;
    let creator = "US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx";
    let file = |network: &str| {
        let ledger = relay.file("ledger.sqlite3");
        let text = format!(
            "ledger = {ledger:?}\nrpc_url = [\"{}\"]\nnetwork = \"{network}\"\nnetwork_creator = \"{creator}\"\n\
             [run]\ninterval = 5\nretention_days = 90\nmetrics_addr = \"127.0.0.1:0\"\n",
            rpc.url
        );
        fs::write(relay.file("williw.toml"), text).unwrap();
    };
    let with_file = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = relay.command(&[&["--config", "williw.toml"], arguments].concat());
        command.env_clear().env("SOLANA_PRIVATE_KEY", relay.file("settler.json")).envs(variables.iter().copied());
        crate::process::CommandResult::from(command.output().unwrap())
    };
    file("from-file");
    assert!(with_file(&["doctor"], &[]).stdout.contains("network 'from-file'"));
    assert!(with_file(&["doctor"], &[("NETWORK", "from-env")]).stdout.contains("network 'from-env'"));
    let result = with_file(&["doctor", "--network", "from-line"], &[("NETWORK", "from-env")]);
    assert!(result.stdout.contains("network 'from-line'"), "{}", result.stdout);
    // After the command as well.
    let mut command = relay.command(&["run", "--config", "williw.toml"]);
    let result = command.env_remove("NETWORK").env_remove("SOLANA_RPC_URL").output().unwrap();
    let stderr = String::from_utf8(result.stderr).unwrap();
    assert!(stderr.contains("metrics at http://") && stderr.contains("a network 'from-file'"), "{stderr}");
}

#[test]
fn an_unknown_setting_is_named_and_nothing_is_done() {
    let relay = Relay::with_settings();
    for (text, named) in [
        ("settler = \"x\"", "unknown field `settler`"),
        ("[run]\nintervall = 5", "line 2 (intervall): unknown field `intervall`"),
        ("SOLANA_PRIVATE_KEY = \"swordfish\"", "unknown field `SOLANA_PRIVATE_KEY`"),
        ("[run]\ninterval = -5", "line 2 (interval): invalid value"),
        ("network = ", "line 1"),
    ] {
        fs::write(relay.file("williw.toml"), text).unwrap();
        let result = relay.run(&["run", "--config", "williw.toml"]);
        assert!(!result.stderr.contains("swordfish"), "{}", result.stderr);
        result.expect_failure(3, named);
    }
    relay.run(&["run", "--config", "missing.toml"]).expect_failure(3, "missing.toml");
    // A known setting with an invalid value is refused as on the command line.
    fs::write(relay.file("williw.toml"), "network_admin = \"nobody\"").unwrap();
    assert_eq!(relay.run(&["run", "--config", "williw.toml"]).exit_code, 2);
    assert!(!relay.file("ledger.sqlite3").exists());
}
