//! Missing and invalid settings are reported, and secrets are never printed.

use std::fs;

use solana_keypair::Keypair;

use crate::process::Relay;

#[test]
fn help_has_examples_and_exit_codes_but_no_secrets() {
    let relay = Relay::with_settings().with("SOLANA_PRIVATE_KEY", "swordfish").with("WILLIW_API_KEY", "swordfish");
    let help = relay.with("SOLANA_RPC_URL", "https://rpc.example/?token=swordfish").run(&["--help"]);
    assert_eq!(help.exit_code, 0);
    for part in ["Examples:", "williw-relay run", "Exit codes:", "SOLANA_PRIVATE_KEY", "130"] {
        assert!(help.stdout.contains(part), "{part}");
    }
    assert!(!help.stdout.contains("swordfish"), "{}", help.stdout);
}

#[test]
fn invalid_arguments_exit_with_2() {
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
        &["network", "create", "--max-pause-seconds", "0"],
        &["network", "create", "--max-pause-seconds", "2592001"],
        // The signer would be the creator.
        &["network", "create", "--network-creator", "US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx"],
        &["run", "--network-creator", "nobody"],
        &["run", "--network-admin", "nobody"],
        &["rent"],
        &["tables"],
        &["tables", "extend", "--min-batches", "0"],
        &["tables", "close", "nobody"],
        &["tables", "close", "--all", "US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx"],
    ] {
        let result = relay.run(arguments);
        assert_eq!(result.exit_code, 2, "{arguments:?}: {}", result.stderr);
        assert!(!result.stderr.is_empty());
    }
}

#[test]
fn missing_settings_are_named() {
    let relay = Relay::new();
    relay.run(&["status"]).expect_failure(2, "pass --ledger");
    relay.run(&["run"]).expect_failure(2, "pass --rpc-url");
    relay.run(&["run", "--rpc-url", "http://127.0.0.1:1"]).expect_failure(2, "pass --network");
    let relay = relay.with("SOLANA_RPC_URL", "http://127.0.0.1:1").with("NETWORK", "test-net");
    for command in [&["run"][..], &["fund", "1"], &["rent", "sweep"], &["rent", "top-up"], &["tables", "list"]] {
        relay.run(command).expect_failure(2, "pass --network-creator");
    }
    let relay = relay.with("NETWORK_CREATOR", "US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx");
    relay.run(&["run"]).expect_failure(3, "SOLANA_PRIVATE_KEY is not set");
    relay.run(&["status", "--ledger", "https://worker.example"]).expect_failure(3, "WILLIW_API_KEY is not set");
}

#[test]
fn invalid_keypairs_are_rejected_without_leaking_them() {
    let mut bytes = Keypair::new_from_array([9; 32]).to_bytes();
    bytes[40] ^= 1;
    let mismatch = bs58::encode(bytes).into_string();
    let short = bs58::encode([5_u8; 32]).into_string();
    for secret in ["swordfish", "[1, 2, 3]", "[1, 2, 777]", &mismatch, &short, "/no/such/swordfish.json"] {
        let relay = Relay::with_settings().with("SOLANA_PRIVATE_KEY", secret);
        for command in [&["run"][..], &["fund", "1"], &["network", "create"]] {
            let result = relay.run(command);
            assert_eq!(result.exit_code, 3, "{}", result.stderr);
            assert!(result.stderr.contains("SOLANA_PRIVATE_KEY"), "{}", result.stderr);
            let shown = result.stderr + &result.stdout;
            assert!(secret.starts_with('/') || !shown.contains(secret), "{shown}");
        }
        assert!(!relay.file("ledger.sqlite3").exists(), "a ledger was created");
    }
}

#[test]
fn invalid_rpc_urls_are_rejected_without_leaking_tokens() {
    let relay = Relay::with_settings();
    for url in ["localhost:8899", "ftp://swordfish", "https://", "swordfish"] {
        let result = relay.run(&["fund", "1", "--rpc-url", url]);
        assert!(!result.stderr.contains("swordfish"), "{}", result.stderr);
        result.expect_failure(3, "URL");
    }
    // One node is not two.
    let result = relay.run(&["fund", "1", "--rpc-url", "http://127.0.0.1:1/swordfish,http://127.0.0.1:1/swordfish/"]);
    assert!(!result.stderr.contains("swordfish"), "{}", result.stderr);
    result.expect_failure(3, "twice");
    let result = relay.run(&["fund", "1", "--rpc-url", "http://127.0.0.1:1/?token=swordfish"]);
    assert!(!result.stderr.contains("swordfish"), "{}", result.stderr);
    result.expect_failure(5, "cannot be reached");
}

#[test]
fn an_unreachable_rpc_node_exits_with_5_and_an_unreachable_worker_with_4() {
    let relay = Relay::with_settings();
    relay.run(&["fund", "1"]).expect_failure(5, "check SOLANA_RPC_URL");
    relay.run(&["network", "create"]).expect_failure(5, "check SOLANA_RPC_URL");
    let relay = relay.with("WILLIW_API_KEY", "wk_1").with("WILLIW_LEDGER", "http://127.0.0.1:1");
    relay.run(&["status"]).expect_failure(4, "the ledger cannot be reached");
    relay.run(&["run", "--patience", "0"]).expect_failure(4, "the ledger cannot be reached");
}

#[test]
fn an_api_key_is_not_sent_unencrypted() {
    let relay = Relay::new().with("WILLIW_API_KEY", "wk_swordfish");
    let result = relay.run(&["status", "--ledger", "http://worker.example"]);
    assert!(!result.stderr.contains("swordfish"), "{}", result.stderr);
    result.expect_failure(3, "use https");
}

#[test]
fn files_other_than_ledgers_are_not_modified() {
    let relay = Relay::with_settings();
    fs::write(
        relay.file("notes.txt"),
        "a text file that is longer than the header of an SQLite database, whose length is exactly one hundred bytes",
    )
    .unwrap();
    let before = fs::read(relay.file("notes.txt")).unwrap();
    relay.run(&["run", "--ledger", "notes.txt"]).expect_failure(3, "is not an SQLite database");
    assert_eq!(fs::read(relay.file("notes.txt")).unwrap(), before);
    relay.run(&["run", "--ledger", "no/such/directory.sqlite3"]).expect_failure(3, "create it");
}

#[test]
fn with_json_errors_are_printed_to_standard_output() {
    let result = Relay::with_settings().run(&["fund", "1", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!((result.exit_code, document["error"].as_str()), (5, Some("CHAIN")));
    assert!(document["message"].as_str().unwrap().contains("cannot be reached"));
    assert_eq!(result.stderr, "");
}
