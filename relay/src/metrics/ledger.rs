//! What the ledger says about its settlements, in one batch of reads whose cost does not grow with it.

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::engine::{AttemptState, HoldReason};

statements! {
    /// The totals of the ledger.
    TOTALS = "SELECT CAST(unconfirmed_rewards AS TEXT) AS unconfirmed_rewards,
            CAST(unconfirmed_billions AS TEXT) AS unconfirmed_billions, CAST(unconfirmed_rest AS TEXT) AS unconfirmed_rest,
            CAST(settlements_done AS TEXT) AS settlements_done, CAST(settlements_failed AS TEXT) AS settlements_failed,
            CAST(fees_lamports AS TEXT) AS fees_lamports
        FROM totals WHERE id = 1";

    /// The times of the oldest unconfirmed reward, of the oldest one whose node is not held, and of the open settlement.
    SINCE = "SELECT
            CAST((SELECT created_at FROM rewards WHERE distributed_at IS NULL AND sequence > 0
                ORDER BY sequence LIMIT 1) AS TEXT) AS unpaid_since,
            CAST((SELECT created_at FROM rewards WHERE sequence = (SELECT next_sequence FROM payables
                WHERE next_sequence IS NOT NULL AND retry_at = 0 ORDER BY next_sequence LIMIT 1)) AS TEXT) AS payable_since,
            CAST((SELECT started_at FROM settlements WHERE state = 'open') AS TEXT) AS settlement_since";

    /// How many nodes are held, by reason.
    HELD = "SELECT kind, reason, CAST(nodes AS TEXT) AS nodes FROM held_nodes WHERE nodes > 0 ORDER BY kind, reason";

    /// The attempts of the open settlement that have not ended, by state, with the time of the oldest.
    IN_FLIGHT = "SELECT attempts.state AS state, CAST(COUNT(*) AS TEXT) AS attempts,
            CAST(MIN(attempts.created_at) AS TEXT) AS since
        FROM settlements CROSS JOIN batches ON batches.settlement_id = settlements.id
            CROSS JOIN attempts ON attempts.batch_id = batches.id
        WHERE settlements.state = 'open' AND batches.state = 'planned'
            AND attempts.state IN ('planned', 'signed', 'sent', 'landed')
        GROUP BY attempts.state";
}

/// What the ledger says about its settlements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerReading {
    /// The number of unconfirmed rewards.
    pub pending_rewards: u64,
    /// The sum of their amounts in base units of the network's asset. Parts of them may be credited already.
    pub pending_base_units: u128,
    /// When the oldest of them was granted, in Unix milliseconds.
    pub unpaid_since_ms: Option<i64>,
    /// When the oldest of them whose node is not held was granted, in Unix milliseconds.
    pub payable_since_ms: Option<i64>,
    /// The nodes that are held.
    pub held: Vec<HeldNodes>,
    /// The attempts that have not ended.
    pub in_flight: Vec<InFlight>,
    /// When the open settlement was opened, in Unix milliseconds.
    pub settlement_since_ms: Option<i64>,
    /// The number of settlements that were carried out.
    pub settlements_done: u64,
    /// The number of settlements that failed.
    pub settlements_failed: u64,
    /// The fees of all settlements.
    pub fees_lamports: u64,
}

/// How many nodes are held for a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldNodes {
    /// What is held: `rewards`, or a due `payout`.
    pub kind: String,
    /// The reason without its details.
    pub reason: String,
    /// The number of nodes.
    pub nodes: u64,
}

/// The attempts in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The state.
    pub state: AttemptState,
    /// The number of attempts.
    pub attempts: u64,
    /// When the oldest of them was planned, in Unix milliseconds.
    pub since_ms: i64,
}

impl LedgerReading {
    /// Reads the ledger.
    ///
    /// # Errors
    /// [`DatabaseError`] if the ledger cannot be read; [`DatabaseError::Decode`] also if one of its totals is negative, as only in
    /// a damaged ledger.
    pub async fn read(database: &impl Database) -> Result<Self, DatabaseError> {
        let [totals, since, held, in_flight] =
            database.batch_of([TOTALS, SINCE, HELD, IN_FLIGHT].map(Statement::new)).await?;
        let missing = || DatabaseError::Decode("the ledger has no totals: apply its migrations".to_owned());
        let (totals, since) = (totals.first().ok_or_else(missing)?, since.first().ok_or_else(missing)?);
        Ok(Self {
            pending_rewards: totals.get("unconfirmed_rewards")?,
            pending_base_units: joined(totals.get("unconfirmed_billions")?, totals.get("unconfirmed_rest")?)?,
            unpaid_since_ms: since.optional("unpaid_since")?,
            payable_since_ms: since.optional("payable_since")?,
            held: held.iter().map(held_nodes).collect::<Result<_, _>>()?,
            in_flight: in_flight.iter().map(attempts_in_flight).collect::<Result<_, _>>()?,
            settlement_since_ms: since.optional("settlement_since")?,
            settlements_done: totals.get("settlements_done")?,
            settlements_failed: totals.get("settlements_failed")?,
            fees_lamports: totals.get("fees_lamports")?,
        })
    }

    /// When the oldest attempt was planned that may have been sent and has not ended, in Unix milliseconds.
    pub fn oldest_sent_ms(&self) -> Option<i64> {
        let sent = self.in_flight.iter().filter(|attempts| attempts.state != AttemptState::Planned);
        sent.map(|attempts| attempts.since_ms).min()
    }
}

/// An amount that columns hold in two parts, see the table `totals`.
///
/// # Errors
/// [`DatabaseError::Decode`] if it is negative, as only in a damaged ledger.
pub(super) fn joined(billions: i64, rest: i64) -> Result<u128, DatabaseError> {
    let total = i128::from(billions).saturating_mul(1_000_000_000).saturating_add(rest.into());
    u128::try_from(total)
        .map_err(|_| DatabaseError::Decode(format!("the ledger's unconfirmed rewards amount to {total}")))
}

fn held_nodes(row: &Row) -> Result<HeldNodes, DatabaseError> {
    let reason: String = row.get("reason")?;
    let is_unknown_skip = HoldReason::SKIPPED_UNKNOWN.starts_with(&reason);
    Ok(HeldNodes {
        kind: row.get("kind")?,
        reason: if is_unknown_skip { "skipped_unknown".to_owned() } else { reason },
        nodes: row.get("nodes")?,
    })
}

fn attempts_in_flight(row: &Row) -> Result<InFlight, DatabaseError> {
    Ok(InFlight { state: row.get("state")?, attempts: row.get("attempts")?, since_ms: row.get("since")? })
}
