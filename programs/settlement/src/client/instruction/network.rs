//! Instructions for a network as a whole.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::system_program;

use super::{AssetAccounts, TokenAsset, build};
use crate::client::{ASSOCIATED_TOKEN_ID, NetworkId, event_authority, network_address, treasury_address};
use crate::instructions::{CreateNetworkArgs, UpdateNetworkArgs};
use crate::{accounts, instruction};

/// Creates the network `args.id`, which pays in SOL. Signed by `admin`, who becomes the network's admin and
/// pays the rent of two accounts.
pub fn create_network_ix(admin: Pubkey, args: CreateNetworkArgs) -> Instruction {
    create(admin, args, None)
}

/// Creates the network `args.id`, which pays in a mint's tokens. Signed by `admin`, who becomes the
/// network's admin and pays the rent of three accounts.
pub fn create_token_network_ix(admin: Pubkey, args: CreateNetworkArgs, asset: &TokenAsset) -> Instruction {
    create(admin, args, Some(asset))
}

fn create(admin: Pubkey, args: CreateNetworkArgs, asset: Option<&TokenAsset>) -> Instruction {
    let network = network_address(&admin, &NetworkId(args.id));
    let AssetAccounts { treasury_token_account, mint, token_program } = AssetAccounts::new(&network, asset);
    build(
        accounts::CreateNetwork {
            admin,
            network,
            treasury: treasury_address(&network),
            system_program: system_program::ID,
            mint,
            token_program,
            treasury_token_account,
            associated_token_program: asset.map(|_| ASSOCIATED_TOKEN_ID),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::CreateNetwork { args },
    )
}

/// Changes parameters of a network. Signed by `admin`.
pub fn update_network_ix(admin: Pubkey, network: Pubkey, args: UpdateNetworkArgs) -> Instruction {
    build(
        accounts::UpdateNetwork {
            admin,
            network,
            treasury: treasury_address(&network),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::UpdateNetwork { args },
    )
}

/// Proposes a new admin, or cancels a proposal with the default key. Signed by `admin`.
pub fn propose_admin_ix(admin: Pubkey, network: Pubkey, pending_admin: Pubkey) -> Instruction {
    build(
        accounts::ProposeAdmin { admin, network, event_authority: event_authority(), program: crate::ID },
        instruction::ProposeAdmin { pending_admin },
    )
}

/// Makes the proposed admin the network's admin. Signed by `pending_admin`.
pub fn accept_admin_ix(pending_admin: Pubkey, network: Pubkey) -> Instruction {
    build(
        accounts::AcceptAdmin { pending_admin, network, event_authority: event_authority(), program: crate::ID },
        instruction::AcceptAdmin {},
    )
}

/// Replaces the settler. Signed by `admin`.
pub fn set_settler_ix(admin: Pubkey, network: Pubkey, settler: Pubkey) -> Instruction {
    build(
        accounts::SetSettler {
            admin,
            network,
            treasury: treasury_address(&network),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::SetSettler { settler },
    )
}

/// Replaces the guardian. Signed by `admin`.
pub fn set_guardian_ix(admin: Pubkey, network: Pubkey, guardian: Pubkey) -> Instruction {
    build(
        accounts::SetGuardian { admin, network, event_authority: event_authority(), program: crate::ID },
        instruction::SetGuardian { guardian },
    )
}

/// Pauses a network. Signed by `authority`, the guardian or the admin.
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

/// Unpauses a network. Signed by `admin`.
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

/// Migrates a network's treasury from an earlier layout to the current one. Requires no signature.
pub fn migrate_treasury_ix(network: Pubkey) -> Instruction {
    build(
        accounts::MigrateTreasury {
            network,
            treasury: treasury_address(&network),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::MigrateTreasury {},
    )
}

/// Closes a network that pays in SOL, for good, and moves its lamports to `destination`. Signed by `admin`.
pub fn close_network_ix(admin: Pubkey, network: Pubkey, destination: Pubkey) -> Instruction {
    close_network(admin, network, None, None, destination)
}

/// The same as [`close_network_ix`] for a network that pays in tokens. What the treasury still holds of them is moved to the
/// token account `token_destination`.
pub fn close_token_network_ix(
    admin: Pubkey,
    network: Pubkey,
    asset: &TokenAsset,
    token_destination: Option<Pubkey>,
    destination: Pubkey,
) -> Instruction {
    close_network(admin, network, Some(asset), token_destination, destination)
}

fn close_network(
    admin: Pubkey,
    network: Pubkey,
    asset: Option<&TokenAsset>,
    token_destination: Option<Pubkey>,
    destination: Pubkey,
) -> Instruction {
    let AssetAccounts { treasury_token_account, mint, token_program } = AssetAccounts::new(&network, asset);
    build(
        accounts::CloseNetwork {
            admin,
            network,
            treasury: treasury_address(&network),
            destination,
            treasury_token_account,
            mint,
            token_program,
            token_destination,
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::CloseNetwork {},
    )
}
