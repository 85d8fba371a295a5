//! Reading accounts from the chain, several requests at a time.

use futures_util::{StreamExt as _, stream};
use settlement::state::{ClosedNode, NodeWallet};
use solana_pubkey::Pubkey;

use crate::chain::{Account, AccountData, Chain, Commitment, MAX_ACCOUNTS_PER_READ, REQUESTS_IN_FLIGHT, concurrently};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::lease::Lease;
use super::{Engine, EngineError};

/// Runs requests concurrently, each of which may fail by itself.
async fn all_concurrently<T, F: Future<Output = T>>(requests: impl IntoIterator<Item = F>) -> Vec<T> {
    stream::iter(requests).buffered(REQUESTS_IN_FLIGHT).collect().await
}

/// The number of requests after which the lease is renewed: two rounds of concurrent ones.
const REQUESTS_PER_RENEWAL: usize = 2 * REQUESTS_IN_FLIGHT;

/// What the chain has at the address of a node's wallet account.
#[derive(Clone, Debug)]
pub(super) enum WalletAccount {
    /// Nothing, or somebody's lamports: the wallet account can be created there.
    Missing,
    /// The wallet account with its balance in lamports.
    Open(Box<NodeWallet>, u64),
    /// The remains of a closed wallet account: its totals, without an owner.
    Closed(Box<NodeWallet>, u64),
    /// An account of the program with a layout that this version cannot decode.
    Unreadable,
}

impl WalletAccount {
    fn of(account: Option<Account>) -> Self {
        let Some(account) = account.filter(|account| account.owner == settlement::ID) else { return Self::Missing };
        match (NodeWallet::decode(&account.data), ClosedNode::decode(&account.data)) {
            (Ok(wallet), _) => Self::Open(Box::new(wallet), account.lamports),
            (_, Ok(closed)) => Self::Closed(Box::new(closed.into()), account.lamports),
            _ => Self::Unreadable,
        }
    }

    /// The totals of the wallet account, even if it is closed.
    pub(super) fn totals(&self) -> Option<&NodeWallet> {
        match self {
            Self::Open(wallet, _) | Self::Closed(wallet, _) => Some(wallet),
            _ => None,
        }
    }

    /// The wallet account, unless it is closed.
    pub(super) fn open(&self) -> Option<&NodeWallet> {
        match self {
            Self::Open(wallet, _) => Some(wallet),
            _ => None,
        }
    }
}

/// A wallet account and the finalized slot at which it was read.
#[derive(Clone, Debug)]
pub(super) struct WalletRead {
    pub(super) slot: u64,
    pub(super) account: WalletAccount,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Runs any number of requests concurrently, each of which may fail by itself, and renews the lease between rounds: without
    /// that, two runners with slow nodes would take the lease from each other for ever.
    ///
    /// # Errors
    /// Those of [`Engine::renew`]; the requests that were not made yet are abandoned.
    pub(super) async fn all_in_rounds<T, F: Future<Output = T>>(
        &self,
        lease: &Lease,
        requests: impl IntoIterator<Item = F>,
    ) -> Result<Vec<T>, EngineError> {
        let (mut requests, mut all) = (requests.into_iter().peekable(), Vec::new());
        while requests.peek().is_some() {
            self.renew(lease).await?;
            all.extend(all_concurrently(requests.by_ref().take(REQUESTS_PER_RENEWAL)).await);
        }
        Ok(all)
    }

    /// Reads wallet accounts from the finalized chain at `min_slot` or later, in the order of `addresses`.
    pub(super) async fn read_wallets(
        &self,
        lease: &Lease,
        addresses: &[Pubkey],
        min_slot: u64,
    ) -> Result<Vec<WalletRead>, EngineError> {
        let read = self.read_accounts(lease, addresses, AccountData::Full, Commitment::Finalized, min_slot).await?;
        Ok(read.into_iter().map(|(slot, account)| WalletRead { slot, account: WalletAccount::of(account) }).collect())
    }

    /// Reads any number of accounts, each with the slot at which it was read, in the order of `addresses`.
    pub(super) async fn read_accounts(
        &self,
        lease: &Lease,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<Vec<(u64, Option<Account>)>, EngineError> {
        let mut all = Vec::with_capacity(addresses.len());
        for piece in addresses.chunks(MAX_ACCOUNTS_PER_READ * REQUESTS_IN_FLIGHT) {
            if !all.is_empty() {
                self.renew(lease).await?;
            }
            let requests =
                piece.chunks(MAX_ACCOUNTS_PER_READ).map(|chunk| self.chain.accounts(chunk, data, commitment, min_slot));
            for read in concurrently(requests).await? {
                all.extend(read.accounts.into_iter().map(|account| (read.slot, account)));
            }
        }
        Ok(all)
    }
}
