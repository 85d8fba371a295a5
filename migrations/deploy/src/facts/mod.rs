//! What is on the chain, read in one go: the only thing that a plan is made from besides the configuration.
//!
//! Nothing here decides anything.

mod buffer;
mod idl;
mod network;
mod program;

use settlement::client::{NetworkId, network_address, treasury_address};
use solana_loader_v3_interface::get_program_data_address;
use solana_pubkey::Pubkey;
use williw_relay::chain::{Account, AccountData, Chain, ChainError, Commitment};

pub use buffer::BufferFacts;
pub use idl::IdlFacts;
pub use network::{MintFacts, NetworkFacts, NetworkState};
pub use program::{ProgramFacts, sha256};

use crate::cluster::Kind;
use crate::program_metadata;

/// Two sizes far enough apart to tell the rate of rent from them.
const RENT_PROBE_BYTES: u64 = 10_000;

/// The rent-exempt minimum, which grows by a fixed amount with every byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rent {
    /// Lamports of an account without data.
    pub base: u64,
    /// Lamports of each byte of data.
    pub per_byte: u64,
}

impl Rent {
    /// Lamports that an account with `bytes` of data has to hold.
    pub fn minimum(&self, bytes: usize) -> u64 {
        (bytes as u64).saturating_mul(self.per_byte).saturating_add(self.base)
    }
}

/// What is on the chain.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What the cluster is.
    pub cluster: Kind,
    /// What accounts cost.
    pub rent: Rent,
    /// The program.
    pub program: ProgramFacts,
    /// The buffer of an interrupted upload of the program.
    pub program_buffer: Option<BufferFacts>,
    /// The IDL.
    pub idl: IdlFacts,
    /// The buffer of an interrupted upload of the IDL.
    pub idl_buffer: Option<BufferFacts>,
    /// The network; `None` when none is asked for.
    pub network: Option<NetworkFacts>,
    /// The mint that the network is to pay in; `None` when it pays in SOL or the mint is not there.
    pub mint: Option<MintFacts>,
    /// Lamports of the payer.
    pub payer_lamports: u64,
    /// Lamports of the admin.
    pub admin_lamports: u64,
}

/// What to look at.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The program's address.
    pub program: Pubkey,
    /// Its bytecode, to compare with.
    pub elf: &'a [u8],
    /// The IDL's text, to compare with.
    pub idl: Option<&'a str>,
    /// The IDL as it would be written.
    pub packed_idl: &'a [u8],
    /// The buffer of the program's upload.
    pub program_buffer: Pubkey,
    /// The buffer of the IDL's upload.
    pub idl_buffer: Pubkey,
    /// Bytes of the program that one transaction writes.
    pub program_chunk: usize,
    /// Bytes of the IDL that one transaction writes.
    pub idl_chunk: usize,
    /// The network.
    pub network: Option<NetworkId>,
    /// The mint that the network is to pay in.
    pub mint: Option<Pubkey>,
    /// Who pays.
    pub payer: Pubkey,
    /// The network's admin.
    pub admin: Pubkey,
}

/// Reads everything that the question asks for, the accounts in one slot.
///
/// # Errors
/// [`ChainError`] when the cluster cannot be asked.
pub async fn gather<C: Chain>(
    chain: &C,
    cluster: Kind,
    question: &Question<'_>,
    commitment: Commitment,
) -> Result<Facts, ChainError> {
    let base = chain.minimum_balance(0).await?;
    let more = chain.minimum_balance(RENT_PROBE_BYTES).await?;
    // Rounded up, so that an estimate never falls short.
    let rent = Rent { base, per_byte: more.saturating_sub(base).div_ceil(RENT_PROBE_BYTES) };
    let network = question.network.map(|id| network_address(&id));
    let none = Pubkey::default();
    let addresses = [
        question.program,
        get_program_data_address(&question.program),
        question.program_buffer,
        program_metadata::ID,
        program_metadata::idl_address(&question.program),
        question.idl_buffer,
        network.unwrap_or(none),
        network.map_or(none, |network| treasury_address(&network)),
        question.mint.unwrap_or(none),
        question.payer,
        question.admin,
    ];
    let read = chain.accounts(&addresses, AccountData::Full, commitment).await?;
    let accounts: [Option<Account>; 11] = read.accounts.try_into().map_err(|_| {
        ChainError::InvalidResponse("getMultipleAccounts: not as many accounts as were asked for".to_owned())
    })?;
    let [program, program_data, program_buffer, metadata, idl, idl_buffer, network, treasury, mint, payer, admin] =
        accounts;
    let lamports = |account: &Option<Account>| account.as_ref().map_or(0, |account| account.lamports);
    Ok(Facts {
        cluster,
        rent,
        program: ProgramFacts::read(program.as_ref(), program_data.as_ref(), question.elf),
        program_buffer: program_buffer
            .as_ref()
            .map(|account| BufferFacts::of_program(account, question.elf, question.program_chunk)),
        idl: IdlFacts::read(metadata.as_ref(), idl.as_ref(), question.idl),
        idl_buffer: idl_buffer
            .as_ref()
            .map(|account| BufferFacts::of_idl(account, question.packed_idl, question.idl_chunk)),
        network: question.network.map(|_| NetworkFacts::read(network.as_ref(), treasury.as_ref())),
        mint: question.mint.and(mint.as_ref()).map(MintFacts::read),
        payer_lamports: lamports(&payer),
        admin_lamports: lamports(&admin),
    })
}
