//! Prints a node's balance and withdraws all of it to the node's destination.
//!
//! In this repository: `cargo run -p williw-tests --example withdraw -- NETWORK_ADDRESS NODE_ID OWNER_KEYPAIR.json [RPC_URL]`
//!
//! In another crate, depend on `settlement` with `default-features = false, features = ["no-entrypoint"]`, and on the
//! versions of `solana-rpc-client` (or `solana-client`), `solana-keypair`, `solana-pubkey`, `solana-signer` and
//! `solana-transaction` in this repository's Cargo.toml.

use std::error::Error;

use settlement::client::{TokenAsset, node_id, node_wallet_address, withdraw_ix, withdraw_tokens_ix};
use settlement::state::{AssetKind, Network, NodeWallet};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::read_keypair_file;
use solana_pubkey::Pubkey;
use solana_rpc_client::rpc_client::RpcClient;
use solana_signer::Signer;
use solana_transaction::Transaction;

const USAGE: &str = "usage: withdraw NETWORK_ADDRESS NODE_ID OWNER_KEYPAIR.json [RPC_URL]";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let network: Pubkey = arguments.next().ok_or(USAGE)?.parse()?;
    let node = node_id(&arguments.next().ok_or(USAGE)?);
    let keypair = read_keypair_file(arguments.next().ok_or(USAGE)?)?;
    let url = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8899".to_owned());
    let rpc = RpcClient::new_with_commitment(url, CommitmentConfig::confirmed());
    let owner = keypair.pubkey();

    let wallet = NodeWallet::decode(&account_data(&rpc, &node_wallet_address(&network, &node, &owner))?)?;
    println!("credited {}, paid {}, pending {}", wallet.credited_total, wallet.paid_total, wallet.pending());

    let Network { asset_kind, mint, token_program, .. } = Network::decode(&account_data(&rpc, &network)?)?;
    let withdraw = if asset_kind == AssetKind::Sol as u8 {
        withdraw_ix(owner, network, node, wallet.destination, None)
    } else {
        let asset = TokenAsset { mint, token_program };
        withdraw_tokens_ix(owner, network, &asset, node, wallet.destination, None)
    };
    let blockhash = rpc.get_latest_blockhash()?;
    let transaction = Transaction::new_signed_with_payer(&[withdraw], Some(&owner), &[&keypair], blockhash);
    let signature = rpc.send_and_confirm_transaction(&transaction)?;
    println!("withdrawn in transaction {signature}");
    Ok(())
}

/// Reads an account's data, after checking that the account is one of the program's.
fn account_data(rpc: &RpcClient, address: &Pubkey) -> Result<Vec<u8>, Box<dyn Error>> {
    let account = rpc.get_account(address)?;
    if account.owner != settlement::ID {
        return Err(format!("{address} is not an account of the settlement program").into());
    }
    Ok(account.data)
}
