//! One module for each command.

pub mod fund;
pub mod key;
pub mod network;
pub mod run;
pub mod status;

use solana_pubkey::Pubkey;
use williw_relay::chain::{Account, AccountData, Chain, Commitment};

use crate::failure::Failure;

/// The lamports of an account; 0 where there is none.
async fn balance<C: Chain>(chain: &C, address: Pubkey) -> Result<u64, Failure> {
    let read = chain.accounts(&[address], AccountData::None, Commitment::Confirmed).await?;
    Ok(read.accounts.first().and_then(Option::as_ref).map_or(0, |account| account.lamports))
}

/// Refuses unless `payer` has the lamports that are needed.
async fn require_funds<C: Chain>(chain: &C, payer: Pubkey, needed: u64) -> Result<(), Failure> {
    let held = balance(chain, payer).await?;
    if held < needed {
        return Err(Failure::Refused(format!(
            "{payer}, whose key is in SOLANA_PRIVATE_KEY, has {held} lamports and needs {needed}: send it SOL"
        )));
    }
    Ok(())
}

/// Refuses unless the settlement program is deployed.
fn require_program(account: Option<&Account>) -> Result<(), Failure> {
    if account.is_some_and(|account| account.executable) {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "the settlement program {} is not deployed on this cluster: deploy it, or check SOLANA_RPC_URL",
        settlement::ID
    )))
}
