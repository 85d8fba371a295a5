//! One node: what the ledger says about it, what the chain says, and where the two differ.

use serde::Serialize;
use settlement::state::{ClosedNode, NodeWallet};
use solana_pubkey::Pubkey;

use super::text;
use crate::chain::Account;
use crate::database::{DatabaseError, Row};
use crate::engine::store::wallets::{MirroredWallet, WalletReading, mirrored_wallet};
use crate::types::{NodeId, text_enum};

text_enum! {
    /// Why ledger and chain differ, or what is unusual on the chain.
    pub enum Cause: "cause" {
        /// The chain has credited more than this ledger has ever signed for.
        ChainAboveSigned = "chain_above_signed",
        /// The chain has credited less than this ledger has confirmed.
        ChainBelowConfirmed = "chain_below_confirmed",
        /// The ledger has confirmed rewards or mirrors a wallet account, and the chain has none.
        WalletMissing = "wallet_missing",
        /// The ledger mirrors another wallet account than that of the node's address.
        AddressChanged = "address_changed",
        /// The wallet account has a layout that this version does not know.
        WalletUnreadable = "wallet_unreadable",
        /// The chain has paid less in total than the ledger's copy says.
        PaidTotalFell = "paid_total_fell",
        /// The wallet account holds less than is pending.
        WalletShort = "wallet_short",
        /// The treasury has credited more than all wallets of this ledger together: to wallets that it does not know.
        CreditedElsewhere = "credited_elsewhere",
        /// All wallets of this ledger together were credited more than the treasury has credited.
        WalletsAboveTreasury = "wallets_above_treasury",
        /// The treasury has paid more or less than all wallets of this ledger together.
        PaidTotalsDiffer = "paid_totals_differ",
        /// The treasury holds less than its rent, or fewer tokens than it owes.
        TreasuryShort = "treasury_short",
        /// The ledger's sum of mirrored totals is not the sum of its mirrored totals.
        MirroredSumDiffers = "mirrored_sum_differs",
        /// The chain has credited signed rewards that the ledger has not confirmed yet; the next run does.
        CreditUnconfirmed = "credit_unconfirmed",
        /// The ledger has no copy of the wallet account yet.
        NotMirrored = "not_mirrored",
        /// The ledger's copy of the credited total is older.
        CreditedSince = "credited_since",
        /// More was paid since the ledger's copy: by a withdrawal of the owner, by a payout that anyone can send, or by a batch
        /// that is not confirmed yet.
        PaidSince = "paid_since",
        /// The owner has changed the destination since.
        DestinationChanged = "destination_changed",
        /// The owner has changed the threshold since.
        ThresholdChanged = "threshold_changed",
        /// The balance of the wallet account has changed since in another way: rent, or a transfer by anyone.
        BalanceChanged = "balance_changed",
        /// The ledger's copy differs in something else, such as who has chosen the destination.
        CopyDiffers = "copy_differs",
        /// The wallet account holds more than its rent and what is pending. `rent sweep` moves it to the treasury.
        ExcessLamports = "excess_lamports",
        /// The wallet account holds less than its rent and what is pending. `rent top-up` brings it up.
        BelowRent = "below_rent",
        /// The destination is neither the owner's default nor set by the owner, so nothing is credited.
        DestinationUnconfirmed = "destination_unconfirmed",
    }
}

impl Cause {
    /// Whether the books disagree: somebody has to decide or to act, and a run does not mend it.
    pub fn is_disagreement(self) -> bool {
        matches!(
            self,
            Self::ChainAboveSigned
                | Self::ChainBelowConfirmed
                | Self::WalletMissing
                | Self::AddressChanged
                | Self::WalletUnreadable
                | Self::PaidTotalFell
                | Self::WalletShort
                | Self::CreditedElsewhere
                | Self::WalletsAboveTreasury
                | Self::PaidTotalsDiffer
                | Self::TreasuryShort
                | Self::MirroredSumDiffers
        )
    }
}

/// A difference with its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The cause.
    pub cause: Cause,
    /// Its size in base units; 0 if it has none.
    #[serde(with = "text::display")]
    pub amount: u64,
}

text_enum! {
    /// What the chain has at the address of a node's wallet account.
    pub enum AccountState: "account state" {
        /// The node has no address, so it has no wallet account.
        NoAddress = "no_address",
        /// Nothing, or somebody's lamports.
        Missing = "missing",
        /// The wallet account.
        Open = "open",
        /// What remains of a closed one: its total.
        Closed = "closed",
        /// An account of the program that this version cannot decode.
        Unreadable = "unreadable",
    }
}

/// What the ledger says about a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeBooks {
    /// The node.
    pub node_id: NodeId,
    /// The address that it has registered, in base58.
    pub owner: Option<String>,
    /// The sum of its rewards.
    #[serde(with = "text::display")]
    pub earned: u64,
    /// The sum of those that are confirmed.
    #[serde(with = "text::display")]
    pub confirmed: u64,
    /// The highest total that this ledger has signed.
    #[serde(with = "text::display")]
    pub signed: u64,
    /// The sum up to and including the first reward that is not confirmed.
    #[serde(skip)]
    pub(super) next: Option<u64>,
    /// The ledger's copy of the wallet account.
    pub mirror: Option<Mirror>,
    /// All of that copy; `None` if it cannot be read, so that it differs from every account.
    #[serde(skip)]
    pub(super) copy: Option<MirroredWallet>,
}

/// The ledger's copy of a wallet account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mirror {
    /// The address of the wallet account, in base58.
    pub wallet_address: String,
    /// The recipient of payouts, in base58.
    pub destination: String,
    /// Its balance.
    #[serde(with = "text::display")]
    pub lamports: u64,
    /// The credited total.
    #[serde(with = "text::display")]
    pub credited: u64,
    /// The paid total.
    #[serde(with = "text::display")]
    pub paid: u64,
    /// The pending amount from which a payout is made, at most 2⁶³ − 1.
    #[serde(with = "text::display")]
    pub threshold: u64,
    /// The finalized slot at which the account was read.
    pub slot: u64,
}

/// A wallet account on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WalletOnChain {
    /// Its balance.
    #[serde(with = "text::display")]
    pub lamports: u64,
    /// The credited total.
    #[serde(with = "text::display")]
    pub credited: u64,
    /// The paid total.
    #[serde(with = "text::display")]
    pub paid: u64,
    /// Credited and not yet paid.
    #[serde(with = "text::display")]
    pub pending: u64,
    /// The pending amount from which a payout is made.
    #[serde(with = "text::display")]
    pub threshold: u64,
    /// The recipient of payouts, in base58.
    pub destination: String,
    /// Whether the owner has chosen it, or left it at the default.
    pub destination_confirmed: bool,
    #[serde(skip)]
    pub(super) account: NodeWallet,
}

/// One node on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WalletRow {
    /// What the ledger says.
    pub ledger: NodeBooks,
    /// The address of the node's wallet account, in base58; null if the node has no address.
    pub wallet_address: Option<String>,
    /// What the chain has there.
    pub state: AccountState,
    /// The wallet account, open or closed.
    pub chain: Option<WalletOnChain>,
    /// The finalized slot at which it was read.
    pub slot: u64,
    /// The differences.
    pub findings: Vec<Finding>,
}

/// What wallet accounts must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// Whether pending amounts are lamports in the wallet account.
    pub(super) pays_in_sol: bool,
    /// The rent-exempt minimum of a wallet account.
    pub(super) wallet_rent: u64,
    /// The rent-exempt minimum of a closed one.
    pub(super) closed_rent: u64,
}

impl NodeBooks {
    pub(super) fn of(row: &Row) -> Result<Self, DatabaseError> {
        let mirror = match row.optional::<String>("wallet_address")? {
            None => None,
            Some(wallet_address) => Some(Mirror {
                wallet_address,
                destination: row.get("destination")?,
                lamports: row.get("sol_balance_lamports")?,
                credited: row.get("credited_lamports")?,
                paid: row.get("paid_lamports")?,
                threshold: row.get("threshold_lamports")?,
                slot: row.get("last_slot")?,
            }),
        };
        Ok(Self {
            node_id: row.get("node_id")?,
            owner: row.optional("address")?,
            earned: row.get("earned")?,
            confirmed: row.get("confirmed")?,
            signed: row.get("signed")?,
            next: row.optional("next")?,
            copy: mirror.as_ref().and_then(|_| mirrored_wallet(row, "node_id").ok()),
            mirror,
        })
    }
}

impl WalletRow {
    /// Compares a node with what the chain has at the address of its wallet account.
    pub(super) fn compare(
        ledger: NodeBooks,
        address: Option<Pubkey>,
        account: Option<&Account>,
        slot: u64,
        rules: Rules,
    ) -> Self {
        let account = account.filter(|account| account.owner == settlement::ID);
        let decoded =
            account.map(|account| (NodeWallet::decode(&account.data), ClosedNode::decode(&account.data), account));
        let (state, chain) = match decoded {
            None if address.is_none() => (AccountState::NoAddress, None),
            None => (AccountState::Missing, None),
            Some((Ok(wallet), _, account)) => (AccountState::Open, Some(WalletOnChain::of(wallet, account.lamports))),
            Some((_, Ok(closed), account)) => {
                (AccountState::Closed, Some(WalletOnChain::of(closed.into(), account.lamports)))
            }
            Some(_) => (AccountState::Unreadable, None),
        };
        let wallet_address = address.map(|address| address.to_string());
        let mut row = Self { ledger, wallet_address, state, chain, slot, findings: Vec::new() };
        row.find(rules);
        row
    }

    fn find(&mut self, rules: Rules) {
        let is_mirrored = self.is_mirrored();
        let Self { ledger, wallet_address, state, chain, findings, .. } = self;
        let is_open = *state == AccountState::Open;
        let mut add = |cause, amount| findings.push(Finding { cause, amount });
        let mirrored = ledger.mirror.as_ref();
        if mirrored.is_some_and(|mirror| Some(&mirror.wallet_address) != wallet_address.as_ref()) {
            add(Cause::AddressChanged, 0);
        }
        let Some(chain) = chain else {
            let known = ledger.confirmed.max(mirrored.map_or(0, |mirror| mirror.credited));
            match state {
                AccountState::Unreadable => add(Cause::WalletUnreadable, 0),
                _ if known > 0 || mirrored.is_some() => add(Cause::WalletMissing, known),
                _ => {}
            }
            return;
        };
        match chain.credited {
            credited if credited > ledger.signed => {
                add(Cause::ChainAboveSigned, credited.saturating_sub(ledger.signed));
            }
            credited if credited < ledger.confirmed => {
                add(Cause::ChainBelowConfirmed, ledger.confirmed.saturating_sub(credited));
            }
            credited if ledger.next.is_some_and(|next| credited >= next) => {
                add(Cause::CreditUnconfirmed, credited.saturating_sub(ledger.confirmed));
            }
            _ => {}
        }
        match mirrored {
            None => add(Cause::NotMirrored, 0),
            Some(mirror) => {
                let grown = |now: u64, before: u64| now.checked_sub(before).filter(|grown| *grown > 0);
                let credited = grown(chain.credited, mirror.credited);
                let paid = grown(chain.paid, mirror.paid);
                if let Some(amount) = credited {
                    add(Cause::CreditedSince, amount);
                }
                if let Some(amount) = paid {
                    add(Cause::PaidSince, amount);
                }
                if mirror.credited > chain.credited && chain.credited >= ledger.confirmed {
                    add(Cause::ChainBelowConfirmed, mirror.credited.saturating_sub(chain.credited));
                }
                if mirror.paid > chain.paid {
                    add(Cause::PaidTotalFell, mirror.paid.saturating_sub(chain.paid));
                }
                // A closed account has no owner, who could have changed them.
                let destination_changed = is_open && chain.destination != mirror.destination;
                if destination_changed {
                    add(Cause::DestinationChanged, 0);
                }
                let threshold_changed = is_open && chain.threshold.min(i64::MAX as u64) != mirror.threshold;
                if threshold_changed {
                    add(Cause::ThresholdChanged, 0);
                }
                let balance_changed = chain.lamports != mirror.lamports;
                if balance_changed && credited.is_none() && paid.is_none() {
                    add(Cause::BalanceChanged, chain.lamports.abs_diff(mirror.lamports));
                }
                let is_named = destination_changed || threshold_changed || balance_changed;
                let totals = (chain.credited, chain.paid) != (mirror.credited, mirror.paid);
                if !is_mirrored && !is_named && !totals && Some(&mirror.wallet_address) == wallet_address.as_ref() {
                    add(Cause::CopyDiffers, 0);
                }
            }
        }
        if is_open && !chain.destination_confirmed {
            add(Cause::DestinationUnconfirmed, 0);
        }
        let rent = if *state == AccountState::Closed { rules.closed_rent } else { rules.wallet_rent };
        let pending = if rules.pays_in_sol { chain.pending } else { 0 };
        let needed = rent.saturating_add(pending);
        if chain.lamports < pending {
            add(Cause::WalletShort, pending.saturating_sub(chain.lamports));
        } else if chain.lamports < needed {
            add(Cause::BelowRent, needed.saturating_sub(chain.lamports));
        } else if chain.lamports > needed {
            add(Cause::ExcessLamports, chain.lamports.saturating_sub(needed));
        }
    }

    /// Whether the ledger's copy of the wallet account is older than the chain. One of another account or with a higher total
    /// is not: totals never fall, so a person has to find out why.
    pub(super) fn has_stale_copy(&self) -> bool {
        let Some(chain) = &self.chain else { return false };
        let is_older = self.ledger.mirror.as_ref().is_none_or(|mirror| {
            let is_of_account = Some(&mirror.wallet_address) == self.wallet_address.as_ref();
            is_of_account && mirror.credited <= chain.credited && mirror.paid <= chain.paid
        });
        is_older && !self.is_mirrored()
    }

    fn is_mirrored(&self) -> bool {
        let (Some(reading), Some(copy)) = (self.reading(), &self.ledger.copy) else { return false };
        let mut copy = copy.clone();
        // A relay dates what its batches leave pending by its own clock, until it reads the account again.
        if copy.oldest_unpaid_at_ms.is_some() && reading.wallet.pending() > 0 {
            copy.oldest_unpaid_at_ms = Some(reading.wallet.oldest_unpaid_at.saturating_mul(1_000));
        }
        reading.is_mirrored(&copy)
    }

    /// The wallet account as the ledger's copy is to have it.
    pub(super) fn reading(&self) -> Option<WalletReading> {
        let chain = self.chain.as_ref()?;
        Some(WalletReading {
            node_id: self.ledger.node_id.clone(),
            address: self.wallet_address.as_deref()?.parse().ok()?,
            lamports: chain.lamports,
            slot: self.slot,
            wallet: chain.account,
        })
    }
}

impl WalletOnChain {
    fn of(account: NodeWallet, lamports: u64) -> Self {
        Self {
            lamports,
            credited: account.credited_total,
            paid: account.paid_total,
            pending: account.pending(),
            threshold: account.threshold,
            destination: account.destination.to_string(),
            destination_confirmed: account.is_destination_confirmed(),
            account,
        }
    }
}
