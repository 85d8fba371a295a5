//! The promises, checked after every block and every write.

mod holds;
mod order;
mod rest;
mod rule;

pub(crate) use rule::{Evaluations, Rule};

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::database::{Row, Statement};

use crate::agenda::ProcessId;
use crate::cluster::{decode, entries_of};
use crate::scenario::Scenario;
use crate::world::World;

const CONFIRMED: &str = "SELECT CAST(sequence AS TEXT) AS sequence, id, node_id, \
    CAST(node_total_lamports AS TEXT) AS total, transaction_signature AS signature \
    FROM rewards WHERE status = 'confirmed' ORDER BY sequence";

const EARLIER_ATTEMPTS: &str = "SELECT signature, CAST(last_valid_block_height AS TEXT) AS height FROM attempts \
    WHERE batch_id = (SELECT batch_id FROM attempts WHERE id = CAST(?1 AS INTEGER)) \
        AND id <> CAST(?1 AS INTEGER) AND signature IS NOT NULL";

const RECORDS: &str = "SELECT rewards.id AS id FROM batch_records \
        JOIN rewards ON rewards.sequence = batch_records.reward_sequence \
    WHERE batch_records.batch_id = (SELECT batch_id FROM attempts WHERE id = CAST(?1 AS INTEGER))";

const ENTRIES: &str = "SELECT wallet_address, CAST(target_lamports AS TEXT) AS target FROM batch_entries \
    WHERE batch_id = (SELECT batch_id FROM attempts WHERE id = CAST(?1 AS INTEGER)) ORDER BY position";

const ATTEMPT: &str = "SELECT signature, CAST(last_valid_block_height AS TEXT) AS height FROM attempts \
    WHERE id = CAST(?1 AS INTEGER)";

const OUTCOMES: &str = "SELECT attempts.signature AS signature, node_id, wallet_address, outcome, \
        CAST(target_lamports AS TEXT) AS target \
    FROM batch_entries JOIN attempts ON attempts.batch_id = batch_entries.batch_id AND attempts.state = 'finalized' \
    WHERE batch_entries.batch_id = CAST(?1 AS INTEGER) AND outcome IN ('credited', 'skipped') AND target_lamports > 0";

const LEASE: &str = "SELECT holder, CAST(expires_at AS TEXT) AS expires_at FROM leases WHERE name = 'settlement'";

const SIGNED: &str = "SELECT node_id, CAST(signed_lamports AS TEXT) AS signed FROM payables";

/// What the checker has seen.
pub(crate) struct Checker {
    /// The sum of all rewards that were ever granted to each node, in any history of the ledger.
    pub(crate) earned: Vec<u64>,
    /// Whether the ledger was ever restored from a backup.
    pub(crate) restored: bool,
    /// Every signature that was ever stored.
    signed: BTreeSet<String>,
    /// The signed transactions that were to pay each reward, by its id, in any history of the ledger.
    payments: BTreeMap<String, BTreeSet<Signature>>,
    /// The holder that wrote with each fencing token, since the ledger was last restored.
    tokens: BTreeMap<i64, String>,
    /// The confirmed rewards that have been checked, since the ledger was last restored.
    confirmed: BTreeSet<i64>,
    /// The number of confirmed rewards without a signature.
    pub(crate) without_signature: usize,
}

impl Checker {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self {
            earned: vec![0; scenario.nodes.len()],
            restored: false,
            signed: BTreeSet::new(),
            payments: BTreeMap::new(),
            tokens: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            without_signature: 0,
        }
    }

    /// The ledger was restored from a backup.
    pub(crate) fn restored(&mut self) {
        self.restored = true;
        self.tokens.clear();
        self.confirmed.clear();
    }

    /// Nothing is sent unless its signature is stored.
    pub(crate) fn sent(&self, world: &World, signature: &Signature) {
        let is_stored = self.signed.contains(&signature.to_string());
        world.check(Rule::StoredBeforeSent, is_stored, || {
            format!("{signature} was sent before its signature was stored")
        });
    }

    /// A process has written to the ledger.
    pub(crate) fn written(&mut self, world: &World, process: ProcessId, statements: &[Statement]) {
        for statement in statements {
            let sql = statement.sql();
            let parameter = |index: usize| statement.parameters()[index].as_deref().unwrap_or_default();
            if sql.starts_with("INSERT INTO preconditions (lease_held)") {
                self.written_with_lease(world, process, parameter(0), parameter(1).parse().expect("a token"));
            } else if sql.starts_with("UPDATE lookup_tables SET pending_signature = ?2") {
                self.signed.insert(parameter(1).to_owned());
            } else if sql.starts_with("UPDATE attempts SET state = 'signed'") {
                Self::names_whom_it_pays(world, parameter(0), parameter(2));
                self.signed.insert(parameter(1).to_owned());
                let signature: Signature = parameter(1).parse().expect("a signature");
                for row in world.ledger.query(Statement::new(RECORDS).bind(parameter(0))) {
                    self.payments.entry(row.get("id").expect("an id")).or_default().insert(signature);
                }
                Self::signs_again_only_what_is_dead(world, statement.parameters()[0].clone());
            } else if sql.starts_with("UPDATE rewards SET status = 'confirmed'") {
                self.confirms_only_what_is_paid(world);
            } else if sql.starts_with("UPDATE attempts SET state = ?2") && parameter(1) == "expired" {
                Self::gives_up_only_what_is_dead(world, parameter(0));
            } else if sql.starts_with("UPDATE batch_entries SET outcome") {
                self.outcomes_are_true(world, parameter(0));
            } else if sql.starts_with("INSERT INTO payables (node_id, hold_reason") {
                self.holds_are_true(world, "rewards", parameter(0));
            } else if sql.starts_with("UPDATE wallets SET hold_reason") {
                self.holds_are_true(world, "payouts", parameter(0));
            } else if sql.starts_with("INSERT INTO settlement_nodes") {
                Self::oldest_are_first(world);
            }
        }
    }

    /// Only the latest holder of the lease writes.
    fn written_with_lease(&mut self, world: &World, process: ProcessId, holder: &str, token: i64) {
        let own = self::holder(world, process);
        world.check(Rule::WritesInItsOwnName, own == holder, || format!("{own} writes in the name of {holder}"));
        let known = self.tokens.entry(token).or_insert_with(|| holder.to_owned());
        world.check(Rule::OneHolderPerToken, known == holder, || {
            format!("{known} and {holder} write with the same fencing token {token}")
        });
        let is_latest = self.tokens.last_key_value().is_some_and(|(latest, _)| *latest == token);
        world.check(Rule::NoWriteAfterATakeover, is_latest, || {
            format!("{holder} writes with token {token} although another runner has taken over")
        });
    }

    /// A batch is signed again only when its earlier attempts cannot land any more.
    fn signs_again_only_what_is_dead(world: &World, attempt: Option<String>) {
        let cluster = world.cluster.borrow();
        let height = cluster.blocks[cluster.root].height;
        for row in world.ledger.query(Statement::new(EARLIER_ATTEMPTS).bind(attempt)) {
            let signature: Signature = row.get("signature").expect("a signature");
            let last_valid: u64 = row.get("height").expect("a height");
            let is_over = height >= last_valid || cluster.find(&signature, cluster.root).is_some();
            world.check(Rule::SignsAgainOnlyWhatIsDead, is_over, || {
                format!("a batch is signed again although {signature} can still land")
            });
        }
    }

    /// A signed transaction credits the wallets of its batch, whatever tables it looks them up in.
    fn names_whom_it_pays(world: &World, attempt: &str, transaction: &str) {
        let bytes = BASE64.decode(transaction).expect("base64");
        let transaction = decode(&bytes).expect("a transaction");
        let cluster = world.cluster.borrow();
        // A transaction cannot land if the finalized chain does not have what it looks up, or no longer.
        let Ok(looked_up) = cluster.looked_up(&transaction.message, cluster.root) else { return };
        let named = entries_of(&transaction.message, &looked_up);
        if named.is_empty() {
            return;
        }
        let rows = world.ledger.query(Statement::new(ENTRIES).bind(attempt));
        let entry = |row: &Row| {
            let wallet = row.get::<String>("wallet_address").expect("an address").parse().expect("an address");
            (wallet, row.get::<u64>("target").expect("a target"))
        };
        let entries: Vec<(Pubkey, u64)> = rows.iter().map(entry).collect();
        let tables = transaction.message.address_table_lookups().map_or(0, <[_]>::len);
        world.check(Rule::NamesWhomItPays, named == entries, || {
            format!("attempt {attempt} names {named:?} with {tables} lookup tables, and its batch {entries:?}")
        });
        if tables > 0 {
            world.tell("checker", format_args!("{} wallets are looked up in {tables} tables", named.len()));
        }
    }

    /// An attempt is given up only when it has not landed and cannot land any more.
    fn gives_up_only_what_is_dead(world: &World, attempt: &str) {
        let cluster = world.cluster.borrow();
        for row in world.ledger.query(Statement::new(ATTEMPT).bind(attempt)) {
            let signature: Signature = row.get("signature").expect("a signature");
            let last_valid: u64 = row.get("height").expect("a height");
            world.check(Rule::GivesUpOnlyWhatIsDead, cluster.blocks[cluster.root].height > last_valid, || {
                format!("{signature} is given up although it can still land")
            });
            if !world.scenario.can_forget() {
                let is_nowhere = cluster.find(&signature, cluster.root).is_none();
                world.check(Rule::GivesUpNothingThatLanded, is_nowhere, || {
                    format!("{signature} is given up although it has landed")
                });
            }
        }
    }

    /// What a batch is said to have done is what its transaction did.
    fn outcomes_are_true(&self, world: &World, batch: &str) {
        let cluster = world.cluster.borrow();
        for row in world.ledger.query(Statement::new(OUTCOMES).bind(batch)) {
            let signature: Signature = row.get("signature").expect("a signature");
            let wallet: Pubkey = row.get::<String>("wallet_address").expect("an address").parse().expect("an address");
            let (node, target) = (row.get::<String>("node_id").expect("a node id"), row.get::<u64>("target"));
            let is_credited = row.get::<String>("outcome").expect("an outcome") == "credited";
            let found = cluster.find(&signature, cluster.root);
            let has_succeeded = found.as_ref().is_some_and(|(_, executed)| executed.error.is_none());
            world.check(Rule::OutcomesHaveLanded, has_succeeded, || {
                format!("{node} is said to be credited or skipped by {signature}, which has not succeeded")
            });
            let Some((block, executed)) = found else { continue };
            if is_credited {
                let credited = cluster.blocks[block].totals[position(world, &node)].credited;
                world.check(Rule::CreditedIsTrue, credited >= target.expect("a target"), || {
                    format!("{node} is said to be credited by {signature}, and was not by then")
                });
            } else if !self.restored || world.scenario.keeps_logs() {
                // Whom a lost log has credited cannot be told if another ledger has credited the node as well.
                let credits = executed.credited().iter().any(|(credited, _)| *credited == wallet);
                world.check(Rule::SkippedIsTrue, !credits, || {
                    format!("{node} is said to be skipped by {signature}, which has credited it")
                });
            }
        }
    }

    /// A process that was asked to stop keeps nobody waiting.
    pub(crate) fn leaves_no_lease(&self, world: &World, process: ProcessId) {
        let holder = holder(world, process);
        for row in world.ledger.query(Statement::new(LEASE)) {
            let expires_at: i64 = row.get("expires_at").expect("a time");
            let is_held = row.get::<String>("holder").expect("a holder") == holder && expires_at > world.now_ms();
            // A request that its sender has given up may arrive after it has stopped.
            if world.faults.get().ledger_late == 0 {
                let promise = || format!("{holder} has stopped and keeps the lease");
                world.check(Rule::StoppingReleasesTheLease, !is_held, promise);
            }
        }
    }

    /// A relay has lost its lease, which it renews in time while it gets answers.
    pub(crate) fn lost_lease(&self, world: &World, name: &str) {
        let is_over = world.now_ms() > world.healed_at.get().saturating_add(60_000);
        let stood_still = world.suspended.iter().any(|until| until.get() + 60_000 > world.now_ms());
        let may_lose = world.scenario.faults.can_cost_the_lease() || self.restored || stood_still;
        world.check(Rule::OnlyTheLateLoseTheirLease, (!is_over || stood_still) && may_lose, || {
            format!("{name} loses its lease although it was never late")
        });
    }

    /// A reward is confirmed only if the finalized chain has credited it, and names a transaction that did.
    fn confirms_only_what_is_paid(&mut self, world: &World) {
        let cluster = world.cluster.borrow();
        let root = &cluster.blocks[cluster.root];
        let rows = world.ledger.query(Statement::new(CONFIRMED));
        let sequence = |row: &Row| row.get::<i64>("sequence").expect("a sequence");
        let found: BTreeSet<i64> = rows.iter().map(sequence).collect();
        world.check(Rule::ConfirmedStaysConfirmed, self.confirmed.is_subset(&found), || {
            "a confirmed reward is no longer confirmed".to_owned()
        });
        for row in rows {
            if !self.confirmed.insert(sequence(&row)) {
                continue;
            }
            let (id, node): (String, String) = (row.get("id").expect("an id"), row.get("node_id").expect("a node id"));
            let total: u64 = row.get("total").expect("a total");
            let index = position(world, &node);
            let credited = root.totals[index].credited;
            world.check(Rule::ConfirmedIsCredited, credited >= total, || {
                format!("{node}'s reward up to {total} is confirmed, but {credited} is credited")
            });
            // A transaction with a lower target has paid an earlier part.
            let wallet = world.nodes()[index].wallet;
            let has_paid = |signature: &Signature| {
                let executed = cluster.find(signature, cluster.root).map(|(_, executed)| executed.credited());
                executed.iter().flatten().any(|(credited, target)| *credited == wallet && *target >= total)
            };
            let payments = self.payments.get(&id);
            world.check(Rule::ConfirmedIsPaidFor, payments.into_iter().flatten().any(has_paid), || {
                format!("{node}'s reward {id} is confirmed, but no transaction for it has landed")
            });
            let Some(signature) = row.optional::<Signature>("signature").expect("a signature") else {
                self.without_signature += 1;
                continue;
            };
            let is_one_of_them = payments.is_some_and(|payments| payments.contains(&signature));
            world.check(Rule::NamesWhatHasPaid, has_paid(&signature) && is_one_of_them, || {
                format!("{node}'s reward up to {total} names {signature}, which has not credited it")
            });
        }
    }

    /// A block pays nobody more than was earned, and loses no lamports.
    pub(crate) fn block(&mut self, world: &World, index: usize) {
        let cluster = world.cluster.borrow();
        let block = &cluster.blocks[index];
        if block.executed.is_empty() {
            return;
        }
        let parent = &cluster.blocks[block.parent];
        let fees: u64 = block.executed.iter().map(|executed| executed.fee).sum();
        world.check(Rule::LamportsAreKept, block.lamports + u128::from(fees) == parent.lamports, || {
            format!("block {} has {} lamports after {}", block.slot, block.lamports, parent.lamports)
        });
        for (node, (before, after)) in parent.totals.iter().zip(block.totals.iter()).enumerate() {
            let (name, earned) = (&world.nodes()[node].id, self.earned[node]);
            world.check(Rule::CreditedIsEarned, after.credited <= earned, || {
                format!("{name} is credited {} but has earned {earned}", after.credited)
            });
            world.check(Rule::PaidIsCredited, after.paid <= after.credited, || {
                format!("{name} is paid {} but only {} is credited", after.paid, after.credited)
            });
            world.check(Rule::ReceivedIsPaid, after.received == after.paid, || {
                format!("{name} has received {} but {} is recorded", after.received, after.paid)
            });
            let falls = after.credited < before.credited || after.paid < before.paid;
            world.check(Rule::TotalsNeverFall, !falls, || {
                format!("the totals of {name} fall from {before:?} to {after:?}")
            });
        }
        if self.restored {
            return;
        }
        for row in world.ledger.query(Statement::new(SIGNED)) {
            let node: String = row.get("node_id").expect("a node id");
            let signed: u64 = row.get("signed").expect("a total");
            let credited = block.totals[position(world, &node)].credited;
            world.check(Rule::CreditedIsSigned, credited <= signed, || {
                format!("{node} is credited {credited} but the ledger has signed only {signed}")
            });
        }
    }
}

/// The name of a process for the lease.
pub(crate) fn holder(world: &World, process: ProcessId) -> String {
    format!("{}-{}", world.relays[process.relay].name, process.incarnation)
}

/// The position of a node.
fn position(world: &World, node: &str) -> usize {
    world.nodes().iter().position(|it| it.id.as_str() == node).expect("a known node")
}

/// The highest total that the ledger has signed for a node.
fn signed(world: &World, node: &str) -> u64 {
    let rows = world.ledger.query(Statement::new(SIGNED));
    let of_node = rows.iter().find(|row| row.get::<String>("node_id").expect("a node id") == node);
    of_node.map_or(0, |row| row.get("signed").expect("a total"))
}
