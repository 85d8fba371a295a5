//! Instructions with a single payment.

use anchor_lang::prelude::{AccountMeta, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::system_program;

use super::{AssetAccounts, TokenAsset, build};
use crate::client::{claim_address, event_authority, node_wallet_address, treasury_address};
use crate::{accounts, instruction};

/// Moves `amount` lamports from `funder` to the treasury of a network whose admin is `admin`. Signed by `funder`.
pub fn fund_ix(funder: Pubkey, network: Pubkey, admin: Pubkey, amount: u64) -> Instruction {
    fund(funder, None, network, admin, None, amount)
}

/// Moves `amount` base units from the token account `from` to the treasury of a network whose admin is `admin`. Signed
/// by `funder`, who owns the tokens.
pub fn fund_tokens_ix(
    funder: Pubkey,
    from: Pubkey,
    network: Pubkey,
    admin: Pubkey,
    asset: &TokenAsset,
    amount: u64,
) -> Instruction {
    fund(funder, Some(from), network, admin, Some(asset), amount)
}

fn fund(
    funder: Pubkey,
    funder_token_account: Option<Pubkey>,
    network: Pubkey,
    admin: Pubkey,
    asset: Option<&TokenAsset>,
    amount: u64,
) -> Instruction {
    let AssetAccounts { treasury_token_account, mint, token_program } = AssetAccounts::new(&network, asset);
    build(
        accounts::Fund {
            funder,
            admin,
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

/// Pays `amount` base units, or everything pending, to the token account `destination`, which must be the one set in
/// the wallet account. Signed by `owner`.
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
            network,
            treasury: treasury_address(&network),
            node_wallet: node_wallet_address(&network, &node_id, &owner),
            destination,
            treasury_token_account,
            mint,
            token_program,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::Withdraw { node_id, amount },
    )
}

/// Moves what the `accounts` of nodes hold above their rent and pending amount to the treasury. Requires no signature.
pub fn sweep_rent_ix(network: Pubkey, accounts: &[Pubkey]) -> Instruction {
    let mut ix = build(
        accounts::SweepRent {
            network,
            treasury: treasury_address(&network),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::SweepRent {},
    );
    append_writable(&mut ix, accounts);
    ix
}

/// Brings `wallets` with a pending amount to their rent-exempt minimum with surplus of the treasury. Signed by
/// `authority`, the settler or the admin.
pub fn top_up_rent_ix(authority: Pubkey, network: Pubkey, wallets: &[Pubkey]) -> Instruction {
    let mut ix = build(
        accounts::TopUpRent {
            authority,
            network,
            treasury: treasury_address(&network),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::TopUpRent {},
    );
    append_writable(&mut ix, wallets);
    ix
}

/// Moves the treasury's lamports above its rent to `destination`, in a network that pays in tokens. Signed by `admin`.
pub fn recover_lamports_ix(admin: Pubkey, network: Pubkey, destination: Pubkey) -> Instruction {
    build(
        accounts::RecoverLamports {
            admin,
            network,
            treasury: treasury_address(&network),
            destination,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::RecoverLamports {},
    )
}

/// Moves all tokens from `token_account`, which belongs to the treasury's address, to `destination`. Signed by `admin`.
pub fn recover_treasury_tokens_ix(
    admin: Pubkey,
    network: Pubkey,
    asset: &TokenAsset,
    token_account: Pubkey,
    destination: Pubkey,
) -> Instruction {
    build(
        accounts::RecoverTreasuryTokens {
            admin,
            network,
            treasury: treasury_address(&network),
            token_account,
            destination,
            mint: asset.mint,
            token_program: asset.token_program,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::RecoverTreasuryTokens {},
    )
}

/// Moves all tokens from `token_account`, which belongs to the address of a node's wallet, to `destination`. Signed by
/// `owner`.
pub fn recover_node_tokens_ix(
    owner: Pubkey,
    network: Pubkey,
    node_id: [u8; 32],
    asset: &TokenAsset,
    token_account: Pubkey,
    destination: Pubkey,
) -> Instruction {
    build(
        accounts::RecoverNodeTokens {
            owner,
            network,
            node_wallet: node_wallet_address(&network, &node_id, &owner),
            token_account,
            destination,
            mint: asset.mint,
            token_program: asset.token_program,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::RecoverNodeTokens { node_id },
    )
}

/// Moves what is left at the addresses of a closed network, and in the `accounts` of its nodes, to its last `admin`.
/// Requires no signature.
pub fn sweep_closed_network_ix(network: Pubkey, admin: Pubkey, accounts: &[Pubkey]) -> Instruction {
    let mut ix = build(
        accounts::SweepClosedNetwork {
            network,
            admin,
            treasury: treasury_address(&network),
            system_program: system_program::ID,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::SweepClosedNetwork {},
    );
    append_writable(&mut ix, accounts);
    ix
}

fn append_writable(ix: &mut Instruction, accounts: &[Pubkey]) {
    ix.accounts.extend(accounts.iter().map(|account| AccountMeta::new(*account, false)));
}

/// Takes the lamports that the node with this `owner` is owed out of the network, if its `destination` can't be paid. Signed
/// by `admin`.
pub fn set_aside_ix(
    admin: Pubkey,
    network: Pubkey,
    node_id: [u8; 32],
    owner: Pubkey,
    destination: Pubkey,
) -> Instruction {
    let claim = claim_address(&node_wallet_address(&network, &node_id, &owner));
    set_aside(admin, network, node_id, owner, destination, Holder::Claim(claim))
}

/// The same as [`set_aside_ix`] in a network that pays in tokens, which are moved to `token_account`, a token account of the
/// address of the node's wallet.
pub fn set_aside_tokens_ix(
    admin: Pubkey,
    network: Pubkey,
    asset: &TokenAsset,
    node_id: [u8; 32],
    owner: Pubkey,
    destination: Pubkey,
    token_account: Pubkey,
) -> Instruction {
    set_aside(admin, network, node_id, owner, destination, Holder::Tokens { token_account, asset })
}

/// The account that holds what is set aside.
enum Holder<'a> {
    Claim(Pubkey),
    Tokens { token_account: Pubkey, asset: &'a TokenAsset },
}

fn set_aside(
    admin: Pubkey,
    network: Pubkey,
    node_id: [u8; 32],
    owner: Pubkey,
    destination: Pubkey,
    holder: Holder,
) -> Instruction {
    let (claim, claim_token_account, asset) = match holder {
        Holder::Claim(claim) => (Some(claim), None, None),
        Holder::Tokens { token_account, asset } => (None, Some(token_account), Some(asset)),
    };
    let AssetAccounts { treasury_token_account, mint, token_program } = AssetAccounts::new(&network, asset);
    build(
        accounts::SetAside {
            admin,
            network,
            treasury: treasury_address(&network),
            owner,
            node_wallet: node_wallet_address(&network, &node_id, &owner),
            destination,
            claim,
            claim_token_account,
            treasury_token_account,
            mint,
            token_program,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::SetAside { node_id },
    )
}

/// Pays the lamports that were set aside for the node's `owner` to `destination`. Signed by `owner`.
pub fn claim_set_aside_ix(owner: Pubkey, network: Pubkey, node_id: [u8; 32], destination: Pubkey) -> Instruction {
    let node_wallet = node_wallet_address(&network, &node_id, &owner);
    build(
        accounts::ClaimSetAside {
            owner,
            network,
            node_wallet,
            claim: claim_address(&node_wallet),
            destination,
            system_program: system_program::ID,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::ClaimSetAside { node_id },
    )
}
