//! Readable identifiers for the accounts of the simulation, and their addresses.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use anchor_lang::prelude::Pubkey;
use settlement::client::{
    NetworkId, SPL_TOKEN_ID, TOKEN_2022_ID, TokenAsset, event_authority, network_address_with_bump, node_id,
    node_wallet_address_with_bump, treasury_address_with_bump, treasury_token_address,
};
use solana_keypair::Keypair;
use solana_sdk_ids::{incinerator, sysvar};
use solana_signer::Signer;

/// Number of people. Each can become an admin, a settler, an owner or a destination.
pub(crate) const PEOPLE: u8 = 8;
/// Nodes per network.
pub(crate) const NODES: u8 = 4;

/// A network of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Net {
    /// Pays in SOL.
    Sol,
    /// Also pays in SOL.
    OtherSol,
    /// Pays in an SPL Token mint.
    Spl,
    /// Pays in a Token-2022 mint with a transfer fee.
    Fee,
}

impl Net {
    pub(crate) const ALL: [Self; 4] = [Self::Sol, Self::OtherSol, Self::Spl, Self::Fee];

    pub(crate) fn pays_in_sol(self) -> bool {
        matches!(self, Self::Sol | Self::OtherSol)
    }

    pub(crate) fn id(self) -> [u8; 32] {
        let name = match self {
            Self::Sol => "sol",
            Self::OtherSol => "other-sol",
            Self::Spl => "spl",
            Self::Fee => "fee",
        };
        NetworkId::from_name(name).expect("a valid name").0
    }

    /// The token that the network pays in, or `None` for SOL.
    pub(crate) fn asset(self) -> Option<TokenAsset> {
        match self {
            Self::Sol | Self::OtherSol => None,
            Self::Spl => Some(TokenAsset { mint: Pubkey::new_from_array([0xa1; 32]), token_program: SPL_TOKEN_ID }),
            Self::Fee => Some(TokenAsset { mint: Pubkey::new_from_array([0xa2; 32]), token_program: TOKEN_2022_ID }),
        }
    }
}

/// Identifies an account of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AccountId {
    Person(u8),
    Network(Net),
    Treasury(Net),
    Wallet(Net, u8),
    /// The treasury's token account.
    Vault(Net),
    /// A person's token account of the network's mint.
    TokenAccount(Net, u8),
    Mint(Net),
    Incinerator,
    EventAuthority,
    ClockSysvar,
}

impl AccountId {
    /// Whether no node may use the address as its owner or destination.
    pub(crate) fn is_reserved(self) -> bool {
        matches!(self, Self::Incinerator | Self::EventAuthority | Self::ClockSysvar)
    }

    pub(crate) fn address(self) -> Pubkey {
        addresses().addresses[&self]
    }

    pub(crate) fn bump(self) -> u8 {
        addresses().bumps[&self]
    }

    /// The account with this address, if it is part of the simulation.
    pub(crate) fn from_address(address: &Pubkey) -> Option<Self> {
        addresses().ids.get(address).copied()
    }

    /// Every account that can hold lamports of the simulation.
    pub(crate) fn with_lamports() -> impl Iterator<Item = Self> {
        addresses().addresses.keys().copied().filter(|account_id| !account_id.is_reserved())
    }
}

/// The id of a node.
pub(crate) fn id_of_node(node: u8) -> [u8; 32] {
    node_id(&format!("node-{node}"))
}

/// The keypair of a person.
pub(crate) fn keypair(person: u8) -> Keypair {
    Keypair::new_from_array([person + 1; 32])
}

struct Addresses {
    addresses: BTreeMap<AccountId, Pubkey>,
    bumps: BTreeMap<AccountId, u8>,
    ids: BTreeMap<Pubkey, AccountId>,
}

fn addresses() -> &'static Addresses {
    static ADDRESSES: OnceLock<Addresses> = OnceLock::new();
    ADDRESSES.get_or_init(|| {
        let (mut addresses, mut bumps) = (BTreeMap::new(), BTreeMap::new());
        addresses.extend((0..PEOPLE).map(|person| (AccountId::Person(person), keypair(person).pubkey())));
        for net in Net::ALL {
            let (network, network_bump) = network_address_with_bump(&NetworkId(net.id()));
            let (treasury, treasury_bump) = treasury_address_with_bump(&network);
            addresses.extend([(AccountId::Network(net), network), (AccountId::Treasury(net), treasury)]);
            bumps.extend([(AccountId::Network(net), network_bump), (AccountId::Treasury(net), treasury_bump)]);
            for node in 0..NODES {
                let (wallet, bump) = node_wallet_address_with_bump(&network, &id_of_node(node));
                addresses.insert(AccountId::Wallet(net, node), wallet);
                bumps.insert(AccountId::Wallet(net, node), bump);
            }
            if let Some(asset) = net.asset() {
                addresses.insert(AccountId::Mint(net), asset.mint);
                addresses.insert(AccountId::Vault(net), treasury_token_address(&network, &asset));
                for person in 0..PEOPLE {
                    let mark = if net == Net::Spl { 0xb0 } else { 0xc0 };
                    addresses.insert(AccountId::TokenAccount(net, person), Pubkey::new_from_array([mark + person; 32]));
                }
            }
        }
        addresses.extend([
            (AccountId::Incinerator, incinerator::ID),
            (AccountId::EventAuthority, event_authority()),
            (AccountId::ClockSysvar, sysvar::clock::ID),
        ]);
        let ids = addresses.iter().map(|(account_id, address)| (*address, *account_id)).collect();
        Addresses { addresses, bumps, ids }
    })
}
