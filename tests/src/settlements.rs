//! Observing settlements over HTTP.

use std::time::Duration;

use serde_json::Value;

use crate::HarnessError;
use crate::wait::{self, Poll};
use crate::worker::Worker;

/// The response of `GET /v1/settlements/latest`.
#[derive(Clone, Debug)]
pub struct LatestSettlement {
    /// The latest settlement, or `None` before the first one.
    pub settlement: Option<Settlement>,
    /// State of the settlement runner: its next run and the result of its last run.
    pub runner: Value,
}

/// A settlement as the Worker's API reports it.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Sequential number of the settlement.
    pub id: i64,
    /// `open`, `done` or `failed`.
    pub state: String,
    /// The complete `settlement` object of the response.
    pub status: Value,
}

impl LatestSettlement {
    /// Requests the latest settlement from the Worker.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn read(worker: &Worker) -> Result<Self, HarnessError> {
        let mut data = worker.api().get("/v1/settlements/latest")?.data()?;
        let settlement = match take_field(&mut data, "settlement") {
            Value::Null => None,
            status => Some(Settlement::from_status(status)?),
        };
        Ok(Self { settlement, runner: take_field(&mut data, "runner") })
    }

    /// Number of the latest settlement, or 0 before the first one.
    pub fn settlement_id(&self) -> i64 {
        self.settlement.as_ref().map_or(0, |settlement| settlement.id)
    }

    /// Time of the runner's last run in Unix milliseconds, or 0 if it has never run.
    pub fn last_run_at(&self) -> i64 {
        self.last_run("at").and_then(Value::as_i64).unwrap_or_default()
    }

    /// A field of the runner's last run, such as `result`.
    pub fn last_run(&self, field: &str) -> Option<&Value> {
        self.runner.get("last_run")?.get(field)
    }

    /// Time and message of the error that interrupted the last run, if any.
    fn error(&self) -> Option<(i64, &str)> {
        let is_error = self.last_run("result").is_some_and(|result| result == "error");
        is_error.then(|| (self.last_run_at(), self.last_run("message").and_then(Value::as_str).unwrap_or_default()))
    }

    /// Whether the runner found nothing to do and has no next run scheduled.
    fn is_idle(&self) -> bool {
        self.last_run("result").is_some_and(|result| result == "idle")
            && self.runner.get("next_run_at").is_none_or(Value::is_null)
    }
}

impl Settlement {
    /// Requests settlement number `id`. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn read(worker: &Worker, id: i64) -> Result<Option<Self>, HarnessError> {
        let response = worker.api().get(&format!("/v1/settlements/{id}"))?;
        if response.status == 404 {
            return Ok(None);
        }
        Self::from_status(take_field(&mut response.data()?, "settlement")).map(Some)
    }

    fn from_status(status: Value) -> Result<Self, HarnessError> {
        let missing = |name: &str| HarnessError::Unexpected(format!("'{name}' is missing in the settlement {status}"));
        let id = status.get("id").and_then(Value::as_i64).ok_or_else(|| missing("id"))?;
        let state = text(&status, "state").ok_or_else(|| missing("state"))?.to_owned();
        Ok(Self { id, state, status })
    }

    /// Signatures of all attempts of the settlement's batches, oldest first.
    pub fn signatures(&self) -> Vec<String> {
        items(&self.status, "batches")
            .iter()
            .flat_map(|batch| items(batch, "attempts"))
            .filter_map(|attempt| text(attempt, "signature").map(str::to_owned))
            .collect()
    }
}

/// Moves a field out of an object, leaving `null`. A missing field is returned as `null`.
fn take_field(object: &mut Value, field: &str) -> Value {
    object.get_mut(field).map_or(Value::Null, Value::take)
}

fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get(field)?.as_str()
}

fn items<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    object.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Fires the cron trigger and waits until the resulting settlement is done. `on_line` is called with the step and the
/// message of each line of its log, and with the step `error` whenever the runner was interrupted.
///
/// # Errors
/// [`HarnessError::Timeout`] after `deadline`, and [`HarnessError::Unexpected`] if the settlement failed.
pub fn settle_by_cron(
    worker: &mut Worker,
    deadline: Duration,
    on_line: impl FnMut(&str, &str),
) -> Result<Settlement, HarnessError> {
    let before = LatestSettlement::read(worker)?.settlement_id();
    worker.fire_cron()?;
    wait_until_done(worker, before, deadline, on_line)
}

/// Waits until the settlement that follows number `after` is done.
///
/// # Errors
/// See [`settle_by_cron`].
pub fn wait_until_done(
    worker: &mut Worker,
    after: i64,
    deadline: Duration,
    mut on_line: impl FnMut(&str, &str),
) -> Result<Settlement, HarnessError> {
    let mut lines_seen = 0;
    let mut last_error_at = 0;
    wait::until("the settlement to finish", deadline, || {
        worker.check_running()?;
        let latest = LatestSettlement::read(worker)?;
        if let Some((at, message)) = latest.error()
            && at > last_error_at
        {
            last_error_at = at;
            on_line("error", message);
        }
        // The latest settlement may already be a later one.
        let Some(settlement) = Settlement::read(worker, after + 1)? else {
            return Ok(Poll::Pending(format!("no new settlement; runner: {}", latest.runner)));
        };
        let lines = items(&settlement.status, "steps");
        for line in lines.iter().skip(lines_seen) {
            on_line(text(line, "step").unwrap_or_default(), text(line, "message").unwrap_or_default());
        }
        lines_seen = lines_seen.max(lines.len());
        match settlement.state.as_str() {
            "done" => Ok(Poll::Ready(settlement)),
            "failed" => Err(HarnessError::Unexpected(format!(
                "settlement {} failed: {}",
                settlement.id,
                text(&settlement.status, "error").unwrap_or("no error recorded")
            ))),
            _ => Ok(Poll::Pending(format!("{}; runner: {}", settlement.status, latest.runner))),
        }
    })
}

/// Calls `wake`, which starts the runner through cron or the API, and waits until the runner has run and found nothing
/// to do.
///
/// # Errors
/// [`HarnessError::Timeout`] after `deadline`, and any error returned by `wake`.
pub fn wake_until_idle(
    worker: &mut Worker,
    deadline: Duration,
    wake: impl FnOnce(&Worker) -> Result<(), HarnessError>,
) -> Result<LatestSettlement, HarnessError> {
    let before = LatestSettlement::read(worker)?.last_run_at();
    wake(worker)?;
    wait::until("the runner to find nothing to do", deadline, || {
        worker.check_running()?;
        let latest = LatestSettlement::read(worker)?;
        if latest.last_run_at() > before && latest.is_idle() {
            return Ok(Poll::Ready(latest));
        }
        Ok(Poll::Pending(format!("{latest:?}")))
    })
}
