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
use crate::cluster::{Travelling, decode};
use crate::world::{Sleep, World};

/// The time after which a relay gives up waiting for an answer.
const TIMEOUT_MS: i64 = 10_000;

/// The genesis hash of the simulated cluster.
const GENESIS: [u8; 32] = [9; 32];

/// The RPC nodes as seen by one process.
pub(crate) struct Rpc {
    pub(crate) world: Rc<World>,
    pub(crate) process: ProcessId,
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
    /// Sends a request. `effect` runs when it arrives at the RPC node whose number it gets.
    async fn request<R: std::fmt::Debug + 'static>(
        &self,
        method: &'static str,
        effect: impl FnOnce(&World, usize) -> Result<R, ChainError> + 'static,
    ) -> Result<R, ChainError> {
        let (world, process) = (&self.world, self.process);
        let relay = &world.relays[process.relay];
        let faults = world.faults.get();
        let views = world.cluster.borrow().views.len();
        let view =
            if world.chance(faults.other_view) { world.between(0, views as i64 - 1) as usize } else { relay.view };
        let fate = if world.chance(faults.rpc_unreachable) {
            Fate::RequestLost
        } else if world.chance(faults.rpc_answer_lost) {
            Fate::AnswerLost
        } else if world.chance(faults.rpc_refused) {
            Fate::Refused
        } else {
            Fate::Answered
        };
        let slowest = if world.chance(faults.rpc_slow) { TIMEOUT_MS + 2_000 } else { 120 };
        let (there, back) = (world.between(0, slowest), world.between(1, slowest));
        let answer = Rc::new(RefCell::new(None));
        if matches!(fate, Fate::Answered | Fate::AnswerLost) {
            let (answer, name) = (Rc::clone(&answer), relay.name);
            world.schedule_effect(there, move |world| {
                let result = effect(world, view);
                world.tell(name, format_args!("{method} at node {view}: {}", Summary(&result)));
                answer.replace(Some(result));
            });
        }
        let waiting = if matches!(fate, Fate::Answered | Fate::Refused) { there + back } else { TIMEOUT_MS };
        Sleep::new(world, process, waiting.min(TIMEOUT_MS)).await;
        if fate == Fate::Refused {
            let refused = refusal(world, method);
            world.tell(relay.name, format_args!("{method} at node {view} is refused: {refused}"));
            return Err(refused);
        }
        let arrived = answer.take().filter(|_| fate == Fate::Answered && waiting <= TIMEOUT_MS);
        arrived.unwrap_or_else(|| {
            world.tell(relay.name, format_args!("{method} at node {view} gets no answer: {fate:?}"));
            Err(ChainError::Unreachable("no answer".to_owned()))
        })
    }
}

/// One of the ways in which a node says no.
fn refusal(world: &World, method: &'static str) -> ChainError {
    let code = |code, message: &str| ChainError::ErrorResponse { method, code, message: message.to_owned() };
    match world.between(0, 4) {
        0 => ChainError::RateLimited { retry_after_ms: None },
        1 => ChainError::RateLimited { retry_after_ms: Some(world.between(1, 5_000).unsigned_abs()) },
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

/// Accounts whose data is left out of the story.
struct Accounts(AccountsAtSlot);

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let existing = self.0.accounts.iter().flatten().count();
        write!(f, "{existing} of {} accounts at slot {}", self.0.accounts.len(), self.0.slot)
    }
}

/// An executed transaction whose log is left out of the story.
struct Found(Option<ExecutedTransaction>);

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(found) => write!(f, "found in slot {} with {} log lines", found.slot, found.log_messages.len()),
            None => f.write_str("not found"),
        }
    }
}

impl Chain for Rpc {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.request("getGenesisHash", |_, _| Ok(Hash::new_from_array(GENESIS))).await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        self.request("getLatestBlockhash", |world, view| Ok(world.cluster.borrow().latest_blockhash(view))).await
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        self.request("getEpochInfo", |world, view| Ok(world.cluster.borrow().finalized_block(view))).await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        let addresses = addresses.to_vec();
        let read = self.request("getMultipleAccounts", move |world, view| {
            world.cluster.borrow().accounts(view, &addresses, data, commitment, min_slot).map(Accounts)
        });
        read.await.map(|accounts| accounts.0)
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.request("getMinimumBalanceForRentExemption", move |world, view| {
            Ok(world.cluster.borrow().minimum_balance(view, data_len))
        })
        .await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        let bytes = transaction.to_vec();
        self.request("simulateTransaction", move |world, view| world.cluster.borrow().simulate(view, &bytes)).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        let bytes = transaction.to_vec();
        self.request("sendTransaction", move |world, _| receive(world, &bytes)).await
    }

    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        let signatures = signatures.to_vec();
        self.request("getSignatureStatuses", move |world, view| {
            world.cluster.borrow().statuses(view, &signatures, search)
        })
        .await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        let signature = *signature;
        let found = self.request("getTransaction", move |world, view| {
            world.cluster.borrow().transaction(view, &signature).map(Found)
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
    if world.chance(faults.dropped) {
        world.tell("network", format_args!("drops {signature}"));
    } else {
        deliver(world.between(0, 600));
    }
    if world.chance(faults.duplicated) {
        deliver(world.between(0, 9_000));
    }
    Ok(())
}
