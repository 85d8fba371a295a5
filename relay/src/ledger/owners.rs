//! The owners of all nodes' wallet accounts: the addresses that the nodes have registered.

use solana_pubkey::Pubkey;

use super::LedgerError;
use crate::database::{Database, Statement, statements};
use crate::types::NodeId;

statements! {
    /// At most ?2 nodes with an address whose ids follow ?1, in the order of their ids.
    SELECT = "SELECT id, address FROM nodes WHERE id > ?1 AND address IS NOT NULL ORDER BY id LIMIT CAST(?2 AS INTEGER)";
}

/// The number of rows per query.
const ROWS_PER_QUERY: usize = 1_000;

/// A node with its address, which owns the node's wallet account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOwner {
    /// The node.
    pub node_id: NodeId,
    /// Its address.
    pub owner: Pubkey,
}

/// Returns the nodes that have registered an address and whose ids follow `after`, in the order of their ids: some of
/// them, and an empty list only if there are no more.
///
/// # Errors
/// [`LedgerError::Database`] if the ledger cannot be read.
pub async fn owners<D: Database>(database: &D, after: Option<&NodeId>) -> Result<Vec<NodeOwner>, LedgerError> {
    let statement = Statement::new(SELECT).bind(after.map_or("", NodeId::as_str)).bind(ROWS_PER_QUERY);
    let rows = database.query(statement).await?;
    rows.iter().map(|row| Ok(NodeOwner { node_id: row.get("id")?, owner: row.get("address")? })).collect()
}
