//! Receipts: what is written holds for a stranger, and nothing else does.

use std::process::Command;

use serde_json::{Value, json};
use settlement::client::{BatchHeader, close_node_ix, credit_ix};
use settlement::state::DestinationSource;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::audit::{BindingError, Receipt, ReceiptError, Verified, VerifyError, WalletState, issue, verify};
use williw_relay::chain::JsonRpc;
use williw_relay::types::RewardStatus;

use crate::support::{Answers, EngineFixture, KeptLogs, NodeSpec, RpcNode, block_on};

fn receipt_of(fixture: &EngineFixture, reward: &str) -> Result<Receipt, ReceiptError> {
    block_on(issue(&fixture.database, &fixture.chain, &fixture.network_ref, reward))
}

/// Verifies by the codec of the JSON-RPC client.
fn verified(fixture: &EngineFixture, receipt: &Receipt) -> Result<Verified, VerifyError> {
    block_on(verify(receipt, &JsonRpc::new(RpcNode(&fixture.chain))))
}

/// Two nodes with several confirmed rewards each. The last batch only credits.
fn fixture() -> EngineFixture {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::payable("b"), NodeSpec::payable("c")]);
    for (node, amount) in [("a", 1_500_000), ("b", 2_000_000), ("a", 3_000_000), ("c", 10)] {
        fixture.grant(node, amount);
    }
    assert_eq!(fixture.settle(), [None]);
    fixture.grant_many("b", 3, 20);
    fixture.grant("a", 30);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 8);
    fixture
}

/// Answers to everything that the verification of a receipt asks.
fn answers(fixture: &EngineFixture, receipt: &Receipt) -> Answers {
    let signatures = receipt.parts.iter().map(|part| ("getTransaction", json!(part.signature.to_string())));
    let accounts = json!([receipt.network.address.to_string(), receipt.node.wallet_address.to_string()]);
    let others = [("getGenesisHash", Value::Null), ("getMultipleAccounts", accounts)];
    Answers::record(&RpcNode(&fixture.chain), signatures.chain(others))
}

/// Runs the script that shares no code with the relay. Returns what it printed, or why it refused.
fn verified_independently(url: &str, receipt: &Receipt) -> Result<String, String> {
    verified_by_the_script(url, &receipt.to_json())
}

fn verified_by_the_script(url: &str, json: &str) -> Result<String, String> {
    let verified = run_with(&mut script(), &[url], json);
    if let Err(refused) = &verified {
        assert!(refused.starts_with("the receipt does not hold: "), "it has not refused, but failed: {refused}");
    }
    verified
}

fn script() -> Command {
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/verify_receipt.py"));
    command
}

/// Runs the binary.
fn verified_by_the_binary(url: &str, receipt: &Receipt) -> Result<String, String> {
    let binary = std::env::var_os("CARGO_BIN_EXE_williw-relay").expect("cargo sets CARGO_BIN_EXE_williw-relay");
    run(Command::new(binary).arg("verify"), &["--rpc-url", url], receipt)
}

fn run(command: &mut Command, arguments: &[&str], receipt: &Receipt) -> Result<String, String> {
    run_with(command, arguments, &receipt.to_json())
}

fn run_with(command: &mut Command, arguments: &[&str], json: &str) -> Result<String, String> {
    let directory = tempfile::TempDir::new().expect("a directory");
    let file = directory.path().join("receipt.json");
    std::fs::write(&file, json).expect("the receipt is written");
    for name in ["NETWORK", "NETWORK_CREATOR"] {
        command.env_remove(name);
    }
    let output = command.arg(&file).args(arguments).output().expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn a_receipt_holds_for_a_stranger_and_for_code_that_shares_nothing_with_the_writer() {
    let fixture = fixture();
    for reward in fixture.reward_ids() {
        let receipt = receipt_of(&fixture, &reward).unwrap();
        assert_eq!(Receipt::from_json(&receipt.to_json()).as_ref(), Ok(&receipt));
        let found = verified(&fixture, &receipt).unwrap();
        assert_eq!((found.reward_id.as_str(), found.wallet), (reward.as_str(), WalletState::Open));
        let credited = fixture.wallet(receipt.node.id.as_str()).unwrap().credited_total;
        assert_eq!(found.credited_lamports, Some(credited));

        let url = answers(&fixture, &receipt).serve();
        let (network, owner) = (fixture.network, receipt.node.owner);
        let expected = format!(
            "reward {reward} was credited; its node has been credited {credited} in total\n\
             network: {} ({network}), created by {}\ncluster: {}\nasset: SOL\nowner: {owner}\npaid to: {owner}\n",
            fixture.network_ref.name(),
            fixture.network_ref.creator,
            receipt.genesis_hash,
        );
        assert_eq!(verified_independently(&url, &receipt), Ok(expected));
        let printed = verified_by_the_binary(&url, &receipt).unwrap();
        for identity in [network, fixture.network_ref.creator, owner].map(|address| address.to_string()) {
            assert!(printed.contains(&identity), "{printed}");
        }
        assert!(printed.contains("pass --network") && !printed.contains("WARNING"), "{printed}");
        assert!(printed.contains(&format!("reward {reward} was credited")), "{printed}");
        assert!(printed.contains(&receipt.parts[0].signature.to_string()), "{printed}");
    }
}

/// Verifies with a network and a creator given.
fn verified_for(url: &str, receipt: &Receipt, name: &str, creator: Pubkey) -> Result<String, String> {
    let binary = std::env::var_os("CARGO_BIN_EXE_williw-relay").expect("cargo sets CARGO_BIN_EXE_williw-relay");
    let mut command = Command::new(binary);
    command.arg("verify");
    run(&mut command, &["--rpc-url", url, "--network", name, "--network-creator", &creator.to_string()], receipt)
}

#[test]
fn a_receipt_of_another_network_than_the_given_one_is_refused() {
    let fixture = fixture();
    let receipt = receipt_of(&fixture, &fixture.reward_ids()[0]).unwrap();
    let url = answers(&fixture, &receipt).serve();
    let (name, creator) = (fixture.network_ref.name(), fixture.network_ref.creator);
    let printed = verified_for(&url, &receipt, &name, creator).unwrap();
    assert!(!printed.contains("pass --network"), "{printed}");
    for (name, creator) in [("honest-net", creator), (name.as_str(), Pubkey::new_unique())] {
        let refused = verified_for(&url, &receipt, name, creator).unwrap_err();
        assert!(refused.contains("the receipt is of network"), "{refused}");
    }
}

#[test]
fn a_destination_that_the_admin_has_chosen_is_named() {
    let fixture = fixture();
    let receipt = receipt_of(&fixture, &fixture.reward_ids()[0]).unwrap();
    assert_eq!(verified(&fixture, &receipt).unwrap().destination_confirmed, Some(true));
    let foreign = Pubkey::new_unique();
    fixture.set_destination("a", &foreign, DestinationSource::Admin);
    let found = verified(&fixture, &receipt).unwrap();
    assert_eq!((found.destination, found.destination_confirmed), (Some(foreign.to_string()), Some(false)));
    let url = answers(&fixture, &receipt).serve();
    for printed in [verified_independently(&url, &receipt).unwrap(), verified_by_the_binary(&url, &receipt).unwrap()] {
        assert!(printed.contains(&foreign.to_string()) && printed.contains("WARNING"), "{printed}");
    }
}

#[test]
fn the_receipts_of_a_deleted_wallet_account_hold_only_once_its_network_is_closed() {
    let fixture = fixture();
    let receipt = receipt_of(&fixture, &fixture.reward_ids()[0]).unwrap();
    fixture.chain.svm.borrow_mut().set_account(receipt.node.wallet_address, Default::default()).unwrap();
    let url = answers(&fixture, &receipt).serve();
    assert!(verified_independently(&url, &receipt).unwrap_err().contains("there is no such wallet account"));
    fixture.replace_network_with_closed_one();
    assert_eq!(verified(&fixture, &receipt).unwrap().wallet, WalletState::Deleted);
    let url = answers(&fixture, &receipt).serve();
    let printed = verified_independently(&url, &receipt).unwrap();
    assert!(printed.contains("its wallet account was deleted with its network"), "{printed}");
}

#[test]
fn a_file_with_unknown_repeated_or_missing_fields_is_no_receipt() {
    let fixture = fixture();
    let receipt = receipt_of(&fixture, &fixture.reward_ids()[0]).unwrap();
    let url = answers(&fixture, &receipt).serve();
    let json = receipt.to_json();
    let owner = receipt.node.owner.to_string();
    let changes = [
        ("is not JSON", json.replacen('{', "", 1)),
        ("unknown", json.replacen('{', "{\"extra\": 1,", 1)),
        ("repeated", json.replacen('{', "{\"format\": \"williw-receipt-v1\",", 1)),
        ("missing", json.replacen("\"sequence\"", "\"number\"", 1)),
        ("is not a number", json.replacen("\"entry\": ", "\"entry\": 1.", 1)),
        ("is not a key", json.replacen(&owner, &owner[2..], 1)),
        ("is not a key", json.replacen(&owner, &format!("1{owner}"), 1)),
        (
            "is not a name",
            json.replacen(&format!("\"{}\"", receipt.network.name), "\"a-name-of-more-than-32-characters\"", 1),
        ),
    ];
    for (reason, changed) in changes {
        assert_ne!(changed, json);
        assert!(Receipt::from_json(&changed).is_err(), "{reason}");
        let refused = verified_by_the_script(&url, &changed).unwrap_err();
        assert!(refused.contains(reason), "'{reason}' is not in '{refused}'");
    }
}

#[test]
fn a_reward_that_was_credited_in_parts_has_a_receipt_of_all_of_them() {
    let fixture = EngineFixture::with_network(&[NodeSpec::payable("a")], |args| args.per_node_cap = 1_500_000);
    fixture.grant("a", 700_000);
    fixture.grant("a", 4_000_000);
    fixture.grant("a", 200_000);
    fixture.settle();
    let [first, second, third] = fixture.reward_ids().try_into().unwrap();
    let targets = |reward: &String| {
        let receipt = receipt_of(&fixture, reward).unwrap();
        verified(&fixture, &receipt).unwrap();
        let url = answers(&fixture, &receipt).serve();
        assert!(verified_independently(&url, &receipt).is_ok());
        receipt.parts.iter().map(|part| part.target_lamports.get()).collect::<Vec<_>>()
    };
    assert_eq!(targets(&first), [1_500_000]);
    assert_eq!(targets(&second), [1_500_000, 3_000_000, 4_500_000, 4_900_000]);
    assert_eq!(targets(&third), [4_900_000]);
}

#[test]
fn whatever_the_chain_contradicts_is_refused_even_with_the_right_checksum() {
    let fixture = fixture();
    let [first, _, third, ..] = &fixture.reward_ids()[..] else { panic!("rewards are missing") };
    let receipt = receipt_of(&fixture, first).unwrap();
    let other = receipt_of(&fixture, fixture.reward_ids().last().unwrap()).unwrap();
    assert_ne!(other.parts[0].signature, receipt.parts[0].signature);
    let third = receipt_of(&fixture, third).unwrap();
    assert_eq!(third.parts[0].signature, receipt.parts[0].signature);

    let (signature, slot) = (other.parts[0].signature, other.parts[0].slot);
    let lamports = |amount: u64| amount.to_string().parse().unwrap();
    type Change<'a> = (&'a str, Box<dyn Fn(&mut Receipt) + 'a>);
    let changes: Vec<Change<'_>> = vec![
        ("genesis hash", Box::new(|it| it.genesis_hash = Default::default())),
        ("no finalized transaction", Box::new(|it| it.parts[0].signature = Default::default())),
        ("is in slot", Box::new(|it| it.parts[0].slot -= 1)),
        ("is in slot", Box::new(move |it| it.parts[0].signature = signature)),
        ("has no batch", Box::new(move |it| (it.parts[0].signature, it.parts[0].slot) = (signature, slot))),
        ("has no batch", Box::new(|it| it.parts[0].batch_id += 100)),
        ("was the network's batch", Box::new(|it| it.parts[0].batch_sequence += 1)),
        ("has another wallet account", Box::new(|it| it.parts[0].entry ^= 1)),
        ("has another wallet account", Box::new(|it| it.parts[0].entry = 255)),
        ("credits the node up to", Box::new(move |it| it.parts[0].target_lamports = lamports(4_500_001))),
        // A reward that was never in the batch, with a tree of its own.
        (
            "has another Merkle root",
            Box::new(|it| {
                it.reward.id = "rw_made_up".to_owned();
                it.parts[0].proof.clear();
                it.parts[0].records_root = it.leaf();
            }),
        ),
    ];
    for (reason, change) in changes {
        let mut forged = receipt.clone();
        change(&mut forged);
        let forged = forged.sealed();
        assert_eq!(forged.check(), Ok(()), "{reason}");
        let error = verified(&fixture, &forged).unwrap_err();
        assert!(error.to_string().contains(reason), "'{reason}' is not in '{error}'");
        let url = answers(&fixture, &forged).serve();
        assert!(verified_independently(&url, &forged).is_err(), "{reason}");
    }
}

#[test]
fn a_credit_that_the_program_skipped_proves_nothing() {
    let fixture = fixture();
    let receipt = receipt_of(&fixture, &fixture.reward_ids()[0]).unwrap();
    // A later batch with the same records and target, which finds the node credited already.
    let part = &receipt.parts[0];
    let header = BatchHeader { batch_id: 77, records_root: part.records_root };
    let entries = [(receipt.node.wallet_address, part.target_lamports.get())];
    fixture.execute_as(&fixture.settler, credit_ix(fixture.settler.pubkey(), fixture.network, header, &entries));
    fixture.chain.finalize();
    let (signature, recorded) = fixture.chain.history.borrow().last().cloned().unwrap();
    let mut skipped = receipt.clone();
    let part = &mut skipped.parts[0];
    (part.batch_id, part.entry, part.signature, part.slot) = (77, 0, signature, recorded.slot);
    part.batch_sequence = fixture.treasury_state().batch_sequence;
    let skipped = skipped.sealed();
    let error = verified(&fixture, &skipped).unwrap_err();
    assert!(error.to_string().contains("skipped the node") && error.is_refuted(), "{error}");
    let url = answers(&fixture, &skipped).serve();
    assert!(verified_independently(&url, &skipped).unwrap_err().contains("the program skipped the entry"));
}

#[test]
fn a_transaction_that_is_not_finalized_proves_nothing() {
    let fixture = fixture();
    let reward = &fixture.reward_ids()[0];
    let mut receipt = receipt_of(&fixture, reward).unwrap();
    // As if its block were the last one.
    let part = &mut receipt.parts[0];
    part.slot = fixture.chain.height();
    for (_, recorded) in
        fixture.chain.history.borrow_mut().iter_mut().filter(|(signature, _)| *signature == part.signature)
    {
        recorded.slot = part.slot;
    }
    let receipt = receipt.sealed();
    assert_eq!(verified(&fixture, &receipt), Err(VerifyError::NoTransaction(receipt.parts[0].signature)));
    let url = answers(&fixture, &receipt).serve();
    assert!(verified_independently(&url, &receipt).unwrap_err().contains("there is no such transaction"));
    assert!(verified_by_the_binary(&url, &receipt).unwrap_err().contains("no finalized transaction"));
    assert!(matches!(receipt_of(&fixture, reward), Err(ReceiptError::NoTransaction(_))));

    fixture.chain.finalize();
    assert!(verified(&fixture, &receipt).is_ok());
    assert_eq!(receipt_of(&fixture, reward), Ok(receipt));
}

#[test]
fn a_wallet_account_that_was_credited_less_or_does_not_exist_refutes_a_receipt() {
    let fixture = fixture();
    // Too little to be paid out.
    let receipt = receipt_of(&fixture, &fixture.reward_ids()[3]).unwrap();
    fixture.set_credited_total("c", 9);
    let error = verified(&fixture, &receipt).unwrap_err();
    assert!(error.to_string().contains("has been credited 9 in total, less than 10"), "{error}");
    let url = answers(&fixture, &receipt).serve();
    assert!(verified_independently(&url, &receipt).unwrap_err().contains("was credited less"));
    fixture.chain.svm.borrow_mut().set_account(receipt.node.wallet_address, Default::default()).unwrap();
    let error = verified(&fixture, &receipt).unwrap_err();
    assert!(error.to_string().contains("there is no wallet account") && error.is_refuted(), "{error}");
}

#[test]
fn the_receipts_of_a_closed_node_still_hold() {
    let owner = Keypair::new();
    let node = NodeSpec { name: "a".to_owned(), address: Some(owner.pubkey()), funds: 1_000_000_000 };
    let fixture = EngineFixture::new(&[node]);
    fixture.grant("a", 1_500_000);
    assert_eq!(fixture.settle(), [None]);
    let receipt = receipt_of(&fixture, &fixture.reward_ids()[0]).unwrap();
    let (node, admin) = (receipt.node.id.on_chain(), fixture.admin.pubkey());
    fixture.execute_as_admin(close_node_ix(admin, fixture.network, node, owner.pubkey()));
    let found = verified(&fixture, &receipt).unwrap();
    assert_eq!((found.wallet, found.credited_lamports), (WalletState::Closed, Some(1_500_000)));
    let url = answers(&fixture, &receipt).serve();
    assert!(verified_independently(&url, &receipt).is_ok());
    assert_eq!(receipt_of(&fixture, &receipt.reward.id), Ok(receipt));
}

#[test]
fn the_log_of_another_program_or_a_truncated_one_proves_nothing() {
    let fixture = fixture();
    let receipt = receipt_of(&fixture, &fixture.reward_ids()[0]).unwrap();
    let mut history = fixture.chain.history.borrow_mut();
    let (_, recorded) =
        history.iter_mut().find(|(signature, _)| *signature == receipt.parts[0].signature).expect("the transaction");
    let log = recorded.log_messages.clone();
    let own = settlement::ID.to_string();
    recorded.log_messages = log.iter().map(|line| line.replace(&own, &Pubkey::default().to_string())).collect();
    drop(history);
    assert!(matches!(verified(&fixture, &receipt), Err(VerifyError::NoLog(_))));
    let url = answers(&fixture, &receipt).serve();
    assert!(verified_independently(&url, &receipt).unwrap_err().contains("the log is incomplete"));
    let refused = verified_by_the_binary(&url, &receipt).unwrap_err();
    assert!(refused.contains("only a part of the log"), "{refused}");
}

#[test]
fn a_reward_without_a_receipt_says_why() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    let never_settled = receipt_of(&fixture, "rw_1").unwrap_err();
    assert_eq!(never_settled, ReceiptError::Binding(BindingError::NeverSettled));
    assert!(never_settled.to_string().contains("has never settled"), "{never_settled}");
    fixture.grant("a", 1_500_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(receipt_of(&fixture, "rw_1"), Err(ReceiptError::UnknownReward("rw_1".to_owned())));
    fixture.grant("a", 5);
    let pending = fixture.reward_ids().pop().unwrap();
    let status = RewardStatus::Pending;
    assert_eq!(receipt_of(&fixture, &pending), Err(ReceiptError::NotCredited { reward_id: pending.clone(), status }));

    // The next batch leaves no log, so its reward is confirmed by the node's total and names no transaction.
    fixture.chain.kept_logs.set(KeptLogs::Nothing);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.rewards().last().unwrap().signature, None);
    assert!(matches!(receipt_of(&fixture, &pending), Err(ReceiptError::NoLog(_))));
    fixture.chain.without_history.set(true);
    assert_eq!(receipt_of(&fixture, &pending), Err(ReceiptError::NoTransaction(pending.clone())));

    fixture.chain.genesis.set([8; 32]);
    let other = receipt_of(&fixture, &pending).unwrap_err();
    assert!(matches!(other, ReceiptError::Binding(BindingError::Other { name: "genesis_hash", .. })), "{other}");
}

#[test]
fn a_reward_that_names_no_transaction_has_a_receipt_once_a_node_has_its_log() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1_500_000);
    fixture.chain.kept_logs.set(KeptLogs::Nothing);
    assert_eq!(fixture.settle(), [None]);
    let [reward] = fixture.reward_ids().try_into().unwrap();
    assert!(matches!(receipt_of(&fixture, &reward), Err(ReceiptError::NoLog(_))));
    fixture.chain.restore_logs();
    let receipt = receipt_of(&fixture, &reward).unwrap();
    assert!(verified(&fixture, &receipt).is_ok());
}

#[test]
fn a_ledger_whose_rewards_were_changed_after_they_were_paid_gives_no_receipt() {
    let fixture = fixture();
    let [first, second, ..] = &fixture.reward_ids()[..] else { panic!("rewards are missing") };
    fixture.set_period_of(second, "2020-01-01");
    for reward in [first, second] {
        let refused = receipt_of(&fixture, reward).unwrap_err();
        assert!(matches!(refused, ReceiptError::RecordsChanged { .. }), "{refused}");
    }
    // That of another batch is not affected.
    assert!(receipt_of(&fixture, fixture.reward_ids().last().unwrap()).is_ok());
}
