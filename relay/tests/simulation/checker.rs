//! The promises, checked after every block and every write.

use std::collections::{BTreeMap, BTreeSet};

use solana_signature::Signature;
use williw_relay::database::Statement;

use crate::agenda::ProcessId;
use crate::world::World;

const CONFIRMED: &str = "SELECT CAST(sequence AS TEXT) AS sequence, node_id, \
    CAST(node_total_lamports AS TEXT) AS total, transaction_signature AS signature \
    FROM rewards WHERE status = 'confirmed' ORDER BY sequence";

const EARLIER_ATTEMPTS: &str = "SELECT signature, CAST(last_valid_block_height AS TEXT) AS height FROM attempts \
    WHERE batch_id = (SELECT batch_id FROM attempts WHERE id = CAST(?1 AS INTEGER)) \
        AND id <> CAST(?1 AS INTEGER) AND signature IS NOT NULL";

const SIGNED: &str = "SELECT node_id, CAST(signed_lamports AS TEXT) AS signed FROM payables";

const OPEN: &str = "SELECT CAST( \
    (SELECT COUNT(*) FROM settlements WHERE state = 'open') + (SELECT COUNT(*) FROM batches WHERE state = 'planned') \
    + (SELECT COUNT(*) FROM attempts WHERE state IN ('planned', 'signed', 'sent', 'landed')) AS TEXT) AS open";

const WAITING: &str = "SELECT rewards.node_id AS node_id, rewards.status AS status, \
        COALESCE(payables.hold_reason, '-') AS hold, CAST(COUNT(*) AS TEXT) AS rewards \
    FROM rewards LEFT JOIN payables ON payables.node_id = rewards.node_id WHERE rewards.status <> 'confirmed' \
    GROUP BY rewards.node_id, rewards.status ORDER BY rewards.node_id";

const MIRRORED: &str = "SELECT node_id, CAST(credited_lamports AS TEXT) AS credited FROM wallets ORDER BY node_id";

const CREDITED_BY_SETTLEMENTS: &str =
    "SELECT CAST(COALESCE(SUM(credited_lamports), 0) AS TEXT) AS credited FROM settlements";

const LEFT_PRECONDITIONS: &str = "SELECT CAST(COUNT(*) AS TEXT) AS left FROM preconditions";

/// What the checker has seen.
pub(crate) struct Checker {
    /// The sum of all rewards that were ever granted to each node, in any history of the ledger.
    pub(crate) earned: Vec<u64>,
    /// Whether the ledger was ever restored from a backup.
    pub(crate) restored: bool,
    /// Every signature that was ever stored.
    signed: BTreeSet<String>,
    /// The holder that wrote with each fencing token, since the ledger was last restored.
    tokens: BTreeMap<i64, String>,
    /// The confirmed rewards that have been checked, since the ledger was last restored.
    confirmed: BTreeSet<i64>,
    /// The nodes that were ever closed. Nobody reads the wallet account of a closed node until it earns again, so that its
    /// mirror may be old.
    closed: BTreeSet<usize>,
    /// The number of confirmed rewards without a signature.
    pub(crate) without_signature: usize,
}

impl Checker {
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            earned: vec![0; nodes],
            restored: false,
            signed: BTreeSet::new(),
            tokens: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            closed: BTreeSet::new(),
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
        if !self.signed.contains(&signature.to_string()) {
            world.violate(format!("{signature} was sent before its signature was stored"));
        }
    }

    /// A process has written to the ledger.
    pub(crate) fn written(&mut self, world: &World, process: ProcessId, statements: &[Statement]) {
        for statement in statements {
            let sql = statement.sql();
            let parameter = |index: usize| statement.parameters()[index].as_deref().unwrap_or_default();
            if sql.starts_with("INSERT INTO preconditions (lease_held)") {
                self.written_with_lease(world, process, parameter(0), parameter(1).parse().expect("a token"));
            } else if sql.starts_with("UPDATE attempts SET state = 'signed'") {
                self.signed.insert(parameter(1).to_owned());
                Self::signs_again_only_what_is_dead(world, statement.parameters()[0].clone());
            } else if sql.starts_with("UPDATE rewards SET status = 'confirmed'") {
                self.confirms_only_what_is_paid(world);
            }
        }
    }

    /// Only the latest holder of the lease writes.
    fn written_with_lease(&mut self, world: &World, process: ProcessId, holder: &str, token: i64) {
        let own = format!("{}-{}", world.relays[process.relay].name, process.incarnation);
        if own != holder {
            world.violate(format!("{own} writes in the name of {holder}"));
        }
        let known = self.tokens.entry(token).or_insert_with(|| holder.to_owned());
        if known != holder {
            world.violate(format!("{known} and {holder} write with the same fencing token {token}"));
        }
        if self.tokens.last_key_value().is_some_and(|(latest, _)| *latest > token) {
            world.violate(format!("{holder} writes with token {token} although another runner has taken over"));
        }
    }

    /// A batch is signed again only when its earlier attempts cannot land any more.
    fn signs_again_only_what_is_dead(world: &World, attempt: Option<String>) {
        let cluster = world.cluster.borrow();
        let height = cluster.blocks[cluster.root].height;
        for row in world.ledger.query(Statement::new(EARLIER_ATTEMPTS).bind(attempt)) {
            let signature: Signature = row.get("signature").expect("a signature");
            let last_valid: u64 = row.get("height").expect("a height");
            if height < last_valid && cluster.find(&signature, cluster.root).is_none() {
                world.violate(format!("a batch is signed again although {signature} can still land"));
            }
        }
    }

    /// A reward is confirmed only if the finalized chain has credited it, and names a transaction that did.
    fn confirms_only_what_is_paid(&mut self, world: &World) {
        let cluster = world.cluster.borrow();
        let root = &cluster.blocks[cluster.root];
        let rows = world.ledger.query(Statement::new(CONFIRMED));
        if rows.len() < self.confirmed.len() {
            world.violate("a confirmed reward is no longer confirmed".to_owned());
        }
        for row in rows {
            if !self.confirmed.insert(row.get("sequence").expect("a sequence")) {
                continue;
            }
            let node: String = row.get("node_id").expect("a node id");
            let total: u64 = row.get("total").expect("a total");
            let index = world.nodes().iter().position(|it| it.id.as_str() == node).expect("a known node");
            let credited = root.totals[index].credited;
            if credited < total {
                world.violate(format!("{node}'s reward up to {total} is confirmed, but {credited} is credited"));
            }
            let Some(signature) = row.optional::<Signature>("signature").expect("a signature") else {
                self.without_signature += 1;
                continue;
            };
            let named = cluster.find(&signature, cluster.root).map(|(_, executed)| executed.credited());
            let wallet = world.nodes()[index].wallet;
            // A transaction of a history that the restored ledger does not know may have credited the reward, and the engine
            // then names one of its own that was finalized, but credited less or nothing.
            let covers = |target: u64| target >= total;
            let credits = named.iter().flatten().any(|(credited, target)| *credited == wallet && covers(*target));
            if !(credits || (self.restored && named.is_some())) {
                world.violate(format!("{node}'s reward up to {total} names {signature}, which has not credited it"));
            }
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
        if block.lamports + u128::from(fees) != parent.lamports {
            world.violate(format!("block {} has {} lamports after {}", block.slot, block.lamports, parent.lamports));
        }
        for (node, (before, after)) in parent.totals.iter().zip(block.totals.iter()).enumerate() {
            if after.is_closed {
                self.closed.insert(node);
            }
            let (name, earned) = (&world.nodes()[node].id, self.earned[node]);
            if after.credited > earned {
                world.violate(format!("{name} is credited {} but has earned {earned}", after.credited));
            }
            if after.paid > after.credited {
                world.violate(format!("{name} is paid {} but only {} is credited", after.paid, after.credited));
            }
            if after.received != after.paid {
                world.violate(format!("{name} has received {} but {} is recorded", after.received, after.paid));
            }
            if after.credited < before.credited || after.paid < before.paid {
                world.violate(format!("the totals of {name} fall from {before:?} to {after:?}"));
            }
        }
        if self.restored {
            return;
        }
        for row in world.ledger.query(Statement::new(SIGNED)) {
            let node: String = row.get("node_id").expect("a node id");
            let signed: u64 = row.get("signed").expect("a total");
            let index = world.nodes().iter().position(|it| it.id.as_str() == node).expect("a known node");
            let credited = block.totals[index].credited;
            if credited > signed {
                world.violate(format!("{node} is credited {credited} but the ledger has signed only {signed}"));
            }
        }
    }

    /// What is still to be settled, and why; `None` if everything is.
    pub(crate) fn unsettled(&self, world: &World) -> Option<String> {
        let waiting: Vec<String> = world
            .ledger
            .query(Statement::new(WAITING))
            .iter()
            .filter_map(|row| {
                let text = |name| row.get::<String>(name).expect("a text");
                let hold = text("hold");
                // Only an operator can tell what a lost ledger has paid for.
                let is_for_operator = self.restored && matches!(hold.as_str(), "chain_above_ledger" | "total_mismatch");
                let reward = || format!("{} {} of {} held: {hold}", text("rewards"), text("status"), text("node_id"));
                (!is_for_operator).then(reward)
            })
            .collect();
        let open: u64 = world.ledger.query(Statement::new(OPEN))[0].get("open").expect("a count");
        (!waiting.is_empty() || open > 0).then(|| format!("{open} open settlements, batches and attempts; {waiting:?}"))
    }

    /// Once everything is settled, ledger and chain agree.
    pub(crate) fn at_rest(&self, world: &World, undisturbed: bool) {
        let cluster = world.cluster.borrow();
        let root = &cluster.blocks[cluster.root];
        let left: u64 = world.ledger.query(Statement::new(LEFT_PRECONDITIONS))[0].get("left").expect("a count");
        if left > 0 {
            world.violate(format!("{left} preconditions were left behind"));
        }
        for row in world.ledger.query(Statement::new(MIRRORED)) {
            let node: String = row.get("node_id").expect("a node id");
            let mirrored: u64 = row.get("credited").expect("a total");
            let index = world.nodes().iter().position(|it| it.id.as_str() == node).expect("a known node");
            let credited = root.totals[index].credited;
            if mirrored != credited && !self.closed.contains(&index) {
                world.violate(format!("{node} is credited {credited}, but the ledger's mirror says {mirrored}"));
            }
        }
        if self.restored {
            return;
        }
        for ((node, earned), totals) in world.nodes().iter().zip(&self.earned).zip(root.totals.iter()) {
            if totals.credited != *earned {
                world.violate(format!("{} has earned {earned} and is credited {}", node.id, totals.credited));
            }
        }
        let credited: u64 = root.totals.iter().map(|totals| totals.credited).sum();
        let reported: u64 =
            world.ledger.query(Statement::new(CREDITED_BY_SETTLEMENTS))[0].get("credited").expect("a sum");
        if reported > credited || (undisturbed && reported < credited) {
            world.violate(format!("settlements report {reported} credited, the chain {credited}"));
        }
        if undisturbed && self.without_signature > 0 {
            world.violate(format!("{} rewards name no transaction although all went well", self.without_signature));
        }
    }
}
