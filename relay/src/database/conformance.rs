//! A conformance suite for implementations of [`Database`].
//!
//! SQLite and D1 differ in critical details: D1 passes numbers as f64, has its own error messages, and supports no
//! transactions other than batches. The test cases only write rows of their own (leases called `conformance:…`, which no
//! relay uses) and delete them afterwards, so that the suite can run against a ledger in use.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use super::{Database, DatabaseError, Row, Statement, statements};

statements! {
    /// ?1 as an integer.
    ECHO_INTEGER = "SELECT CAST(CAST(?1 AS INTEGER) AS TEXT) AS value";

    /// ?1 as a real number.
    ECHO_REAL = "SELECT CAST(CAST(?1 AS REAL) AS TEXT) AS value";

    /// ?1 unchanged.
    ECHO_TEXT = "SELECT ?1 AS value, CAST(?1 IS NULL AS TEXT) AS is_null, CAST(length(?1) AS TEXT) AS characters";

    /// A number that f64 cannot represent, not cast to text.
    UNCAST_INTEGER = "SELECT 9007199254740993 AS value";

    /// Inserts row ?1 with text ?2 and number ?3.
    INSERT_ROW = "INSERT INTO leases (name, holder, fencing_token, expires_at)
        VALUES ('conformance:' || ?1, ?2, CAST(?3 AS INTEGER), 0) RETURNING holder";

    /// Inserts rows ?1.0, ?1.1, … with the numbers in JSON array ?2.
    INSERT_SET = "INSERT INTO leases (name, holder, fencing_token, expires_at)
        SELECT 'conformance:' || ?1 || '.' || key, '', CAST(value AS INTEGER), 0 FROM json_each(?2)";

    /// Row ?1.
    SELECT_ROW = "SELECT holder, CAST(fencing_token AS TEXT) AS number FROM leases WHERE name = 'conformance:' || ?1";

    /// The number of rows ?1.…, and the sum of their numbers. Compares prefixes, because D1 limits the patterns of
    /// GLOB and LIKE to 50 bytes.
    SELECT_SET = "SELECT CAST(COUNT(*) AS TEXT) AS count, CAST(SUM(fencing_token) AS TEXT) AS sum FROM leases
        WHERE substr(name, 1, length(?1) + 13) = 'conformance:' || ?1 || '.'";

    /// The number of names in JSON array ?2 for which a row ?1.… exists.
    SELECT_MEMBERS = "SELECT CAST(COUNT(*) AS TEXT) AS count FROM leases
        WHERE name IN (SELECT 'conformance:' || ?1 || '.' || value FROM json_each(?2))";

    /// Sets the text of row ?1 to ?2 and increments its number, if the number is ?3.
    COMPARE_AND_SET = "UPDATE leases SET holder = ?2, fencing_token = fencing_token + 1
        WHERE name = 'conformance:' || ?1 AND fencing_token = CAST(?3 AS INTEGER)
        RETURNING holder, CAST(fencing_token AS TEXT) AS number";

    /// Adds ?2 to the number of row ?1.
    ADD = "UPDATE leases SET fencing_token = fencing_token + CAST(?2 AS INTEGER) WHERE name = 'conformance:' || ?1";

    /// Deletes rows ?1 and ?1.….
    DELETE_ROWS = "DELETE FROM leases WHERE name = 'conformance:' || ?1 \
        OR substr(name, 1, length(?1) + 13) = 'conformance:' || ?1 || '.'";

    /// Fails unless ?1 is 1.
    REQUIRE = "INSERT INTO preconditions (state_unchanged) VALUES (CAST(?1 AS INTEGER))";

    /// Deletes what [`REQUIRE`] inserted.
    DELETE_PRECONDITIONS = "DELETE FROM preconditions";

    /// References a settlement that does not exist.
    DANGLING_REFERENCE = "INSERT INTO settlement_steps (settlement_id, step, at, level, message)
        VALUES (-1, 'plan', 0, 'info', ?1)";

    /// Selects a column that does not exist.
    UNKNOWN_COLUMN = "SELECT no_such_column FROM leases";

    /// The running total of amounts by name in JSON array ?1, and the UTC day of ?2 (Unix milliseconds).
    RUNNING_TOTALS = "SELECT value ->> 'name' AS name,
            CAST(SUM(CAST(value ->> 'amount' AS INTEGER)) OVER (PARTITION BY value ->> 'name' ORDER BY key) AS TEXT)
                AS total,
            strftime('%Y-%m-%d', CAST(?2 AS INTEGER) / 1000, 'unixepoch') AS day
        FROM json_each(?1) ORDER BY key";
}

/// The result of a test case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Names the tested property; unique among the cases.
    pub case: &'static str,
    /// Why the case failed; `None` if it passed.
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
        /// Runs all cases against `database`, which must have the ledger's schema.
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
    integers_are_exact_in_64_bits,
    text_is_unchanged,
    null_and_empty_text_are_distinct,
    fractions_are_preserved,
    numbers_not_cast_to_text_are_rejected,
    empty_batches_are_allowed,
    statements_run_in_order,
    a_failed_statement_rolls_back_its_batch,
    a_violated_precondition_is_named,
    a_duplicate_key_names_the_column,
    a_dangling_reference_violates_a_constraint,
    integer_overflow_is_rejected,
    an_unknown_column_is_a_statement_error,
    a_missing_parameter_is_a_statement_error,
    thousands_of_values_fit_into_one_parameter,
    running_totals_are_computed_by_name,
    one_of_two_concurrent_writers_wins,
}

async fn integers_are_exact_in_64_bits<D: Database>(database: &D, _: &str) -> Case {
    for number in [0, 1, -1, (1 << 53) - 1, (1 << 53) + 1, i64::MAX - 1, i64::MAX, i64::MIN] {
        let rows = database.query(Statement::new(ECHO_INTEGER).bind(number)).await?;
        let value: i64 = first(&rows)?.get("value")?;
        ensure!(value == number, "{number} was returned as {value}");
    }
    Ok(())
}

async fn text_is_unchanged<D: Database>(database: &D, _: &str) -> Case {
    let long = "0123456789".repeat(10_000);
    for text in ["", " ", "'; DROP TABLE rewards; --", "\"\\/\n\r\t?1", "1e5", "007", "ÄÖ € 🪙 \u{202e}\u{7f}", &long]
    {
        let rows = database.query(Statement::new(ECHO_TEXT).bind(text)).await?;
        let row = first(&rows)?;
        let value: String = row.get("value")?;
        ensure!(value == text, "{text:?} was returned as {value:?}");
        let characters: usize = row.get("characters")?;
        ensure!(characters == text.chars().count(), "the database counts {characters} characters in {text:?}");
    }
    Ok(())
}

async fn null_and_empty_text_are_distinct<D: Database>(database: &D, _: &str) -> Case {
    for (parameter, is_null) in [(None, 1), (Some(""), 0), (Some("null"), 0)] {
        let rows = database.query(Statement::new(ECHO_TEXT).bind(parameter)).await?;
        let row = first(&rows)?;
        let value: Option<String> = row.optional("value")?;
        ensure!(value.as_deref() == parameter, "{parameter:?} was returned as {value:?}");
        ensure!(row.get::<u8>("is_null")? == is_null, "{parameter:?} IS NULL is not {is_null}");
    }
    Ok(())
}

async fn fractions_are_preserved<D: Database>(database: &D, _: &str) -> Case {
    for number in [0.0, 0.1, 33.3, 99.999] {
        let rows = database.query(Statement::new(ECHO_REAL).bind(number.to_string())).await?;
        let value: f64 = first(&rows)?.get("value")?;
        ensure!((value - number).abs() < 1e-12, "{number} was returned as {value}");
    }
    Ok(())
}

async fn numbers_not_cast_to_text_are_rejected<D: Database>(database: &D, _: &str) -> Case {
    let outcome = database.query(Statement::new(UNCAST_INTEGER)).await;
    ensure!(outcome.is_err(), "the result is {outcome:?}");
    Ok(())
}

async fn empty_batches_are_allowed<D: Database>(database: &D, _: &str) -> Case {
    let results = database.batch(Vec::new()).await?;
    ensure!(results.is_empty(), "the results are {results:?}");
    Ok(())
}

async fn statements_run_in_order<D: Database>(database: &D, row: &str) -> Case {
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
    ensure!(before.is_empty(), "the row exists already: {before:?}");
    ensure!(first(&inserted)?.get::<String>("holder")? == "first", "INSERT … RETURNING returned {inserted:?}");
    ensure!(first(&read)?.get::<i64>("number")? == 7, "SELECT after INSERT returned {read:?}");
    ensure!(first(&updated)?.get::<i64>("number")? == 8, "UPDATE … RETURNING returned {updated:?}");
    ensure!(updated == read_again, "SELECT after UPDATE returned {read_again:?} instead of {updated:?}");
    Ok(())
}

async fn a_failed_statement_rolls_back_its_batch<D: Database>(database: &D, row: &str) -> Case {
    database.query(Statement::new(DELETE_ROWS).bind(row)).await?;
    let result = database
        .batch_of([
            Statement::new(INSERT_ROW).bind(row).bind("").bind(1_i64),
            Statement::new(INSERT_SET).bind(row).bind("[1, 2]"),
            Statement::new(INSERT_ROW).bind(row).bind("").bind(2_i64),
        ])
        .await;
    ensure!(matches!(result, Err(DatabaseError::Constraint(_))), "the duplicate key returned {result:?}");
    let [rows, set] =
        database.batch_of([Statement::new(SELECT_ROW).bind(row), Statement::new(SELECT_SET).bind(row)]).await?;
    ensure!(rows.is_empty(), "the first statement was not rolled back: {rows:?}");
    ensure!(first(&set)?.get::<u64>("count")? == 0, "the second statement was not rolled back: {set:?}");
    Ok(())
}

async fn a_violated_precondition_is_named<D: Database>(database: &D, row: &str) -> Case {
    let batch = |holds: bool| {
        [
            Statement::new(DELETE_ROWS).bind(row),
            Statement::new(REQUIRE).bind(holds),
            Statement::new(INSERT_ROW).bind(row).bind("").bind(1_i64),
            Statement::new(DELETE_PRECONDITIONS),
        ]
    };
    let result = database.batch_of(batch(false)).await;
    ensure!(
        matches!(&result, Err(error) if error.is_constraint("state_unchanged") && !error.is_constraint("lease_held")),
        "the result is {result:?}"
    );
    database.batch_of(batch(true)).await?;
    let [rows, _] =
        database.batch_of([Statement::new(SELECT_ROW).bind(row), Statement::new(DELETE_ROWS).bind(row)]).await?;
    ensure!(rows.len() == 1, "the precondition was satisfied, but nothing was written");
    Ok(())
}

async fn a_duplicate_key_names_the_column<D: Database>(database: &D, row: &str) -> Case {
    let insert = || Statement::new(INSERT_ROW).bind(row).bind("").bind(1_i64);
    let result = database.batch_of([Statement::new(DELETE_ROWS).bind(row), insert(), insert()]).await;
    ensure!(matches!(&result, Err(error) if error.is_constraint("leases.name")), "the result is {result:?}");
    Ok(())
}

async fn a_dangling_reference_violates_a_constraint<D: Database>(database: &D, row: &str) -> Case {
    let result = database.query(Statement::new(DANGLING_REFERENCE).bind(row)).await;
    ensure!(matches!(result, Err(DatabaseError::Constraint(_))), "the result is {result:?}");
    Ok(())
}

async fn integer_overflow_is_rejected<D: Database>(database: &D, row: &str) -> Case {
    database
        .batch_of([
            Statement::new(DELETE_ROWS).bind(row),
            Statement::new(INSERT_ROW).bind(row).bind("").bind(i64::MAX - 1),
        ])
        .await?;
    database.query(Statement::new(ADD).bind(row).bind(1_i64)).await?;
    let result = database.query(Statement::new(ADD).bind(row).bind(1_i64)).await;
    let [rows, _] =
        database.batch_of([Statement::new(SELECT_ROW).bind(row), Statement::new(DELETE_ROWS).bind(row)]).await?;
    ensure!(matches!(result, Err(DatabaseError::Constraint(_))), "the result is {result:?}");
    ensure!(first(&rows)?.get::<i64>("number")? == i64::MAX, "the number is {rows:?}");
    Ok(())
}

async fn an_unknown_column_is_a_statement_error<D: Database>(database: &D, _: &str) -> Case {
    let result = database.query(Statement::new(UNKNOWN_COLUMN)).await;
    ensure!(matches!(result, Err(DatabaseError::Statement(_))), "the result is {result:?}");
    Ok(())
}

async fn a_missing_parameter_is_a_statement_error<D: Database>(database: &D, row: &str) -> Case {
    let result = database.query(Statement::new(COMPARE_AND_SET).bind(row)).await;
    ensure!(matches!(result, Err(DatabaseError::Statement(_))), "the result is {result:?}");
    Ok(())
}

async fn thousands_of_values_fit_into_one_parameter<D: Database>(database: &D, row: &str) -> Case {
    const ELEMENTS: u64 = 5_000;
    /// Large enough for the sum to exceed the precision of f64.
    const LARGE: u64 = 1 << 50;

    // The numbers are JSON strings, because JSON numbers may be parsed as f64.
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
    ensure!(count == ELEMENTS, "{count} of {ELEMENTS} rows were written");
    ensure!(sum == ELEMENTS * LARGE + (0..ELEMENTS).sum::<u64>(), "the sum is {sum}");
    let found: u64 = first(&members)?.get("count")?;
    ensure!(found == ELEMENTS / 2, "{found} of {} rows were found", ELEMENTS / 2);
    Ok(())
}

async fn running_totals_are_computed_by_name<D: Database>(database: &D, _: &str) -> Case {
    let large = i64::MAX - 10;
    let set = format!(
        r#"[{{"name":"a","amount":"{large}"}},{{"name":"b","amount":"1"}},{{"name":"a","amount":"9"}},{{"name":"b","amount":"2"}}]"#
    );
    let rows = database.query(Statement::new(RUNNING_TOTALS).bind(set).bind(1_763_596_799_999_i64)).await?;
    let mut totals = Vec::new();
    for row in &rows {
        totals.push((row.get::<String>("name")?, row.get::<i64>("total")?));
        let day: String = row.get("day")?;
        ensure!(day == "2025-11-19", "the day of the last millisecond of 2025-11-19 is {day}");
    }
    let expected = [("a", large), ("b", 1), ("a", large + 9), ("b", 3)].map(|(name, total)| (name.to_owned(), total));
    ensure!(totals == expected, "the totals are {totals:?}");
    Ok(())
}

async fn one_of_two_concurrent_writers_wins<D: Database>(database: &D, row: &str) -> Case {
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
        ensure!(left.len() + right.len() == 1, "round {round}: winners: {}", left.len() + right.len());
    }
    database.query(Statement::new(DELETE_ROWS).bind(row)).await?;
    Ok(())
}

fn first(rows: &[Row]) -> Result<&Row, Failure> {
    rows.first().ok_or_else(|| Failure("no row was returned".to_owned()))
}

/// Runs two futures concurrently.
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
