//! The requests of an engine whose ledger is a Worker's stay within the limits of the Worker.

use std::cell::Cell;

use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::database::wire::{BatchRequest, MAX_REQUEST_BYTES};
use williw_relay::database::{Database, DatabaseError, Row, Statement};
use williw_relay::engine::{FormatChoice, Progress, Step};
use williw_relay::transaction::Format;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

/// The number of queries that an invocation of a Worker may make of D1.
const MAX_STATEMENTS: usize = 1_000;

/// Measures what would be sent to a Worker.
struct Measured<'a> {
    database: &'a SqliteDatabase,
    largest_bytes: Cell<usize>,
    most_statements: Cell<usize>,
    /// The number of statements since it was reset.
    statements: Cell<usize>,
}

impl<'a> Measured<'a> {
    fn new(database: &'a SqliteDatabase) -> Self {
        Self { database, largest_bytes: Cell::new(0), most_statements: Cell::new(0), statements: Cell::new(0) }
    }
}

impl Database for Measured<'_> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let bytes = serde_json::to_vec(&BatchRequest::from(statements.as_slice())).unwrap().len();
        self.largest_bytes.set(self.largest_bytes.get().max(bytes));
        self.most_statements.set(self.most_statements.get().max(statements.len()));
        self.statements.set(self.statements.get() + statements.len());
        self.database.batch(statements).await
    }
}

#[test]
fn the_largest_pieces_stay_within_the_limits_of_a_workers_ledger() {
    // As many nodes as a piece of the plan has, with the longest ids, and as many rewards as it takes.
    const NODES: usize = 600;
    const REWARDS: usize = 34;

    let names: Vec<String> = (0..NODES).map(|number| format!("{number:0>64}")).collect();
    let specs: Vec<NodeSpec> = names.iter().map(|name| NodeSpec::payable(name)).collect();
    let fixture = EngineFixture::new(&specs);
    for name in &names {
        fixture.grant_many(name, REWARDS, 1_000);
    }
    let database = Measured::new(&fixture.database);
    let engine = fixture.engine(&database, &fixture.chain);
    let mut steps = Vec::new();
    for _ in 0..400 {
        let step = fixture.settlements().pop().map(|settlement| settlement.step);
        if step.as_deref() == Some(Step::Submit.as_str()) {
            break;
        }
        if let Progress::Continue { after_ms: 1.. } = block_on(engine.advance(TRIGGER)).unwrap() {
            fixture.advance_time(800);
        }
        steps.push(step);
    }
    assert!(fixture.batch_record_count() > 15_000, "{}", fixture.batch_record_count());
    let (bytes, statements) = (database.largest_bytes.get(), database.most_statements.get());
    assert!(bytes < MAX_REQUEST_BYTES * 3 / 4, "{bytes} bytes");
    assert!(bytes > 100_000, "the largest request is suspiciously small: {bytes} bytes");
    assert!(statements < MAX_STATEMENTS / 2, "{statements} statements");
}

/// An alarm of the Worker begins no call once it has run more than 350 statements (`worker/src/runner/scheduler.rs`).
#[test]
fn no_call_runs_more_than_600_statements() {
    // As many nodes as a piece of the plan has, in as many batches as it may have: each limited to 15 nodes.
    const NODES: usize = 600;
    const NODES_PER_BATCH: u64 = 15;

    let names: Vec<String> = (0..NODES).map(|number| format!("n{number}")).collect();
    let specs: Vec<NodeSpec> = names.iter().map(|name| NodeSpec::payable(name)).collect();
    let fixture = EngineFixture::with_network(&specs, |network| network.per_batch_cap = NODES_PER_BATCH * 1_000);
    for name in &names {
        fixture.grant(name, 1_000);
    }
    let database = Measured::new(&fixture.database);
    let engine = fixture.engine_with(&database, &fixture.chain, |config| {
        config.format = FormatChoice::Only(Format::V0);
    });
    let mut calls = Vec::new();
    loop {
        let step = fixture.settlements().pop().map(|settlement| settlement.step);
        database.statements.set(0);
        let progress = block_on(engine.advance(TRIGGER)).unwrap();
        calls.push((database.statements.get(), step));
        match progress {
            Progress::Finished { failure, .. } => {
                assert_eq!(failure, None);
                break;
            }
            Progress::Continue { after_ms } if after_ms > 0 => fixture.advance_time(after_ms),
            _ => {}
        }
    }
    let (most, step) = calls.iter().max().expect("a call");
    assert!((200..=600).contains(most), "{most} statements in step {step:?}");
}
