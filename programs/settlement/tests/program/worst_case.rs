//! What an entry of a batch can cost, whatever the owner of its node does: the published bound
//! (`rules::compute_units`), which the relay uses as the limit of its transactions.

use settlement::client::{
    SettleEntry, credit_ix, payout_ix, set_destination_ix, set_threshold_ix, settle_ix, withdraw_ix,
};
use settlement::rules::compute_units::{credit_limit, payout_limit, settle_limit};
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_sdk_ids::bpf_loader;
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, SOL, header, program_bytes};

/// Something that a node's owner can do to the entry of its node at any time.
type Act = (&'static str, fn(&mut ProgramFixture, &Node));

const ACTS: [Act; 9] = [
    ("nothing", |_, _| {}),
    ("gives its destination data", |fixture, node| give_data(fixture, node, 1)),
    ("lets its destination become a program", |fixture, node| {
        edit(fixture, &node.destination, |account| {
            account.data = program_bytes();
            account.owner = bpf_loader::ID;
            account.executable = true;
            account.lamports += 100 * SOL;
        });
    }),
    ("gives its destination to another program", |fixture, node| {
        give_data(fixture, node, 8);
        edit(fixture, &node.destination, |account| account.owner = Pubkey::new_unique());
    }),
    ("chooses another destination", |fixture, node| set_destination(fixture, node, Pubkey::new_unique())),
    ("chooses the destination of others", |fixture, node| set_destination(fixture, node, SHARED)),
    ("raises its threshold", |fixture, node| {
        let ix = set_threshold_ix(node.owner.pubkey(), fixture.network, node.id, u64::MAX);
        fixture.send(&[ix], &[&node.owner]).expect("the threshold is set");
    }),
    ("withdraws", |fixture, node| {
        if fixture.wallet_state(node).pending() > 0 {
            let ix = withdraw_ix(node.owner.pubkey(), fixture.network, node.id, node.destination, None);
            fixture.send(&[ix], &[&node.owner]).expect("the amount is withdrawn");
        }
    }),
    ("withdraws and closes its node", |fixture, node| {
        if fixture.wallet_state(node).pending() > 0 {
            let ix = withdraw_ix(node.owner.pubkey(), fixture.network, node.id, node.destination, None);
            fixture.send(&[ix], &[&node.owner]).expect("the amount is withdrawn");
        }
        fixture.close_node(node).expect("the node is closed");
    }),
];

/// Builds a batch of these entries.
type Batch = fn(&ProgramFixture, &[SettleEntry]) -> Instruction;

/// The published bound for a number of entries.
type Limit = fn(usize) -> u32;

/// A destination that several nodes have.
const SHARED: Pubkey = Pubkey::new_from_array([0x5a; 32]);

/// What the relay planned for a node, beside what its owner does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// A credit that is paid at once.
    Credit,
    /// A total that an earlier batch has credited but not paid.
    Resent,
    /// A credit above what a limit of the network allows.
    AboveLimit,
}

/// Nodes in steady state, with 1 SOL credited and not paid if `has_pending`.
fn network(count: usize, plan: Plan) -> (ProgramFixture, Vec<Node>) {
    let mut fixture = ProgramFixture::with_args(|args| {
        if plan == Plan::AboveLimit {
            args.window_limit = 500 * SOL;
            args.per_node_cap = 10_000 * SOL;
        }
    });
    let nodes = fixture.register_nodes(count);
    fixture.airdrop(&SHARED, SOL);
    for node in &nodes {
        fixture.settle(&[node.entry(SOL)]);
    }
    fixture.set_surplus(100_000 * SOL);
    if plan != Plan::Credit {
        for node in &nodes {
            fixture.credit(&[(node.wallet, 2 * SOL)]);
        }
    }
    (fixture, nodes)
}

fn target(plan: Plan) -> u64 {
    match plan {
        Plan::Credit => 3 * SOL,
        Plan::Resent => 2 * SOL,
        Plan::AboveLimit => 9_000 * SOL,
    }
}

fn edit(fixture: &mut ProgramFixture, address: &Pubkey, change: impl FnOnce(&mut solana_account::Account)) {
    let mut account = fixture.svm.get_account(address).expect("the account exists");
    change(&mut account);
    fixture.set_account(address, account);
}

fn give_data(fixture: &mut ProgramFixture, node: &Node, bytes: usize) {
    edit(fixture, &node.destination, |account| {
        account.data = vec![0; bytes];
        account.lamports += SOL;
    });
}

fn set_destination(fixture: &mut ProgramFixture, node: &Node, destination: Pubkey) {
    let ix = set_destination_ix(node.owner.pubkey(), fixture.network, node.id, destination);
    fixture.send(&[ix], &[&node.owner]).expect("the destination is set");
}

/// The destination that the relay reads before it sends the batch. It is stale if the owner changed it since then.
fn entries(fixture: &ProgramFixture, nodes: &[Node], plan: Plan, is_stale: bool) -> Vec<SettleEntry> {
    let current = |node: &Node| {
        let account = fixture.svm.get_account(&node.wallet).expect("the account exists");
        settlement::state::NodeWallet::decode(&account.data).map_or(node.destination, |wallet| wallet.destination)
    };
    let destination = |node: &Node| if is_stale { node.destination } else { current(node) };
    let entry = |node: &Node| SettleEntry { destination: destination(node), ..node.entry(target(plan)) };
    nodes.iter().map(entry).collect()
}

/// The most that a full batch costs, with the story, over everything that the owners of `hostile` of its nodes can do.
fn most_expensive(
    hostile: usize,
    count: usize,
    ix: impl Fn(&ProgramFixture, &[SettleEntry]) -> Instruction,
) -> (u64, String) {
    let mut most = (0, String::new());
    for plan in [Plan::Credit, Plan::Resent, Plan::AboveLimit] {
        let (fixture, nodes) = network(count, plan);
        for (name, act) in ACTS {
            let mut acted = fixture.fork();
            for node in nodes.iter().rev().take(hostile) {
                act(&mut acted, node);
            }
            for is_stale in [false, true] {
                let mut fixture = acted.fork();
                let entries = entries(&fixture, &nodes, plan, is_stale);
                let ix = ix(&fixture, &entries);
                let meta = fixture.send_batch(ix).unwrap_or_else(|failed| panic!("{plan:?}, {name}: {:?}", failed.err));
                if meta.compute_units_consumed > most.0 {
                    most = (meta.compute_units_consumed, format!("{plan:?}, {hostile} of {count}: each owner {name}"));
                }
            }
        }
    }
    most
}

fn settle(fixture: &ProgramFixture, entries: &[SettleEntry]) -> Instruction {
    settle_ix(fixture.settler.pubkey(), fixture.network, header(9), entries)
}

fn payout(fixture: &ProgramFixture, entries: &[SettleEntry]) -> Instruction {
    let pairs: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.destination)).collect();
    payout_ix(fixture.network, &pairs)
}

fn credit(fixture: &ProgramFixture, entries: &[SettleEntry]) -> Instruction {
    let targets: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
    credit_ix(fixture.settler.pubkey(), fixture.network, header(9), &targets)
}

/// The most that a full `credit`, `settle` and `payout` cost, whatever owners do.
#[expect(dead_code, reason = "for the page of costs")]
pub(crate) fn most_expensive_batches() -> [(&'static str, usize, u64); 3] {
    let payout_entries = MAX_SETTLE_ENTRIES - 1;
    [
        ("`credit`", MAX_CREDIT_ENTRIES, most_expensive(MAX_CREDIT_ENTRIES, MAX_CREDIT_ENTRIES, credit).0),
        ("`settle`", MAX_SETTLE_ENTRIES, most_expensive(MAX_SETTLE_ENTRIES, MAX_SETTLE_ENTRIES, settle).0),
        ("`payout`", payout_entries, most_expensive(payout_entries, payout_entries, payout).0),
    ]
}

#[test]
fn no_owner_makes_an_entry_cost_more_than_the_published_bound() {
    let cases: [(Batch, Limit, usize); 3] = [
        (credit, credit_limit, MAX_CREDIT_ENTRIES),
        (settle, settle_limit, MAX_SETTLE_ENTRIES),
        (payout, payout_limit, MAX_SETTLE_ENTRIES - 1),
    ];
    for (ix, limit, full) in cases {
        for (hostile, count) in [(1, 1), (1, full), (full / 2, full), (full, full)] {
            let (units, story) = most_expensive(hostile, count, ix);
            let limit = u64::from(limit(count));
            assert!(units <= limit, "{units} units, the bound is {limit}: {story}");
            // A bound that nothing comes near would make transactions dearer for nothing.
            let is_worst = hostile == full;
            assert!(!is_worst || units * 10 >= limit * 7, "{units} units, far below the bound of {limit}: {story}");
        }
    }
}

#[test]
fn a_batch_lands_at_the_relays_limit_whatever_owners_do_after_the_simulation() {
    let limit = settle_limit(MAX_SETTLE_ENTRIES);
    let (fixture, nodes) = network(MAX_SETTLE_ENTRIES, Plan::Credit);
    let ix = settle(&fixture, &entries(&fixture, &nodes, Plan::Credit, true));
    let simulated = fixture.fork().send_batch(ix.clone()).expect("the batch is simulated").compute_units_consumed;
    for (name, act) in ACTS {
        for hostile in [1, MAX_SETTLE_ENTRIES] {
            let mut fixture = fixture.fork();
            for node in nodes.iter().take(hostile) {
                act(&mut fixture, node);
            }
            let outcome = fixture.send_batch_with_limit(ix.clone(), limit);
            assert!(outcome.is_ok(), "each of {hostile} owners {name}: {:?}", outcome.map_err(|failed| failed.err));
        }
    }
    let mut fixture = fixture.fork();
    nodes.iter().for_each(|node| set_destination(&mut fixture, node, Pubkey::new_unique()));
    let outcome = fixture.send_batch_with_limit(ix, u32::try_from(simulated * 115 / 100).expect("a small number"));
    assert!(outcome.is_err(), "the limit of simulation and 15 percent would have been enough: the test shows nothing");
}
