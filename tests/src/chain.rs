//! The chain as a witness sees it: through Solana's own RPC client, never through the relay's codec.

use std::str::FromStr;
use std::time::Duration;

use settlement::client::{NetworkId, network_address, node_id, node_wallet_address, treasury_address};
use settlement::state::{NodeWallet, Treasury};
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use solana_rpc_client::rpc_client::{GetConfirmedSignaturesForAddress2Config, RpcClient};
use solana_signature::Signature;

use crate::HarnessError;
use crate::wait::{self, Seen};

/// Past the finality of a localnet with slots of 400 ms.
const AIRDROP_DEADLINE: Duration = Duration::from_secs(60);

/// Reads the chain at the finalized commitment.
pub struct Witness {
    rpc: RpcClient,
}

/// A node's wallet account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalletView {
    /// The account's address.
    pub address: Pubkey,
    /// What it holds: the rent and the pending rewards.
    pub lamports: u64,
    /// Where it pays to.
    pub destination: Pubkey,
    /// All that the node was ever credited.
    pub credited: u64,
    /// All that the node was ever paid.
    pub paid: u64,
}

/// A network's treasury.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreasuryView {
    /// The account's address.
    pub address: Pubkey,
    /// What it holds: the rent and what is left of the funds.
    pub lamports: u64,
    /// All that was ever put in through `fund`.
    pub funded: u64,
    /// All that was ever credited.
    pub credited: u64,
    /// All that was ever paid out.
    pub paid: u64,
    /// Batches so far.
    pub batches: u64,
}

/// A transaction that an address signed or was named in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The transaction's signature.
    pub signature: String,
    /// The slot that it landed in.
    pub slot: u64,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

impl Witness {
    /// A witness that asks the RPC node at `url`.
    pub fn new(url: &str) -> Self {
        Self { rpc: RpcClient::new_with_commitment(url.to_owned(), CommitmentConfig::finalized()) }
    }

    /// The balance of an address; 0 where there is no account.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`].
    pub fn balance(&self, address: &Pubkey) -> Result<u64, HarnessError> {
        self.rpc.get_balance(address).map_err(|error| rpc(format!("the balance of {address}"), &error))
    }

    /// What an account of `bytes` bytes must hold to stay.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`].
    pub fn rent_minimum(&self, bytes: usize) -> Result<u64, HarnessError> {
        self.rpc
            .get_minimum_balance_for_rent_exemption(bytes)
            .map_err(|error| rpc(format!("the rent of {bytes} bytes"), &error))
    }

    /// The slot of the finalized tip.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`].
    pub fn finalized_slot(&self) -> Result<u64, HarnessError> {
        self.rpc.get_slot().map_err(|error| rpc("the finalized slot".to_owned(), &error))
    }

    /// The wallet account of a node, if it has one.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`], and [`HarnessError::Unexpected`] when the account is no wallet.
    pub fn wallet(&self, network: &str, node: &str) -> Result<Option<WalletView>, HarnessError> {
        let address = node_wallet_address(&network_pda(network)?, &node_id(node));
        let Some((lamports, data)) = self.account(&address)? else { return Ok(None) };
        let wallet = NodeWallet::decode(&data)
            .map_err(|error| HarnessError::Unexpected(format!("the wallet account {address}: {error}")))?;
        Ok(Some(WalletView {
            address,
            lamports,
            destination: wallet.destination,
            credited: wallet.credited_total,
            paid: wallet.paid_total,
        }))
    }

    /// The treasury of a network, if there is one.
    ///
    /// # Errors
    /// As for [`Witness::wallet`].
    pub fn treasury(&self, network: &str) -> Result<Option<TreasuryView>, HarnessError> {
        let address = treasury_address(&network_pda(network)?);
        let Some((lamports, data)) = self.account(&address)? else { return Ok(None) };
        let treasury = Treasury::decode(&data)
            .map_err(|error| HarnessError::Unexpected(format!("the treasury {address}: {error}")))?;
        Ok(Some(TreasuryView {
            address,
            lamports,
            funded: treasury.funded_total,
            credited: treasury.credited_total,
            paid: treasury.paid_total,
            batches: treasury.batch_sequence,
        }))
    }

    /// Every transaction that names `address`, the newest first.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`].
    pub fn transactions_of(&self, address: &Pubkey) -> Result<Vec<Seal>, HarnessError> {
        let mut seals: Vec<Seal> = Vec::new();
        loop {
            let before = match seals.last() {
                Some(last) => Some(signature(&last.signature)?),
                None => None,
            };
            let config = GetConfirmedSignaturesForAddress2Config {
                before,
                commitment: Some(CommitmentConfig::confirmed()),
                ..Default::default()
            };
            let page = self
                .rpc
                .get_signatures_for_address_with_config(address, config)
                .map_err(|error| rpc(format!("the transactions of {address}"), &error))?;
            if page.is_empty() {
                return Ok(seals);
            }
            seals.extend(page.into_iter().map(|status| Seal {
                signature: status.signature,
                slot: status.slot,
                error: status.err.map(|error| error.to_string()),
            }));
        }
    }

    /// Gives `address` lamports of the localnet and waits until they are there.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`] and [`HarnessError::Timeout`].
    pub fn airdrop(&self, address: &Pubkey, lamports: u64) -> Result<(), HarnessError> {
        let wanted = self.balance(address)?.saturating_add(lamports);
        self.rpc.request_airdrop(address, lamports).map_err(|error| rpc(format!("an airdrop to {address}"), &error))?;
        wait::until(&format!("{lamports} lamports on {address}"), AIRDROP_DEADLINE, || {
            let balance = self.balance(address)?;
            Ok(if balance >= wanted { Seen::Done(()) } else { Seen::NotYet(format!("{balance} lamports")) })
        })
    }

    fn account(&self, address: &Pubkey) -> Result<Option<(u64, Vec<u8>)>, HarnessError> {
        let account = self
            .rpc
            .get_account_with_commitment(address, CommitmentConfig::finalized())
            .map_err(|error| rpc(format!("the account {address}"), &error))?
            .value;
        Ok(account.map(|account| (account.lamports, account.data)))
    }
}

/// The address of the network account of the network called `name`.
///
/// # Errors
/// [`HarnessError::Unexpected`] when `name` is no network name.
pub fn network_pda(name: &str) -> Result<Pubkey, HarnessError> {
    let id = NetworkId::from_name(name)
        .map_err(|error| HarnessError::Unexpected(format!("'{name}' is no network name: {error}")))?;
    Ok(network_address(&id))
}

fn signature(text: &str) -> Result<Signature, HarnessError> {
    Signature::from_str(text).map_err(|error| HarnessError::Unexpected(format!("the signature '{text}': {error}")))
}

fn rpc(what: String, error: &solana_rpc_client_api::client_error::Error) -> HarnessError {
    HarnessError::Rpc { what, message: error.to_string() }
}
