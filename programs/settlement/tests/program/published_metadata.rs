//! The metadata that explorers and wallets read: the committed IDL and the program's security.txt.

use anchor_lang::Discriminator;
use anchor_lang::prelude::Pubkey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use settlement::client::{BatchHeader, settle_ix};
use settlement::error::SettlementError;
use settlement::rules::SkipReason;
use settlement::{events, instruction, state};
use solana_signer::Signer;

use crate::common::{ProgramFixture, SOL, program_bytes};

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
