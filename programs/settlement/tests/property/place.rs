//! The accounts of the small world, by names that a shrunk failure can be read by, and where they are.

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

/// Everybody there is: any of them may become an admin, a settler, an owner or a destination.
pub const PEOPLE: u8 = 8;
/// Nodes of each network.
pub const NODES: u8 = 4;

/// The networks, side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Net {
    /// Pays in SOL.
    Sol,
    /// Pays in SOL as well.
    OtherSol,
    /// Pays in a mint of SPL Token.
    Spl,
    /// Pays in a mint of Token-2022 that takes a transfer fee.
    Fee,
}

impl Net {
    pub const ALL: [Self; 4] = [Self::Sol, Self::OtherSol, Self::Spl, Self::Fee];

    pub fn pays_in_sol(self) -> bool {
        matches!(self, Self::Sol | Self::OtherSol)
    }

    pub fn id(self) -> [u8; 32] {
        let name = match self {
            Self::Sol => "sol",
            Self::OtherSol => "other-sol",
            Self::Spl => "spl",
            Self::Fee => "fee",
        };
        NetworkId::from_name(name).expect("a good name").0
    }

    /// The mint it pays in.
    pub fn asset(self) -> Option<TokenAsset> {
        match self {
            Self::Sol | Self::OtherSol => None,
            Self::Spl => Some(TokenAsset { mint: Pubkey::new_from_array([0xa1; 32]), token_program: SPL_TOKEN_ID }),
            Self::Fee => Some(TokenAsset { mint: Pubkey::new_from_array([0xa2; 32]), token_program: TOKEN_2022_ID }),
        }
    }
}

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Person(u8),
    Network(Net),
    Treasury(Net),
    Wallet(Net, u8),
    /// The treasury's token account.
    Vault(Net),
    /// A person's token account of the network's mint.
    Tokens(Net, u8),
    Mint(Net),
    Incinerator,
    EventAuthority,
    ClockSysvar,
}

impl Place {
    /// An address that no node may name, whatever lies there.
    pub fn is_reserved(self) -> bool {
        matches!(self, Self::Incinerator | Self::EventAuthority | Self::ClockSysvar)
    }

    pub fn address(self) -> Pubkey {
        map().addresses[&self]
    }

    pub fn bump(self) -> u8 {
        map().bumps[&self]
    }

    /// The place at an address, if it is one of these.
    pub fn at(address: &Pubkey) -> Option<Self> {
        map().places.get(address).copied()
    }

    /// Every place that may hold lamports of this world.
    pub fn purses() -> impl Iterator<Item = Self> {
        map().addresses.keys().copied().filter(|place| !place.is_reserved())
    }
}

/// A node's id.
pub fn id_of(node: u8) -> [u8; 32] {
    node_id(&format!("node-{node}"))
}

/// A person's keys.
pub fn keypair(person: u8) -> Keypair {
    Keypair::new_from_array([person + 1; 32])
}

struct Map {
    addresses: BTreeMap<Place, Pubkey>,
    bumps: BTreeMap<Place, u8>,
    places: BTreeMap<Pubkey, Place>,
}

fn map() -> &'static Map {
    static MAP: OnceLock<Map> = OnceLock::new();
    MAP.get_or_init(|| {
        let (mut addresses, mut bumps) = (BTreeMap::new(), BTreeMap::new());
        addresses.extend((0..PEOPLE).map(|person| (Place::Person(person), keypair(person).pubkey())));
        for net in Net::ALL {
            let (network, network_bump) = network_address_with_bump(&NetworkId(net.id()));
            let (treasury, treasury_bump) = treasury_address_with_bump(&network);
            addresses.extend([(Place::Network(net), network), (Place::Treasury(net), treasury)]);
            bumps.extend([(Place::Network(net), network_bump), (Place::Treasury(net), treasury_bump)]);
            for node in 0..NODES {
                let (wallet, bump) = node_wallet_address_with_bump(&network, &id_of(node));
                addresses.insert(Place::Wallet(net, node), wallet);
                bumps.insert(Place::Wallet(net, node), bump);
            }
            if let Some(asset) = net.asset() {
                addresses.insert(Place::Mint(net), asset.mint);
                addresses.insert(Place::Vault(net), treasury_token_address(&network, &asset));
                for person in 0..PEOPLE {
                    let mark = if net == Net::Spl { 0xb0 } else { 0xc0 };
                    addresses.insert(Place::Tokens(net, person), Pubkey::new_from_array([mark + person; 32]));
                }
            }
        }
        addresses.extend([
            (Place::Incinerator, incinerator::ID),
            (Place::EventAuthority, event_authority()),
            (Place::ClockSysvar, sysvar::clock::ID),
        ]);
        let places = addresses.iter().map(|(place, address)| (*address, *place)).collect();
        Map { addresses, bumps, places }
    })
}
