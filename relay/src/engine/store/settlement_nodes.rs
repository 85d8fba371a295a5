//! The nodes of the open settlement. They are chosen once, so that all its steps work on the same nodes, piece by piece.

use std::collections::BTreeMap;

use serde_json::json;
use settlement::client::node_wallet_address;
use solana_pubkey::Pubkey;

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::engine::{MAX_HOLD_RETRY_MS, NodeState};
use crate::types::{NodeId, NodeStatus};

use super::wallets::{MirroredWallet, mirrored_wallet, wallet_columns};
use super::{is_due_by_age, is_due_by_amount, retry_has_come, retry_is_absurd, unsigned};

statements! {
    /// Chooses the nodes of the settlement: at most ?1 with unconfirmed rewards, then at most ?2 that are held, and at most ?2
    /// each whose payout is due at ?3 by amount and by age. Nodes that are held take part if they are to be tried again by
    /// ?4, or by now if ?4 is NULL; nothing is held for longer than ?5 milliseconds. Of those that are held, the ones that have
    /// waited longest since then take part. All are served in the order of age, those that are held as well, and those whose
    /// payout is due according to their rewards.
    CHOOSE = concat!(
        "INSERT INTO settlement_nodes (node_id, position, state) \
        SELECT node_id, ROW_NUMBER() OVER (ORDER BY MIN(COALESCE(sequence, \
                (SELECT next_sequence FROM payables WHERE payables.node_id = chosen.node_id), 9223372036854775807)), \
            MIN(held)), 'selected' FROM ( \
            SELECT * FROM (SELECT node_id, retry_at AS held, next_sequence AS sequence FROM payables \
                WHERE next_sequence IS NOT NULL AND retry_at = 0 \
                ORDER BY next_sequence LIMIT CAST(?1 AS INTEGER)) \
            UNION ALL \
            SELECT * FROM ( \
                SELECT * FROM (SELECT node_id, 1 AS held, next_sequence AS sequence FROM payables \
                    WHERE next_sequence IS NOT NULL AND ", retry_is_absurd!("?5"), " \
                    ORDER BY retry_at LIMIT CAST(?2 AS INTEGER)) \
                UNION ALL \
                SELECT * FROM (SELECT node_id, retry_at AS held, next_sequence AS sequence FROM payables \
                    WHERE next_sequence IS NOT NULL AND retry_at > 0 AND ", retry_has_come!("?4"), " \
                    ORDER BY retry_at, next_sequence LIMIT CAST(?2 AS INTEGER)) \
                LIMIT CAST(?2 AS INTEGER)) \
            UNION ALL \
            SELECT * FROM ( \
                SELECT * FROM (SELECT node_id, 1 AS held, NULL AS sequence FROM wallets \
                    WHERE ", is_due_by_amount!(), " AND ", retry_is_absurd!("?5"), " \
                    ORDER BY retry_at LIMIT CAST(?2 AS INTEGER)) \
                UNION ALL \
                SELECT * FROM (SELECT node_id, retry_at AS held, NULL AS sequence FROM wallets \
                    WHERE ", is_due_by_amount!(), " AND ", retry_has_come!("?4"), " \
                    ORDER BY retry_at, node_id LIMIT CAST(?2 AS INTEGER)) \
                LIMIT CAST(?2 AS INTEGER)) \
            UNION ALL \
            SELECT * FROM ( \
                SELECT * FROM (SELECT node_id, 1 AS held, NULL AS sequence FROM wallets \
                    WHERE ", is_due_by_age!("?3"), " AND ", retry_is_absurd!("?5"), " \
                    ORDER BY retry_at LIMIT CAST(?2 AS INTEGER)) \
                UNION ALL \
                SELECT * FROM (SELECT node_id, retry_at AS held, NULL AS sequence FROM wallets \
                    WHERE ", is_due_by_age!("?3"), " AND retry_at = 0 \
                    ORDER BY oldest_unpaid_at LIMIT CAST(?2 AS INTEGER)) \
                UNION ALL \
                SELECT * FROM (SELECT node_id, retry_at AS held, NULL AS sequence FROM wallets \
                    WHERE ", is_due_by_age!("?3"), " AND retry_at > 0 AND ", retry_has_come!("?4"), " \
                    ORDER BY retry_at LIMIT CAST(?2 AS INTEGER)) \
                LIMIT CAST(?2 AS INTEGER))) AS chosen \
        GROUP BY node_id"
    );

    /// The first ?2 nodes in state ?1, with their mirrored wallets, in any order: SQLite would sort whole rows.
    NEXT = concat!(
        "SELECT CAST(chosen.position AS TEXT) AS position, nodes.id AS id, nodes.address AS address, nodes.status AS status, \
            CAST(COALESCE(wallets.last_slot, 0) AS TEXT) AS last_slot, \
            CAST(payables.hold_reason IS NOT NULL AS TEXT) AS is_held, \
            CAST(wallets.hold_reason IS NOT NULL AS TEXT) AS is_payout_held, ", wallet_columns!(), " FROM ( \
            SELECT node_id, position FROM settlement_nodes WHERE state = ?1 ORDER BY position LIMIT CAST(?2 AS INTEGER) \
        ) AS chosen JOIN nodes ON nodes.id = chosen.node_id LEFT JOIN wallets ON wallets.node_id = chosen.node_id \
            LEFT JOIN payables ON payables.node_id = chosen.node_id"
    );

    /// As NEXT, for nodes whose wallet accounts were read, which is far cheaper without their own rows: they were not suspended
    /// then, and their addresses were those of the accounts' owners.
    NEXT_READ = concat!(
        "SELECT CAST(chosen.position AS TEXT) AS position, chosen.node_id AS id, wallets.owner AS address, 'active' AS status, \
            CAST(COALESCE(wallets.last_slot, 0) AS TEXT) AS last_slot, \
            CAST(payables.hold_reason IS NOT NULL AS TEXT) AS is_held, \
            CAST(wallets.hold_reason IS NOT NULL AS TEXT) AS is_payout_held, ", wallet_columns!(), " FROM ( \
            SELECT node_id, position FROM settlement_nodes WHERE state = ?1 ORDER BY position LIMIT CAST(?2 AS INTEGER) \
        ) AS chosen LEFT JOIN wallets ON wallets.node_id = chosen.node_id \
            LEFT JOIN payables ON payables.node_id = chosen.node_id"
    );

    /// What each node without a wallet account has earned, up to position ?1, and what the nodes before it have still to get: at
    /// most ?2 base units each, and nothing if they are held for another reason than a limit that all nodes share. The sum is
    /// in units of 2^32 base units and in units.
    CLAIMS = "SELECT node_id, CAST(earned AS TEXT) AS earned, CAST(COALESCE(high, 0) AS TEXT) AS high, \
            CAST(COALESCE(low, 0) AS TEXT) AS low \
        FROM (SELECT node_id, state, earned, SUM(asked >> 32) OVER older AS high, SUM(asked & 4294967295) OVER older AS low \
            FROM (SELECT claims.node_id, position, state, earned, \
                    CASE WHEN payables.hold_reason IS NULL OR payables.hold_reason IN ('window_limit', 'treasury_short', 'overflow') \
                        THEN MIN(MAX(earned - COALESCE(credited_lamports, 0), 0), CAST(?2 AS INTEGER)) ELSE 0 END AS asked \
                FROM (SELECT node_id, position, state, COALESCE((SELECT MAX(node_total_lamports) FROM rewards \
                            WHERE rewards.node_id = settlement_nodes.node_id), 0) AS earned \
                    FROM settlement_nodes \
                    WHERE state IN ('read', 'registering', 'missing') AND position <= CAST(?1 AS INTEGER)) AS claims \
                    LEFT JOIN wallets ON wallets.node_id = claims.node_id \
                    LEFT JOIN payables ON payables.node_id = claims.node_id) \
            WINDOW older AS (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) \
        WHERE state = 'missing'";

    /// The latest slot at which a wallet of the settlement's nodes was read.
    LAST_SLOT = "SELECT CAST(COALESCE(MAX(last_slot), 0) AS TEXT) AS slot \
        FROM settlement_nodes JOIN wallets ON wallets.node_id = settlement_nodes.node_id";

    /// Which states nodes are in that the settlement has still to do something about.
    STAGES = "SELECT \
            CAST(EXISTS (SELECT 1 FROM settlement_nodes WHERE state = 'selected') AS TEXT) AS selected, \
            CAST(EXISTS (SELECT 1 FROM settlement_nodes WHERE state = 'missing') AS TEXT) AS missing, \
            CAST(EXISTS (SELECT 1 FROM settlement_nodes WHERE state = 'registering') AS TEXT) AS registering, \
            CAST(EXISTS (SELECT 1 FROM settlement_nodes WHERE state = 'read') AS TEXT) AS read";

    /// The nodes that are still to be planned: how many they are, how many of them have no wallet account in the mirror that
    /// belongs to their address, and what they have earned beyond the mirrored totals, in units of 2^32 base units and in units.
    DEMAND = "SELECT CAST(COUNT(*) AS TEXT) AS nodes, CAST(COALESCE(SUM(is_new), 0) AS TEXT) AS new_nodes, \
            CAST(COALESCE(SUM(owed >> 32), 0) AS TEXT) AS high, CAST(COALESCE(SUM(owed & 4294967295), 0) AS TEXT) AS low \
        FROM (SELECT wallets.owner IS NULL OR wallets.owner <> nodes.address AS is_new, \
                MAX(COALESCE((SELECT MAX(node_total_lamports) FROM rewards \
                        WHERE rewards.node_id = nodes.id AND distributed_at IS NULL), 0) \
                    - COALESCE(wallets.credited_lamports, 0), 0) AS owed \
            FROM settlement_nodes CROSS JOIN nodes ON nodes.id = settlement_nodes.node_id \
                LEFT JOIN wallets ON wallets.node_id = nodes.id \
            WHERE settlement_nodes.state IN ('selected', 'missing', 'registering', 'read') \
                AND nodes.address IS NOT NULL AND nodes.status <> 'suspended')";

    /// Fails the statement batch unless the node at position ?1 is in state ?2.
    REQUIRE_STATE = "INSERT INTO preconditions (state_unchanged) SELECT EXISTS ( \
        SELECT 1 FROM settlement_nodes WHERE position = CAST(?1 AS INTEGER) AND state = ?2)";

    /// Moves the nodes at the positions in JSON array ?1 to state ?2.
    MOVE = "UPDATE settlement_nodes SET state = ?2 WHERE position IN (SELECT CAST(value AS INTEGER) FROM json_each(?1))";

    /// Moves the nodes in state ?1 up to position ?3 to state ?2.
    MOVE_UP_TO = "UPDATE settlement_nodes SET state = ?2 WHERE state = ?1 AND position <= CAST(?3 AS INTEGER)";

    /// Moves the nodes in JSON array ?1 to state ?2.
    MOVE_NODES = "UPDATE settlement_nodes SET state = ?2 WHERE node_id IN (SELECT value FROM json_each(?1))";

    /// Forgets the nodes, when the settlement is closed.
    CLEAR = "DELETE FROM settlement_nodes";
}

/// Which of the nodes that an earlier settlement held take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldNodes {
    /// All of them.
    All,
    /// Those whose time to be tried again has come, by the database's clock.
    Due,
}

impl HeldNodes {
    /// The latest time for which they may be held; `None` for the database's present time.
    pub(super) fn retry_by_ms(self) -> Option<i64> {
        match self {
            Self::All => Some(i64::MAX),
            Self::Due => None,
        }
    }
}

/// A node of the settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChosenNode {
    pub(crate) node_id: NodeId,
    /// The address that the node has registered.
    pub(crate) address: Option<Pubkey>,
    pub(crate) suspended: bool,
    /// Its place in the order in which the nodes are served.
    position: i64,
    /// Whether its rewards are held.
    pub(crate) is_held: bool,
    /// Whether its payout is held.
    pub(crate) is_payout_held: bool,
    /// Its wallet account, as last read.
    pub(crate) wallet: Option<MirroredWallet>,
    /// The slot at which its wallet account was last read; 0 if it never was.
    pub(crate) last_slot: u64,
}

impl ChosenNode {
    /// Whether its wallet account was credited when it was last read.
    pub(crate) fn was_credited(&self) -> bool {
        self.wallet.as_ref().is_some_and(|wallet| wallet.credited > 0)
    }

    /// The address of the node's wallet account. `None` if the node has no address, which is part of it.
    pub(crate) fn wallet_address(&self, network: &Pubkey) -> Option<Pubkey> {
        let owner = self.address?;
        Some(match &self.wallet {
            // Deriving an address takes much longer than reading it.
            Some(wallet) if wallet.owner == owner => wallet.address,
            _ => node_wallet_address(network, &self.node_id.on_chain(), &owner),
        })
    }
}

/// Chooses at most `max_nodes` nodes, or four if it is less: four sevenths of them for nodes with unconfirmed rewards, and a
/// seventh each for nodes that are held, whose payouts are due by amount, and whose payouts are due by age, so that none of
/// them keeps the others waiting.
pub(crate) fn choose(max_nodes: usize, now_ms: i64, held: HeldNodes) -> Statement {
    let others = (max_nodes / 7).max(1);
    let with_rewards = max_nodes.saturating_sub(others.saturating_mul(3)).max(1);
    Statement::new(CHOOSE).bind(with_rewards).bind(others).bind(now_ms).bind(held.retry_by_ms()).bind(MAX_HOLD_RETRY_MS)
}

/// Returns the first `limit` nodes in a state, in the order in which they are served.
pub(crate) async fn next(
    database: &impl Database,
    state: NodeState,
    limit: usize,
) -> Result<Vec<ChosenNode>, DatabaseError> {
    let sql = if state == NodeState::Read { NEXT_READ } else { NEXT };
    let rows = database.query(Statement::new(sql).bind(state).bind(limit)).await?;
    let mut nodes = rows.iter().map(chosen_node).collect::<Result<Vec<_>, _>>()?;
    nodes.sort_by_key(|node| node.position);
    Ok(nodes)
}

fn chosen_node(row: &Row) -> Result<ChosenNode, DatabaseError> {
    Ok(ChosenNode {
        node_id: row.get("id")?,
        address: row.optional("address")?,
        suspended: row.get::<NodeStatus>("status")? == NodeStatus::Suspended,
        position: row.get("position")?,
        is_held: row.get::<u8>("is_held")? == 1,
        is_payout_held: row.get::<u8>("is_payout_held")? == 1,
        wallet: match row.optional::<String>("wallet_address")? {
            Some(_) => Some(mirrored_wallet(row, "id")?),
            None => None,
        },
        last_slot: row.get("last_slot")?,
    })
}

/// What a node without a wallet account claims, in base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    /// All that it has earned.
    pub(crate) earned: u64,
    /// What the nodes before it may still get in this settlement; `u64::MAX` if it is more.
    pub(crate) older: u64,
}

/// Returns what the `nodes`, which are the first ones without wallet accounts, claim. In one settlement, no node gets more than
/// `cap`.
pub(crate) async fn claims(
    database: &impl Database,
    nodes: &[ChosenNode],
    cap: u64,
) -> Result<BTreeMap<NodeId, Claim>, DatabaseError> {
    let last = nodes.iter().map(|node| node.position).max().unwrap_or(0);
    let cap = i64::try_from(cap).unwrap_or(i64::MAX);
    let rows = database.query(Statement::new(CLAIMS).bind(last).bind(cap)).await?;
    let claim = |row: &Row| {
        let older = (u128::from(unsigned(row, "high")?) << 32).saturating_add(unsigned(row, "low")?.into());
        let older = u64::try_from(older).unwrap_or(u64::MAX);
        Ok((row.get("node_id")?, Claim { earned: unsigned(row, "earned")?, older }))
    };
    rows.iter().map(claim).collect()
}

/// Returns the latest slot at which a wallet of the settlement's nodes was read; 0 if none was.
pub(crate) async fn last_slot(database: &impl Database) -> Result<u64, DatabaseError> {
    let rows = database.query(Statement::new(LAST_SLOT)).await?;
    rows.first().map_or(Ok(0), |row| row.get("slot"))
}

/// The states of nodes that the settlement has still to do something about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stages {
    pub(crate) selected: bool,
    pub(crate) missing: bool,
    pub(crate) registering: bool,
    pub(crate) read: bool,
}

/// Returns the states of nodes that the settlement has still to do something about.
pub(crate) async fn stages(database: &impl Database) -> Result<Stages, DatabaseError> {
    let rows = database.query(Statement::new(STAGES)).await?;
    let Some(row) = rows.first() else { return Ok(Stages::default()) };
    let is = |column| Ok::<_, DatabaseError>(row.get::<u8>(column)? == 1);
    Ok(Stages {
        selected: is("selected")?,
        missing: is("missing")?,
        registering: is("registering")?,
        read: is("read")?,
    })
}

/// What the nodes that are still to be planned ask for, as far as the ledger knows. Nodes that cannot be paid for want of an
/// address, or because they are suspended, do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) nodes: usize,
    /// The number of those that may need a new wallet account.
    pub(crate) new_nodes: u64,
    /// What they have earned and was not credited, in base units.
    pub(crate) owed: u128,
}

/// Returns what the nodes that are still to be planned ask for.
pub(crate) async fn demand(database: &impl Database) -> Result<Demand, DatabaseError> {
    let rows = database.query(Statement::new(DEMAND)).await?;
    let Some(row) = rows.first() else { return Ok(Demand::default()) };
    let (high, low) = (u128::from(unsigned(row, "high")?), u128::from(unsigned(row, "low")?));
    Ok(Demand { nodes: row.get("nodes")?, new_nodes: unsigned(row, "new_nodes")?, owed: (high << 32) + low })
}

/// Fails the statement batch unless `node` is still in state `from`, in which it was read: an earlier write of the same piece,
/// whose answer was lost, may have come late.
pub(crate) fn require_state(node: &ChosenNode, from: NodeState) -> Statement {
    Statement::new(REQUIRE_STATE).bind(node.position).bind(from)
}

/// Moves all of `nodes`, as [`next`] returned them for state `from`, to another state, except for those that were moved before.
pub(crate) fn move_all(nodes: &[ChosenNode], from: NodeState, to: NodeState) -> Statement {
    let last = nodes.iter().map(|node| node.position).max().unwrap_or(0);
    Statement::new(MOVE_UP_TO).bind(from).bind(to).bind(last)
}

/// Moves nodes to another state.
pub(crate) fn move_to<'a>(nodes: impl IntoIterator<Item = &'a ChosenNode>, state: NodeState) -> Statement {
    let positions: Vec<_> = nodes.into_iter().map(|node| node.position).collect();
    Statement::new(MOVE).bind(json!(positions).to_string()).bind(state)
}

/// Holds nodes for the rest of the settlement.
pub(crate) fn hold<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> Statement {
    let nodes: Vec<_> = nodes.into_iter().map(NodeId::as_str).collect();
    Statement::new(MOVE_NODES).bind(json!(nodes).to_string()).bind(NodeState::Held)
}

/// Forgets the nodes of the settlement.
pub(crate) fn clear() -> Statement {
    Statement::new(CLEAR)
}
