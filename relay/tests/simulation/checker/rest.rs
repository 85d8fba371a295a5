//! What has to be true once everything is settled, and whether it is.

use solana_signer::Signer as _;
use williw_relay::database::{Row, Statement};

use crate::world::World;

use super::{Checker, Rule, position};

const OPEN: &str = "SELECT CAST( \
    (SELECT COUNT(*) FROM settlements WHERE state = 'open') + (SELECT COUNT(*) FROM batches WHERE state = 'planned') \
    + (SELECT COUNT(*) FROM attempts WHERE state IN ('planned', 'signed', 'sent', 'landed')) AS TEXT) AS open";

const WAITING: &str = "SELECT rewards.node_id AS node_id, rewards.status AS status, \
        COALESCE(payables.hold_reason, '-') AS hold, CAST(COUNT(*) AS TEXT) AS rewards \
    FROM rewards LEFT JOIN payables ON payables.node_id = rewards.node_id WHERE rewards.status <> 'confirmed' \
    GROUP BY rewards.node_id, rewards.status ORDER BY rewards.node_id";

const PAYOUTS_IN_TOKENS: &str = "SELECT node_id, hold_reason FROM wallets \
    WHERE hold_reason LIKE 'token\\_account%' ESCAPE '\\' OR hold_reason = 'treasury_frozen' ORDER BY node_id";

const MIRRORED: &str = "SELECT node_id, CAST(credited_lamports AS TEXT) AS credited FROM wallets ORDER BY node_id";

const CREDITED_BY_SETTLEMENTS: &str =
    "SELECT CAST(COALESCE(SUM(credited_lamports), 0) AS TEXT) AS credited FROM settlements";

const LEFT_PRECONDITIONS: &str = "SELECT CAST(COUNT(*) AS TEXT) AS left FROM preconditions";

const FEES: &str = "SELECT CAST((SELECT COALESCE(SUM(fees_lamports), 0) FROM settlements) AS TEXT) AS of_settlements, \
    CAST((SELECT COALESCE(SUM(fee_lamports), 0) FROM attempts) AS TEXT) AS of_attempts";

/// The maximum number of batches in a run that cost a fee and have no effect: those of a relay whose clock is ahead, for example,
/// which pays out before that is due.
const MAX_USELESS_BATCHES: usize = 6;

/// The same where it takes several batches to pay all nodes.
const MAX_USELESS_BATCHES_IF_FULL: usize = 24;

impl Checker {
    /// What is still to be settled, and why; `None` if everything is.
    pub(crate) fn unsettled(&self, world: &World) -> Option<String> {
        let mut waiting: Vec<String> = world
            .ledger
            .query(Statement::new(WAITING))
            .iter()
            .filter_map(|row| {
                let text = |name| row.get::<String>(name).expect("a text");
                let index = position(world, &text("node_id"));
                let node = &world.nodes()[index];
                if node.unpayable.is_some() {
                    return None;
                }
                let hold = text("hold");
                // Only an operator can tell what a lost ledger has paid for.
                let is_for_operator = match hold.as_str() {
                    "chain_above_ledger" => self.is_above_ledger(world, node, index),
                    "unknown_credits" => self.restored,
                    _ => false,
                };
                let reward = || format!("{} {} of {} held: {hold}", text("rewards"), text("status"), text("node_id"));
                (!is_for_operator).then(reward)
            })
            .collect();
        // In the end, every owner has a token account. What a lost ledger has paid for may wait for an operator.
        for row in world.ledger.query(Statement::new(PAYOUTS_IN_TOKENS)).iter().filter(|_| !self.restored) {
            let text = |name| row.get::<String>(name).expect("a text");
            if world.nodes()[position(world, &text("node_id"))].unpayable.is_none() {
                waiting.push(format!("the payout of {} held: {}", text("node_id"), text("hold_reason")));
            }
        }
        let open: u64 = world.ledger.query(Statement::new(OPEN))[0].get("open").expect("a count");
        (!waiting.is_empty() || open > 0).then(|| format!("{open} open settlements, batches and attempts; {waiting:?}"))
    }

    /// Once everything is settled, ledger and chain agree.
    pub(crate) fn at_rest(&self, world: &World) {
        let cluster = world.cluster.borrow();
        let root = &cluster.blocks[cluster.root];
        let number = |row: &Row, name| row.get::<u64>(name).expect("a number");
        let left = number(&world.ledger.query(Statement::new(LEFT_PRECONDITIONS))[0], "left");
        world.check(Rule::NoPreconditionIsLeft, left == 0, || format!("{left} preconditions were left behind"));
        for row in world.ledger.query(Statement::new(MIRRORED)) {
            let (node, mirrored) = (row.get::<String>("node_id").expect("a node id"), number(&row, "credited"));
            let totals = root.totals[position(world, &node)];
            // The wallet account of a node that is closed, or whose rewards were lost with a ledger, is not read again until the
            // node earns.
            let may_be_old = totals.was_closed || self.restored;
            let agrees = mirrored == totals.credited || (mirrored < totals.credited && may_be_old);
            world.check(Rule::MirrorAgrees, agrees, || {
                format!("{node} is credited {}, but the ledger's mirror says {mirrored}", totals.credited)
            });
        }
        // What a lost ledger has paid for names no transaction.
        if world.scenario.keeps_logs() && !self.restored {
            world.check(Rule::NamesATransactionWhoseLogIsThere, self.without_signature == 0, || {
                format!("{} rewards name no transaction although its log is there", self.without_signature)
            });
        }
        if !world.scenario.can_forget() {
            let useless = cluster.useless_batches();
            let most = if world.scenario.is_full { MAX_USELESS_BATCHES_IF_FULL } else { MAX_USELESS_BATCHES };
            world.check(Rule::FewUselessBatches, useless <= most, || {
                format!("{useless} transactions have neither credited nor paid anybody")
            });
        }
        if self.restored {
            return;
        }
        for ((node, earned), totals) in world.nodes().iter().zip(&self.earned).zip(root.totals.iter()) {
            if node.unpayable.is_none() {
                world.check(Rule::EarnedIsCredited, totals.credited == *earned, || {
                    format!("{} has earned {earned} and is credited {}", node.id, totals.credited)
                });
            }
        }
        let credited: u64 = root.totals.iter().map(|totals| totals.credited).sum();
        let reported = number(&world.ledger.query(Statement::new(CREDITED_BY_SETTLEMENTS))[0], "credited");
        let agrees = reported == credited || (reported < credited && !world.scenario.keeps_logs());
        world.check(Rule::CreditedIsReported, agrees, || {
            format!("settlements report {reported} credited, the chain {credited}")
        });
        let fees = cluster.fees_of(&world.keys.settler.pubkey());
        let booked = &world.ledger.query(Statement::new(FEES))[0];
        let booked = [number(booked, "of_settlements"), number(booked, "of_attempts")];
        if !world.scenario.can_forget() {
            world.check(Rule::FeesAreBooked, booked == [fees; 2], || {
                format!("the settler has paid {fees} in fees, settlements and attempts report {booked:?}")
            });
        }
    }
}
