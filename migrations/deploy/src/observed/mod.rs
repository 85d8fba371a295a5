//! The state of the chain that a plan is made from, read at one slot.

mod program;

use settlement::client::treasury_address;
use settlement::error::SettlementError;
use settlement::rules::token_layout::check_mint;
use settlement::state::{ClosedNetwork, DISCRIMINATOR_LEN, Network, Treasury};
use solana_loader_v3_interface::get_program_data_address;
use solana_pubkey::Pubkey;
use williw_relay::chain::{Account, AccountData, Chain, ChainError, Commitment};

pub(crate) use program::{BufferState, ProgramState, header_bytes, sha256};

use crate::cluster::ClusterKind;
use crate::config::Asset;
use crate::content::{Chunks, Content, PerContent};
use crate::desired::Desired;
use crate::program_metadata::{self, PublishedIdl};

/// An account size from which the rent per byte is derived.
const RENT_PROBE_BYTES: u64 = 10_000;

/// The rent-exempt minimum, which is linear in the size of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RentRate {
    /// Lamports of an account without data.
    pub(crate) base: u64,
    pub(crate) lamports_per_byte: u64,
}

impl RentRate {
    /// The rent-exempt minimum of an account with `bytes` of data.
    pub(crate) fn minimum(&self, bytes: usize) -> u64 {
        (bytes as u64).saturating_mul(self.lamports_per_byte).saturating_add(self.base)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) cluster: ClusterKind,
    pub(crate) rent: RentRate,
    pub(crate) program: ProgramState,
    pub(crate) idl: IdlState,
    /// The buffers of interrupted uploads.
    pub(crate) buffers: PerContent<Option<BufferState>>,
    /// `None` if no network is configured.
    pub(crate) network: Option<NetworkState>,
    /// `None` if the network pays in SOL, or the mint does not exist.
    pub(crate) mint: Option<MintState>,
    pub(crate) payer_lamports: u64,
    pub(crate) admin_lamports: u64,
}

/// Reads everything that `desired` refers to, and the upload `buffers`.
pub(crate) async fn observe<C: Chain>(
    chain: &C,
    cluster: ClusterKind,
    desired: &Desired,
    buffers: PerContent<Pubkey>,
    commitment: Commitment,
) -> Result<Observed, ChainError> {
    let base = chain.minimum_balance(0).await?;
    let probe = chain.minimum_balance(RENT_PROBE_BYTES).await?;
    // Rounded up, so that an estimate is never too low.
    let rent = RentRate { base, lamports_per_byte: probe.saturating_sub(base).div_ceil(RENT_PROBE_BYTES) };
    let network = desired.network.map(|terms| terms.address());
    let mint = desired.network.and_then(|terms| match terms.asset {
        Asset::Sol => None,
        Asset::Mint(mint) => Some(mint),
    });
    let unused = Pubkey::default();
    let addresses = [
        desired.program,
        get_program_data_address(&desired.program),
        buffers.program,
        program_metadata::ID,
        program_metadata::idl_address(&desired.program),
        buffers.idl,
        network.unwrap_or(unused),
        network.map_or(unused, |network| treasury_address(&network)),
        mint.unwrap_or(unused),
        desired.payer,
        desired.admin,
    ];
    let read = chain.accounts(&addresses, AccountData::Full, commitment, 0).await?;
    let accounts: [Option<Account>; 11] = read
        .accounts
        .try_into()
        .map_err(|_| ChainError::InvalidResponse("getMultipleAccounts: wrong number of accounts".to_owned()))?;
    let [
        program,
        program_data,
        program_buffer,
        metadata,
        idl,
        idl_buffer,
        network,
        treasury,
        mint_account,
        payer,
        admin,
    ] = accounts;
    let lamports = |account: &Option<Account>| account.as_ref().map_or(0, |account| account.lamports);
    let (desired_idl, nothing) = (desired.idl(), Chunks::new(Vec::new(), 1));
    let packed = desired_idl.map_or(&nothing, |idl| &idl.packed);
    Ok(Observed {
        cluster,
        rent,
        program: ProgramState::read(program.as_ref(), program_data.as_ref(), &desired.elf.bytes),
        idl: IdlState::read(metadata.as_ref(), idl.as_ref(), desired_idl.map(|idl| idl.text.as_str())),
        buffers: PerContent {
            program: program_buffer.map(|account| BufferState::read(&account, Content::Program, &desired.elf)),
            idl: idl_buffer.map(|account| BufferState::read(&account, Content::Idl, packed)),
        },
        network: desired.network.map(|_| NetworkState::read(network.as_ref(), treasury.as_ref())),
        mint: mint.and(mint_account.as_ref()).map(MintState::read),
        payer_lamports: lamports(&payer),
        admin_lamports: lamports(&admin),
    })
}

/// The program's published IDL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IdlState {
    /// The Program Metadata program is not deployed on the cluster: IDLs cannot be published.
    NoMetadataProgram,
    /// No IDL is published. The address may hold lamports, which anybody can send there.
    Absent {
        lamports: u64,
    },
    Published {
        matches: bool,
        data_len: usize,
        lamports: u64,
        mutable: bool,
    },
    /// A publication that another tool has started, or an account of another kind.
    Incomplete,
}

impl IdlState {
    /// Reads the IDL's account and compares the IDL with `text`.
    fn read(metadata_program: Option<&Account>, idl: Option<&Account>, text: Option<&str>) -> Self {
        if !metadata_program.is_some_and(|account| account.executable) {
            return Self::NoMetadataProgram;
        }
        let Some(idl) = idl else { return Self::Absent { lamports: 0 } };
        if idl.data.is_empty() {
            return Self::Absent { lamports: idl.lamports };
        }
        match PublishedIdl::decode(&idl.data).filter(|_| idl.owner == program_metadata::ID) {
            Some(PublishedIdl { text: found, data_len, mutable }) => {
                let matches = found.is_some() && found.as_deref() == text;
                Self::Published { matches, data_len, lamports: idl.lamports, mutable }
            }
            None => Self::Incomplete,
        }
    }
}

/// The network on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NetworkState {
    Absent,
    Exists(Box<NetworkAccounts>),
    /// It was closed, and its address stays in use.
    Closed,
    /// The accounts have a layout that this build does not know.
    Unreadable(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NetworkAccounts {
    pub(crate) network: Network,
    pub(crate) treasury: Treasury,
    /// Whether the treasury's account has an earlier layout.
    pub(crate) needs_migration: bool,
}

impl NetworkState {
    fn read(network: Option<&Account>, treasury: Option<&Account>) -> Self {
        // An account that only received lamports belongs to the system program.
        let owned = |account: &&Account| account.owner == settlement::ID;
        match (network.filter(owned), treasury.filter(owned)) {
            (None, None) => Self::Absent,
            (Some(network), _) if ClosedNetwork::decode(&network.data).is_ok() => Self::Closed,
            (Some(network), Some(treasury)) => {
                // The layout version is the first byte after the discriminator. Decoding migrates the fields.
                let version = treasury.data.get(DISCRIMINATOR_LEN).copied().unwrap_or_default();
                match (Network::decode(&network.data), Treasury::decode(&treasury.data)) {
                    (Ok(network), Ok(treasury)) => {
                        let needs_migration = version < Treasury::VERSION;
                        Self::Exists(Box::new(NetworkAccounts { network, treasury, needs_migration }))
                    }
                    (Err(error), _) | (_, Err(error)) => Self::Unreadable(error.to_string()),
                }
            }
            _ => Self::Unreadable("one of its two accounts is missing".to_owned()),
        }
    }
}

/// The mint that the network is to pay in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MintState {
    /// A token program, if the account is a mint.
    pub(crate) owner: Pubkey,
    /// Why the settlement program does not support the mint.
    pub(crate) unsupported: Option<String>,
}

impl MintState {
    fn read(account: &Account) -> Self {
        let unsupported = check_mint(&account.data).err().map(|error| SettlementError::from(error).to_string());
        Self { owner: account.owner, unsupported }
    }
}
