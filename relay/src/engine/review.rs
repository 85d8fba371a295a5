//! Deciding what the chain has credited to a node for beyond what the ledger has signed, so that a node that is held as
//! `chain_above_ledger` goes on.
//!
//! A single lamport that a stolen settler key credits makes the chain's total of a node differ from the ledger's. Nothing
//! can take it back from the node's owner, so the ledger has to record it. The totals alone do not say whether it was for
//! rewards of this ledger: a person decides, see [`Resolution`].

mod compare;

use serde::Serialize;
use settlement::client::treasury_address;
use settlement::state::Treasury;

use crate::chain::{AccountData, Chain, ChainError, Commitment};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError};
use crate::ledger::corrections::{self, Correction};
use crate::ledger::{Actor, reviews};
use crate::types::{Lamports, LamportsError, NodeId, text_enum};

use compare::Compared;

use super::store::leases;
use super::validate::check_binding;
use super::{EngineError, NetworkRef};

/// How many nodes are resolved at once at most: a limit on the statements of one transaction.
pub const MAX_NODES_AT_ONCE: usize = 25;

/// What a resolution makes of the excess of one of several nodes, or why it is refused.
pub type Reviewed = Result<Excess, ReviewError>;

/// Compares single nodes with the chain, and records what the chain's total was for.
pub struct Reviewer<D, C, K> {
    /// The ledger, with all migrations applied.
    pub database: D,
    /// The cluster that the network is on.
    pub chain: C,
    /// The source of the current time.
    pub clock: K,
    /// The network that the ledger belongs to.
    pub network: NetworkRef,
    /// This process's name for the lease. It must differ from the name of every runner, past or present.
    pub holder: String,
}

text_enum! {
    /// What the chain has credited to a node for, beyond what the ledger has signed.
    pub enum Resolution: "resolution" {
        /// For the ledger's next rewards: they count as credited up to the chain's total, the last of them maybe in part. What
        /// exceeds all of them is recorded as a correction. No reward that is in the ledger is paid twice; one that is missing is,
        /// if it is imported after the correction. If the excess was not for these rewards, the node is paid too little.
        AcceptChain = "accept_chain",
        /// For nothing in this ledger: all of it is recorded as a correction, and every reward that the ledger has not signed yet
        /// is paid on top of it. If the excess was for these rewards, they are paid twice. What the ledger has signed counts as
        /// credited, as with the other resolution.
        PayOnTop = "pay_on_top",
    }
}

impl Resolution {
    /// The name in the audit log.
    const fn operation(self) -> &'static str {
        match self {
            Self::AcceptChain => "review.accept",
            Self::PayOnTop => "review.pay_on_top",
        }
    }
}

/// What the chain has credited to a node beyond what the ledger has signed, and what a resolution makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excess {
    /// The node whose wallet account was credited.
    pub node_id: NodeId,
    /// The resolution.
    pub resolution: Resolution,
    /// The node's wallet account, in base58.
    pub wallet_address: String,
    /// The total that the chain has credited.
    pub credited_lamports: Lamports,
    /// The highest total that this ledger has signed. What is above was credited by somebody else.
    pub signed_lamports: Lamports,
    /// The unconfirmed rewards that this ledger has signed for, and that count as credited, because the chain's total covers
    /// them.
    pub signed_unconfirmed_lamports: Lamports,
    /// The rewards that this ledger has not signed for, and that count as credited. If the chain did not credit them for
    /// these rewards, they are not paid.
    pub counted_as_credited_lamports: Lamports,
    /// The rewards that this ledger has not signed for, that the chain's total would cover, and that are paid nevertheless. If
    /// the chain has credited them for these rewards, they are paid twice.
    pub paid_again_lamports: Lamports,
    /// The amount of the correction, a confirmed reward for what the chain has credited without a reward. If rewards that the
    /// chain has credited are missing in the ledger, it includes them, and they are paid again once they are imported.
    pub excess_lamports: Lamports,
    /// The id of that reward; null if nothing is left for it.
    pub reward_id: Option<String>,
    /// The finalized slot at which the wallet account was read.
    pub slot: u64,
}

impl Excess {
    /// What a person has to know before a correction is written; `None` if there is none.
    pub fn warning(&self) -> Option<&'static str> {
        let warning = "rewards that are imported later are paid again: import all of them first";
        (!self.excess_lamports.is_zero()).then_some(warning)
    }
}

/// Why a node's books are not changed. Nothing was written, except after
/// [`DatabaseError::Unavailable`], when the outcome is unknown; repeating the request is safe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// The ledger or the chain could not be used, or the ledger belongs to another network or cluster.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Another amount than this is left of what the treasury has credited to unknown wallet accounts.
    #[error(
        "the treasury has credited {unknown} to wallet accounts that this ledger does not know, and not {amount}: run \
         'williw-relay review list' again"
    )]
    NotUnknown {
        /// What was to be accepted.
        amount: Lamports,
        /// What is left.
        unknown: Lamports,
    },
    /// The node is not registered in the ledger.
    #[error("node {0} is not registered in this ledger: check the node id")]
    UnknownNode(NodeId),
    /// The node has no wallet account on the chain, or a closed one, or no address that could own one.
    #[error("node {0} has no open wallet account on this cluster, so there is nothing to resolve")]
    NoWallet(NodeId),
    /// The chain has credited no more than the ledger has signed for.
    #[error(
        "node {node_id}: the chain has credited {credited} {unit}s, and this ledger has signed for all of them: there is \
         nothing to resolve"
    )]
    NothingToResolve {
        /// The node whose totals agree.
        node_id: NodeId,
        /// The credited total.
        credited: Lamports,
        /// What it is counted in.
        unit: &'static str,
    },
    /// The ledger has confirmed more than the chain has credited.
    #[error(
        "node {node_id}: the chain has credited only {credited} {unit}s, less than the ledger has confirmed: check the \
         RPC URL; if it is right, the ledger belongs to another history of the network"
    )]
    ChainBelowLedger {
        /// The node whose total is too low on the chain.
        node_id: NodeId,
        /// The total that the chain has credited.
        credited: Lamports,
        /// What it is counted in.
        unit: &'static str,
    },
    /// Rewards are missing in the ledger, so that the difference is not what the chain has credited in excess.
    #[error(
        "node {0}: the running totals of its rewards have a gap, so rewards are missing in this ledger: restore them first"
    )]
    Gap(NodeId),
    /// A reward of the node is in a batch whose outcome is open.
    #[error("node {0} has rewards in an open batch: finish the settlement with 'williw-relay run' first")]
    BatchOpen(NodeId),
    /// A running total would exceed [`Lamports::MAX`].
    #[error("node {0}: with the correction, its total would exceed the maximum that the ledger can store")]
    TotalTooLarge(NodeId),
    /// The RPC node is behind the state that the ledger has already seen.
    #[error(
        "the RPC node is at slot {slot}, behind slot {seen} that the ledger has seen: retry later, or use another node"
    )]
    Behind {
        /// The finalized slot of the RPC node.
        slot: u64,
        /// The slot of the ledger's last reading of the wallet account.
        seen: u64,
    },
    /// The node's rewards were changed meanwhile.
    #[error("node {0}: its rewards have changed meanwhile: repeat the command")]
    Changed(NodeId),
    /// A runner is settling.
    #[error("{holder} is settling with this ledger: stop it, or retry when it has finished")]
    Busy {
        /// The name of the runner that holds the lease.
        holder: String,
    },
}

impl From<DatabaseError> for ReviewError {
    fn from(error: DatabaseError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<ChainError> for ReviewError {
    fn from(error: ChainError) -> Self {
        Self::Engine(error.into())
    }
}

impl<D: Database, C: Chain, K: Clock> Reviewer<D, C, K> {
    /// Returns what [`Reviewer::resolve`] would write, and writes nothing.
    ///
    /// # Errors
    /// [`ReviewError`], whenever `resolve` would refuse.
    pub async fn examine(&self, node_id: &NodeId, resolution: Resolution) -> Result<Excess, ReviewError> {
        Ok(self.compare(node_id, resolution).await?.0)
    }

    /// Records what the chain has credited to the node beyond what the ledger has signed, audited, so that the node goes on.
    /// What no reward stands for becomes a confirmed reward of kind `correction`, before the rewards that are still to be
    /// paid; their running totals grow by its amount.
    ///
    /// # Errors
    /// [`ReviewError`], among others if the ledger has signed for all of it, as it has after the first call, or if the chain
    /// has credited less than the ledger has confirmed.
    pub async fn resolve(
        &self,
        actor: &Actor,
        node_id: &NodeId,
        resolution: Resolution,
    ) -> Result<Excess, ReviewError> {
        // A settlement that has read the rewards must not be under way while their totals move.
        self.under_lease(async |token| {
            let (excess, correction) = self.compare(node_id, resolution).await?;
            self.write(actor, token, &[&correction]).await?;
            Ok(excess)
        })
        .await
    }

    /// As [`Reviewer::examine`] for several nodes, with fewer requests. No more than [`MAX_NODES_AT_ONCE`] should be given.
    ///
    /// # Errors
    /// [`ReviewError::Engine`] if nothing can be compared. What is refused for a node is in its place.
    pub async fn examine_all(&self, node_ids: &[NodeId], resolution: Resolution) -> Result<Vec<Reviewed>, ReviewError> {
        let compared = self.compare_all(node_ids, resolution).await?;
        Ok(compared.into_iter().map(|compared| Ok(compared?.0)).collect())
    }

    /// As [`Reviewer::resolve`] for several nodes, with fewer requests and in as few transactions as possible. No more than
    /// [`MAX_NODES_AT_ONCE`] should be given.
    ///
    /// # Errors
    /// [`ReviewError::Engine`] and [`ReviewError::Busy`] if nothing can be compared or written. What is refused for a node is in
    /// its place, and nothing was written for it.
    pub async fn resolve_all(
        &self,
        actor: &Actor,
        node_ids: &[NodeId],
        resolution: Resolution,
    ) -> Result<Vec<Reviewed>, ReviewError> {
        self.under_lease(async |token| {
            let compared = self.compare_all(node_ids, resolution).await?;
            let corrections: Vec<_> = compared.iter().flatten().map(|(_, correction)| correction).collect();
            match self.write(actor, token, &corrections).await {
                Ok(()) => Ok(compared.into_iter().map(|compared| Ok(compared?.0)).collect()),
                // A node has earned something meanwhile: it must not keep the others from being written.
                Err(DatabaseError::Constraint(_)) => self.write_each(actor, token, compared).await,
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Writes the corrections one by one.
    async fn write_each(
        &self,
        actor: &Actor,
        token: i64,
        compared: Vec<Compared>,
    ) -> Result<Vec<Reviewed>, ReviewError> {
        let mut reviewed = Vec::with_capacity(compared.len());
        for compared in compared {
            reviewed.push(match compared {
                Ok((excess, correction)) => match self.write(actor, token, &[&correction]).await {
                    Ok(()) => Ok(excess),
                    Err(DatabaseError::Constraint(_)) => Err(ReviewError::Changed(correction.node_id)),
                    Err(error) => return Err(error.into()),
                },
                Err(refused) => Err(refused),
            });
        }
        Ok(reviewed)
    }

    /// Writes corrections in one transaction.
    async fn write(&self, actor: &Actor, token: i64, corrections: &[&Correction]) -> Result<(), DatabaseError> {
        if corrections.is_empty() {
            return Ok(());
        }
        let now = self.clock.now_ms();
        let mut statements = vec![leases::require(&self.holder, token)];
        statements.extend(corrections.iter().flat_map(|correction| correction.statements(actor, now)));
        statements.push(leases::clear_preconditions());
        self.database.batch(statements).await.map(drop)
    }

    /// Accepts that the treasury has credited `amount` to wallet accounts that this ledger does not know, audited, so that
    /// wallet accounts are created again.
    ///
    /// # Errors
    /// [`ReviewError::NotUnknown`] unless exactly that is left; nothing was written. [`ReviewError::Engine`] and
    /// [`ReviewError::Busy`] as for [`Reviewer::resolve`].
    pub async fn accept_unknown(&self, actor: &Actor, amount: Lamports) -> Result<(), ReviewError> {
        let credited = self.credited_total().await?;
        let unknown = reviews::unknown_credits(&self.database).await?.with_credited(credited).unknown_lamports;
        if unknown != amount || amount.is_zero() {
            return Err(ReviewError::NotUnknown { amount, unknown });
        }
        let statements = corrections::accept_unknown(actor, amount, credited, self.clock.now_ms());
        self.under_lease(async |token| {
            let mut all = vec![leases::require(&self.holder, token)];
            all.extend(statements);
            all.push(leases::clear_preconditions());
            Ok(self.database.batch(all).await.map(drop)?)
        })
        .await
    }

    /// What the network's treasury has credited in total, on the finalized chain now: the ledger's copy may be of a node that
    /// has lied since.
    async fn credited_total(&self) -> Result<Lamports, ReviewError> {
        let network = self.network.address();
        check_binding(&self.database, &self.chain, &network).await?;
        let treasury = [treasury_address(&network)];
        let read = self.chain.accounts(&treasury, AccountData::Full, Commitment::Finalized, 0).await?;
        let account = read.accounts.into_iter().next().flatten().filter(|account| account.owner == settlement::ID);
        let treasury = account.and_then(|account| Treasury::decode(&account.data).ok()).ok_or_else(|| {
            EngineError::Rejected("the network's treasury cannot be read: check the RPC URL and the network".to_owned())
        })?;
        let too_large = |error: LamportsError| EngineError::Rejected(format!("the treasury's total: {error}"));
        Ok(Lamports::new(treasury.credited_total).map_err(too_large)?)
    }

    /// Does something while no relay is settling.
    async fn under_lease<T>(&self, act: impl AsyncFnOnce(i64) -> Result<T, ReviewError>) -> Result<T, ReviewError> {
        let Some(token) = leases::take(&self.database, &self.holder).await? else {
            let (holder, _) = leases::current(&self.database).await?;
            return Err(ReviewError::Busy { holder });
        };
        let done = act(token).await;
        let released = leases::release(&self.database, &self.holder, token).await;
        let done = done?;
        // Once everything is written, a lease that could not be released only makes the next runner wait.
        released?;
        Ok(done)
    }
}
