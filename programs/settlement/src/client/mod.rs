//! The client library: addresses, instructions, accounts and events, for the relay, the Worker and
//! tests. Compiles natively and for wasm32.
//!
//! Nothing here may do network I/O or hold a private key. Instructions are built from the program's own
//! account and argument types, so they can't diverge from it.

mod address;
mod asset;
mod decode;
mod error;
mod event;
mod instruction;
mod log;
mod network_id;

pub use address::{
    associated_token_address, claim_address, event_authority, network_address, network_address_with_bump, node_id,
    node_wallet_address, node_wallet_address_with_bump, treasury_address, treasury_address_with_bump,
    treasury_token_address,
};
pub use asset::TokenAsset;
pub use decode::DecodeError;
pub use error::error_message;
pub use instruction::{
    SettleEntry, accept_admin_ix, claim_set_aside_ix, close_network_ix, close_node_ix, close_token_network_ix,
    create_network_ix, create_token_network_ix, credit_ix, fund_ix, fund_tokens_ix, migrate_treasury_ix, pause_ix,
    payout_ix, payout_tokens_ix, propose_admin_ix, recover_lamports_ix, recover_node_tokens_ix,
    recover_treasury_tokens_ix, register_node_ix, reopen_node_ix, set_aside_ix, set_aside_tokens_ix,
    set_destination_ix, set_guardian_ix, set_settler_ix, set_threshold_ix, settle_ix, settle_tokens_ix,
    sweep_closed_network_ix, sweep_rent_ix, top_up_rent_ix, unpause_ix, update_network_ix, withdraw_ix,
    withdraw_surplus_ix, withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
pub use network_id::{NameError, NetworkId};

pub use crate::instructions::{BatchHeader, CreateNetworkArgs, RegisterNodeArgs, UpdateNetworkArgs};
pub use crate::reserved::is_reserved_address;
pub use crate::token::{ASSOCIATED_TOKEN_ID, SPL_TOKEN_ID, TOKEN_2022_ID};
