//! What every database below the ledger must do, as cases that any of them can be put through.
//!
//! SQLite and D1 differ where it hurts: D1 carries numbers as f64, has its own error texts and no transactions but
//! batches. The cases write only to rows of their own (leases called `conformance:…`, which no relay ever holds) and
//! take them away again, so that the suite may run against a ledger in use.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use super::{Database, DatabaseError, Row, Statement, statements};

statements! {
    /// ?1 as an integer.
    ECHO_INTEGER = "SELECT CAST(CAST(?1 AS INTEGER) AS TEXT) AS value";

    /// ?1 as a real number.
    ECHO_REAL = "SELECT CAST(CAST(?1 AS REAL) AS TEXT) AS value";

    /// ?1 as it is.
    ECHO_TEXT = "SELECT ?1 AS value, CAST(?1 IS NULL AS TEXT) AS is_null, CAST(length(?1) AS TEXT) AS characters";

    /// A number that f64 cannot hold, not cast to text.
    UNCAST_INTEGER = "SELECT 9007199254740993 AS value";

    /// Row ?1 with text ?2 and number ?3.
    INSERT_ROW = "INSERT INTO leases (name, holder, fencing_token, expires_at)
        VALUES ('conformance:' || ?1, ?2, CAST(?3 AS INTEGER), 0) RETURNING holder";

    /// Rows ?1.0, ?1.1, … with the numbers of the JSON array ?2.
    INSERT_SET = "INSERT INTO leases (name, holder, fencing_token, expires_at)
        SELECT 'conformance:' || ?1 || '.' || key, '', CAST(value AS INTEGER), 0 FROM json_each(?2)";

    /// Row ?1.
    SELECT_ROW = "SELECT holder, CAST(fencing_token AS TEXT) AS number FROM leases WHERE name = 'conformance:' || ?1";

    /// How many rows ?1.… there are, and the sum of their numbers.
    SELECT_SET = "SELECT CAST(COUNT(*) AS TEXT) AS count, CAST(SUM(fencing_token) AS TEXT) AS sum FROM leases
        WHERE name GLOB 'conformance:' || ?1 || '.*'";

    /// How many of the names in the JSON array ?2 are rows ?1.….
    SELECT_MEMBERS = "SELECT CAST(COUNT(*) AS TEXT) AS count FROM leases
        WHERE name IN (SELECT 'conformance:' || ?1 || '.' || value FROM json_each(?2))";

    /// Sets row ?1 to text ?2 and counts its number up, if it is ?3.
    COMPARE_AND_SET = "UPDATE leases SET holder = ?2, fencing_token = fencing_token + 1
        WHERE name = 'conformance:' || ?1 AND fencing_token = CAST(?3 AS INTEGER)
        RETURNING holder, CAST(fencing_token AS TEXT) AS number";

    /// Adds ?2 to the number of row ?1.
    ADD = "UPDATE leases SET fencing_token = fencing_token + CAST(?2 AS INTEGER) WHERE name = 'conformance:' || ?1";

    /// Takes rows ?1 and ?1.… away.
    DELETE_ROWS = "DELETE FROM leases WHERE name = 'conformance:' || ?1 OR name GLOB 'conformance:' || ?1 || '.*'";

    /// Fails unless ?1 is 1.
    REQUIRE = "INSERT INTO preconditions (state_unchanged) VALUES (CAST(?1 AS INTEGER))";

    /// Takes the preconditions away.
    DELETE_PRECONDITIONS = "DELETE FROM preconditions";

    /// Refers to a settlement that there is not.
    DANGLING_REFERENCE = "INSERT INTO settlement_steps (settlement_id, step, at, level, message)
        VALUES (-1, 'plan', 0, 'info', ?1)";

    /// Asks for a column that there is not.
    UNKNOWN_COLUMN = "SELECT no_such_column FROM leases";

    /// Running totals of the amounts of each name in the JSON array of objects ?1, and the day of ?2 (milliseconds).
    RUNNING_TOTALS = "SELECT value ->> 'name' AS name,
            CAST(SUM(CAST(value ->> 'amount' AS INTEGER)) OVER (PARTITION BY value ->> 'name' ORDER BY key) AS TEXT)
                AS total,
            strftime('%Y-%m-%d', CAST(?2 AS INTEGER) / 1000, 'unixepoch') AS day
        FROM json_each(?1) ORDER BY key";
}

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The case: the promise that it holds the database to.
    pub case: &'static str,
    /// What went otherwise; `None` when the promise was kept.
    pub failure: Option<String>,
}

/// Why a case failed.
struct Failure(String);

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self(error.to_string())
    }
}

type Case = Result<(), Failure>;

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        let holds: bool = $condition;
        if !holds {
            return Err(Failure(format!($($message)+)));
        }
    };
}

macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        /// Puts `database` through every case, one after the other. It needs the ledger's schema.
        pub async fn run<D: Database>(database: &D) -> Vec<Outcome> {
            let mut outcomes = Vec::new();
            $(outcomes.push(Outcome {
                case: stringify!($case),
                failure: $case(database, stringify!($case)).await.err().map(|failure| failure.0),
            });)+
            outcomes
        }
    };
}

cases! {
    integers_are_exact_up_to_two_to_the_63rd,
    text_comes_back_as_it_was,
    null_is_told_from_empty,
    fractions_survive,
    a_number_that_is_not_read_as_text_is_refused,
    an_empty_batch_is_a_batch,
    a_batch_runs_in_order_and_returns_rows_in_order,
    a_refused_statement_leaves_nothing_of_its_batch,
    a_precondition_refuses_by_name,
    a_duplicate_names_its_column,
    a_dangling_reference_is_a_constraint,
    a_sum_beyond_64_bits_is_refused,
    an_unknown_column_is_the_statements_fault,
    a_missing_parameter_is_the_statements_fault,
    a_set_of_thousands_is_one_parameter,
    totals_run_within_a_set,
    of_two_writers_one_wins,
}

async fn integers_are_exact_up_to_two_to_the_63rd<D: Database>(database: &D, _: &str) -> Case {
    for number in [0, 1, -1, (1 << 53) - 1, (1 << 53) + 1, i64::MAX - 1, i64::MAX, i64::MIN] {
        let rows = database.query(Statement::new(ECHO_INTEGER).bind(number)).await?;
        let value: i64 = first(&rows)?.get("value")?;
        ensure!(value == number, "{number} came back as {value}");
    }
    Ok(())
}

async fn text_comes_back_as_it_was<D: Database>(database: &D, _: &str) -> Case {
    let long = "0123456789".repeat(10_000);
    for text in ["", " ", "'; DROP TABLE rewards; --", "\"\\/\n\r\t?1", "1e5", "007", "ÄÖ € 🪙 \u{202e}\u{7f}", &long]
    {
        let rows = database.query(Statement::new(ECHO_TEXT).bind(text)).await?;
        let row = first(&rows)?;
        let value: String = row.get("value")?;
        ensure!(value == text, "{text:?} came back as {value:?}");
        let characters: usize = row.get("characters")?;
        ensure!(characters == text.chars().count(), "{text:?} has {characters} characters in the database");
    }
    Ok(())
}

async fn null_is_told_from_empty<D: Database>(database: &D, _: &str) -> Case {
    for (parameter, is_null) in [(None, 1), (Some(""), 0), (Some("null"), 0)] {
        let rows = database.query(Statement::new(ECHO_TEXT).bind(parameter)).await?;
        let row = first(&rows)?;
        let value: Option<String> = row.optional("value")?;
        ensure!(value.as_deref() == parameter, "{parameter:?} came back as {value:?}");
        ensure!(row.get::<u8>("is_null")? == is_null, "{parameter:?} IS NULL was not {is_null}");
    }
    Ok(())
}

async fn fractions_survive<D: Database>(database: &D, _: &str) -> Case {
    for number in [0.0, 0.1, 33.3, 99.999] {
        let rows = database.query(Statement::new(ECHO_REAL).bind(number.to_string())).await?;
        let value: f64 = first(&rows)?.get("value")?;
        ensure!((value - number).abs() < 1e-12, "{number} came back as {value}");
    }
    Ok(())
}

async fn a_number_that_is_not_read_as_text_is_refused<D: Database>(database: &D, _: &str) -> Case {
    let outcome = database.query(Statement::new(UNCAST_INTEGER)).await;
    ensure!(outcome.is_err(), "it was read as {outcome:?}");
    Ok(())
}

async fn an_empty_batch_is_a_batch<D: Database>(database: &D, _: &str) -> Case {
    let results = database.batch(Vec::new()).await?;
    ensure!(results.is_empty(), "it returned {results:?}");
    Ok(())
}

async fn a_batch_runs_in_order_and_returns_rows_in_order<D: Database>(database: &D, row: &str) -> Case {
    let [_, before, inserted, read, updated, read_again, _] = database
        .batch_of([
            Statement::new(DELETE_ROWS).bind(row),
            Statement::new(SELECT_ROW).bind(row),
            Statement::new(INSERT_ROW).bind(row).bind("first").bind(7_i64),
            Statement::new(SELECT_ROW).bind(row),
            Statement::new(COMPARE_AND_SET).bind(row).bind("second").bind(7_i64),
            Statement::new(SELECT_ROW).bind(row),
            Statement::new(DELETE_ROWS).bind(row),
        ])
        .await?;
    ensure!(before.is_empty(), "the row was there before: {before:?}");
    ensure!(first(&inserted)?.get::<String>("holder")? == "first", "RETURNING gave {inserted:?}");
    ensure!(first(&read)?.get::<i64>("number")? == 7, "the row was not there: {read:?}");
    ensure!(first(&updated)?.get::<i64>("number")? == 8, "RETURNING gave {updated:?}");
    ensure!(updated == read_again, "{updated:?} was read as {read_again:?}");
    Ok(())
}

async fn a_refused_statement_leaves_nothing_of_its_batch<D: Database>(database: &D, row: &str) -> Case {
    database.query(Statement::new(DELETE_ROWS).bind(row)).await?;
    let refused = database
        .batch_of([
            Statement::new(INSERT_ROW).bind(row).bind("").bind(1_i64),
            Statement::new(INSERT_SET).bind(row).bind("[1, 2]"),
            Statement::new(INSERT_ROW).bind(row).bind("").bind(2_i64),
        ])
        .await;
    ensure!(matches!(refused, Err(DatabaseError::Constraint(_))), "the duplicate gave {refused:?}");
    let [rows, set] =
        database.batch_of([Statement::new(SELECT_ROW).bind(row), Statement::new(SELECT_SET).bind(row)]).await?;
    ensure!(rows.is_empty(), "the first statement's row stayed: {rows:?}");
    ensure!(first(&set)?.get::<u64>("count")? == 0, "the second statement's rows stayed: {set:?}");
    Ok(())
}

async fn a_precondition_refuses_by_name<D: Database>(database: &D, row: &str) -> Case {
    let batch = |holds: bool| {
        [
            Statement::new(DELETE_ROWS).bind(row),
            Statement::new(REQUIRE).bind(holds),
            Statement::new(INSERT_ROW).bind(row).bind("").bind(1_i64),
            Statement::new(DELETE_PRECONDITIONS),
        ]
    };
    let refused = database.batch_of(batch(false)).await;
    ensure!(
        matches!(&refused, Err(error) if error.is_constraint("state_unchanged") && !error.is_constraint("lease_held")),
        "it gave {refused:?}"
    );
    database.batch_of(batch(true)).await?;
    let [rows, _] =
        database.batch_of([Statement::new(SELECT_ROW).bind(row), Statement::new(DELETE_ROWS).bind(row)]).await?;
    ensure!(rows.len() == 1, "the precondition held, and nothing was written");
    Ok(())
}

async fn a_duplicate_names_its_column<D: Database>(database: &D, row: &str) -> Case {
    let insert = || Statement::new(INSERT_ROW).bind(row).bind("").bind(1_i64);
    let refused = database.batch_of([Statement::new(DELETE_ROWS).bind(row), insert(), insert()]).await;
    ensure!(matches!(&refused, Err(error) if error.is_constraint("leases.name")), "it gave {refused:?}");
    Ok(())
}

async fn a_dangling_reference_is_a_constraint<D: Database>(database: &D, row: &str) -> Case {
    let refused = database.query(Statement::new(DANGLING_REFERENCE).bind(row)).await;
    ensure!(matches!(refused, Err(DatabaseError::Constraint(_))), "it gave {refused:?}");
    Ok(())
}

async fn a_sum_beyond_64_bits_is_refused<D: Database>(database: &D, row: &str) -> Case {
    database
        .batch_of([
            Statement::new(DELETE_ROWS).bind(row),
            Statement::new(INSERT_ROW).bind(row).bind("").bind(i64::MAX - 1),
        ])
        .await?;
    database.query(Statement::new(ADD).bind(row).bind(1_i64)).await?;
    let refused = database.query(Statement::new(ADD).bind(row).bind(1_i64)).await;
    let [rows, _] =
        database.batch_of([Statement::new(SELECT_ROW).bind(row), Statement::new(DELETE_ROWS).bind(row)]).await?;
    ensure!(matches!(refused, Err(DatabaseError::Constraint(_))), "it gave {refused:?}");
    ensure!(first(&rows)?.get::<i64>("number")? == i64::MAX, "the number became {rows:?}");
    Ok(())
}

async fn an_unknown_column_is_the_statements_fault<D: Database>(database: &D, _: &str) -> Case {
    let refused = database.query(Statement::new(UNKNOWN_COLUMN)).await;
    ensure!(matches!(refused, Err(DatabaseError::Statement(_))), "it gave {refused:?}");
    Ok(())
}

async fn a_missing_parameter_is_the_statements_fault<D: Database>(database: &D, row: &str) -> Case {
    let refused = database.query(Statement::new(COMPARE_AND_SET).bind(row)).await;
    ensure!(matches!(refused, Err(DatabaseError::Statement(_))), "it gave {refused:?}");
    Ok(())
}

async fn a_set_of_thousands_is_one_parameter<D: Database>(database: &D, row: &str) -> Case {
    const ELEMENTS: u64 = 5_000;
    /// More than f64 can tell apart once they are added up.
    const LARGE: u64 = 1 << 50;

    // Numbers of a set travel as text: JSON's own would be read as f64 by some.
    let numbers = serde_json::Value::from_iter((0..ELEMENTS).map(|number| (LARGE + number).to_string())).to_string();
    let names = serde_json::Value::from_iter((0..2 * ELEMENTS).step_by(2)).to_string();
    let [_, _, set, members, _] = database
        .batch_of([
            Statement::new(DELETE_ROWS).bind(row),
            Statement::new(INSERT_SET).bind(row).bind(numbers),
            Statement::new(SELECT_SET).bind(row),
            Statement::new(SELECT_MEMBERS).bind(row).bind(names),
            Statement::new(DELETE_ROWS).bind(row),
        ])
        .await?;
    let (count, sum): (u64, u64) = (first(&set)?.get("count")?, first(&set)?.get("sum")?);
    ensure!(count == ELEMENTS, "{count} of {ELEMENTS} were written");
    ensure!(sum == ELEMENTS * LARGE + (0..ELEMENTS).sum::<u64>(), "the numbers add up to {sum}");
    let found: u64 = first(&members)?.get("count")?;
    ensure!(found == ELEMENTS / 2, "{found} of {} were found again", ELEMENTS / 2);
    Ok(())
}

async fn totals_run_within_a_set<D: Database>(database: &D, _: &str) -> Case {
    let large = i64::MAX - 10;
    let set = format!(
        r#"[{{"name":"a","amount":"{large}"}},{{"name":"b","amount":"1"}},{{"name":"a","amount":"9"}},{{"name":"b","amount":"2"}}]"#
    );
    let rows = database.query(Statement::new(RUNNING_TOTALS).bind(set).bind(1_763_596_799_999_i64)).await?;
    let mut totals = Vec::new();
    for row in &rows {
        totals.push((row.get::<String>("name")?, row.get::<i64>("total")?));
        let day: String = row.get("day")?;
        ensure!(day == "2025-11-19", "the last millisecond of 2025-11-19 is on {day}");
    }
    let expected = [("a", large), ("b", 1), ("a", large + 9), ("b", 3)].map(|(name, total)| (name.to_owned(), total));
    ensure!(totals == expected, "the totals are {totals:?}");
    Ok(())
}

async fn of_two_writers_one_wins<D: Database>(database: &D, row: &str) -> Case {
    const ROUNDS: i64 = 10;

    database
        .batch_of([Statement::new(DELETE_ROWS).bind(row), Statement::new(INSERT_ROW).bind(row).bind("").bind(0_i64)])
        .await?;
    let set = |holder: &'static str, round: i64| {
        database.query(Statement::new(COMPARE_AND_SET).bind(row).bind(holder).bind(round))
    };
    for round in 0..ROUNDS {
        let (left, right) = both(set("left", round), set("right", round)).await;
        let (left, right) = (left?, right?);
        ensure!(left.len() + right.len() == 1, "in round {round} {} writers won", left.len() + right.len());
    }
    database.query(Statement::new(DELETE_ROWS).bind(row)).await?;
    Ok(())
}

fn first(rows: &[Row]) -> Result<&Row, Failure> {
    rows.first().ok_or_else(|| Failure("there was no row".to_owned()))
}

/// Runs two futures at the same time.
async fn both<A, B>(left: impl Future<Output = A>, right: impl Future<Output = B>) -> (A, B) {
    let (mut left, mut right) = (pin!(left), pin!(right));
    let (mut left_output, mut right_output) = (None, None);
    std::future::poll_fn(move |context| {
        if left_output.is_none()
            && let Poll::Ready(output) = left.as_mut().poll(context)
        {
            left_output = Some(output);
        }
        if right_output.is_none()
            && let Poll::Ready(output) = right.as_mut().poll(context)
        {
            right_output = Some(output);
        }
        match (left_output.take(), right_output.take()) {
            (Some(left), Some(right)) => Poll::Ready((left, right)),
            (left, right) => {
                (left_output, right_output) = (left, right);
                Poll::Pending
            }
        }
    })
    .await
}
