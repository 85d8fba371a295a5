//! Metrics of a network's settlement, in the text format of Prometheus.
//!
//! Nothing here depends on a runtime or on HTTP: a process serves the text on a port, and any other runtime can serve the same.
//! docs/METRICS.md lists all metrics. A page costs one batch of indexed reads of the ledger and, if it is to show balances, one
//! read of the chain; neither grows with the number of nodes or with history.

mod chain;
mod ledger;
mod text;

pub use chain::ChainReading;
pub(crate) use ledger::ALL;
pub use ledger::{HeldNodes, InFlight, LedgerReading};

use crate::chain::RpcCounters;

use text::{Exposition, Kind};

/// What a page of metrics shows. A source that could not be read leaves its metrics out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readings<'a> {
    /// What the ledger says; `None` if it could not be read.
    pub ledger: Option<&'a LedgerReading>,
    /// What the chain says; `None` if it could not be read.
    pub chain: Option<&'a ChainReading>,
    /// The requests to RPC nodes since the process started, if they are counted.
    pub rpc: Option<&'a RpcCounters>,
    /// The time of the readings, in Unix milliseconds.
    pub now_ms: i64,
}

impl Readings<'_> {
    /// The page of metrics.
    pub fn to_text(&self) -> String {
        let mut page = Exposition::default();
        page.family("williw_build_info", Kind::Gauge, "The version of this program. Always 1.");
        let program = settlement::ID.to_string();
        page.sample("williw_build_info", &[("version", env!("CARGO_PKG_VERSION")), ("program", &program)], 1);
        page.family(
            "williw_collection_success",
            Kind::Gauge,
            "Whether the last reading of this source succeeded. Without it, its metrics are missing.",
        );
        page.sample("williw_collection_success", &[("source", "ledger")], u8::from(self.ledger.is_some()));
        page.sample("williw_collection_success", &[("source", "chain")], u8::from(self.chain.is_some()));
        page.family("williw_collection_timestamp_seconds", Kind::Gauge, "The time of the readings, in Unix seconds.");
        page.seconds("williw_collection_timestamp_seconds", &[], self.now_ms.unsigned_abs());
        if let Some(ledger) = self.ledger {
            self.write_ledger(ledger, &mut page);
        }
        if let Some(chain) = self.chain {
            self.write_chain(chain, &mut page);
        }
        if let Some(rpc) = self.rpc {
            write_rpc(rpc, &mut page);
        }
        page.into_text()
    }

    fn write_ledger(&self, ledger: &LedgerReading, page: &mut Exposition) {
        page.gauge("williw_pending_rewards", "Rewards that are not confirmed.", ledger.pending_rewards);
        page.gauge(
            "williw_pending_base_units",
            "The sum of the rewards that are not confirmed, in base units of the network's asset (lamports for SOL). Parts \
             of them may be credited already.",
            ledger.pending_base_units,
        );
        page.age(
            "williw_oldest_unpaid_reward_age_seconds",
            "The age of the oldest reward that is not confirmed, held or not; 0 if there is none.",
            self.age_of(ledger.unpaid_since_ms),
        );
        page.age(
            "williw_oldest_payable_reward_age_seconds",
            "The age of the oldest reward that is not confirmed and whose node is not held; 0 if there is none.",
            self.age_of(ledger.payable_since_ms),
        );
        page.family(
            "williw_held_nodes",
            Kind::Gauge,
            "Nodes whose rewards (kind rewards) or whose due payout (kind payout) a settlement could not settle, by reason.",
        );
        for HeldNodes { kind, reason, nodes } in &ledger.held {
            page.sample("williw_held_nodes", &[("kind", kind), ("reason", reason)], nodes);
        }
        page.family(
            "williw_attempts_in_flight",
            Kind::Gauge,
            "Attempts of open batches that have not ended, by state.",
        );
        for InFlight { state, attempts, .. } in &ledger.in_flight {
            page.sample("williw_attempts_in_flight", &[("state", state.as_str())], attempts);
        }
        page.age(
            "williw_oldest_attempt_age_seconds",
            "The age of the oldest attempt that may have been sent and has not ended; 0 if there is none.",
            self.age_of(ledger.oldest_sent_ms()),
        );
        page.age(
            "williw_open_settlement_age_seconds",
            "The age of the open settlement; 0 if none is open.",
            self.age_of(ledger.settlement_since_ms),
        );
        page.family("williw_settlements_total", Kind::Counter, "Closed settlements of this ledger, by outcome.");
        page.sample("williw_settlements_total", &[("outcome", "done")], ledger.settlements_done);
        page.sample("williw_settlements_total", &[("outcome", "failed")], ledger.settlements_failed);
        page.family("williw_fees_lamports_total", Kind::Counter, "Transaction fees of all settlements of this ledger.");
        page.sample("williw_fees_lamports_total", &[], ledger.fees_lamports);
    }

    fn write_chain(&self, chain: &ChainReading, page: &mut Exposition) {
        page.gauge("williw_network_paused", "Whether the network is paused.", u8::from(chain.is_paused));
        page.gauge(
            "williw_treasury_balance_base_units",
            "What the treasury can credit: its funds in base units of the network's asset, without its rent.",
            chain.treasury_base_units,
        );
        if let Some(ledger) = self.ledger {
            page.gauge(
                "williw_treasury_shortfall_base_units",
                "At most what the treasury lacks to credit all pending rewards: parts of them may be credited already. 0 if it lacks \
                 nothing.",
                ledger.pending_base_units.saturating_sub(chain.treasury_base_units.into()),
            );
        }
        page.family(
            "williw_treasury_credited_base_units_total",
            Kind::Counter,
            "What the network has ever credited to nodes, by the chain.",
        );
        page.sample("williw_treasury_credited_base_units_total", &[], chain.credited_base_units);
        page.family(
            "williw_treasury_paid_base_units_total",
            Kind::Counter,
            "What the network has ever paid out to nodes, by the chain.",
        );
        page.sample("williw_treasury_paid_base_units_total", &[], chain.paid_base_units);
        page.gauge(
            "williw_payer_balance_lamports",
            "The balance of the settler, who pays fees and the rent of new wallet accounts.",
            chain.payer_lamports,
        );
    }

    /// The age of something that began at `since_ms`, in milliseconds; 0 for nothing.
    fn age_of(&self, since_ms: Option<i64>) -> u64 {
        since_ms.map_or(0, |since_ms| u64::try_from(self.now_ms.saturating_sub(since_ms)).unwrap_or(0))
    }
}

fn write_rpc(rpc: &RpcCounters, page: &mut Exposition) {
    page.family(
        "williw_rpc_requests_total",
        Kind::Counter,
        "Requests to RPC nodes since the process started, by the node's position in the setting and by method.",
    );
    for (node, method, requests) in rpc.requests() {
        page.sample("williw_rpc_requests_total", &[("node", &node.to_string()), ("method", method)], requests);
    }
    page.family(
        "williw_rpc_errors_total",
        Kind::Counter,
        "Requests to RPC nodes that failed since the process started, by node, method and kind of error.",
    );
    for (node, method, kind, errors) in rpc.errors() {
        let labels = [("node", &*node.to_string()), ("method", method), ("kind", kind)];
        page.sample("williw_rpc_errors_total", &labels, errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::AttemptState;

    #[test]
    fn a_page_without_readings_says_that_nothing_could_be_read() {
        let page = Readings { now_ms: 1_500, ..Readings::default() }.to_text();
        assert!(page.contains("williw_collection_success{source=\"ledger\"} 0\n"), "{page}");
        assert!(page.contains("williw_collection_success{source=\"chain\"} 0\n"), "{page}");
        assert!(page.contains("williw_collection_timestamp_seconds 1.500\n"), "{page}");
        assert!(!page.contains("williw_pending"), "{page}");
    }

    #[test]
    fn ages_and_amounts_are_exact_and_nothing_is_negative() {
        let ledger = LedgerReading {
            pending_rewards: 3,
            pending_base_units: ledger::joined(9_223_372_036 * 2, 854_775_807 * 2).unwrap(),
            unpaid_since_ms: Some(1_000),
            payable_since_ms: Some(99_000),
            in_flight: vec![
                InFlight { state: AttemptState::Planned, attempts: 1, since_ms: 100 },
                InFlight { state: AttemptState::Sent, attempts: 2, since_ms: 4_000 },
            ],
            ..LedgerReading::default()
        };
        let chain = ChainReading { treasury_base_units: u64::MAX, ..ChainReading::default() };
        let page = Readings { ledger: Some(&ledger), chain: Some(&chain), rpc: None, now_ms: 61_001 }.to_text();
        for line in [
            "williw_pending_base_units 18446744073709551614",
            "williw_oldest_unpaid_reward_age_seconds 60.001",
            // The clock of whoever granted the reward was ahead.
            "williw_oldest_payable_reward_age_seconds 0.000",
            "williw_attempts_in_flight{state=\"sent\"} 2",
            // What is only planned was not sent.
            "williw_oldest_attempt_age_seconds 57.001",
            "williw_treasury_shortfall_base_units 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}: {page}");
        }
    }

    const DOCUMENT: &str = include_str!("../../../docs/METRICS.md");

    /// Part of a pending reward may be credited already, so that a treasury which lacks nothing can have a shortfall.
    #[test]
    fn no_alert_is_about_an_upper_bound() {
        let (_, alerts) = DOCUMENT.split_once("## Alerts").unwrap();
        assert!(alerts.contains("williw_held_nodes{reason=\"treasury_short\"}"), "{alerts}");
        assert!(!alerts.contains("shortfall") && !alerts.contains("williw_pending"), "{alerts}");
        let ledger = LedgerReading { pending_base_units: 1_000, ..LedgerReading::default() };
        let chain = ChainReading { treasury_base_units: 100, ..ChainReading::default() };
        let page = Readings { ledger: Some(&ledger), chain: Some(&chain), rpc: None, now_ms: 0 }.to_text();
        let of = |name: &str| page.lines().find(|line| line.starts_with(&format!("# HELP {name} "))).unwrap();
        assert!(of("williw_treasury_shortfall_base_units").contains("At most"), "{page}");
        assert!(page.contains("williw_treasury_shortfall_base_units 900\n"), "{page}");
    }

    #[test]
    fn every_metric_is_documented() {
        let rpc = RpcCounters::default();
        rpc.count_request(0, "getHealth");
        rpc.count_error(0, "getHealth", "unreachable");
        let (ledger, chain) = (LedgerReading::default(), ChainReading::default());
        let page = Readings { ledger: Some(&ledger), chain: Some(&chain), rpc: Some(&rpc), now_ms: 0 }.to_text();
        let mut count = 0;
        for name in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
            assert!(DOCUMENT.contains(&format!("| `{name}")), "{name} is not in docs/METRICS.md");
            count += 1;
        }
        assert!(count > 20, "found too few metrics: {count}");
    }
}
