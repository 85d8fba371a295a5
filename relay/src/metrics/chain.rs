//! What the chain says about a network's funds.

use settlement::client::treasury_address;
use settlement::state::{AssetKind, Treasury};
use solana_pubkey::Pubkey;

use crate::chain::{AccountData, Chain, ChainError, Commitment};

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
    /// Reads the treasury of the network at `network`, and the balance of `payer`.
    ///
    /// # Errors
    /// [`ChainError`] if the RPC node gives no answer; [`ChainError::InvalidResponse`] if there is no such network.
    pub async fn read(chain: &impl Chain, network: &Pubkey, payer: &Pubkey) -> Result<Self, ChainError> {
        let addresses = [treasury_address(network), *payer];
        let read = chain.accounts(&addresses, AccountData::Full, Commitment::Confirmed, 0).await?;
        let rent = chain.minimum_balance(Treasury::SIZE as u64).await?;
        let treasury_account = read.accounts.first().and_then(Option::as_ref);
        let treasury = treasury_account
            .filter(|account| account.owner == settlement::ID)
            .and_then(|account| Some((Treasury::decode(&account.data).ok()?, account.lamports)));
        let Some((treasury, lamports)) = treasury else {
            return Err(ChainError::InvalidResponse(format!(
                "the network {network} has no treasury that can be decoded"
            )));
        };
        let is_sol = treasury.asset_kind == u8::from(AssetKind::Sol);
        Ok(Self {
            is_paused: treasury.is_paused(),
            treasury_base_units: if is_sol {
                lamports.saturating_sub(rent)
            } else {
                treasury.token_balance.saturating_sub(treasury.liabilities())
            },
            credited_base_units: treasury.credited_total,
            paid_base_units: treasury.paid_total,
            payer_lamports: read.accounts.get(1).and_then(Option::as_ref).map_or(0, |account| account.lamports),
        })
    }
}
