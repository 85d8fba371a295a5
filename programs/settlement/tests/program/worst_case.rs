//! What an entry of a batch can cost, whatever the owner of its node does: the published bound
//! (`rules::compute_units`), which the relay uses as the limit of its transactions.

use std::sync::LazyLock;

use anchor_lang::prelude::Pubkey;
use settlement::client::{
    SettleEntry, credit_ix, payout_ix, set_destination_ix, set_threshold_ix, settle_ix, withdraw_ix,
};
use settlement::rules::compute_units::{credit_limit, payout_limit, settle_limit};
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES};
use settlement::state::{ClosedNode, NodeWallet};
use solana_account::Account;
use solana_instruction::Instruction;
use solana_sdk_ids::bpf_loader_upgradeable;
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, SOL, START, header};

/// The entries of a full `payout`: its transaction has room for one fewer than the program accepts.
pub(crate) const MAX_PAYOUT_ENTRIES: usize = MAX_SETTLE_ENTRIES - 1;

/// The unit of all amounts, in lamports. Smaller than the rent-exempt minimum of a destination.
const UNIT: u64 = 1_000;

/// Seconds after which an amount below its threshold is due.
const MAX_PENDING_AGE: u64 = 1_000;

/// Something that can happen to the entry of a node between the simulation of a batch and its execution.
#[derive(Clone, Copy)]
struct Act {
    name: &'static str,
    apply: fn(&mut ProgramFixture, &Node),
}

/// What a node's owner can do, and in addition a rise of the rent.
const ACTS: [Act; 17] = [
    Act { name: "does nothing", apply: |_, _| {} },
    Act {
        name: "gives its destination data",
        apply: |fixture, node| edit(fixture, &node.destination, |account| account.data = vec![0; 1]),
    },
    Act {
        name: "lets its destination become a program",
        apply: |fixture, node| {
            edit(fixture, &node.destination, |account| {
                // A program whose bytes have been closed, which loads faster here than others.
                account.data = [&[2, 0, 0, 0][..], &[7; 32]].concat();
                account.owner = bpf_loader_upgradeable::ID;
                account.executable = true;
                account.lamports += 100 * SOL;
            });
        },
    },
    Act {
        name: "gives its destination to another program",
        apply: |fixture, node| {
            edit(fixture, &node.destination, |account| {
                account.data = vec![0; 8];
                account.owner = Pubkey::new_unique();
            });
        },
    },
    Act {
        name: "gives its destination to another program without data",
        apply: |fixture, node| edit(fixture, &node.destination, |account| account.owner = Pubkey::new_unique()),
    },
    Act {
        // For example, by registering a node of a network of its own whose wallet account has this address.
        name: "lets its destination become an account of the program",
        apply: |fixture, node| {
            edit(fixture, &node.destination, |account| {
                account.data = vec![0; NodeWallet::SIZE];
                account.owner = settlement::ID;
            });
        },
    },
    Act {
        name: "empties its destination",
        apply: |fixture, node| fixture.set_account(&node.destination, Account::default()),
    },
    Act {
        name: "chooses another destination",
        apply: |fixture, node| set_destination(fixture, node, Pubkey::new_unique()),
    },
    Act {
        name: "chooses a destination whose address differs only at its end",
        apply: |fixture, node| {
            let mut address = node.destination.to_bytes();
            address[31] ^= 1;
            set_destination(fixture, node, Pubkey::new_from_array(address));
        },
    },
    Act { name: "chooses the destination of others", apply: |fixture, node| set_destination(fixture, node, SHARED) },
    Act {
        name: "chooses the destination of others and gives it to another program",
        apply: |fixture, node| {
            set_destination(fixture, node, SHARED);
            edit(fixture, &SHARED, |account| account.owner = Pubkey::new_from_array([0x77; 32]));
        },
    },
    Act {
        name: "chooses the settler as its destination",
        apply: |fixture, node| set_destination(fixture, node, fixture.settler.pubkey()),
    },
    Act { name: "raises its threshold", apply: raise_threshold },
    Act {
        name: "raised its threshold long ago and sees the rent rise",
        apply: |fixture, node| {
            raise_threshold(fixture, node);
            fixture.set_time(START + MAX_PENDING_AGE as i64);
            fixture.take_lamports(&node.wallet, UNIT / 2);
        },
    },
    Act { name: "withdraws", apply: withdraw },
    Act {
        name: "withdraws and closes its node",
        apply: |fixture, node| {
            withdraw(fixture, node);
            fixture.close_node(node).expect("the node is closed");
        },
    },
    Act {
        // As if the rent had risen by this much: the wallet is below its minimum.
        name: "sees the rent rise",
        apply: |fixture, node| fixture.take_lamports(&node.wallet, UNIT / 2),
    },
];

/// What the owner of the last node can do in addition, to make the batch irregular.
const LAST_ACTS: [Act; 3] = [
    ACTS[0],
    ACTS[1],
    Act {
        name: "closes its node",
        apply: |fixture, node| edit(fixture, &node.wallet, |account| account.data = vec![0; ClosedNode::SIZE]),
    },
];

/// A destination that several nodes have.
const SHARED: Pubkey = Pubkey::new_from_array([0x5a; 32]);

/// What the batch does with its nodes, if their owners do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// Credits that are paid at once.
    Credit,
    /// The same while an earlier credit has not been paid.
    CreditMore,
    /// Totals that an earlier batch has credited but not paid.
    Resent,
    /// Credits above the cap of a node, while an earlier credit has not been paid.
    AboveNodeCap,
    /// Credits above what the treasury has left, while an earlier credit has not been paid.
    AboveTreasury,
}

impl Plan {
    const ALL: [Self; 5] = [Self::Credit, Self::CreditMore, Self::Resent, Self::AboveNodeCap, Self::AboveTreasury];

    /// The total of every entry.
    fn target(self) -> u64 {
        match self {
            Self::Credit | Self::CreditMore => 3 * UNIT,
            Self::Resent => 2 * UNIT,
            Self::AboveNodeCap | Self::AboveTreasury => 9 * UNIT,
        }
    }
}

/// Nodes that have been paid before, in the state that the plan begins with.
fn network(count: usize, plan: Plan) -> (ProgramFixture, Vec<Node>) {
    let mut fixture = ProgramFixture::with_args(|args| {
        args.default_threshold = 1;
        args.max_pending_age = MAX_PENDING_AGE;
        args.per_node_cap = if plan == Plan::AboveNodeCap { 3 * UNIT } else { 1_000 * UNIT };
    });
    let nodes = fixture.register_nodes(count);
    fixture.airdrop(&SHARED, SOL);
    for chunk in nodes.chunks(MAX_SETTLE_ENTRIES) {
        chunk.iter().for_each(|node| fixture.airdrop(&node.destination, SOL));
        let entries: Vec<_> = chunk.iter().map(|node| node.entry(UNIT)).collect();
        fixture.settle(&entries);
    }
    if plan != Plan::Credit {
        let credits: Vec<_> = nodes.iter().map(|node| (node.wallet, 2 * UNIT)).collect();
        fixture.credit(&credits);
    }
    if plan == Plan::AboveTreasury {
        fixture.set_surplus(UNIT);
    }
    (fixture, nodes)
}

fn edit(fixture: &mut ProgramFixture, address: &Pubkey, change: impl FnOnce(&mut Account)) {
    let mut account = fixture.svm.get_account(address).expect("the account exists");
    change(&mut account);
    fixture.set_account(address, account);
}

fn set_destination(fixture: &mut ProgramFixture, node: &Node, destination: Pubkey) {
    let ix = set_destination_ix(node.owner.pubkey(), fixture.network, node.id, destination);
    fixture.send(&[ix], &[&node.owner]).expect("the destination is set");
}

fn raise_threshold(fixture: &mut ProgramFixture, node: &Node) {
    let ix = set_threshold_ix(node.owner.pubkey(), fixture.network, node.id, u64::MAX);
    fixture.send(&[ix], &[&node.owner]).expect("the threshold is set");
}

fn withdraw(fixture: &mut ProgramFixture, node: &Node) {
    let wallet = fixture.wallet_state(node);
    if wallet.pending() > 0 {
        let ix = withdraw_ix(node.owner.pubkey(), fixture.network, node.id, wallet.destination, None);
        fixture.send(&[ix], &[&node.owner]).expect("the amount is withdrawn");
    }
}

/// Whether the relay read the destinations before or after the owners acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destinations {
    Stale,
    Current,
}

fn entries(fixture: &ProgramFixture, nodes: &[Node], plan: Plan, destinations: Destinations) -> Vec<SettleEntry> {
    let current = |node: &Node| {
        let account = fixture.svm.get_account(&node.wallet).expect("the account exists");
        NodeWallet::decode(&account.data).map_or(node.destination, |wallet| wallet.destination)
    };
    let destination = |node: &Node| match destinations {
        Destinations::Stale => node.destination,
        Destinations::Current => current(node),
    };
    let entry = |node: &Node| SettleEntry { destination: destination(node), ..node.entry(plan.target()) };
    nodes.iter().map(entry).collect()
}

/// A kind of batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Credit,
    Settle,
    Payout,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Credit, Self::Settle, Self::Payout];

    /// The most entries that fit a transaction.
    fn most_entries(self) -> usize {
        match self {
            Self::Credit => MAX_CREDIT_ENTRIES,
            Self::Settle => MAX_SETTLE_ENTRIES,
            Self::Payout => MAX_PAYOUT_ENTRIES,
        }
    }

    fn published_limit(self, entries: usize) -> u32 {
        match self {
            Self::Credit => credit_limit(entries),
            Self::Settle => settle_limit(entries),
            Self::Payout => payout_limit(entries),
        }
    }

    fn instruction(self, fixture: &ProgramFixture, entries: &[SettleEntry]) -> Instruction {
        let (settler, network, header) = (fixture.settler.pubkey(), fixture.network, header(9));
        let credits: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
        let payouts: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.destination)).collect();
        match self {
            Self::Credit => credit_ix(settler, network, header, &credits),
            Self::Settle => settle_ix(settler, network, header, entries),
            Self::Payout => payout_ix(network, &payouts),
        }
    }
}

/// What the dearest batch of a kind and size costs.
#[derive(Clone, Debug)]
struct Worst {
    kind: Kind,
    entries: usize,
    compute_units: u64,
    /// How it came to use so many.
    story: String,
}

impl Worst {
    /// The published bound.
    fn limit(&self) -> u64 {
        self.kind.published_limit(self.entries).into()
    }
}

/// The most that batches of each kind and of these sizes cost, over everything that can happen to the last `hostile`
/// of their nodes.
fn most_expensive(hostile: usize, sizes: impl Fn(Kind) -> Vec<usize>) -> Vec<Worst> {
    let batches = Kind::ALL.into_iter().flat_map(|kind| sizes(kind).into_iter().map(move |entries| (kind, entries)));
    let mut all: Vec<_> =
        batches.map(|(kind, entries)| Worst { kind, entries, compute_units: 0, story: String::new() }).collect();
    for plan in Plan::ALL {
        let (fixture, nodes) = network(MAX_CREDIT_ENTRIES, plan);
        for act in ACTS {
            let mut acted = fixture.fork();
            nodes.iter().rev().take(hostile).for_each(|node| (act.apply)(&mut acted, node));
            for last in LAST_ACTS {
                let mut acted = acted.fork();
                let node = nodes.last().expect("there is a node");
                if acted.svm.get_account(&node.destination).is_some_and(|account| !account.executable) {
                    (last.apply)(&mut acted, node);
                }
                let stale = entries(&acted, &nodes, plan, Destinations::Stale);
                let current = entries(&acted, &nodes, plan, Destinations::Current);
                for entries in if stale == current { vec![stale] } else { vec![stale, current] } {
                    for worst in &mut all {
                        let entries = &entries[nodes.len() - worst.entries..];
                        let mut fixture = acted.fork();
                        let ix = worst.kind.instruction(&fixture, entries);
                        let story =
                            || format!("{plan:?}, each of {hostile} owners {}, the last one {}", act.name, last.name);
                        let outcome = fixture.send_batch(ix);
                        let meta = outcome.unwrap_or_else(|failed| panic!("{}: {:?}", story(), failed.err));
                        if meta.compute_units_consumed > worst.compute_units {
                            (worst.compute_units, worst.story) = (meta.compute_units_consumed, story());
                        }
                    }
                }
            }
        }
    }
    all
}

/// The most that batches cost whose owners are all hostile: of one entry and of as many as fit. Measured once, for all
/// tests.
fn with_hostile_owners_only() -> &'static [Worst] {
    static MEASURED: LazyLock<Vec<Worst>> =
        LazyLock::new(|| most_expensive(MAX_CREDIT_ENTRIES, |kind| vec![1, kind.most_entries()]));
    &MEASURED
}

/// For each kind of batch, the most entries that fit, the most compute units that they cost, and the published bound.
pub(crate) fn full_batches() -> [(usize, u64, u64); 3] {
    Kind::ALL.map(|kind| {
        let is_full = |worst: &&Worst| worst.kind == kind && worst.entries == kind.most_entries();
        let worst = with_hostile_owners_only().iter().find(is_full).expect("full batches are measured");
        (worst.entries, worst.compute_units, worst.limit())
    })
}

#[test]
fn no_owner_makes_an_entry_cost_more_than_the_published_bound() {
    let with_few = most_expensive(MAX_SETTLE_ENTRIES / 2, |kind| vec![kind.most_entries()]);
    for worst in with_hostile_owners_only().iter().chain(&with_few) {
        let Worst { compute_units, story, .. } = worst;
        let what = format!("{:?} of {} entries: {compute_units} units: {story}", worst.kind, worst.entries);
        println!("{what}");
        assert!(*compute_units <= worst.limit(), "{what}. The bound is {}", worst.limit());
    }
    for (entries, worst, limit) in full_batches() {
        // A bound that nothing comes near would make transactions dearer for nothing.
        assert!(worst * 100 >= limit * 85, "{entries} entries use {worst} units, far below the bound of {limit}");
    }
}

#[test]
fn a_batch_lands_at_the_relays_limit_whatever_owners_do_after_the_simulation() {
    let limit = settle_limit(MAX_SETTLE_ENTRIES);
    let (fixture, nodes) = network(MAX_SETTLE_ENTRIES, Plan::Credit);
    let ix = Kind::Settle.instruction(&fixture, &entries(&fixture, &nodes, Plan::Credit, Destinations::Stale));
    let simulated = fixture.fork().send_batch(ix.clone()).expect("the batch is simulated").compute_units_consumed;
    for act in ACTS {
        for hostile in [1, MAX_SETTLE_ENTRIES] {
            let mut fixture = fixture.fork();
            for node in nodes.iter().take(hostile) {
                (act.apply)(&mut fixture, node);
            }
            let outcome = fixture.send_batch_with_limit(ix.clone(), limit);
            assert!(
                outcome.is_ok(),
                "each of {hostile} owners {}: {:?}",
                act.name,
                outcome.map_err(|failed| failed.err)
            );
        }
    }
    let mut fixture = fixture.fork();
    nodes.iter().for_each(|node| set_destination(&mut fixture, node, Pubkey::new_unique()));
    let outcome = fixture.send_batch_with_limit(ix, u32::try_from(simulated * 115 / 100).expect("a small number"));
    assert!(outcome.is_err(), "the limit of simulation and 15 percent would have been enough: the test shows nothing");
}
