//! Builders for the program's instructions.
//!
//! The builders derive addresses from their arguments but validate nothing: that is up to the program.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::{InstructionData, ToAccountMetas};

use super::{TokenAsset, treasury_token_address};

mod batch;
mod funds;
mod network;
mod node;

pub use batch::{SettleEntry, credit_ix, payout_ix, payout_tokens_ix, settle_ix, settle_tokens_ix};
pub use funds::{
    claim_set_aside_ix, fund_ix, fund_tokens_ix, recover_lamports_ix, recover_node_tokens_ix,
    recover_treasury_tokens_ix, set_aside_ix, set_aside_tokens_ix, sweep_closed_network_ix, sweep_rent_ix,
    top_up_rent_ix, withdraw_ix, withdraw_surplus_ix, withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
pub use network::{
    accept_admin_ix, close_network_ix, close_token_network_ix, create_network_ix, create_token_network_ix,
    migrate_treasury_ix, pause_ix, propose_admin_ix, set_guardian_ix, set_settler_ix, unpause_ix, update_network_ix,
};
pub use node::{close_node_ix, register_node_ix, reopen_node_ix, set_destination_ix, set_threshold_ix};

/// The accounts that identify the network's asset in an instruction: all for tokens, none for SOL.
#[derive(Default)]
struct AssetAccounts {
    treasury_token_account: Option<Pubkey>,
    mint: Option<Pubkey>,
    token_program: Option<Pubkey>,
}

impl AssetAccounts {
    fn new(network: &Pubkey, asset: Option<&TokenAsset>) -> Self {
        Self {
            treasury_token_account: asset.map(|asset| treasury_token_address(network, asset)),
            mint: asset.map(|asset| asset.mint),
            token_program: asset.map(|asset| asset.token_program),
        }
    }
}

fn build(accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction { program_id: crate::ID, accounts: accounts.to_account_metas(None), data: data.data() }
}
