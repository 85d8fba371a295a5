//! Readable identifiers for the accounts of the simulation, and their addresses.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use anchor_lang::prelude::Pubkey;
use settlement::client::{
    NetworkId, SPL_TOKEN_ID, TOKEN_2022_ID, TokenAsset, associated_token_address, claim_address, event_authority,
    network_address_with_bump, node_id, node_wallet_address_with_bump, treasury_address_with_bump,
    treasury_token_address,
};
use solana_keypair::Keypair;
use solana_sdk_ids::{incinerator, sysvar};
use solana_signer::Signer;

/// Number of people. Each can become an admin, a settler, an owner or a destination.
pub(crate) const PEOPLE: u8 = 8;
/// Nodes per network, each with a wallet of its own.
pub(crate) const NODES: u8 = 6;
/// The node whose wallet's address has token accounts.
pub(crate) const NODE_WITH_TOKENS: u8 = NODES - 1;
/// A person's token accounts of a mint: the associated one, and another one.
pub(crate) const TOKEN_ACCOUNTS_PER_PERSON: u8 = 2;

/// A network of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Net {
    /// Pays in SOL.
    Sol,
    /// Also pays in SOL, and has the same name as [`Net::Sol`] but another creator.
    OtherSol,
    /// Pays in an SPL Token mint.
    Spl,
    /// Pays in a Token-2022 mint with a transfer fee.
    Fee,
}

impl Net {
    pub(crate) const ALL: [Self; 4] = [Self::Sol, Self::OtherSol, Self::Spl, Self::Fee];

    pub(crate) fn pays_in_sol(self) -> bool {
        self.mint().is_none()
    }

    pub(crate) fn id(self) -> [u8; 32] {
        let name = match self {
            Self::Sol | Self::OtherSol => "sol",
            Self::Spl => "spl",
            Self::Fee => "fee",
        };
        NetworkId::from_name(name).expect("a valid name").0
    }

    /// The person from whose key the network's address is derived, who alone can create it.
    pub(crate) fn creator(self) -> u8 {
        self as u8
    }

    /// The mint that the network pays in, or `None` for SOL.
    pub(crate) fn mint(self) -> Option<Mint> {
        match self {
            Self::Sol | Self::OtherSol => None,
            Self::Spl => Some(Mint::Spl),
            Self::Fee => Some(Mint::Fee),
        }
    }

    /// The token that the network pays in, or `None` for SOL.
    pub(crate) fn asset(self) -> Option<TokenAsset> {
        self.mint().map(Mint::asset)
    }

    /// All addresses of the network, whether or not there are accounts.
    pub(crate) fn accounts(self) -> impl Iterator<Item = AccountId> {
        let vault = self.mint().map(|_| AccountId::Vault(self));
        let wallets = (0..NODES).map(move |node| AccountId::Wallet(self, node));
        [AccountId::Network(self), AccountId::Treasury(self)].into_iter().chain(vault).chain(wallets)
    }
}

/// A mint of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mint {
    /// Of SPL Token.
    Spl,
    /// Of Token-2022, with a transfer fee.
    Fee,
    /// Of SPL Token. No network pays in it.
    Other,
}

impl Mint {
    pub(crate) const ALL: [Self; 3] = [Self::Spl, Self::Fee, Self::Other];

    pub(crate) fn asset(self) -> TokenAsset {
        TokenAsset { mint: Pubkey::new_from_array([0xa1 + self as u8; 32]), token_program: self.token_program() }
    }

    pub(crate) fn token_program(self) -> Pubkey {
        if self == Self::Fee { TOKEN_2022_ID } else { SPL_TOKEN_ID }
    }
}

/// Identifies an account of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AccountId {
    Person(u8),
    Network(Net),
    Treasury(Net),
    /// The wallet of the node with this number, see [`id_of_node`] and [`owner_of_node`].
    Wallet(Net, u8),
    /// Holds what was set aside for the owner of this wallet, outside of the network.
    Claim(Net, u8),
    /// The treasury's token account.
    Vault(Net),
    /// A token account that initially belongs to this person: 0 is the associated one.
    TokenAccount(Mint, u8, u8),
    /// A token account of the treasury's address that does not hold the network's funds.
    TreasuryTokens(Net, Mint),
    /// A token account of the address of the wallet of [`NODE_WITH_TOKENS`], which what is set aside for its owner is moved
    /// to.
    NodeTokens(Net, Mint),
    Mint(Mint),
    Incinerator,
    EventAuthority,
    ClockSysvar,
}

impl AccountId {
    /// Whether no node may use the address as its owner or destination.
    pub(crate) fn is_reserved(self) -> bool {
        matches!(self, Self::Incinerator | Self::EventAuthority | Self::ClockSysvar)
    }

    /// The mint, if this is a token account.
    pub(crate) fn mint(self) -> Option<Mint> {
        match self {
            Self::TokenAccount(mint, ..) | Self::TreasuryTokens(_, mint) | Self::NodeTokens(_, mint) => Some(mint),
            Self::Vault(net) => net.mint(),
            _ => None,
        }
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

/// The id of a node. Nodes 0 and 4 have the same id but different owners.
pub(crate) fn id_of_node(node: u8) -> [u8; 32] {
    node_id(&format!("node-{}", node % 4))
}

/// The person who owns a node. Nodes 1 and 4 have the same owner but different ids.
pub(crate) fn owner_of_node(node: u8) -> u8 {
    [3, 4, 5, 6, 4, 7][usize::from(node)]
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
        let person = |person| keypair(person).pubkey();
        addresses.extend((0..PEOPLE).map(|p| (AccountId::Person(p), person(p))));
        for (n, net) in (0u8..).zip(Net::ALL) {
            let (network, network_bump) = network_address_with_bump(&person(net.creator()), &NetworkId(net.id()));
            let (treasury, treasury_bump) = treasury_address_with_bump(&network);
            addresses.extend([(AccountId::Network(net), network), (AccountId::Treasury(net), treasury)]);
            bumps.extend([(AccountId::Network(net), network_bump), (AccountId::Treasury(net), treasury_bump)]);
            for node in 0..NODES {
                let owner = person(owner_of_node(node));
                let (wallet, bump) = node_wallet_address_with_bump(&network, &id_of_node(node), &owner);
                addresses.insert(AccountId::Wallet(net, node), wallet);
                addresses.insert(AccountId::Claim(net, node), claim_address(&wallet));
                bumps.insert(AccountId::Wallet(net, node), bump);
            }
            if let Some(asset) = net.asset() {
                addresses.insert(AccountId::Vault(net), treasury_token_address(&network, &asset));
            }
            for mint in Mint::ALL {
                let at = 0x40 + 8 * n + 2 * mint as u8;
                addresses.insert(AccountId::TreasuryTokens(net, mint), Pubkey::new_from_array([at; 32]));
                addresses.insert(AccountId::NodeTokens(net, mint), Pubkey::new_from_array([at + 1; 32]));
            }
        }
        for mint in Mint::ALL {
            addresses.insert(AccountId::Mint(mint), mint.asset().mint);
            for p in 0..PEOPLE {
                let associated = associated_token_address(&person(p), &mint.asset());
                addresses.insert(AccountId::TokenAccount(mint, p, 0), associated);
                let other = Pubkey::new_from_array([0xb0 + PEOPLE * mint as u8 + p; 32]);
                addresses.insert(AccountId::TokenAccount(mint, p, 1), other);
            }
        }
        addresses.extend([
            (AccountId::Incinerator, incinerator::ID),
            (AccountId::EventAuthority, event_authority()),
            (AccountId::ClockSysvar, sysvar::clock::ID),
        ]);
        let ids: BTreeMap<_, _> = addresses.iter().map(|(account_id, address)| (*address, *account_id)).collect();
        assert_eq!(ids.len(), addresses.len(), "two accounts have the same address");
        Addresses { addresses, bumps, ids }
    })
}
