//! The network on the chain, and the mint that it is to pay in.

use settlement::error::SettlementError;
use settlement::rules::token_layout::check_mint;
use settlement::state::{AssetKind, DISCRIMINATOR_LEN, Network, Treasury};
use solana_pubkey::Pubkey;
use williw_relay::chain::Account;

/// What is at the network's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkFacts {
    /// Nothing.
    Absent,
    /// A network.
    There(Box<NetworkState>),
    /// Something that this build cannot read.
    Unreadable(String),
}

/// A network's terms, as the chain has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkState {
    /// May change everything.
    pub admin: Pubkey,
    /// Is proposed as the next admin.
    pub pending_admin: Option<Pubkey>,
    /// Credits and settles.
    pub settler: Pubkey,
    /// May pause.
    pub guardian: Pubkey,
    /// The mint that it pays in; `None` for SOL.
    pub mint: Option<Pubkey>,
    /// From how much pending on a node is paid out.
    pub default_threshold: u64,
    /// The most that one entry may credit.
    pub per_node_cap: u64,
    /// The most that one batch may credit.
    pub per_batch_cap: u64,
    /// The most within the window.
    pub window_limit: u64,
    /// The window in seconds.
    pub window_seconds: u64,
    /// After how many seconds smaller amounts are paid out as well.
    pub max_pending_age: u64,
    /// Whether the program wants the treasury migrated.
    pub treasury_is_of_earlier_layout: bool,
}

impl NetworkFacts {
    /// Reads the network's account and its treasury's.
    pub fn read(network: Option<&Account>, treasury: Option<&Account>) -> Self {
        // Lamports that anybody sent there are no network.
        let ours = |account: &&Account| account.owner == settlement::ID;
        match (network.filter(ours), treasury.filter(ours)) {
            (None, None) => Self::Absent,
            (Some(network), Some(treasury)) => {
                // The layout's version is the first byte after the discriminator; decoding brings it up to date.
                let version = treasury.data.get(DISCRIMINATOR_LEN).copied().unwrap_or_default();
                match (Network::decode(&network.data), Treasury::decode(&treasury.data)) {
                    (Ok(network), Ok(treasury)) => {
                        let treasury_is_of_earlier_layout = version < Treasury::VERSION;
                        let state = NetworkState { treasury_is_of_earlier_layout, ..state(&network, &treasury) };
                        Self::There(Box::new(state))
                    }
                    (Err(error), _) | (_, Err(error)) => Self::Unreadable(error.to_string()),
                }
            }
            _ => Self::Unreadable("one of its two accounts is missing".to_owned()),
        }
    }
}

fn state(network: &Network, treasury: &Treasury) -> NetworkState {
    NetworkState {
        admin: network.admin,
        pending_admin: (network.pending_admin != Pubkey::default()).then_some(network.pending_admin),
        settler: network.settler,
        guardian: network.guardian,
        mint: (network.asset_kind != u8::from(AssetKind::Sol)).then_some(network.mint),
        default_threshold: network.default_threshold,
        per_node_cap: treasury.per_node_cap,
        per_batch_cap: treasury.per_batch_cap,
        window_limit: treasury.window_limit,
        window_seconds: treasury.window_seconds,
        max_pending_age: treasury.max_pending_age,
        treasury_is_of_earlier_layout: false,
    }
}

/// A mint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintFacts {
    /// The token program that it belongs to.
    pub owner: Pubkey,
    /// Why the settlement program takes no network that pays in it, by the program's own rules.
    pub refused: Option<String>,
}

impl MintFacts {
    /// Reads a mint's account.
    pub fn read(account: &Account) -> Self {
        let refused = check_mint(&account.data).err().map(|refused| SettlementError::from(refused).to_string());
        Self { owner: account.owner, refused }
    }
}
