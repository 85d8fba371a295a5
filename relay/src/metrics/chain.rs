//! What the chain says about a network's funds.

use settlement::client::treasury_address;
use settlement::state::{Network, Treasury};
use solana_pubkey::Pubkey;

use crate::chain::{Account, AccountData, Chain, ChainError, Commitment};
use crate::engine::Asset;

/// What the chain says about a network's funds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainReading {
    /// Whether the network is paused.
    pub is_paused: bool,
    /// What the treasury can credit, in base units of the network's asset.
    pub treasury_base_units: u64,
    /// What was ever credited to nodes, in base units.
    pub credited_base_units: u64,
    /// What was ever paid out to nodes, in base units.
    pub paid_base_units: u64,
    /// The balance of the settler.
    pub payer_lamports: u64,
}

impl ChainReading {
    /// Reads the network at `network` with its treasury, and the balance of `payer`.
    ///
    /// # Errors
    /// [`ChainError`] if the RPC node gives no answer; [`ChainError::InvalidResponse`] if there is no such network, or if it pays in
    /// an asset that this version does not know.
    pub async fn read(chain: &impl Chain, network: &Pubkey, payer: &Pubkey) -> Result<Self, ChainError> {
        let addresses = [*network, treasury_address(network), *payer];
        let read = chain.accounts(&addresses, AccountData::Full, Commitment::Confirmed, 0).await?;
        let minimum = chain.minimum_balance(Treasury::SIZE as u64).await?;
        let [network_account, treasury_account, payer_account] = read.accounts.as_slice() else {
            return Err(ChainError::InvalidResponse("the RPC node returned fewer accounts than requested".to_owned()));
        };
        let asset = of_program(network_account)
            .and_then(|account| Network::decode(&account.data).ok())
            .and_then(|network| Asset::of(&network));
        let treasury = of_program(treasury_account)
            .and_then(|account| Some((Treasury::decode(&account.data).ok()?, account.lamports)));
        let (Some(asset), Some((treasury, lamports))) = (asset, treasury) else {
            return Err(ChainError::InvalidResponse(format!(
                "the network {network} and its treasury cannot be decoded"
            )));
        };
        Ok(Self {
            is_paused: treasury.is_paused(),
            treasury_base_units: asset.creditable(&treasury, lamports, minimum),
            credited_base_units: treasury.credited_total,
            paid_base_units: treasury.paid_total,
            payer_lamports: payer_account.as_ref().map_or(0, |account| account.lamports),
        })
    }
}

/// The account, if it belongs to the program.
fn of_program(account: &Option<Account>) -> Option<&Account> {
    account.as_ref().filter(|account| account.owner == settlement::ID)
}
