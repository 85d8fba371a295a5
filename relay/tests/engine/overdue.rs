//! An attempt whose end stays unknown for long is reported.

use williw_relay::engine::{ATTEMPT_OVERDUE_MS, AttemptState, Progress};

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

impl EngineFixture {
    fn reports(&self) -> Vec<String> {
        let settlement = self.settlements().pop().expect("a settlement");
        let warnings = settlement.steps.into_iter().filter(|line| line.level == "warn").map(|line| line.message);
        warnings.filter(|message| message.contains("open for more than 5 minutes")).collect()
    }
}

#[test]
fn an_attempt_that_stays_open_is_reported_once_and_still_settled() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1_000_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    while !fixture.has_attempt_in(AttemptState::Sent) {
        if let Progress::Continue { after_ms: 1.. } = block_on(engine.advance(TRIGGER)).unwrap() {
            fixture.advance_time(800);
        }
    }
    // The cluster stops: no block, hence neither an outcome nor an expiry.
    fixture.advance_clock(ATTEMPT_OVERDUE_MS.cast_signed() - 10_000);
    block_on(engine.advance(TRIGGER)).unwrap();
    assert_eq!(fixture.reports(), Vec::<String>::new(), "not overdue yet");
    for _ in 0..5 {
        fixture.advance_clock(60_000);
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    let reports = fixture.reports();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].starts_with("batch 1, attempt 1 is open"), "{reports:?}");
    let settlement = fixture.settlements().pop().unwrap();
    let attempt = settlement.batches.first().unwrap().attempts.last().unwrap();
    assert!(attempt.error.as_ref().unwrap().contains("check that the cluster finalizes blocks"), "{attempt:?}");

    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_000);
    let settlement = fixture.settlements().pop().unwrap();
    assert_eq!(settlement.batches.first().unwrap().attempts.last().unwrap().error, None);
}
