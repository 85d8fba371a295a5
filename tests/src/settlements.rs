//! Following settlements over HTTP.

use std::time::Duration;

use serde_json::Value;

use crate::HarnessError;
use crate::edge::Edge;
use crate::wait::{self, Seen};

/// What `GET /v1/settlements/latest` tells.
#[derive(Clone, Debug)]
pub struct Report {
    /// The latest settlement; `None` before the first.
    pub settlement: Option<Settlement>,
    /// What drives settlements: when it runs next, and what its last run came to.
    pub runner: Value,
}

/// A settlement.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Its number.
    pub id: i64,
    /// `open`, `done` or `failed`.
    pub state: String,
    /// The whole answer.
    pub status: Value,
}

impl Report {
    /// Asks the Worker.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn read(edge: &Edge) -> Result<Self, HarnessError> {
        let mut data = edge.api().get("/v1/settlements/latest")?.data()?;
        let settlement = match data["settlement"].take() {
            Value::Null => None,
            status => Some(Settlement::from_status(status)?),
        };
        Ok(Self { settlement, runner: data["runner"].take() })
    }

    /// The latest settlement's number; 0 before the first.
    pub fn settlement_id(&self) -> i64 {
        self.settlement.as_ref().map_or(0, |settlement| settlement.id)
    }

    /// When the runner last ran, in Unix milliseconds; 0 when it never did.
    fn last_run_at(&self) -> i64 {
        self.runner["last_run"]["at"].as_i64().unwrap_or_default()
    }

    /// When and why the last run was interrupted, if it was.
    fn error(&self) -> Option<(i64, &str)> {
        let run = &self.runner["last_run"];
        (run["result"] == "error").then(|| (self.last_run_at(), run["message"].as_str().unwrap_or_default()))
    }

    /// Whether the runner found nothing to do and sleeps.
    fn is_idle(&self) -> bool {
        self.runner["last_run"]["result"] == "idle" && self.runner["next_run_at"].is_null()
    }
}

impl Settlement {
    /// Settlement number `id`; `None` when there is none.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn read(edge: &Edge, id: i64) -> Result<Option<Self>, HarnessError> {
        let answer = edge.api().get(&format!("/v1/settlements/{id}"))?;
        if answer.status == 404 {
            return Ok(None);
        }
        Self::from_status(answer.data()?["settlement"].take()).map(Some)
    }

    fn from_status(status: Value) -> Result<Self, HarnessError> {
        let field = |name: &str| HarnessError::Unexpected(format!("no '{name}' in the settlement {status}"));
        let id = status["id"].as_i64().ok_or_else(|| field("id"))?;
        let state = status["state"].as_str().ok_or_else(|| field("state"))?.to_owned();
        Ok(Self { id, state, status })
    }

    /// Its batches' attempts that have a signature, oldest first: signature and state.
    pub fn attempts(&self) -> Vec<(String, String)> {
        let batches = self.status["batches"].as_array().into_iter().flatten();
        batches
            .flat_map(|batch| batch["attempts"].as_array().into_iter().flatten())
            .filter_map(|attempt| {
                Some((attempt["signature"].as_str()?.to_owned(), attempt["state"].as_str()?.to_owned()))
            })
            .collect()
    }
}

/// Fires cron, waits until the settlement that it sets off has ended, and tells each of its log lines to `on_line`
/// (step and message; `error` as the step where the runner was interrupted).
///
/// # Errors
/// [`HarnessError::Timeout`] after `deadline`, and [`HarnessError::Unexpected`] when the settlement failed.
pub fn settle_by_cron(
    edge: &mut Edge,
    deadline: Duration,
    on_line: impl FnMut(&str, &str),
) -> Result<Settlement, HarnessError> {
    let before = Report::read(edge)?.settlement_id();
    edge.fire_cron()?;
    wait_until_ended(edge, before, deadline, on_line)
}

/// Waits until the settlement after number `after` is done.
///
/// # Errors
/// As for [`settle_by_cron`].
pub fn wait_until_ended(
    edge: &mut Edge,
    after: i64,
    deadline: Duration,
    mut on_line: impl FnMut(&str, &str),
) -> Result<Settlement, HarnessError> {
    let mut told = 0;
    let mut told_error_at = 0;
    wait::until("the settlement to end", deadline, || {
        edge.check_running()?;
        let report = Report::read(edge)?;
        if let Some((at, message)) = report.error()
            && at > told_error_at
        {
            told_error_at = at;
            on_line("error", message);
        }
        // The latest may be a later one already.
        let Some(settlement) = Settlement::read(edge, after + 1)? else {
            return Ok(Seen::NotYet(format!("no new settlement; the runner: {}", report.runner)));
        };
        let lines = settlement.status["steps"].as_array().map_or(&[][..], Vec::as_slice);
        for line in lines.iter().skip(told) {
            on_line(line["step"].as_str().unwrap_or_default(), line["message"].as_str().unwrap_or_default());
        }
        told = told.max(lines.len());
        match settlement.state.as_str() {
            "done" => Ok(Seen::Done(settlement)),
            "failed" => Err(HarnessError::Unexpected(format!(
                "settlement {} failed: {}",
                settlement.id, settlement.status["error"]
            ))),
            _ => Ok(Seen::NotYet(format!("{}; the runner: {}", settlement.status, report.runner))),
        }
    })
}

/// Does `wake` (fires cron, or asks over the API) and waits until the runner has looked and found nothing to do.
///
/// # Errors
/// [`HarnessError::Timeout`] after `deadline`, and whatever `wake` fails with.
pub fn wake_until_idle(
    edge: &mut Edge,
    deadline: Duration,
    wake: impl FnOnce(&Edge) -> Result<(), HarnessError>,
) -> Result<Report, HarnessError> {
    let before = Report::read(edge)?.last_run_at();
    wake(edge)?;
    wait::until("the runner to find nothing to do", deadline, || {
        edge.check_running()?;
        let report = Report::read(edge)?;
        if report.last_run_at() > before && report.is_idle() {
            return Ok(Seen::Done(report));
        }
        Ok(Seen::NotYet(format!("{report:?}")))
    })
}
