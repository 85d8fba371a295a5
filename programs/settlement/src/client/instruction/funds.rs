//! Instructions with a single payment.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::system_program;

use super::{AssetAccounts, TokenAsset, build};
use crate::client::{event_authority, node_wallet_address, treasury_address};
use crate::{accounts, instruction};

/// Moves `amount` lamports from `funder` to the network's treasury. Signed by `funder`.
pub fn fund_ix(funder: Pubkey, network: Pubkey, amount: u64) -> Instruction {
    fund(funder, None, network, None, amount)
}

/// Moves `amount` base units from the token account `from` to the network's treasury. Signed by `funder`,
/// who owns the tokens.
pub fn fund_tokens_ix(funder: Pubkey, from: Pubkey, network: Pubkey, asset: &TokenAsset, amount: u64) -> Instruction {
    fund(funder, Some(from), network, Some(asset), amount)
}

fn fund(
    funder: Pubkey,
    funder_token_account: Option<Pubkey>,
    network: Pubkey,
    asset: Option<&TokenAsset>,
    amount: u64,
) -> Instruction {
    let AssetAccounts { treasury_token_account, mint, token_program } = AssetAccounts::new(&network, asset);
    build(
        accounts::Fund {
            funder,
            network,
            treasury: treasury_address(&network),
            system_program: system_program::ID,
            funder_token_account,
            treasury_token_account,
            mint,
            token_program,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::Fund { amount },
    )
}

/// Moves `amount` lamports of surplus from the treasury to `destination`. Signed by `admin`.
pub fn withdraw_surplus_ix(admin: Pubkey, network: Pubkey, destination: Pubkey, amount: u64) -> Instruction {
    withdraw_surplus(admin, network, None, destination, amount)
}

/// Moves `amount` base units of surplus from the treasury to the token account `destination`. Signed by
/// `admin`.
pub fn withdraw_surplus_tokens_ix(
    admin: Pubkey,
    network: Pubkey,
    asset: &TokenAsset,
    destination: Pubkey,
    amount: u64,
) -> Instruction {
    withdraw_surplus(admin, network, Some(asset), destination, amount)
}

fn withdraw_surplus(
    admin: Pubkey,
    network: Pubkey,
    asset: Option<&TokenAsset>,
    destination: Pubkey,
    amount: u64,
) -> Instruction {
    let AssetAccounts { treasury_token_account, mint, token_program } = AssetAccounts::new(&network, asset);
    build(
        accounts::WithdrawSurplus {
            admin,
            network,
            treasury: treasury_address(&network),
            destination,
            treasury_token_account,
            mint,
            token_program,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::WithdrawSurplus { amount },
    )
}

/// Pays `amount` lamports, or everything pending, to a node's destination. Signed by `owner`.
pub fn withdraw_ix(
    owner: Pubkey,
    network: Pubkey,
    node_id: [u8; 32],
    destination: Pubkey,
    amount: Option<u64>,
) -> Instruction {
    withdraw(owner, network, None, node_id, destination, amount)
}

/// Pays `amount` base units, or everything pending, to the token account `destination`, which must belong
/// to the node's destination. Signed by `owner`.
pub fn withdraw_tokens_ix(
    owner: Pubkey,
    network: Pubkey,
    asset: &TokenAsset,
    node_id: [u8; 32],
    destination: Pubkey,
    amount: Option<u64>,
) -> Instruction {
    withdraw(owner, network, Some(asset), node_id, destination, amount)
}

fn withdraw(
    owner: Pubkey,
    network: Pubkey,
    asset: Option<&TokenAsset>,
    node_id: [u8; 32],
    destination: Pubkey,
    amount: Option<u64>,
) -> Instruction {
    let AssetAccounts { treasury_token_account, mint, token_program } = AssetAccounts::new(&network, asset);
    build(
        accounts::Withdraw {
            owner,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &node_id),
            destination,
            treasury_token_account,
            mint,
            token_program,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::Withdraw { amount },
    )
}
