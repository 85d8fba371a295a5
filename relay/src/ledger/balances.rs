//! Balances: what a node has earned, has been credited on-chain, and has been paid.

use solana_pubkey::Pubkey;

use super::LedgerError;
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{Lamports, NodeId, NodeWalletBalance};

statements! {
    /// Node ?1 with the last known state of its wallet account.
    SELECT_BALANCE = "SELECT nodes.id AS node_id, nodes.address AS address,
            CAST(nodes.total_rewards_lamports AS TEXT) AS earned_lamports, wallets.wallet_address AS wallet_address,
            wallets.destination AS destination, CAST(wallets.sol_balance_lamports AS TEXT) AS sol_balance_lamports,
            CAST(wallets.credited_lamports AS TEXT) AS credited_lamports,
            CAST(wallets.pending_rewards_lamports AS TEXT) AS pending_rewards_lamports,
            CAST(wallets.total_rewards_distributed_lamports AS TEXT) AS total_rewards_distributed_lamports,
            CAST(wallets.threshold_lamports AS TEXT) AS threshold_lamports,
            COALESCE(wallets.hold_reason, (SELECT payables.hold_reason FROM payables WHERE payables.node_id = nodes.id
                AND payables.next_sequence IS NOT NULL)) AS hold_reason,
            wallets.last_signature AS last_signature, CAST(wallets.last_updated_at AS TEXT) AS last_updated_at
        FROM nodes LEFT JOIN wallets ON wallets.node_id = nodes.id WHERE nodes.id = ?1";
}

/// Returns the balance of a node. All on-chain amounts are zero if the node has no wallet account yet.
///
/// # Errors
/// [`LedgerError::UnknownNodes`] if the node is not registered.
pub async fn balance<D: Database>(database: &D, node_id: &NodeId) -> Result<NodeWalletBalance, LedgerError> {
    let rows = database.query(Statement::new(SELECT_BALANCE).bind(node_id)).await?;
    let row = rows.first().ok_or_else(|| LedgerError::UnknownNodes(vec![node_id.clone()]))?;
    let earned_lamports: Lamports = row.get("earned_lamports")?;
    let credited_lamports = on_chain(row, "credited_lamports")?;
    Ok(NodeWalletBalance {
        node_id: row.get("node_id")?,
        address: row.optional("address")?,
        wallet_address: row.optional::<Pubkey>("wallet_address")?,
        destination: row.optional::<Pubkey>("destination")?,
        sol_balance_lamports: on_chain(row, "sol_balance_lamports")?,
        earned_lamports,
        credited_lamports,
        pending_rewards_lamports: on_chain(row, "pending_rewards_lamports")?,
        unsettled_lamports: earned_lamports.checked_sub(credited_lamports).unwrap_or(Lamports::ZERO),
        over_credited_lamports: credited_lamports.checked_sub(earned_lamports).unwrap_or(Lamports::ZERO),
        total_rewards_distributed_lamports: on_chain(row, "total_rewards_distributed_lamports")?,
        threshold_lamports: on_chain(row, "threshold_lamports")?,
        hold_reason: row.optional("hold_reason")?,
        last_signature: row.optional("last_signature")?,
        last_updated_at: row.optional("last_updated_at")?,
    })
}

/// An on-chain amount; zero if there is no wallet account.
fn on_chain(row: &Row, column: &str) -> Result<Lamports, DatabaseError> {
    Ok(row.optional(column)?.unwrap_or(Lamports::ZERO))
}
