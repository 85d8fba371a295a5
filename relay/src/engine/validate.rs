//! Step 1: checks that the ledger belongs to this cluster and network, that the program is in service, and that the
//! settler is authorized and can pay fees.

use settlement::state::{ClosedNetwork, Network, Treasury};
use solana_pubkey::Pubkey;

use crate::chain::{Account, AccountData, Chain, Commitment};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::SIGNATURE_FEE_LAMPORTS;

use super::changes::Changes;
use super::lease::Lease;
use super::store::binding::Mismatch;
use super::store::settlements::OpenSettlement;
use super::store::wallets::TreasuryReading;
use super::store::{binding, wallets};
use super::text::plural;
use super::{Asset, Engine, EngineError, Progress, Step};

/// The highest credited total of a treasury that the ledger's integers can hold, in base units: half of the program's.
pub(super) const MAX_CREDITED_TOTAL: u64 = i64::MAX.unsigned_abs();

/// A network in service, as a settlement finds it.
pub(super) struct Service {
    /// What the ledger is bound to, or is to be bound to.
    binding: [(&'static str, String); 3],
    pub(super) asset: Asset,
    treasury: TreasuryReading,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    pub(super) async fn validate(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        let Service { binding, asset, treasury } = self.check_service().await?;
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        for (name, value) in binding {
            changes.push(binding::bind(name, &value));
        }
        changes.push(binding::bind(binding::ASSET, &asset.to_string()));
        changes.push(wallets::upsert_treasury(&treasury, self.clock.now_ms()));
        changes.info(format!(
            "network {} is in service; the treasury holds {}",
            self.config.network.name(),
            plural(treasury.balance, asset.unit())
        ));
        changes.go_to(Step::Sync);
        self.commit(lease, changes).await?;
        self.set_asset(asset);
        Ok(Progress::Continue { after_ms: 0 })
    }

    /// Checks everything that a settlement needs, without writing.
    ///
    /// # Errors
    /// [`EngineError::Rejected`] with the first thing that is missing, and what to do about it.
    pub(super) async fn check_service(&self) -> Result<Service, EngineError> {
        let binding = check_binding(&self.database, &self.chain, &self.network).await?;

        let settler = self.signer.address();
        let addresses = [settlement::ID, self.network, self.treasury, settler];
        let read = self.chain.accounts(&addresses, AccountData::Full, Commitment::Finalized, 0).await?;
        let [program, network, treasury_account, settler_account] = read.accounts.as_slice() else {
            return Err(EngineError::Rejected("the RPC node returned fewer accounts than requested".to_owned()));
        };
        check_program(program.as_ref())?;
        let network = self.check_network(network.as_ref())?;
        let asset = check_asset(&network, binding.asset)?;
        let (treasury, lamports) = self.decode_treasury(treasury_account.as_ref())?;

        if treasury.settler != settler {
            return Err(EngineError::Rejected(format!(
                "the network's settler is {}, but SOLANA_PRIVATE_KEY is the key of {settler}: use the settler's key",
                treasury.settler
            )));
        }
        if treasury.is_paused() {
            return Err(EngineError::Rejected(
                "the network is paused: nothing can be settled until its admin unpauses it".to_owned(),
            ));
        }
        if treasury.credited_total > MAX_CREDITED_TOTAL {
            return Err(EngineError::Rejected(format!(
                "the network has credited {} in total, more than the {MAX_CREDITED_TOTAL} that a ledger can add up: nothing more \
                 can be settled in it, so create another network for further rewards",
                plural(treasury.credited_total, asset.unit())
            )));
        }
        let funds = settler_account.as_ref().map_or(0, |account| account.lamports);
        if funds < SIGNATURE_FEE_LAMPORTS {
            return Err(EngineError::Rejected(format!(
                "the settler {settler} holds {funds} lamports and cannot pay a fee of {SIGNATURE_FEE_LAMPORTS}: send it SOL"
            )));
        }

        let balance = asset.held(&treasury, lamports);
        let treasury = TreasuryReading { address: self.treasury, balance, slot: read.slot, treasury };
        Ok(Service { binding: binding.checked, asset, treasury })
    }

    fn check_network(&self, account: Option<&Account>) -> Result<Network, EngineError> {
        let name = self.config.network.name();
        // Anybody can send lamports to the address. Only an account that the program owns is a network.
        let account = account.filter(|account| account.owner == settlement::ID).ok_or_else(|| {
            EngineError::Rejected(format!(
                "{} has not created a network '{name}' on this cluster: check NETWORK_CREATOR and NETWORK, or create the \
                 network with 'williw-relay network create'",
                self.config.network.creator
            ))
        })?;
        if ClosedNetwork::decode(&account.data).is_ok() {
            return Err(EngineError::Rejected(format!("network '{name}' was closed by its admin and settles nothing")));
        }
        let network = Network::decode(&account.data).map_err(|_| {
            EngineError::Rejected(format!(
                "the account {} of network '{name}' cannot be decoded because another version of the program has written \
                 it: use the matching version of williw-relay",
                self.network
            ))
        })?;
        let expected = self.config.network.admin;
        if network.admin != expected {
            return Err(EngineError::Rejected(format!(
                "the admin of network '{name}' is {}, but {expected} is expected: if you know of the handover, set \
                 NETWORK_ADMIN to {}; otherwise stop, because whoever controls the network has changed",
                network.admin, network.admin
            )));
        }
        Ok(network)
    }

    /// Decodes the treasury account. Returns its fields and its balance in lamports.
    pub(super) fn decode_treasury(&self, account: Option<&Account>) -> Result<(Treasury, u64), EngineError> {
        let decoded = account
            .filter(|account| account.owner == settlement::ID)
            .and_then(|account| Some((Treasury::decode(&account.data).ok()?, account.lamports)));
        decoded.ok_or_else(|| {
            EngineError::Rejected(format!(
                "the treasury {} cannot be decoded because it is missing or another version of the program has written \
                 it: check NETWORK, or use the matching version of williw-relay",
                self.treasury
            ))
        })
    }
}

/// What a ledger is bound to.
pub(super) struct Binding {
    /// The cluster, program and network, to which the ledger is bound or may be bound.
    pub(super) checked: [(&'static str, String); 3],
    /// The asset to which it is bound; `None` if nothing was settled with it yet.
    pub(super) asset: Option<Asset>,
}

/// Checks that the ledger is bound to this cluster, program and network, or to none.
///
/// # Errors
/// [`EngineError::Rejected`] if the ledger is bound to others.
pub(super) async fn check_binding(
    database: &impl Database,
    chain: &impl Chain,
    network: &Pubkey,
) -> Result<Binding, EngineError> {
    let expected = binding::expected(&chain.genesis_hash().await?, network);
    let bound = binding::read(database).await?;
    if let Some(Mismatch { name, bound, expected }) = binding::mismatch(&bound, &expected) {
        return Err(EngineError::Rejected(format!(
            "this ledger is bound to {name} {bound}, but {name} is now {expected}: \
             check the RPC URL and the network's name and creator, or use the matching ledger"
        )));
    }
    let asset = bound.get(binding::ASSET).map(|text| text.parse()).transpose()?;
    Ok(Binding { checked: expected, asset })
}

/// The asset of the network, which must be the one that the ledger is `bound` to, if it is.
fn check_asset(network: &Network, bound: Option<Asset>) -> Result<Asset, EngineError> {
    let asset = Asset::of(network).ok_or_else(|| {
        EngineError::Rejected(
            "the network pays in an asset that this version does not know: update williw-relay".to_owned(),
        )
    })?;
    match bound {
        Some(bound) if bound != asset => Err(EngineError::Rejected(format!(
            "this ledger's amounts are in {bound}, but the network pays in {asset}: use the matching ledger"
        ))),
        _ => Ok(asset),
    }
}

fn check_program(account: Option<&Account>) -> Result<(), EngineError> {
    match account {
        Some(account) if account.executable => Ok(()),
        _ => Err(EngineError::Rejected(format!(
            "the settlement program {} is not deployed on this cluster: deploy it, or check SOLANA_RPC_URL",
            settlement::ID
        ))),
    }
}
