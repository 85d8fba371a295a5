//! The ledger: a real SQLite database in memory, behind a connection that loses requests and answers.
//!
//! A thread keeps one database and empties it for each run, because preparing its statements takes longer than a run.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Waker};

use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::database::{Database, DatabaseError, Row, Statement};

use crate::agenda::ProcessId;
use crate::random::Stream;
use crate::world::{Sleep, World};

/// The time after which a relay gives up waiting for the ledger.
const TIMEOUT_MS: i64 = 5_000;

/// The database of a thread.
pub(crate) struct Ledger {
    shared: Rc<Shared>,
}

struct Shared {
    database: SqliteDatabase,
    now: Arc<AtomicI64>,
}

thread_local! {
    static SHARED: RefCell<Option<Rc<Shared>>> = const { RefCell::new(None) };
}

impl Ledger {
    /// An empty ledger at `now_ms`.
    pub(crate) fn empty(now_ms: i64) -> Self {
        let shared = SHARED.with_borrow_mut(|shared| Rc::clone(shared.get_or_insert_with(|| Rc::new(Shared::open()))));
        shared.now.store(now_ms, Ordering::Relaxed);
        shared.operate("clear");
        Self { shared }
    }

    /// The clock of the database.
    pub(crate) fn clock(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.shared.now)
    }

    /// The database without faults, for operators and for the checker.
    pub(crate) fn database(&self) -> &SqliteDatabase {
        &self.shared.database
    }

    /// Runs statements at once.
    pub(crate) fn run(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        at_once(self.shared.database.batch(statements))
    }

    /// Runs a query at once.
    pub(crate) fn query(&self, statement: Statement) -> Vec<Row> {
        at_once(self.shared.database.query(statement)).expect("the checker's query succeeds")
    }

    /// Whether the ledger belongs to a cluster already.
    pub(crate) fn is_bound(&self) -> bool {
        !self.query(Statement::new("SELECT name FROM ledger_binding")).is_empty()
    }

    /// Keeps a copy of the ledger, instead of an earlier one.
    pub(crate) fn back_up(&self) {
        self.shared.operate("back_up");
    }

    /// Replaces the ledger by the copy.
    pub(crate) fn restore(&self) {
        self.shared.operate("restore");
    }
}

/// Keeps SQLite from counting its allocations, for which the threads would wait for each other.
fn count_no_allocations() {
    static ONCE: Once = Once::new();
    // SAFETY: the option takes one integer, and no other thread has initialized SQLite yet, because all of them come here
    // before they open a database.
    ONCE.call_once(|| unsafe {
        rusqlite::ffi::sqlite3_config(rusqlite::ffi::SQLITE_CONFIG_MEMSTATUS, 0);
    });
}

impl Shared {
    fn open() -> Self {
        count_no_allocations();
        let database = SqliteDatabase::open(Path::new(":memory:")).expect("an in-memory database opens");
        let now = Arc::new(AtomicI64::new(0));
        let of_database = Arc::clone(&now);
        database.set_clock(move || of_database.load(Ordering::Relaxed)).expect("the database's clock is replaced");
        let tables: Vec<String> = at_once(database.query(Statement::new(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'd1_migrations' \
                AND (name NOT LIKE 'sqlite_%' OR name = 'sqlite_sequence') ORDER BY name",
        )))
        .expect("the tables are listed")
        .iter()
        .map(|row| row.get("name").expect("a name"))
        .collect();
        // One statement for each, by a trigger, leaves room in the database's cache for the engine's statements.
        let of_all = |text: &dyn Fn(&str) -> String| tables.iter().map(|table| text(table)).collect::<String>();
        let delete = |table: &str| format!("DELETE FROM {table};");
        let copy =
            |table: &str| format!("DELETE FROM copy_of_{table}; INSERT INTO copy_of_{table} SELECT * FROM {table};");
        let insert = |table: &str| format!("INSERT INTO {table} SELECT * FROM copy_of_{table};");
        // Inserting rows changes the sequences, which are therefore replaced last.
        let sequence = "sqlite_sequence";
        let restore_all = of_all(&delete)
            + &of_all(&|table| if table == sequence { String::new() } else { insert(table) })
            + &delete(sequence)
            + &insert(sequence);
        let mut create = vec![
            Statement::new("CREATE TABLE copy_of_sqlite_sequence (name, seq)"),
            Statement::new("CREATE TABLE operations (name TEXT)"),
        ];
        create.extend(
            tables
                .iter()
                .filter(|table| *table != sequence)
                .map(|table| statement(format!("CREATE TABLE copy_of_{table} AS SELECT * FROM {table}"))),
        );
        let bodies = [("clear", of_all(&delete)), ("back_up", of_all(&copy))];
        for (name, body) in bodies.into_iter().chain([("restore", restore_all)]) {
            create.push(statement(format!(
                "CREATE TRIGGER {name} AFTER INSERT ON operations WHEN new.name = '{name}' \
                BEGIN {body} DELETE FROM operations; END"
            )));
        }
        for statement in create {
            at_once(database.query(statement)).expect("the tables for copies are created");
        }
        Self { database, now }
    }

    /// Runs one of the operations that concern all tables.
    fn operate(&self, name: &'static str) {
        let deferred = Statement::new("PRAGMA defer_foreign_keys = ON");
        let operation = Statement::new("INSERT INTO operations (name) VALUES (?1)").bind(name);
        at_once(self.database.batch(vec![deferred, operation])).expect("the operation succeeds");
    }
}

/// A statement that is composed once per thread. Statements can only hold text of the program.
fn statement(sql: String) -> Statement {
    Statement::new(Box::leak(sql.into_boxed_str()))
}

/// The result of a future that never waits.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

/// The ledger as seen by one process.
pub(crate) struct RemoteLedger {
    pub(crate) world: Rc<World>,
    pub(crate) process: ProcessId,
}

impl Database for RemoteLedger {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let (world, process) = (&self.world, self.process);
        let faults = world.faults.get();
        let name = world.relays[process.relay].name;
        let unavailable = |what: &str| {
            world.tell(name, format_args!("ledger: {what}"));
            Err(DatabaseError::Unavailable(what.to_owned()))
        };
        let kind = statements.iter().map(Statement::sql).find(|sql| !sql.contains("preconditions")).unwrap_or_default();
        let stream = Stream::Ledger(process.relay, kind);
        if world.chance(stream, faults.ledger_unavailable) {
            Sleep::new(world, process, world.between(stream, 1, TIMEOUT_MS)).await;
            return unavailable("the request is lost");
        }
        let late = world.chance(stream, faults.ledger_late);
        let lost = late || world.chance(stream, faults.ledger_answer_lost);
        let there = if late { world.between(stream, 1, 3 * TIMEOUT_MS) } else { world.between(stream, 0, 20) };
        let back = world.between(stream, 0, if lost { TIMEOUT_MS } else { 20 });
        let answer = Rc::new(RefCell::new(None));
        let of_request = Rc::clone(&answer);
        let restores = world.restores.get();
        world.schedule_effect(there, move |world| {
            if world.restores.get() != restores {
                return;
            }
            let writes = statements.iter().any(|statement| !statement.sql().trim_start().starts_with("SELECT"));
            let result = world.ledger.run(statements.clone());
            if writes {
                match &result {
                    Ok(_) => world.tell(name, format_args!("ledger: writes {}", Outline(&statements))),
                    Err(error) => world.tell(name, format_args!("ledger: {error} for {}", Outline(&statements))),
                }
            }
            if result.is_ok() && writes {
                world.checker.borrow_mut().written(world, process, &statements);
            }
            of_request.replace(Some(result));
        });
        Sleep::new(world, process, if late { back } else { there + back }).await;
        let result = answer.take().filter(|_| !lost);
        result.unwrap_or_else(|| unavailable(if late { "the request is late" } else { "the answer is lost" }))
    }
}

/// The beginning of each statement that changes something.
struct Outline<'a>(&'a [Statement]);

impl std::fmt::Display for Outline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut first = true;
        for statement in self.0 {
            let sql = statement.sql();
            if sql.contains("preconditions") {
                continue;
            }
            if sql.starts_with("INSERT INTO settlement_steps") {
                let message = statement.parameters().get(3).cloned().flatten().unwrap_or_default();
                write!(f, "{}\u{201c}{message}\u{201d}", if first { "" } else { ", " })?;
            } else {
                let words: Vec<&str> = sql.split_whitespace().take(3).collect();
                write!(f, "{}{}", if first { "" } else { ", " }, words.join(" "))?;
            }
            first = false;
        }
        Ok(())
    }
}
