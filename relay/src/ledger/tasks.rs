//! Tasks. A task is created with its first contribution.

use super::LedgerError;
use crate::database::{Database, Statement, statements};
use crate::types::{Task, TaskId};

statements! {
    /// Task ?1.
    SELECT_TASK = "SELECT id, name, status, CAST(created_at AS TEXT) AS created_at,
        CAST(updated_at AS TEXT) AS updated_at FROM tasks WHERE id = ?1";
}

/// Returns a task; `None` if no contribution to it has been recorded.
///
/// # Errors
/// [`LedgerError::Database`].
pub async fn get<D: Database>(database: &D, task_id: &TaskId) -> Result<Option<Task>, LedgerError> {
    let rows = database.query(Statement::new(SELECT_TASK).bind(task_id)).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Task {
        id: row.get("id")?,
        name: row.get("name")?,
        status: row.get("status")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    }))
}
