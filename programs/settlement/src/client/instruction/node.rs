//! Instructions for one node.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::system_program;

use super::build;
use crate::client::{event_authority, node_wallet_address, treasury_address};
use crate::instructions::RegisterNodeArgs;
use crate::{accounts, instruction};

/// Creates a node's wallet account. Signed by `authority`, the settler or the admin, and `payer`.
pub fn register_node_ix(authority: Pubkey, payer: Pubkey, network: Pubkey, args: RegisterNodeArgs) -> Instruction {
    let RegisterNodeArgs { node_id, owner, destination, threshold } = args;
    build(
        accounts::RegisterNode {
            authority,
            payer,
            network,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &node_id, &owner),
            system_program: system_program::ID,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::RegisterNode { node_id, owner, destination, threshold },
    )
}

/// Closes the wallet account of the node with this `owner` and moves its rent to the treasury. Signed by `authority`, the
/// owner or the admin.
pub fn close_node_ix(authority: Pubkey, network: Pubkey, node_id: [u8; 32], owner: Pubkey) -> Instruction {
    build(
        accounts::CloseNode {
            authority,
            network,
            treasury: treasury_address(&network),
            owner,
            node_wallet: node_wallet_address(&network, &node_id, &owner),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::CloseNode { node_id },
    )
}

/// Reopens a closed node's wallet account. Signed by `authority`, the settler or the admin, and `payer`.
pub fn reopen_node_ix(authority: Pubkey, payer: Pubkey, network: Pubkey, args: RegisterNodeArgs) -> Instruction {
    let RegisterNodeArgs { node_id, owner, destination, threshold } = args;
    build(
        accounts::ReopenNode {
            authority,
            payer,
            network,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &node_id, &owner),
            system_program: system_program::ID,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::ReopenNode { node_id, owner, destination, threshold },
    )
}

/// Changes the destination of a node's payouts. Signed by `owner`.
pub fn set_destination_ix(owner: Pubkey, network: Pubkey, node_id: [u8; 32], destination: Pubkey) -> Instruction {
    build(
        accounts::SetDestination {
            owner,
            network,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &node_id, &owner),
            destination,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::SetDestination { node_id },
    )
}

/// Changes a node's payout threshold, in base units. Signed by `owner`.
pub fn set_threshold_ix(owner: Pubkey, network: Pubkey, node_id: [u8; 32], threshold: u64) -> Instruction {
    build(
        accounts::SetThreshold {
            owner,
            network,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &node_id, &owner),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::SetThreshold { node_id, threshold },
    )
}
