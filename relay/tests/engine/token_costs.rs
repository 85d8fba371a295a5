//! What a settle batch of tokens costs at most, whatever the owners of its nodes do: the bounds with which the relay limits
//! its transactions.

use settlement::client::{BatchHeader, SettleEntry, TOKEN_2022_ID, set_destination_ix, settle_tokens_ix};
use settlement::rules::MAX_TOKEN_SETTLE_ENTRIES;
use settlement::rules::token_layout::TOKEN_ACCOUNT_LEN;
use settlement::state::AssetKind;
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer as _;
use spl_token_2022_interface::extension::ExtensionType;
use spl_token_2022_interface::instruction as token;
use williw_relay::chain::Chain as _;
use williw_relay::transaction::{BatchKind, BatchSize, Budget, Format};

use crate::support::{Extension, NodeSpec, TRANSFER_FEE, TokenFixture, TokenProgram, block_on, node_id};

/// Something that can happen to a node's destination between the simulation of a batch and its landing: a name, and what is
/// done by the owner of the node with this index.
type Act = (&'static str, fn(&TokenFixture, &Keypair, usize));

const ACTS: [Act; 7] = [
    ("does nothing", |_, _, _| {}),
    ("adds extensions", |fixture, owner, _| {
        let (program, account) = (fixture.mint.token_program, fixture.account_of(&owner.pubkey()));
        if program == TOKEN_2022_ID {
            let kinds = [ExtensionType::MemoTransfer, ExtensionType::CpiGuard];
            let grow = token::reallocate(&program, &account, &owner.pubkey(), &owner.pubkey(), &[], &kinds);
            fixture.execute_as(owner, grow.expect("an instruction"));
        }
    }),
    ("chooses another destination", |fixture, owner, index| {
        let chosen = fixture.create_token_account(&owner.pubkey(), space_of(fixture));
        let id = node_id(&name(index)).on_chain();
        fixture.execute_as(owner, set_destination_ix(owner.pubkey(), fixture.network, id, chosen));
    }),
    ("gives away its token account", |fixture, owner, _| {
        let account = fixture.account_of(&owner.pubkey());
        fixture.edit(&account, |data| data[32..64].copy_from_slice(Pubkey::new_unique().as_ref()));
    }),
    ("gets its token account frozen", |fixture, owner, _| fixture.freeze(&fixture.account_of(&owner.pubkey()))),
    ("closes its token account", |fixture, owner, _| {
        let (program, account) = (&fixture.mint.token_program, fixture.account_of(&owner.pubkey()));
        let close = token::close_account(program, &account, &owner.pubkey(), &owner.pubkey(), &[]);
        fixture.execute_as(owner, close.expect("an instruction"));
    }),
    ("replaces its token account by other data", |fixture, owner, _| {
        fixture.edit(&fixture.account_of(&owner.pubkey()), |data| data.resize(1_000, 0));
    }),
];

/// The size of a token account of the mint. In Token-2022, the account of a mint with a transfer fee keeps what is withheld.
fn space_of(fixture: &TokenFixture) -> usize {
    let fee = if fixture.mint.token_program == TOKEN_2022_ID { 13 } else { 0 };
    TOKEN_ACCOUNT_LEN + fee
}

fn name(index: usize) -> String {
    format!("n{index}")
}

/// The compute units of a batch that credits and pays `count` nodes with a small amount pending, of which every
/// `step`-th owner acts before it lands.
fn units(program: TokenProgram, extensions: &[Extension], count: usize, act: Act, step: usize) -> u64 {
    let owners: Vec<Keypair> = (0..count).map(|_| Keypair::new()).collect();
    let nodes: Vec<NodeSpec> = owners
        .iter()
        .enumerate()
        .map(|(index, owner)| NodeSpec { address: Some(owner.pubkey()), ..NodeSpec::payable(&name(index)) })
        .collect();
    let fixture = TokenFixture::with_network(program, extensions, &nodes, |_| {});
    for node in &nodes {
        fixture.grant(&node.name, 1);
    }
    assert_eq!(fixture.settle(), [None]);
    let entries: Vec<SettleEntry> = owners
        .iter()
        .enumerate()
        .map(|(index, owner)| SettleEntry {
            wallet: fixture.wallet_address(&name(index)),
            destination: fixture.account_of(&owner.pubkey()),
            target: 2_000_000,
        })
        .collect();
    for (index, owner) in owners.iter().enumerate().step_by(step) {
        act.1(&fixture, owner, index);
    }
    let header = BatchHeader { batch_id: 7, records_root: [1; 32] };
    let settler = fixture.settler.pubkey();
    let settle = settle_tokens_ix(settler, fixture.network, &fixture.mint, header, &entries);
    let unsigned = Format::V1.build(&settler, &[settle], &Budget::WIDEST, Hash::default()).expect("it fits");
    let bytes = unsigned.signed(Signature::default()).expect("it is serialized").bytes;
    let simulation = block_on(fixture.chain.simulate(&bytes)).expect("it is simulated");
    assert_eq!(simulation.error, None, "{program:?}: {}", act.0);
    simulation.units_consumed
}

/// Asserts that no act makes a batch dearer than its bound, and that the dearest nearly reaches it.
fn assert_bounded(program: TokenProgram, asset: AssetKind, extensions: &[Extension]) {
    for entries in [1, MAX_TOKEN_SETTLE_ENTRIES] {
        let size = BatchSize { kind: BatchKind::Settle, asset, format: Format::V1, entries };
        let bound = u64::from(Budget::for_batch(size, 0, None, 0).compute_unit_limit);
        let mut dearest = 0;
        for act in ACTS {
            for step in [1, 2] {
                let units = units(program, extensions, entries, act, step);
                assert!(units <= bound, "{program:?}: {entries} entries whose owner {}: {units} of {bound}", act.0);
                dearest = dearest.max(units);
            }
        }
        assert!(
            dearest >= bound / 3 * 2,
            "{program:?}: the bound {bound} of {entries} entries exceeds {dearest} by far"
        );
    }
}

#[test]
fn no_owner_makes_a_batch_of_spl_tokens_dearer_than_its_limit() {
    assert_bounded(TokenProgram::PToken, AssetKind::SplToken, &[]);
}

#[test]
fn no_owner_makes_a_batch_of_token_2022_with_a_transfer_fee_dearer_than_its_limit() {
    assert_bounded(TokenProgram::Token2022, AssetKind::Token2022, &[TRANSFER_FEE]);
}
