//! Whether a due payout can be made, by the program's own rules.

use std::collections::{BTreeMap, BTreeSet};

use settlement::client::{TokenAsset, is_reserved_address};
use settlement::rules::token_layout::TokenAccount;
use settlement::rules::token_payout::{self, PayingTreasury, TokenAccountFlags, TokenDestination};
use settlement::rules::{SkipReason, payout, rent_floor, rent_minimum};
use settlement::state::NodeWallet;
use solana_pubkey::Pubkey;

use crate::chain::{Account, AccountData, Chain, Commitment};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::super::lease::Lease;
use super::super::store::wallets::MirroredWallet;
use super::super::{Engine, EngineError};
use super::{Limits, NodeRewards};

/// How much of a token account is read, in bytes. With every extension that a token account can have today, it has 572. Its owner
/// can allocate more, but what follows the extensions has no meaning.
const TOKEN_ACCOUNT_BYTES: usize = 1_024;

/// What payouts depend on besides the node's wallet and its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PayoutRules {
    /// Lamports leave the wallet account.
    Sol { rent_per_byte: u64 },
    /// Tokens leave the treasury's token account, the `vault`.
    Tokens { mint: TokenAsset, vault: Pubkey, treasury: PayingTreasury },
}

/// A payout that brings a node's credited and paid totals to `target`.
#[derive(Clone, Copy, Debug)]
pub(super) struct DuePayout<'a> {
    pub(super) wallet: &'a MirroredWallet,
    pub(super) target: u64,
    /// The account at the wallet's destination.
    pub(super) destination: Option<&'a Account>,
}

impl DuePayout<'_> {
    /// The base units that it pays.
    pub(super) fn amount(&self) -> u64 {
        self.target.saturating_sub(self.wallet.paid)
    }
}

impl PayoutRules {
    /// The rules once `paid` base units more were paid.
    pub(super) fn after(self, paid: u64) -> Self {
        match self {
            Self::Sol { .. } => self,
            Self::Tokens { mint, vault, treasury } => {
                let treasury = PayingTreasury { amount: treasury.amount.saturating_sub(paid), ..treasury };
                Self::Tokens { mint, vault, treasury }
            }
        }
    }

    /// Lamports of a wallet account that a credit adds to.
    pub(super) fn credited_lamports(&self, wallet: &MirroredWallet) -> u64 {
        match self {
            Self::Sol { .. } => wallet.lamports,
            Self::Tokens { .. } => 0,
        }
    }

    /// Checks a payout. `planned` base units are paid before it.
    pub(super) fn check(&self, due: DuePayout<'_>, planned: u64) -> Result<(), SkipReason> {
        match self {
            Self::Sol { rent_per_byte } => check_sol(due, *rent_per_byte),
            Self::Tokens { mint, vault, treasury } => {
                let amount = treasury.amount.saturating_sub(planned);
                let to = token_destination(due, mint, vault);
                token_payout::check(due.amount(), PayingTreasury { amount, ..*treasury }, to)
            }
        }
    }

    /// How much of the destinations' data the rules need.
    fn destination_data(&self) -> AccountData {
        match self {
            Self::Sol { .. } => AccountData::Omitted,
            Self::Tokens { .. } => AccountData::First(TOKEN_ACCOUNT_BYTES),
        }
    }
}

fn check_sol(due: DuePayout<'_>, rent_per_byte: u64) -> Result<(), SkipReason> {
    let DuePayout { wallet, target, destination } = due;
    let credited = target.saturating_sub(wallet.credited);
    let overflow = SkipReason::Overflow;
    let minimum = |bytes| rent_minimum(rent_per_byte, bytes).ok_or(overflow);
    payout::check(
        due.amount(),
        payout::AccountBalance {
            lamports: wallet.lamports.checked_add(credited).ok_or(overflow)?,
            floor: rent_floor(wallet.lamports, minimum(NodeWallet::SIZE as u64)?),
        },
        payout::Destination {
            is_named: true,
            is_writable: true,
            is_executable: destination.is_some_and(|account| account.executable),
            is_program_account: destination.is_some_and(|account| account.owner == settlement::ID),
            is_reserved: is_reserved_address(&wallet.destination),
            lamports: destination.map_or(0, |account| account.lamports),
            empty_minimum: minimum(0)?,
        },
    )
}

fn token_destination(due: DuePayout<'_>, mint: &TokenAsset, vault: &Pubkey) -> TokenDestination {
    let DuePayout { wallet, destination, .. } = due;
    let found = destination
        .filter(|account| account.owner == mint.token_program)
        .and_then(|account| TokenAccount::parse(&account.data));
    let flags =
        TokenAccountFlags { is_writable: true, is_treasury_vault: wallet.destination == *vault, is_named: true };
    TokenDestination::describe(
        found,
        flags,
        |found| *found == mint.mint.to_bytes(),
        |owner| wallet.pays_to_token_owner(owner),
    )
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Reads the destination accounts of the nodes whose payout may be due.
    pub(super) async fn destinations(
        &self,
        lease: &Lease,
        nodes: &[NodeRewards<'_>],
        limits: &Limits,
    ) -> Result<BTreeMap<Pubkey, Option<Account>>, EngineError> {
        let wanted: BTreeSet<Pubkey> = nodes
            .iter()
            .filter(|node| node.is_due(node.target(), limits))
            .map(|node| node.wallet.destination)
            .collect();
        let wanted: Vec<Pubkey> = wanted.into_iter().collect();
        let data = limits.payouts.destination_data();
        let read = self.read_accounts(lease, &wanted, data, Commitment::Confirmed, 0).await?;
        Ok(wanted.into_iter().zip(read.into_iter().map(|(_, account)| account)).collect())
    }
}
