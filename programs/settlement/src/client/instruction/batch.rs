//! Instructions for many nodes.

use anchor_lang::prelude::{AccountMeta, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;

use super::{TokenAsset, build};
use crate::client::{event_authority, treasury_address, treasury_token_address};
use crate::instructions::BatchHeader;
use crate::{accounts, instruction};

/// Credits nodes up to their cumulative totals. Entries are pairs of a wallet account and its target in
/// base units, at most [`MAX_CREDIT_ENTRIES`](crate::rules::MAX_CREDIT_ENTRIES).
pub fn credit_ix(settler: Pubkey, network: Pubkey, batch: BatchHeader, entries: &[(Pubkey, u64)]) -> Instruction {
    let mut ix = build(
        accounts::Credit { settler, network, treasury: treasury_address(&network) },
        instruction::Credit { batch, targets: entries.iter().map(|(_, target)| *target).collect() },
    );
    ix.accounts.extend(entries.iter().map(|(wallet, _)| AccountMeta::new(*wallet, false)));
    ix
}

/// An entry of a `settle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettleEntry {
    /// The node's wallet account.
    pub wallet: Pubkey,
    /// Recipient of the payout: the destination set in the wallet account.
    pub destination: Pubkey,
    /// The node's cumulative total in base units.
    pub target: u64,
}

/// Credits like [`credit_ix`] and pays out due amounts, in a network that pays in SOL. At most [`MAX_SETTLE_ENTRIES`](crate::rules::MAX_SETTLE_ENTRIES).
pub fn settle_ix(settler: Pubkey, network: Pubkey, batch: BatchHeader, entries: &[SettleEntry]) -> Instruction {
    settle(settler, network, batch, None, entries)
}

/// The same as [`settle_ix`] in a network that pays in tokens. At most
/// [`MAX_TOKEN_SETTLE_ENTRIES`](crate::rules::MAX_TOKEN_SETTLE_ENTRIES) entries fit in a transaction.
pub fn settle_tokens_ix(
    settler: Pubkey,
    network: Pubkey,
    asset: &TokenAsset,
    batch: BatchHeader,
    entries: &[SettleEntry],
) -> Instruction {
    settle(settler, network, batch, Some(asset), entries)
}

fn settle(
    settler: Pubkey,
    network: Pubkey,
    batch: BatchHeader,
    asset: Option<&TokenAsset>,
    entries: &[SettleEntry],
) -> Instruction {
    let mut ix = build(
        accounts::Settle { settler, network, treasury: treasury_address(&network) },
        instruction::Settle { batch, targets: entries.iter().map(|entry| entry.target).collect() },
    );
    let pairs = entries.iter().map(|entry| (entry.wallet, entry.destination));
    append_entries(&mut ix, &network, asset, pairs);
    ix
}

/// Pays out nodes whose pending amount is due, in a network that pays in SOL. Requires no signature.
/// Entries are pairs of a wallet account and its destination, at most
/// [`MAX_SETTLE_ENTRIES`](crate::rules::MAX_SETTLE_ENTRIES).
pub fn payout_ix(network: Pubkey, entries: &[(Pubkey, Pubkey)]) -> Instruction {
    payout(network, None, entries)
}

/// The same as [`payout_ix`] in a network that pays in tokens.
pub fn payout_tokens_ix(network: Pubkey, asset: &TokenAsset, entries: &[(Pubkey, Pubkey)]) -> Instruction {
    payout(network, Some(asset), entries)
}

fn payout(network: Pubkey, asset: Option<&TokenAsset>, entries: &[(Pubkey, Pubkey)]) -> Instruction {
    let mut ix = build(
        accounts::Payout {
            network,
            treasury: treasury_address(&network),
            event_authority: event_authority(),
            program: crate::ID,
        },
        instruction::Payout {},
    );
    append_entries(&mut ix, &network, asset, entries.iter().copied());
    ix
}

fn append_entries(
    ix: &mut Instruction,
    network: &Pubkey,
    asset: Option<&TokenAsset>,
    pairs: impl Iterator<Item = (Pubkey, Pubkey)>,
) {
    if let Some(asset) = asset {
        ix.accounts.extend([
            AccountMeta::new(treasury_token_address(network, asset), false),
            AccountMeta::new_readonly(asset.mint, false),
            AccountMeta::new_readonly(asset.token_program, false),
        ]);
    }
    ix.accounts.extend(
        pairs.flat_map(|(wallet, destination)| [AccountMeta::new(wallet, false), AccountMeta::new(destination, false)]),
    );
}
