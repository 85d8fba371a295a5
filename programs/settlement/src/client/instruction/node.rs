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
    build(
        accounts::RegisterNode {
            authority,
            payer,
            network,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &args.node_id),
            system_program: system_program::ID,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::RegisterNode { args },
    )
}

/// Closes a node's wallet account and returns its rent to `rent_payer`, which must be the one stored in the
/// account. Signed by `authority`, the owner or the admin.
pub fn close_node_ix(authority: Pubkey, network: Pubkey, node_id: [u8; 32], rent_payer: Pubkey) -> Instruction {
    build(
        accounts::CloseNode {
            authority,
            network,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &node_id),
            rent_payer,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::CloseNode {},
    )
}

/// Reopens a closed node's wallet account. Signed by `authority`, the settler or the admin, and `payer`.
pub fn reopen_node_ix(authority: Pubkey, payer: Pubkey, network: Pubkey, args: RegisterNodeArgs) -> Instruction {
    build(
        accounts::ReopenNode {
            authority,
            payer,
            network,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &args.node_id),
            system_program: system_program::ID,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::ReopenNode { args },
    )
}

/// Changes the destination of a node's payouts. Signed by `owner`.
pub fn set_destination_ix(owner: Pubkey, network: Pubkey, node_id: [u8; 32], destination: Pubkey) -> Instruction {
    build(
        accounts::SetDestination {
            owner,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &node_id),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::SetDestination { destination },
    )
}

/// Changes a node's payout threshold, in base units. Signed by `owner`.
pub fn set_threshold_ix(owner: Pubkey, network: Pubkey, node_id: [u8; 32], threshold: u64) -> Instruction {
    build(
        accounts::SetThreshold {
            owner,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &node_id),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::SetThreshold { threshold },
    )
}
