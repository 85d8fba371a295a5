//! Compares every account on the chain with the model, byte by byte.

use bytemuck::Zeroable;
use settlement::state::{AssetKind, ClosedNetwork, ClosedNode, Network, NodeWallet, Treasury};
use solana_account::Account;

use anchor_lang::Discriminator;
use anchor_lang::prelude::Pubkey;

use super::account_id::{AccountId, NODES, Net, id_of_node, owner_of_node};
use super::chain::{Chain, decode_token_account};
use super::model::{self, DECIMALS, Model, Node};

/// Asserts that every account has the contents and balances that the model predicts.
pub(crate) fn assert_matches_model(chain: &Chain, model: &Model) {
    for account_id in AccountId::with_lamports() {
        let account = chain.account(account_id);
        let lamports = account.as_ref().map_or(0, |account| account.lamports);
        assert_eq!(lamports, model.lamports(account_id), "lamports of {account_id:?}");
        let bytes = account.as_ref().map_or(0, |account| account.data.len());
        assert_eq!(bytes as u64, model.bytes(account_id), "bytes of {account_id:?}");
        if let Some(expected) = model.tokens.get(&account_id) {
            assert_eq!(
                decode_token_account(&account.expect("a token account").data),
                *expected,
                "tokens of {account_id:?}"
            );
        }
    }
    assert_eq!(chain.harvested(), model.harvested, "harvested fees");
    for net in Net::ALL {
        if let Some(&admin) = model.closed_networks.get(&net) {
            let bump = AccountId::Treasury(net).bump();
            let closed = ClosedNetwork { admin: key(admin), treasury_bump: bump, _padding: [0; 7] };
            assert_eq!(read::<ClosedNetwork>(chain, AccountId::Network(net)), closed, "closed network {net:?}");
        }
        if let Some(network) = model.networks.get(&net) {
            assert_eq!(read::<Network>(chain, AccountId::Network(net)), network_of(net, network), "network {net:?}");
            assert_eq!(
                read::<Treasury>(chain, AccountId::Treasury(net)),
                treasury_of(net, network),
                "treasury {net:?}"
            );
        }
        for node in 0..NODES {
            let account_id = AccountId::Wallet(net, node);
            match model.nodes.get(&(net, node)) {
                None => {}
                Some(Node::Open(wallet)) => {
                    assert_eq!(read::<NodeWallet>(chain, account_id), wallet_of(net, node, wallet), "{account_id:?}");
                }
                Some(Node::Closed { total }) => {
                    let closed = ClosedNode { total: *total, network: AccountId::Network(net).address() };
                    assert_eq!(read::<ClosedNode>(chain, account_id), closed, "{account_id:?}");
                }
            }
        }
    }
}

/// Reads an account of the program.
pub(crate) fn read<T: bytemuck::Pod + Discriminator>(chain: &Chain, account_id: AccountId) -> T {
    let Account { data, owner, .. } = chain.account(account_id).expect("an account");
    assert_eq!(owner, settlement::ID, "owner of {account_id:?}");
    let fields = data.strip_prefix(T::DISCRIMINATOR).expect("an account of this type");
    bytemuck::pod_read_unaligned(fields)
}

fn key(person: u8) -> Pubkey {
    AccountId::Person(person).address()
}

fn kind(net: Net) -> u8 {
    let kind = match net {
        Net::Sol | Net::OtherSol => AssetKind::Sol,
        Net::Spl => AssetKind::SplToken,
        Net::Fee => AssetKind::Token2022,
    };
    kind.into()
}

fn network_of(net: Net, network: &model::Network) -> Network {
    let asset = net.asset();
    Network {
        version: 1,
        bump: AccountId::Network(net).bump(),
        treasury_bump: AccountId::Treasury(net).bump(),
        asset_kind: kind(net),
        decimals: if net.pays_in_sol() { 9 } else { DECIMALS },
        id: net.id(),
        creator: key(net.creator()),
        admin: key(network.admin),
        pending_admin: network.pending_admin.map(key).unwrap_or_default(),
        settler: key(network.settler),
        guardian: key(network.guardian),
        mint: asset.map(|asset| asset.mint).unwrap_or_default(),
        token_program: asset.map(|asset| asset.token_program).unwrap_or_default(),
        treasury: AccountId::Treasury(net).address(),
        treasury_token_account: asset.map(|_| AccountId::Vault(net).address()).unwrap_or_default(),
        default_threshold: network.parameters.default_threshold,
        created_at: network.created_at,
        ..Zeroable::zeroed()
    }
}

fn treasury_of(net: Net, network: &model::Network) -> Treasury {
    let asset = net.asset();
    Treasury {
        version: network.treasury_version,
        bump: AccountId::Treasury(net).bump(),
        paused: network.is_paused.into(),
        asset_kind: kind(net),
        network: AccountId::Network(net).address(),
        settler: key(network.settler),
        mint: asset.map(|asset| asset.mint).unwrap_or_default(),
        token_account: asset.map(|_| AccountId::Vault(net).address()).unwrap_or_default(),
        per_node_cap: network.parameters.per_node_cap,
        per_batch_cap: network.parameters.per_batch_cap,
        window_limit: network.parameters.window_limit,
        window_seconds: network.parameters.window_seconds,
        window_used: network.window_used,
        window_updated_at: network.window_updated_at,
        max_pending_age: network.parameters.max_pending_age,
        default_threshold: network.parameters.default_threshold,
        credited_total: network.credited,
        paid_total: network.paid,
        funded_total: network.funded,
        withdrawn_total: network.withdrawn,
        batch_sequence: network.batches,
        token_balance: network.token_balance,
        hold_until: network.hold_until,
        max_pause_seconds: network.parameters.max_pause_seconds,
        history_hash: network.history_hash,
        history_count: network.history_count,
        ..Zeroable::zeroed()
    }
}

fn wallet_of(net: Net, node: u8, wallet: &model::Wallet) -> NodeWallet {
    NodeWallet {
        version: 1,
        bump: AccountId::Wallet(net, node).bump(),
        network: AccountId::Network(net).address(),
        node_id: id_of_node(node),
        owner: key(owner_of_node(node)),
        destination: wallet.destination.address(),
        credited_total: wallet.credited,
        paid_total: wallet.paid,
        threshold: wallet.threshold,
        oldest_unpaid_at: wallet.oldest_unpaid_at,
        last_sequence: wallet.last_batch,
        destination_source: wallet.destination_source.into(),
        ..Zeroable::zeroed()
    }
}
