//! The program's instructions, ready to be put into a transaction.
//!
//! The builders derive the addresses that follow from their arguments, and check nothing: what
//! the program refuses it refuses on the chain, where it counts.

use anchor_lang::prelude::{AccountMeta, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::{InstructionData, ToAccountMetas, system_program};

use super::{
    BatchHeader, CreateNetworkArgs, NetworkId, RegisterNodeArgs, event_authority, network_address, node_wallet_address,
    treasury_address,
};
use crate::{accounts, instruction};

fn build(accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction { program_id: crate::ID, accounts: accounts.to_account_metas(None), data: data.data() }
}

/// Creates the network `args.id`; `admin` signs, pays the rent of two accounts and becomes the
/// network's admin.
pub fn create_network_ix(admin: Pubkey, args: CreateNetworkArgs) -> Instruction {
    let network = network_address(&NetworkId(args.id));
    build(
        accounts::CreateNetwork {
            admin,
            network,
            treasury: treasury_address(&network),
            system_program: system_program::ID,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::CreateNetwork { args },
    )
}

/// Opens a node's wallet account; `authority` (the settler or the admin) and `payer` sign.
pub fn register_node_ix(authority: Pubkey, payer: Pubkey, network: Pubkey, args: RegisterNodeArgs) -> Instruction {
    build(
        accounts::RegisterNode {
            authority,
            payer,
            network,
            node_wallet: node_wallet_address(&network, &args.node_id),
            system_program: system_program::ID,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::RegisterNode { args },
    )
}

/// Moves `amount` lamports from `funder`, who signs, into the network's treasury.
pub fn fund_ix(funder: Pubkey, network: Pubkey, amount: u64) -> Instruction {
    build(
        accounts::Fund {
            funder,
            network,
            treasury: treasury_address(&network),
            system_program: system_program::ID,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::Fund { amount },
    )
}

/// Raises node wallets to their cumulative totals (lamports): pairs of a wallet account and its
/// target, at most [`MAX_CREDIT_ENTRIES`](crate::rules::MAX_CREDIT_ENTRIES).
pub fn credit_ix(settler: Pubkey, network: Pubkey, batch: BatchHeader, entries: &[(Pubkey, u64)]) -> Instruction {
    let mut ix = build(
        accounts::Credit {
            settler,
            treasury: treasury_address(&network),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::Credit { batch, targets: entries.iter().map(|(_, target)| *target).collect() },
    );
    ix.accounts.extend(entries.iter().map(|(wallet, _)| AccountMeta::new(*wallet, false)));
    ix
}

/// One node in a `settle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettleEntry {
    /// The node's wallet account.
    pub wallet: Pubkey,
    /// The destination named in the wallet account.
    pub destination: Pubkey,
    /// Lamports the node has earned in all.
    pub target: u64,
}

/// Raises node wallets to their cumulative totals and pays out those that are due, at most
/// [`MAX_SETTLE_ENTRIES`](crate::rules::MAX_SETTLE_ENTRIES).
pub fn settle_ix(settler: Pubkey, network: Pubkey, batch: BatchHeader, entries: &[SettleEntry]) -> Instruction {
    let mut ix = build(
        accounts::Settle {
            settler,
            treasury: treasury_address(&network),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::Settle { batch, targets: entries.iter().map(|entry| entry.target).collect() },
    );
    ix.accounts.extend(
        entries
            .iter()
            .flat_map(|entry| [AccountMeta::new(entry.wallet, false), AccountMeta::new(entry.destination, false)]),
    );
    ix
}

/// Pays `amount` lamports, or all that is pending, out of a node's wallet account. `owner` signs;
/// `destination` is the one named in the wallet account.
pub fn withdraw_ix(
    owner: Pubkey,
    network: Pubkey,
    node_id: [u8; 32],
    destination: Pubkey,
    amount: Option<u64>,
) -> Instruction {
    build(
        accounts::Withdraw {
            owner,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &node_id),
            destination,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::Withdraw { amount },
    )
}

/// Stops all that leaves the network; `authority` (the guardian or the admin) signs.
pub fn pause_ix(authority: Pubkey, network: Pubkey) -> Instruction {
    build(
        accounts::Pause {
            authority,
            network,
            treasury: treasury_address(&network),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::Pause {},
    )
}

/// Lets lamports leave again; the admin signs.
pub fn unpause_ix(admin: Pubkey, network: Pubkey) -> Instruction {
    build(
        accounts::Unpause {
            admin,
            network,
            treasury: treasury_address(&network),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::Unpause {},
    )
}
