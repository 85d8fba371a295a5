//! A setting that is missing or wrong is named, and a secret is never repeated.

use std::fs;

use solana_keypair::Keypair;

use crate::process::Relay;

#[test]
fn help_shows_examples_and_exit_codes_and_no_secret() {
    let relay = Relay::with_settings().with("SOLANA_PRIVATE_KEY", "hush-hush").with("WILLIW_API_KEY", "hush-hush");
    let help = relay.with("SOLANA_RPC_URL", "https://rpc.example/?token=hush-hush").run(&["--help"]);
    assert_eq!(help.exit_code, 0);
    for part in ["Examples:", "williw-relay run", "Exit codes:", "SOLANA_PRIVATE_KEY", "130"] {
        assert!(help.stdout.contains(part), "{part}");
    }
    assert!(!help.stdout.contains("hush-hush"), "{}", help.stdout);
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let relay = Relay::with_settings();
    for arguments in [
        &[][..],
        &["pay"],
        &["run", "--once", "--watch"],
        &["run", "--interval", "5"],
        &["run", "--watch", "--interval", "0"],
        &["run", "--format", "v7"],
        &["run", "--network", "Not A Name"],
        &["run", "--ledger", "postgres://a"],
        &["fund"],
        &["fund", "--", "-5"],
        &["fund", "1.5"],
        &["fund", "9223372036854775808"],
        &["fund", "0"],
        &["key", "create", "name"],
        &["key", "create", "name", "--scope", "everything"],
        &["key", "revoke", "a b"],
        &["network", "create", "--settler", "nobody"],
    ] {
        let ended = relay.run(arguments);
        assert_eq!(ended.exit_code, 2, "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.is_empty());
    }
}

#[test]
fn what_is_missing_is_named() {
    let relay = Relay::new();
    relay.run(&["status"]).expect_failure(2, "pass --ledger");
    relay.run(&["run"]).expect_failure(2, "pass --rpc-url");
    relay.run(&["run", "--rpc-url", "http://127.0.0.1:1"]).expect_failure(2, "pass --network");
    let relay = relay.with("SOLANA_RPC_URL", "http://127.0.0.1:1").with("NETWORK", "test-net");
    relay.run(&["run"]).expect_failure(3, "SOLANA_PRIVATE_KEY is not set");
    relay.run(&["status", "--ledger", "https://worker.example"]).expect_failure(3, "WILLIW_API_KEY is not set");
}

#[test]
fn a_secret_that_is_no_keypair_is_refused_without_being_repeated() {
    let mut bytes = Keypair::new_from_array([9; 32]).to_bytes();
    bytes[40] ^= 1;
    let mismatch = bs58::encode(bytes).into_string();
    let short = bs58::encode([5_u8; 32]).into_string();
    for secret in ["swordfish", "[1, 2, 3]", "[1, 2, 777]", &mismatch, &short, "/no/such/swordfish.json"] {
        let relay = Relay::with_settings().with("SOLANA_PRIVATE_KEY", secret);
        for command in [&["run"][..], &["fund", "1"], &["network", "create"]] {
            let ended = relay.run(command);
            assert_eq!(ended.exit_code, 3, "{}", ended.stderr);
            assert!(ended.stderr.contains("SOLANA_PRIVATE_KEY"), "{}", ended.stderr);
            let shown = ended.stderr + &ended.stdout;
            assert!(secret.starts_with('/') || !shown.contains(secret), "{shown}");
        }
        assert!(!relay.file("ledger.sqlite3").exists(), "a ledger was created for nothing");
    }
}

#[test]
fn an_rpc_url_is_checked_and_its_token_is_not_repeated() {
    let relay = Relay::with_settings();
    for url in ["localhost:8899", "ftp://swordfish", "https://", "swordfish"] {
        let ended = relay.run(&["fund", "1", "--rpc-url", url]);
        assert!(!ended.stderr.contains("swordfish"), "{}", ended.stderr);
        ended.expect_failure(3, "URL");
    }
    let ended = relay.run(&["fund", "1", "--rpc-url", "http://127.0.0.1:1/?token=swordfish"]);
    assert!(!ended.stderr.contains("swordfish"), "{}", ended.stderr);
    ended.expect_failure(5, "cannot be reached");
}

#[test]
fn a_cluster_that_is_down_ends_with_5_and_a_worker_that_is_down_with_4() {
    let relay = Relay::with_settings();
    relay.run(&["fund", "1"]).expect_failure(5, "check SOLANA_RPC_URL");
    relay.run(&["network", "create"]).expect_failure(5, "check SOLANA_RPC_URL");
    let relay = relay.with("WILLIW_API_KEY", "wk_1").with("WILLIW_LEDGER", "http://127.0.0.1:1");
    relay.run(&["status"]).expect_failure(4, "the ledger cannot be reached");
    relay.run(&["run", "--patience", "0"]).expect_failure(4, "the ledger cannot be reached");
}

#[test]
fn a_key_is_not_sent_in_the_clear() {
    let relay = Relay::new().with("WILLIW_API_KEY", "wk_swordfish");
    let ended = relay.run(&["status", "--ledger", "http://worker.example"]);
    assert!(!ended.stderr.contains("swordfish"), "{}", ended.stderr);
    ended.expect_failure(3, "use https");
}

#[test]
fn a_ledger_that_is_none_is_left_alone() {
    let relay = Relay::with_settings();
    fs::write(
        relay.file("notes.txt"),
        "not a database, however long the text may be; it has to be longer than the header of one is",
    )
    .unwrap();
    let before = fs::read(relay.file("notes.txt")).unwrap();
    relay.run(&["run", "--ledger", "notes.txt"]).expect_failure(3, "is not an SQLite database");
    assert_eq!(fs::read(relay.file("notes.txt")).unwrap(), before);
    relay.run(&["run", "--ledger", "no/such/folder.sqlite3"]).expect_failure(3, "create it");
}

#[test]
fn with_json_a_failure_is_a_document_on_standard_output() {
    let ended = Relay::with_settings().run(&["fund", "1", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.exit_code, document["error"].as_str()), (5, Some("CHAIN")));
    assert!(document["message"].as_str().unwrap().contains("cannot be reached"));
    assert_eq!(ended.stderr, "");
}
