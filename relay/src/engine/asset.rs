//! The asset that a network pays in.

use std::fmt;
use std::str::FromStr;

use settlement::client::{
    BatchHeader, SPL_TOKEN_ID, SettleEntry, TOKEN_2022_ID, TokenAsset, associated_token_address, settle_ix,
    settle_tokens_ix,
};
use settlement::rules::surplus::{liabilities, surplus};
use settlement::state::{AssetKind, Network, Treasury};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::database::Database;

use super::EngineError;
use super::store::binding;

/// The asset that a network pays in. All amounts of its ledger are in base units of it, also where their names say lamports.
///
/// A network keeps its asset for good, so a ledger is bound to it as to the network itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// SOL, in lamports.
    Sol,
    /// The tokens of a mint.
    Tokens {
        /// The mint and its token program.
        mint: TokenAsset,
        /// The number of decimals with which amounts are displayed.
        decimals: u8,
    },
}

/// What the ledger calls SOL.
const SOL: &str = "SOL";

impl Asset {
    /// The asset of a network; `None` if this version does not know its kind.
    pub fn of(network: &Network) -> Option<Self> {
        let token_program = match AssetKind::from_byte(network.asset_kind)? {
            AssetKind::Sol => return Some(Self::Sol),
            AssetKind::SplToken => SPL_TOKEN_ID,
            AssetKind::Token2022 => TOKEN_2022_ID,
        };
        let mint = TokenAsset { mint: network.mint, token_program };
        Some(Self::Tokens { mint, decimals: network.decimals })
    }

    /// The asset of the network that a ledger is bound to; `None` if it is not bound yet.
    ///
    /// # Errors
    /// [`EngineError::Ledger`] if the ledger is unavailable, or [`EngineError::Rejected`] if this version does not know the asset.
    pub async fn of_ledger<D: Database>(database: &D) -> Result<Option<Self>, EngineError> {
        let bound = binding::read(database).await?;
        Ok(bound.get(binding::ASSET).map(|text| text.parse()).transpose()?)
    }

    /// Its kind, as the program stores it.
    pub fn kind(&self) -> AssetKind {
        match self {
            Self::Sol => AssetKind::Sol,
            Self::Tokens { mint, .. } if mint.token_program == TOKEN_2022_ID => AssetKind::Token2022,
            Self::Tokens { .. } => AssetKind::SplToken,
        }
    }

    /// The mint and its token program; `None` for SOL.
    pub fn mint(&self) -> Option<&TokenAsset> {
        match self {
            Self::Sol => None,
            Self::Tokens { mint, .. } => Some(mint),
        }
    }

    /// What its amounts are counted in.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Sol => "lamport",
            Self::Tokens { .. } => "base unit",
        }
    }

    /// Where a node's payouts go unless its owner chooses another destination, as the program derives it.
    pub(super) fn default_destination(&self, owner: &Pubkey) -> Pubkey {
        self.mint().map_or(*owner, |mint| associated_token_address(owner, mint))
    }

    /// What a treasury holds. `lamports` is the balance of its account.
    pub(super) fn held(&self, treasury: &Treasury, lamports: u64) -> u64 {
        match self {
            Self::Sol => lamports,
            Self::Tokens { .. } => treasury.token_balance,
        }
    }

    /// What a treasury can credit, by the program's rules. `minimum` is the rent-exempt minimum of its account.
    pub(crate) fn creditable(&self, treasury: &Treasury, lamports: u64, minimum: u64) -> u64 {
        match self {
            Self::Sol => surplus(lamports, minimum),
            Self::Tokens { .. } => {
                // The program refuses inconsistent totals, which it never writes.
                let owed = liabilities(treasury.credited_total, treasury.paid_total).unwrap_or(u64::MAX);
                surplus(treasury.token_balance, owed)
            }
        }
    }

    /// Whether a credit moves its amount, in lamports, into the wallet account. Tokens stay with the treasury until they are paid.
    pub(super) fn credits_move_lamports(&self) -> bool {
        match self {
            Self::Sol => true,
            Self::Tokens { .. } => false,
        }
    }

    /// The instruction that credits and pays `entries`.
    pub(super) fn settle_instruction(
        &self,
        settler: Pubkey,
        network: Pubkey,
        header: BatchHeader,
        entries: &[SettleEntry],
    ) -> Instruction {
        match self {
            Self::Sol => settle_ix(settler, network, header, entries),
            Self::Tokens { mint, .. } => settle_tokens_ix(settler, network, mint, header, entries),
        }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sol => f.write_str(SOL),
            Self::Tokens { mint: TokenAsset { mint, token_program }, decimals } => {
                write!(f, "{mint}/{token_program}/{decimals}")
            }
        }
    }
}

/// A text that is no asset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an asset: use the version of williw-relay that has written this ledger")]
pub struct UnknownAsset(String);

impl From<UnknownAsset> for EngineError {
    fn from(error: UnknownAsset) -> Self {
        Self::Rejected(error.to_string())
    }
}

impl FromStr for Asset {
    type Err = UnknownAsset;

    /// Parses what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == SOL {
            return Ok(Self::Sol);
        }
        let tokens = || {
            let mut parts = text.split('/');
            let mint = parts.next()?.parse().ok()?;
            let token_program = parts.next()?.parse().ok()?;
            let decimals = parts.next()?.parse().ok()?;
            let is_known = [SPL_TOKEN_ID, TOKEN_2022_ID].contains(&token_program) && parts.next().is_none();
            is_known.then_some(Self::Tokens { mint: TokenAsset { mint, token_program }, decimals })
        };
        tokens().ok_or_else(|| UnknownAsset(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(token_program: Pubkey) -> Asset {
        Asset::Tokens { mint: TokenAsset { mint: Pubkey::new_from_array([7; 32]), token_program }, decimals: 6 }
    }

    #[test]
    fn the_ledger_stores_every_asset_without_loss() {
        for asset in [Asset::Sol, tokens(SPL_TOKEN_ID), tokens(TOKEN_2022_ID)] {
            assert_eq!(asset.to_string().parse(), Ok(asset));
        }
        for unknown in ["", "sol", "BTC", &tokens(SPL_TOKEN_ID).mint().unwrap().mint.to_string()] {
            assert_eq!(unknown.parse::<Asset>(), Err(UnknownAsset(unknown.to_owned())));
        }
        let foreign = tokens(Pubkey::new_from_array([8; 32])).to_string();
        assert!(foreign.parse::<Asset>().is_err(), "a token program that no network can have");
        assert!(format!("{}/", tokens(SPL_TOKEN_ID)).parse::<Asset>().is_err());
    }
}
