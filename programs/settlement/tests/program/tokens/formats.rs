//! How many are paid in tokens by one transaction of the formats before v1. What v1 holds is tried
//! in [`path`](super::path).

use settlement::client::{payout_tokens_ix, settle_tokens_ix};
use settlement::events::{BatchSettled, PaidOut};
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{VersionedMessage, v0};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

use super::HEADER;
use crate::common::{Payee, TOKEN, TokenProgram, TokenWorld, wire_size};

/// Bytes of a v0 transaction on the wire.
const MAX_V0_BYTES: usize = 1_232;
/// Entries that a v0 transaction without a lookup table holds.
const V0_SETTLE_ENTRIES: usize = 11;
/// The same for `payout`, whose entries have no totals in the data.
const V0_PAYOUT_ENTRIES: usize = 13;

fn v0_size(ix: &Instruction, payer: &Keypair) -> usize {
    let message = v0::Message::try_compile(&payer.pubkey(), std::slice::from_ref(ix), &[], Hash::default())
        .expect("the message compiles");
    wire_size(&VersionedTransaction::try_new(VersionedMessage::V0(message), &[payer]).expect("signed"))
}

#[test]
fn a_v0_transaction_without_a_table_pays_as_many_as_the_wire_allows() {
    for program in TokenProgram::ALL {
        let mut world = TokenWorld::new(program);
        let (network, asset, settler) = (world.network, world.asset, world.settler.insecure_clone());
        world.give(&settler.pubkey(), 1_000_000_000);
        let payees = world.payees(V0_PAYOUT_ENTRIES + 1);
        let settle = |count: usize| {
            let entries: Vec<_> = payees[..count].iter().map(|payee| payee.entry(TOKEN)).collect();
            settle_tokens_ix(settler.pubkey(), network, &asset, HEADER, &entries)
        };
        assert!(v0_size(&settle(V0_SETTLE_ENTRIES + 1), &settler) > MAX_V0_BYTES);
        let meta = world.send_v0(&[settle(V0_SETTLE_ENTRIES)], &[&settler]).expect("settled");
        let event = world.event(&meta, BatchSettled::decode_cpi);
        assert_eq!((event.n, event.paid, event.reasons), (11, 11 * TOKEN, vec![]));

        let credits: Vec<_> = payees.iter().map(|payee| (payee.node.wallet, 2 * TOKEN)).collect();
        world.credit(&credits);
        let payout = |count: usize| {
            let pairs: Vec<_> = payees[..count].iter().map(Payee::pair).collect();
            payout_tokens_ix(network, &asset, &pairs)
        };
        assert!(v0_size(&payout(V0_PAYOUT_ENTRIES + 1), &settler) > MAX_V0_BYTES);
        let meta = world.send_v0(&[payout(V0_PAYOUT_ENTRIES)], &[&settler]).expect("paid out");
        let event = world.event(&meta, PaidOut::decode_cpi);
        assert_eq!((event.n, event.paid, event.skips), (13, 15 * TOKEN, 0));
    }
}
