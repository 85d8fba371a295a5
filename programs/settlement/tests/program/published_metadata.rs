//! The metadata that explorers and wallets read: the committed IDL and the program's security.txt.

use std::collections::BTreeSet;

use anchor_lang::Discriminator;
use anchor_lang::prelude::Pubkey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use settlement::client::{BatchHeader, settle_ix};
use settlement::error::SettlementError;
use settlement::rules::SkipReason;
use settlement::{events, instruction, state};
use solana_instruction::{AccountMeta, Instruction};
use solana_signer::Signer;

use crate::common::{ProgramFixture, SOL, all_instructions, all_token_instructions, program_bytes};

fn idl() -> Value {
    serde_json::from_str(include_str!("../../idl/settlement.json")).expect("the IDL is valid JSON")
}

/// The entry with this name in one of the IDL's lists.
#[track_caller]
fn entry(idl: &Value, list: &str, name: &str) -> Value {
    let entries = idl[list].as_array().expect("a list");
    entries
        .iter()
        .find(|entry| entry["name"] == name)
        .unwrap_or_else(|| panic!("the IDL has no {name} in {list}"))
        .clone()
}

/// Decodes a value of an IDL type from the front of `bytes`, as a client that only has the IDL would.
fn read(idl: &Value, kind: &Value, bytes: &mut &[u8]) -> Value {
    let mut take = |len: usize| {
        let (taken, rest) = bytes.split_at(len);
        *bytes = rest;
        taken.to_vec()
    };
    match kind {
        Value::String(name) => match name.as_str() {
            "u8" => json!(take(1)[0]),
            "u32" => json!(u32::from_le_bytes(take(4).try_into().unwrap())),
            "u64" => json!(u64::from_le_bytes(take(8).try_into().unwrap())),
            "pubkey" => json!(Pubkey::new_from_array(take(32).try_into().unwrap()).to_string()),
            "bytes" => {
                let len = u32::from_le_bytes(take(4).try_into().unwrap()) as usize;
                json!(take(len))
            }
            other => panic!("the type {other} is not supported"),
        },
        Value::Object(object) => {
            if let Some(of) = object.get("vec") {
                let len = u32::from_le_bytes(take(4).try_into().unwrap());
                return (0..len).map(|_| read(idl, of, bytes)).collect();
            }
            if let Some(of) = object.get("option") {
                return match take(1)[0] {
                    0 => Value::Null,
                    _ => read(idl, of, bytes),
                };
            }
            if let Some(array) = object.get("array") {
                let len = array[1].as_u64().expect("a length");
                return (0..len).map(|_| read(idl, &array[0], bytes)).collect();
            }
            let name = object["defined"]["name"].as_str().expect("a name");
            fields(idl, &entry(idl, "types", name)["type"]["fields"], bytes)
        }
        other => panic!("{other} is not an IDL type"),
    }
}

fn fields(idl: &Value, fields: &Value, bytes: &mut &[u8]) -> Value {
    let fields = fields.as_array().expect("fields");
    fields
        .iter()
        .map(|field| (field["name"].as_str().unwrap().to_owned(), read(idl, &field["type"], bytes)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn the_idl_lists_every_error_with_its_message() {
    let idl = idl();
    let errors = idl["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), SettlementError::ALL.len());
    for (listed, error) in errors.iter().zip(SettlementError::ALL) {
        assert_eq!(listed["code"], u32::from(error));
        assert_eq!(listed["name"], format!("{error:?}"));
        assert_eq!(listed["msg"], error.to_string());
    }
}

#[test]
fn the_idl_has_the_programs_discriminators() {
    let idl = idl();
    assert_eq!(idl["address"], settlement::ID.to_string());
    let listed = [
        ("instructions", "credit", instruction::Credit::DISCRIMINATOR),
        ("instructions", "settle", instruction::Settle::DISCRIMINATOR),
        ("instructions", "payout", instruction::Payout::DISCRIMINATOR),
        ("accounts", "Network", state::Network::DISCRIMINATOR),
        ("accounts", "Treasury", state::Treasury::DISCRIMINATOR),
        ("accounts", "NodeWallet", state::NodeWallet::DISCRIMINATOR),
        ("events", "BatchSettled", events::BatchSettled::DISCRIMINATOR),
        ("events", "PaidOut", events::PaidOut::DISCRIMINATOR),
    ];
    for (list, name, discriminator) in listed {
        assert_eq!(entry(&idl, list, name)["discriminator"], json!(discriminator), "{name}");
    }
}

/// The bytes in a JSON array.
fn bytes(array: &Value) -> Vec<u8> {
    let byte = |value: &Value| value.as_u64().and_then(|value| u8::try_from(value).ok()).expect("a byte");
    array.as_array().expect("an array").iter().map(byte).collect()
}

/// An instruction as a client sees it that only has the IDL.
struct IdlInstruction<'a> {
    /// The accounts that the IDL lists, each with the one that was passed.
    accounts: Vec<(Value, &'a AccountMeta)>,
    args: Value,
}

impl<'a> IdlInstruction<'a> {
    fn new(idl: &Value, name: &str, ix: &'a Instruction) -> Self {
        let instruction = entry(idl, "instructions", name);
        let (discriminator, mut rest) = ix.data.split_at(8);
        assert_eq!(instruction["discriminator"], json!(discriminator), "{name}");
        let args = fields(idl, &instruction["args"], &mut rest);
        assert!(rest.is_empty(), "{name} has more arguments than the IDL");
        let listed = instruction["accounts"].as_array().expect("accounts").iter().cloned();
        Self { accounts: listed.zip(&ix.accounts).collect(), args }
    }

    fn seed(&self, seed: &Value) -> Vec<u8> {
        let path = || seed["path"].as_str().expect("a path");
        match seed["kind"].as_str() {
            Some("const") => bytes(&seed["value"]),
            Some("account") => {
                let (_, meta) =
                    self.accounts.iter().find(|(account, _)| account["name"] == path()).expect("an account");
                meta.pubkey.to_bytes().to_vec()
            }
            Some("arg") => match path().split('.').fold(&self.args, |value, field| &value[field]) {
                Value::String(key) => key.parse::<Pubkey>().expect("an address").to_bytes().to_vec(),
                array => bytes(array),
            },
            other => panic!("seeds of the kind {other:?} are not supported"),
        }
    }
}

#[test]
fn the_idl_derives_the_addresses_that_the_builders_use() {
    let idl = idl();
    let mut derived = BTreeSet::new();
    for case in all_instructions().into_iter().chain(all_token_instructions()) {
        let instruction = IdlInstruction::new(&idl, case.name, &case.ix);
        for (account, meta) in &instruction.accounts {
            let what = format!("{}: {}", case.name, account["name"]);
            let is_omitted = account["optional"] == true && meta.pubkey == settlement::ID;
            let has = |flag: &str| account[flag] == true && !is_omitted;
            assert_eq!((has("writable"), has("signer")), (meta.is_writable, meta.is_signer), "{what}");
            if let Some(address) = account["address"].as_str() {
                assert_eq!(meta.pubkey.to_string(), address, "{what}");
            }
            if let Some(seeds) = account["pda"]["seeds"].as_array().filter(|_| !is_omitted) {
                assert_eq!(account["pda"].get("program"), None, "{what}");
                let seeds: Vec<_> = seeds.iter().map(|seed| instruction.seed(seed)).collect();
                let seeds: Vec<_> = seeds.iter().map(Vec::as_slice).collect();
                assert_eq!(meta.pubkey, Pubkey::find_program_address(&seeds, &settlement::ID).0, "{what}");
                derived.insert(what);
            }
        }
    }
    let all: BTreeSet<_> = idl["instructions"]
        .as_array()
        .expect("instructions")
        .iter()
        .flat_map(|instruction| {
            let accounts = instruction["accounts"].as_array().expect("accounts").iter();
            let with_pda = accounts.filter(|account| account.get("pda").is_some());
            with_pda.map(|account| format!("{}: {}", instruction["name"].as_str().expect("a name"), account["name"]))
        })
        .collect();
    assert_eq!(derived, all);
}

/// No instruction names an account of this type, so Anchor leaves it out; it is added from a file of its own.
#[test]
fn the_idl_describes_closed_nodes_as_they_are() {
    let added: Value =
        serde_json::from_str(include_str!("../../idl/closed-node.json")).expect("the file is valid JSON");
    let idl = idl();
    assert_eq!(entry(&added, "accounts", "ClosedNode")["discriminator"], json!(state::ClosedNode::DISCRIMINATOR));
    for list in ["accounts", "types"] {
        assert_eq!(entry(&added, list, "ClosedNode"), entry(&idl, list, "ClosedNode"));
    }

    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.settle(&[node.entry(2 * SOL)]);
    fixture.close_node(&node).expect("the node is closed");
    let account = fixture.svm.get_account(&node.wallet).expect("the account remains");
    let mut data = &account.data[8..];
    let decoded = read(&added, &json!({ "defined": { "name": "ClosedNode" } }), &mut data);
    assert!(data.is_empty());
    assert_eq!(decoded, json!({ "total": 2 * SOL, "network": fixture.network.to_string() }));
}

#[test]
fn a_batch_and_its_event_can_be_decoded_from_the_idl_alone() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(2);
    let header = BatchHeader { batch_id: 7, records_root: [9; 32] };
    let entries = [nodes[0].entry(3 * SOL), nodes[1].entry(0)];
    let ix = settle_ix(fixture.settler.pubkey(), fixture.network, header, &entries);
    let data = ix.data.clone();
    let meta = fixture.send_batch(ix).expect("the batch is applied");
    let idl = idl();

    let settle = entry(&idl, "instructions", "settle");
    let mut arguments = &data[8..];
    let read_back = fields(&idl, &settle["args"], &mut arguments);
    assert_eq!(read_back["targets"], json!([3 * SOL, 0]));
    assert_eq!(read_back["batch"]["batch_id"], 7);
    assert!(arguments.is_empty());

    let logged = meta.logs.iter().find_map(|line| line.strip_prefix("Program data: ")).expect("the event is logged");
    let event = STANDARD.decode(logged).expect("the event is base64");
    let (discriminator, mut event) = event.split_at(8);
    assert_eq!(entry(&idl, "events", "BatchSettled")["discriminator"], json!(discriminator));
    let decoded = read(&idl, &json!({ "defined": { "name": "BatchSettled" } }), &mut event);
    assert!(event.is_empty());
    assert_eq!(decoded["network"], fixture.network.to_string());
    assert_eq!((&decoded["credited"], &decoded["paid"], &decoded["n"]), (&json!(3 * SOL), &json!(3 * SOL), &json!(2)));
    assert_eq!(decoded["credit_skips"], 0b10);
    assert_eq!(decoded["reasons"], json!([u8::from(SkipReason::NothingToCredit)]));
}

#[test]
fn the_binary_contains_a_security_contact() {
    let text = solana_security_txt::find_and_parse(&program_bytes()).expect("the program contains a security.txt");
    assert_eq!(text.name, "Williw settlement");
    assert!(!text.contacts.is_empty());
    assert!(text.policy.ends_with("SECURITY.md"));
}
