//! Step 1: the ledger and the chain belong together, the program is in service, and the settler may settle.

use settlement::state::{AssetKind, Network, Treasury};

use crate::chain::{Account, AccountData, Chain, Commitment};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::changes::Changes;
use super::lease::Lease;
use super::store::settlements::OpenSettlement;
use super::store::{binding, wallets};
use super::{Engine, EngineError, Progress, Step};

/// The fee of one signature. With less than this the settler cannot send anything.
const SIGNATURE_FEE_LAMPORTS: u64 = 5_000;

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    pub(super) async fn validate(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        for (name, value) in self.binding().await? {
            changes.push(binding::bind(name, &value));
        }

        let settler = self.signer.address();
        let addresses = [settlement::ID, self.network, self.treasury, settler];
        let read = self.chain.accounts(&addresses, AccountData::Full, Commitment::Finalized).await?;
        let [program, network, treasury_account, settler_account] = read.accounts.as_slice() else {
            return Err(EngineError::Rejected("the RPC node left accounts out of its answer".to_owned()));
        };
        check_program(program.as_ref())?;
        self.check_network(network.as_ref())?;
        let (treasury, balance) = self.decode_treasury(treasury_account.as_ref())?;

        if treasury.asset_kind != u8::from(AssetKind::Sol) {
            return Err(EngineError::Rejected(format!(
                "the network {} pays in tokens of the mint {}, and this relay settles networks that pay in SOL",
                self.config.network.name(),
                treasury.mint
            )));
        }
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
        let funds = settler_account.as_ref().map_or(0, |account| account.lamports);
        if funds < SIGNATURE_FEE_LAMPORTS {
            return Err(EngineError::Rejected(format!(
                "the settler {settler} has {funds} lamports and cannot pay a fee of {SIGNATURE_FEE_LAMPORTS}: send it SOL"
            )));
        }

        changes.push(wallets::upsert_treasury(&self.treasury, balance, &treasury, read.slot, self.clock.now_ms()));
        changes.info(format!(
            "network {} is in service; the treasury holds {balance} lamports",
            self.config.network.name()
        ));
        changes.go_to(Step::Sync);
        self.commit(lease, changes).await?;
        Ok(Progress::Continue { after_ms: 0 })
    }

    /// What the ledger must be bound to.
    ///
    /// # Errors
    /// [`EngineError::Rejected`] when it is bound to something else.
    async fn binding(&self) -> Result<[(&'static str, String); 3], EngineError> {
        let ours = [
            ("genesis_hash", self.chain.genesis_hash().await?.to_string()),
            ("program_id", settlement::ID.to_string()),
            ("network", self.network.to_string()),
        ];
        let bound = binding::read(&self.database).await?;
        for (name, value) in &ours {
            match bound.get(*name) {
                Some(there) if there != value => {
                    return Err(EngineError::Rejected(format!(
                        "this ledger was settled with {name} {there} before, and now {name} is {value}: \
                         check the RPC URL and the network's name, or use the ledger that belongs to it"
                    )));
                }
                _ => {}
            }
        }
        Ok(ours)
    }

    fn check_network(&self, account: Option<&Account>) -> Result<(), EngineError> {
        let name = self.config.network.name();
        let account = account.ok_or_else(|| {
            EngineError::Rejected(format!(
                "there is no network '{name}' on this cluster: create it with `williw-relay network create`"
            ))
        })?;
        let decoded = if account.owner == settlement::ID { Network::decode(&account.data).ok() } else { None };
        decoded.map(drop).ok_or_else(|| {
            EngineError::Rejected(format!(
                "the account {} of network '{name}' is not one that this version of the program has written",
                self.network
            ))
        })
    }

    /// The treasury's fields and balance.
    pub(super) fn decode_treasury(&self, account: Option<&Account>) -> Result<(Treasury, u64), EngineError> {
        let decoded = account
            .filter(|account| account.owner == settlement::ID)
            .and_then(|account| Some((Treasury::decode(&account.data).ok()?, account.lamports)));
        decoded.ok_or_else(|| {
            EngineError::Rejected(format!(
                "the treasury {} cannot be read: it is missing, or another version of the program has written it",
                self.treasury
            ))
        })
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
