//! The [`Chain`] of a relay: requests that travel to an RPC node and back, if nothing happens to them.

use std::cell::RefCell;
use std::rc::Rc;

use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::chain::{
    AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, FinalizedBlock, LatestBlockhash,
    Simulation, StatusSearch, StatusesAtSlot,
};

use crate::agenda::ProcessId;
use crate::checker::Rule;
use crate::cluster::{Travelling, decode};
use crate::lies::{Accounts, Falsify, Found, Lamports, Received};
use crate::random::{Random, Stream};
use crate::world::{Sleep, World};

/// The time after which a relay gives up waiting for an answer.
const TIMEOUT_MS: i64 = 10_000;

/// The genesis hash of the simulated cluster.
const GENESIS: [u8; 32] = [9; 32];

/// The genesis hash of another cluster.
const OTHER_GENESIS: [u8; 32] = [8; 32];

/// What answers at a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Url {
    /// The relay's usual node, and sometimes another one.
    Balanced,
    /// One of the nodes.
    Node(usize),
    /// A node of another cluster.
    OtherCluster,
}

/// A URL as used by one process.
pub(crate) struct Rpc {
    pub(crate) world: Rc<World>,
    pub(crate) process: ProcessId,
    pub(crate) url: Url,
}

/// The RPC node that a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    View(usize),
    OtherCluster,
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::View(number) => write!(f, "node {number}"),
            Self::OtherCluster => f.write_str("a node of another cluster"),
        }
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    RequestLost,
    AnswerLost,
    Refused,
}

impl Rpc {
    /// Sends a request. `effect` runs when it arrives at the RPC node that it gets.
    async fn request<R: std::fmt::Debug + Falsify + 'static>(
        &self,
        method: &'static str,
        effect: impl FnOnce(&World, Node) -> Result<R, ChainError> + 'static,
    ) -> Result<R, ChainError> {
        let (world, process) = (&self.world, self.process);
        let relay = &world.relays[process.relay];
        let (node, fate, there, back) = self.plan(method);
        let answer = Rc::new(RefCell::new(None));
        if matches!(fate, Fate::Answered | Fate::AnswerLost) {
            let (answer, name) = (Rc::clone(&answer), relay.name);
            let lies = matches!(node, Node::View(view) if world.scenario.urls.liar() == Some(view));
            world.schedule_effect(there, move |world| {
                let mut result = effect(world, node);
                if let Ok(truth) = &mut result
                    && lies
                    && world.chance(Stream::Lies, world.faults.get().lie)
                    && truth.falsify(&world.cluster.borrow(), &mut world.random(Stream::Lies))
                {
                    world.tell(name, format_args!("{method}: {node} lies"));
                }
                world.tell(name, format_args!("{method} at {node}: {}", Summary(&result)));
                answer.replace(Some(result));
            });
        }
        let waiting = if matches!(fate, Fate::Answered | Fate::Refused) { there + back } else { TIMEOUT_MS };
        Sleep::new(world, process, waiting.min(TIMEOUT_MS)).await;
        if fate == Fate::Refused {
            let refused = refusal(&mut world.random(Stream::Rpc(process.relay, method)), method);
            world.tell(relay.name, format_args!("{method} at {node} is refused: {refused}"));
            return Err(refused);
        }
        let arrived = answer.take().filter(|_| fate == Fate::Answered && waiting <= TIMEOUT_MS);
        arrived.unwrap_or_else(|| {
            world.tell(relay.name, format_args!("{method} at {node} gets no answer: {fate:?}"));
            Err(ChainError::Unreachable("no answer".to_owned()))
        })
    }

    /// Which node a request goes to, what happens to it, and how many milliseconds it and its answer take.
    fn plan(&self, method: &'static str) -> (Node, Fate, i64, i64) {
        let world = &self.world;
        let faults = world.faults.get();
        let mut random = world.random(Stream::Rpc(self.process.relay, method));
        let node = match self.url {
            Url::Node(view) => Node::View(view),
            Url::OtherCluster => Node::OtherCluster,
            Url::Balanced if random.chance(faults.other_view) => Node::View(random.index(world.scenario.views.len())),
            Url::Balanced => Node::View(world.relays[self.process.relay].view),
        };
        let fate = if random.chance(faults.rpc_unreachable) {
            Fate::RequestLost
        } else if random.chance(faults.rpc_answer_lost) {
            Fate::AnswerLost
        } else if random.chance(faults.rpc_refused) {
            Fate::Refused
        } else {
            Fate::Answered
        };
        let latency = world.scenario.latency_ms;
        let slowest = if random.chance(faults.rpc_slow) { TIMEOUT_MS + 2_000 } else { latency };
        let quickest = if world.scenario.is_slow() { latency * 3 / 4 } else { 0 };
        (node, fate, random.between(quickest, slowest), random.between(quickest.max(1), slowest))
    }
}

/// One of the ways in which a node says no.
fn refusal(random: &mut Random, method: &'static str) -> ChainError {
    let code = |code, message: &str| ChainError::ErrorResponse { method, code, message: message.to_owned() };
    match random.between(0, 4) {
        0 => ChainError::RateLimited { retry_after_ms: None },
        1 => ChainError::RateLimited { retry_after_ms: Some(random.amount(1, 5_000)) },
        2 => code(-32005, "Node is behind by 42 slots"),
        3 => code(-32603, "Internal error"),
        _ => ChainError::InvalidResponse("<html>".to_owned()),
    }
}

/// A result in one line.
struct Summary<'a, R>(&'a Result<R, ChainError>);

impl<R: std::fmt::Debug> std::fmt::Display for Summary<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Ok(result) => write!(f, "{result:?}"),
            Err(error) => write!(f, "{error}"),
        }
    }
}

impl Chain for Rpc {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.request("getGenesisHash", |_, node| {
            Ok(Hash::new_from_array(if node == Node::OtherCluster { OTHER_GENESIS } else { GENESIS }))
        })
        .await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        self.request("getLatestBlockhash", |world, node| {
            let cluster = world.cluster.borrow();
            Ok(match node {
                Node::View(view) => cluster.latest_blockhash(view),
                Node::OtherCluster => cluster.other_blockhash(),
            })
        })
        .await
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        self.request("getEpochInfo", |world, node| {
            let cluster = world.cluster.borrow();
            Ok(match node {
                Node::View(view) => cluster.finalized_block(view),
                Node::OtherCluster => cluster.other_block(),
            })
        })
        .await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        let addresses = addresses.to_vec();
        let read = self.request("getMultipleAccounts", move |world, node| {
            let cluster = world.cluster.borrow();
            match node {
                Node::View(view) => cluster.accounts(view, &addresses, data, commitment, min_slot).map(Accounts),
                Node::OtherCluster => Ok(Accounts(cluster.other_accounts(&addresses, data))),
            }
        });
        read.await.map(|accounts| accounts.0)
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.request("getMinimumBalanceForRentExemption", move |world, node| {
            let cluster = world.cluster.borrow();
            let view = if let Node::View(view) = node { view } else { 0 };
            Ok(Lamports(cluster.minimum_balance(view, data_len)))
        })
        .await
        .map(|lamports| lamports.0)
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        let bytes = transaction.to_vec();
        self.request("simulateTransaction", move |world, node| match node {
            Node::View(view) => world.cluster.borrow().simulate(view, &bytes),
            Node::OtherCluster => Ok(Simulation { units_consumed: 20_000, ..Simulation::default() }),
        })
        .await
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        let bytes = transaction.to_vec();
        self.request("sendTransaction", move |world, node| {
            let is_own = matches!(node, Node::View(_));
            let promise = || "a transaction is sent to another cluster".to_owned();
            world.check(Rule::NothingToAnotherCluster, is_own, promise);
            if is_own { receive(world, &bytes).map(|()| Received) } else { Ok(Received) }
        })
        .await
        .map(|Received| ())
    }

    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        let signatures = signatures.to_vec();
        self.request("getSignatureStatuses", move |world, node| {
            let cluster = world.cluster.borrow();
            match node {
                Node::View(view) => {
                    let answer = cluster.statuses(view, &signatures, search)?;
                    let is_final = |signature: &Signature| cluster.find(signature, cluster.root).is_some();
                    let answers = signatures.iter().zip(&answer.statuses);
                    if answers.into_iter().any(|(signature, status)| status.is_none() && is_final(signature)) {
                        world.tell("network", format_args!("{node} does not know what is final"));
                    }
                    Ok(answer)
                }
                Node::OtherCluster => Ok(cluster.other_statuses(signatures.len())),
            }
        })
        .await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        let signature = *signature;
        let found = self.request("getTransaction", move |world, node| match node {
            Node::View(view) => world.cluster.borrow().transaction(view, &signature).map(Found),
            Node::OtherCluster => Ok(Found(None)),
        });
        found.await.map(|found| found.0)
    }

    async fn recent_priority_fees(&self, _writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.request("getRecentPrioritizationFees", |_, _| Ok(vec![0, 10, 20, 30])).await
    }
}

/// An RPC node receives a transaction and passes it on to leaders, which may drop it or get it more than once.
fn receive(world: &World, bytes: &[u8]) -> Result<(), ChainError> {
    let transaction = decode(bytes)?;
    let signature = transaction.signatures[0];
    world.checker.borrow_mut().sent(world, &signature);
    if !world.verified.borrow().contains(&signature) {
        let message = transaction.message.serialize();
        let signers = transaction.message.static_account_keys().iter();
        if !transaction.signatures.iter().zip(signers).all(|(signature, key)| signature.verify(key.as_ref(), &message))
        {
            let message = "Transaction signature verification failure".to_owned();
            return Err(ChainError::ErrorResponse { method: "sendTransaction", code: -32003, message });
        }
        world.verified.borrow_mut().insert(signature);
    }
    let faults = world.faults.get();
    let transaction = Rc::new(transaction);
    let deliver = |in_ms| {
        let transaction = Rc::clone(&transaction);
        world.schedule_effect(in_ms, move |world| {
            world.cluster.borrow_mut().mempool.push(Travelling { transaction, patience: 20 });
        });
    };
    if world.chance(Stream::Network, faults.dropped) {
        world.tell("network", format_args!("drops {signature}"));
    } else {
        deliver(world.between(Stream::Network, 0, 600));
    }
    if world.chance(Stream::Network, faults.duplicated) {
        deliver(world.between(Stream::Network, 0, 9_000));
    }
    Ok(())
}
