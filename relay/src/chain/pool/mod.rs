//! Several RPC nodes of one cluster, used as one: failover for everything, and comparison for what decides about money.
//!
//! Every answer by which a settlement gives up an attempt or confirms a reward comes from at least two nodes, if there are as
//! many: finalized accounts, executed transactions, and that a signature is nowhere in the history. So does what rewards are
//! held for: the rent. A node that lags delays such an answer, and one of two that lies prevents it; neither makes the ledger
//! record something that did not happen. Which two agree does not matter, so of three nodes one can be silent, lag or lie.

mod accounts;
mod agreement;
mod health;

use std::cell::Cell;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::{
    AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, FinalizedBlock, History,
    LatestBlockhash, RecordedTransaction, SignatureAtSlot, Simulation, StatusSearch, StatusesAtSlot,
};
use accounts::{Unconfirmed, Wanted};
use agreement::{Answer, Evidence, Shown};
use health::Health;

/// How often nodes are asked for the same finalized accounts before two of their answers must agree.
const ROUNDS: usize = 3;

/// RPC nodes of one cluster.
///
/// A node that does not answer costs its timeout only now and then, see [`Health`]: it is left out of requests that enough
/// others answer.
pub struct Pool<C> {
    nodes: Vec<Node<C>>,
    /// The position of the node that answered last.
    preferred: Cell<usize>,
    /// The cluster, once a node has named it.
    genesis: Cell<Option<Hash>>,
    unconfirmed: Unconfirmed,
}

struct Node<C> {
    chain: C,
    /// Whether the node has named the cluster since it last failed to answer: behind the same URL, it may be another one now.
    is_checked: Cell<bool>,
    health: Health,
}

/// The answers of several nodes.
struct Answers<T> {
    /// Those of preferred nodes first.
    given: Vec<Answer<T>>,
    /// Why one of the others has given none, see [`sooner`].
    failure: Option<ChainError>,
}

impl<T> Answers<T> {
    /// The answers if there are at least `quorum`.
    fn at_least(self, quorum: usize) -> Result<Vec<T>, ChainError> {
        if self.given.len() >= quorum {
            return Ok(self.given.into_iter().map(|(_, answer)| answer).collect());
        }
        Err(self.failure.unwrap_or_else(no_node))
    }
}

impl<C: Chain> Pool<C> {
    /// Uses `nodes` as one, in order of preference.
    pub fn new(nodes: impl IntoIterator<Item = C>) -> Self {
        let node = |chain| Node { chain, is_checked: Cell::new(false), health: Health::default() };
        Self {
            nodes: nodes.into_iter().map(node).collect(),
            preferred: Cell::new(0),
            genesis: Cell::new(None),
            unconfirmed: Unconfirmed::default(),
        }
    }

    /// How many answers decide about money.
    fn quorum(&self) -> usize {
        self.nodes.len().clamp(1, 2)
    }

    /// The nodes, beginning with the one that answered last.
    fn in_order(&self) -> impl Iterator<Item = (usize, &Node<C>)> {
        let preferred = self.preferred.get();
        self.nodes.iter().enumerate().cycle().skip(preferred).take(self.nodes.len())
    }

    /// Checks, before a node is first used and after each failure to answer, that it belongs to the cluster of the others.
    async fn check(&self, node: &Node<C>) -> Result<(), ChainError> {
        if node.is_checked.get() {
            return Ok(());
        }
        let genesis = node.chain.genesis_hash().await?;
        match self.genesis.get() {
            Some(known) if known != genesis => {
                return Err(ChainError::NodesDisagree(format!(
                    "about the cluster: its genesis hash was {known}, and is {genesis}"
                )));
            }
            _ => self.genesis.set(Some(genesis)),
        }
        node.is_checked.set(true);
        Ok(())
    }

    /// Whether two other nodes belong to the same cluster, so that one that names another cluster stops nothing. Otherwise it is a
    /// setting to correct.
    fn can_do_without(&self, node: &Node<C>) -> bool {
        self.nodes.iter().filter(|other| other.is_checked.get() && !std::ptr::eq(*other, node)).count() > 1
    }

    /// The answer of one node.
    async fn answer_of<T>(
        &self,
        node: &Node<C>,
        request: impl AsyncFn(&C) -> Result<T, ChainError>,
    ) -> Result<T, ChainError> {
        let answer = match self.check(node).await {
            Ok(()) => request(&node.chain).await,
            Err(error) => Err(error),
        };
        node.health.note(&answer);
        if matches!(answer, Err(ChainError::Unreachable(_) | ChainError::InvalidResponse(_))) {
            node.is_checked.set(false);
        }
        answer
    }

    /// The first answer of any node.
    async fn any<T>(&self, request: impl AsyncFn(&C) -> Result<T, ChainError>) -> Result<T, ChainError> {
        let mut failure = None;
        let (well, silent): (Vec<_>, Vec<_>) = self.in_order().partition(|(_, node)| node.health.is_well());
        for (position, node) in well.into_iter().chain(silent) {
            match self.answer_of(node, &request).await {
                Ok(answer) => {
                    self.preferred.set(position);
                    return Ok(answer);
                }
                Err(error @ ChainError::NodesDisagree(_)) if !self.can_do_without(node) => return Err(error),
                Err(error) => {
                    failure = Some(sooner(failure, error));
                }
            }
        }
        Err(failure.unwrap_or_else(no_node))
    }

    /// Asks all nodes at once, except those that are left out because they were silent. They are asked as well if fewer than
    /// `quorum` others answer, or if these contradict each other. As soon as the answers are sufficient, the other requests
    /// are abandoned.
    async fn ask<T>(
        &self,
        quorum: usize,
        request: impl AsyncFn(&C) -> Result<T, ChainError>,
        evidence: impl Fn(&[Answer<T>]) -> Evidence,
    ) -> Result<Answers<T>, ChainError> {
        let (mut due, mut left_out): (Vec<_>, Vec<_>) = self.in_order().partition(|(_, node)| node.health.is_due());
        if due.len() < quorum {
            due.append(&mut left_out);
        }
        let mut answers = Answers { given: Vec::with_capacity(self.nodes.len()), failure: None };
        let mut proves = Evidence::Open;
        for nodes in [due, left_out] {
            let answer_of = async |(position, node)| (position, node, self.answer_of(node, &request).await);
            let mut requests: FuturesUnordered<_> = nodes.into_iter().map(answer_of).collect();
            while let Some((position, node, answer)) = requests.next().await {
                match answer {
                    Ok(answer) => answers.given.push((position, answer)),
                    Err(error @ ChainError::NodesDisagree(_)) if !self.can_do_without(node) => return Err(error),
                    Err(error) => {
                        answers.failure = Some(sooner(answers.failure.take(), error));
                    }
                }
                proves = evidence(&answers.given);
                if proves == Evidence::Sufficient {
                    break;
                }
            }
            if proves == Evidence::Sufficient || (proves == Evidence::Open && answers.given.len() >= quorum) {
                break;
            }
        }
        let order: Vec<usize> = self.in_order().map(|(position, _)| position).collect();
        answers.given.sort_by_key(|(position, _)| order.iter().position(|one| one == position));
        Ok(answers)
    }

    /// The answers of all nodes that give one, except those that are left out: at least two, if there are as many nodes.
    async fn several<T>(&self, request: impl AsyncFn(&C) -> Result<T, ChainError>) -> Result<Vec<T>, ChainError> {
        self.ask(self.quorum(), request, |_| Evidence::Open).await?.at_least(self.quorum())
    }

    /// Finalized accounts as two nodes agree on them.
    async fn agreed_accounts(&self, wanted: Wanted<'_>, min_slot: u64) -> Result<AccountsAtSlot, ChainError> {
        let Wanted { addresses, data } = wanted;
        let request = async |chain: &C| chain.accounts(addresses, data, Commitment::Finalized, min_slot).await;
        if self.nodes.len() < 2 {
            return self.any(request).await;
        }
        let mut earlier = self.unconfirmed.take(wanted, min_slot);
        let mut failure = ChainError::Behind { slot: 0, min_slot };
        for _ in 0..ROUNDS {
            let answers = self.ask(self.quorum(), &request, |given| accounts::evidence(&earlier, given)).await?;
            if let Some(agreed) = accounts::agreed(&earlier, &answers.given) {
                return Ok(agreed);
            }
            let contradiction = accounts::contradiction(&earlier, &answers.given);
            let is_complete = answers.given.len() >= self.quorum();
            earlier.extend(answers.given);
            failure = match (answers.failure, contradiction) {
                (Some(error), _) if !is_complete => {
                    failure = error;
                    break;
                }
                // The node that did not answer can tell which of the others lies.
                (Some(error), Some(_)) if error.is_transient() => error,
                (_, Some(slot)) => ChainError::NodesDisagree(format!("about accounts at the finalized slot {slot}")),
                // The accounts have changed between the slots of the answers.
                (_, None) => ChainError::Behind { slot: 0, min_slot },
            };
        }
        if !matches!(failure, ChainError::NodesDisagree(_)) {
            self.unconfirmed.keep(wanted, earlier);
        }
        Err(failure)
    }

    /// The transaction as two nodes show it; `None` while only one of them has it.
    async fn agreed_transaction<T: Shown + Clone>(
        &self,
        signature: &Signature,
        request: impl AsyncFn(&C) -> Result<Option<T>, ChainError>,
    ) -> Result<Option<T>, ChainError> {
        let nodes = self.nodes.len();
        if nodes < 2 {
            return self.any(request).await;
        }
        let answers = self.ask(self.quorum(), request, |given| agreement::of_transaction(given, nodes)).await?;
        agreement::transaction(&answers.at_least(self.quorum())?, nodes, signature)
    }
}

/// Of the failures of two nodes, that of the one that may answer sooner: nobody has to wait for as long as another one asks.
fn sooner(known: Option<ChainError>, next: ChainError) -> ChainError {
    match (known, next) {
        (
            Some(ChainError::RateLimited { retry_after_ms: Some(one) }),
            ChainError::RateLimited { retry_after_ms: Some(other) },
        ) => ChainError::RateLimited { retry_after_ms: Some(one.min(other)) },
        (Some(ChainError::RateLimited { retry_after_ms: Some(_) }) | None, next) => next,
        (Some(known), _) => known,
    }
}

fn no_node() -> ChainError {
    ChainError::Unreachable("no RPC node is configured".to_owned())
}

impl<C: Chain> Chain for Pool<C> {
    fn agreeing_nodes(&self) -> usize {
        self.quorum()
    }

    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.any(async |chain| chain.genesis_hash().await).await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        let answers = self.several(async |chain| chain.latest_blockhash().await).await?;
        agreement::blockhash(&answers).ok_or_else(no_node)
    }

    /// The latest block that two nodes have finalized. Other nodes are waited for: one of the two may hang.
    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        let answers = self.several(async |chain| chain.finalized_block().await).await?;
        agreement::block(answers).ok_or_else(no_node)
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        match commitment {
            Commitment::Finalized => self.agreed_accounts(Wanted { addresses, data }, min_slot).await,
            Commitment::Confirmed => {
                self.any(async |chain| chain.accounts(addresses, data, commitment, min_slot).await).await
            }
        }
    }

    /// What two nodes agree on: with a false rent, rewards would be held as if the treasury were short.
    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        let request = async |chain: &C| chain.minimum_balance(data_len).await;
        let answers = self.ask(self.quorum(), request, agreement::of_amounts).await?;
        let failure = answers.failure.clone().filter(ChainError::is_transient);
        let disagree = || failure.unwrap_or_else(|| ChainError::NodesDisagree("about the rent".to_owned()));
        agreement::amount(&answers.at_least(self.quorum())?).ok_or_else(disagree)
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.any(async |chain| chain.simulate(transaction).await).await
    }

    /// Sends to all nodes, except those that are left out, and succeeds if one accepts the transaction.
    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        let sent = self.ask(1, async |chain| chain.send(transaction).await, |_| Evidence::Open).await?;
        sent.at_least(1).map(|_| ())
    }

    /// The statuses that any node knows; finalized are those that two nodes call so. That a signature has none is known as far
    /// as the answers of two nodes reach.
    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        let quorum = self.quorum();
        let request = async |chain: &C| chain.statuses(signatures, search).await;
        let answers =
            self.ask(quorum, request, |given| agreement::of_statuses(given, signatures.len(), quorum)).await?;
        Ok(agreement::statuses(answers.at_least(quorum)?, signatures.len(), quorum))
    }

    /// The transaction as two nodes have executed it; `None` while only one of them has it.
    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        self.agreed_transaction(signature, async |chain| chain.transaction(signature).await).await
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.any(async |chain| chain.recent_priority_fees(writable).await).await
    }
}

impl<C: Chain + History> History for Pool<C> {
    /// The transaction as two nodes have recorded it; `None` while only one of them has it.
    async fn recorded(&self, signature: &Signature) -> Result<Option<RecordedTransaction>, ChainError> {
        self.agreed_transaction(signature, async |chain| chain.recorded(signature).await).await
    }

    /// The answer of one node. Whoever needs a complete list checks it against the treasury's history hash.
    async fn signatures_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
    ) -> Result<Vec<SignatureAtSlot>, ChainError> {
        self.any(async |chain| chain.signatures_of(address, before).await).await
    }
}

#[cfg(test)]
mod tests;
