//! Comparing the rewards of nodes with their wallet accounts on the finalized chain.

use settlement::client::node_wallet_address;
use settlement::state::NodeWallet;
use solana_pubkey::Pubkey;

use crate::chain::{Account, AccountData, Chain, Commitment};
use crate::clock::Clock;
use crate::database::Database;
use crate::engine::EngineError;
use crate::engine::store::binding;
use crate::engine::validate::check_binding;
use crate::ledger::corrections::{Correction, Shift};
use crate::ledger::reviews::{self, NodeTotals};
use crate::types::{Lamports, NodeId};

use super::{Excess, Resolution, ReviewError, Reviewer};

/// What a resolution would record for a node, or why it is refused.
pub(super) type Compared = Result<(Excess, Correction), ReviewError>;

/// What the finalized chain has credited to a node.
struct Credited {
    node_id: NodeId,
    wallet: Pubkey,
    total: Lamports,
    slot: u64,
}

impl<D: Database, C: Chain, K: Clock> Reviewer<D, C, K> {
    pub(super) async fn compare(&self, node_id: &NodeId, resolution: Resolution) -> Compared {
        let compared = self.compare_all(std::slice::from_ref(node_id), resolution).await?;
        compared.into_iter().next().unwrap_or_else(|| Err(ReviewError::UnknownNode(node_id.clone())))
    }

    /// Compares several nodes, in their order.
    ///
    /// # Errors
    /// [`ReviewError::Engine`] if none can be compared.
    pub(super) async fn compare_all(
        &self,
        node_ids: &[NodeId],
        resolution: Resolution,
    ) -> Result<Vec<Compared>, ReviewError> {
        if binding::read(&self.database).await?.is_empty() {
            let reason = "nothing has been settled with this ledger yet: run 'williw-relay run' first".to_owned();
            return Err(EngineError::Rejected(reason).into());
        }
        let asset = check_binding(&self.database, &self.chain, &self.network.address()).await?.asset;
        let unit = asset.map_or("base unit", |asset| asset.unit());

        let at_credited: Vec<_> = self
            .credited(node_ids)
            .await?
            .into_iter()
            .map(|credited| credited.map(|credited| (credited.node_id.clone(), credited.total, credited)))
            .collect();
        let at_counted: Vec<_> = self
            .with_totals(at_credited)
            .await?
            .into_iter()
            .map(|known| {
                let (credited, totals) = known?;
                let counted = counted(&credited, &totals, resolution, unit)?;
                Ok((credited.node_id.clone(), counted, (credited, counted)))
            })
            .collect();
        let known = self.with_totals(at_counted).await?;
        Ok(known
            .into_iter()
            .map(|known| {
                let ((credited, counted), totals) = known?;
                outcome(credited, counted, &totals, resolution)
            })
            .collect())
    }

    /// What the finalized chain has credited to each of the nodes.
    async fn credited(&self, node_ids: &[NodeId]) -> Result<Vec<Result<Credited, ReviewError>>, ReviewError> {
        let asked = node_ids.iter().map(|id| Ok((id.clone(), Lamports::ZERO, id))).collect();
        let network = self.network.address();
        let wallets: Vec<Result<(&NodeId, Pubkey), ReviewError>> = self
            .with_totals(asked)
            .await?
            .into_iter()
            .map(|known| {
                let (id, totals) = known?;
                let owner = totals.address.ok_or_else(|| ReviewError::NoWallet(id.clone()))?;
                Ok((id, node_wallet_address(&network, &id.on_chain(), &owner)))
            })
            .collect();
        let addresses: Vec<Pubkey> = wallets.iter().flatten().map(|(_, address)| *address).collect();
        if addresses.is_empty() {
            return Ok(wallets.into_iter().filter_map(Result::err).map(Err).collect());
        }
        let read = self.chain.accounts(&addresses, AccountData::Full, Commitment::Finalized, 0).await?;
        let mut accounts = read.accounts.into_iter();
        Ok(wallets
            .into_iter()
            .map(|wallet| {
                let (id, wallet) = wallet?;
                let total = credited_total(id, accounts.next().flatten())?;
                Ok(Credited { node_id: id.clone(), wallet, total, slot: read.slot })
            })
            .collect())
    }

    /// Adds to each node how its rewards relate to a total.
    async fn with_totals<T>(
        &self,
        asked: Vec<Result<(NodeId, Lamports, T), ReviewError>>,
    ) -> Result<Vec<Result<(T, NodeTotals), ReviewError>>, ReviewError> {
        let wanted: Vec<_> = asked.iter().flatten().map(|(id, total, _)| (id, *total)).collect();
        let mut found = reviews::totals(&self.database, &wanted).await?.into_iter();
        Ok(asked
            .into_iter()
            .map(|asked| {
                let (id, _, with) = asked?;
                Ok((with, found.next().flatten().ok_or(ReviewError::UnknownNode(id))?))
            })
            .collect())
    }
}

/// The total of a node's wallet account.
fn credited_total(node_id: &NodeId, account: Option<Account>) -> Result<Lamports, ReviewError> {
    let account = account.filter(|account| account.owner == settlement::ID);
    let wallet = account.and_then(|account| NodeWallet::decode(&account.data).ok());
    let wallet = wallet.ok_or_else(|| ReviewError::NoWallet(node_id.clone()))?;
    Lamports::new(wallet.credited_total).map_err(|_| ReviewError::TotalTooLarge(node_id.clone()))
}

/// The total up to which rewards count as credited. `totals` is how the rewards relate to the chain's total.
fn counted(
    credited: &Credited,
    totals: &NodeTotals,
    resolution: Resolution,
    unit: &'static str,
) -> Result<Lamports, ReviewError> {
    let Credited { node_id, total, slot, .. } = credited;
    let (node_id, signed) = (|| node_id.clone(), totals.signed);
    if let Some(seen) = totals.mirrored_slot.filter(|seen| seen > slot) {
        return Err(ReviewError::Behind { slot: *slot, seen });
    }
    if totals.batched {
        return Err(ReviewError::BatchOpen(node_id()));
    }
    if totals.confirmed_above {
        return Err(ReviewError::ChainBelowLedger { node_id: node_id(), credited: *total, unit });
    }
    if *total <= signed {
        return Err(ReviewError::NothingToResolve { node_id: node_id(), credited: *total, unit });
    }
    Ok(match resolution {
        Resolution::AcceptChain => (*total).min(totals.last_total).max(signed),
        Resolution::PayOnTop => signed,
    })
}

/// What is recorded. `totals` is how the rewards relate to `counted`.
fn outcome(credited: Credited, counted: Lamports, totals: &NodeTotals, resolution: Resolution) -> Compared {
    let Credited { node_id, wallet, total: credited, slot } = credited;
    let (gap, too_large) = (|| ReviewError::Gap(node_id.clone()), || ReviewError::TotalTooLarge(node_id.clone()));
    let from = totals.following.map_or(totals.covered, |following| following.from);
    let end = totals.following.map_or(Some(totals.covered), |following| from.checked_add(following.sum));
    if from != totals.covered || end != Some(totals.last_total) {
        return Err(gap());
    }
    let amount = credited.checked_sub(counted).ok_or_else(gap)?;
    let of_rewards =
        |upper: Lamports, lower: Lamports| upper.min(totals.last_total).checked_sub(lower).unwrap_or(Lamports::ZERO);
    let correction = Correction {
        node_id: node_id.clone(),
        operation: resolution.operation(),
        credited,
        counted,
        covered: totals.covered,
        signed: totals.signed,
        amount,
        total: totals.covered.checked_add(amount).ok_or_else(too_large)?,
        last_total: totals.last_total,
        shift: Shift::new(amount, from, totals.last_total).ok_or_else(too_large)?,
        slot,
    };
    let excess = Excess {
        resolution,
        wallet_address: wallet.to_string(),
        credited_lamports: credited,
        signed_lamports: totals.signed,
        signed_unconfirmed_lamports: of_rewards(totals.signed, totals.confirmed),
        counted_as_credited_lamports: of_rewards(counted, totals.signed),
        paid_again_lamports: of_rewards(credited, counted),
        excess_lamports: amount,
        reward_id: (!amount.is_zero()).then(|| correction.reward_id()),
        slot,
        node_id,
    };
    Ok((excess, correction))
}
