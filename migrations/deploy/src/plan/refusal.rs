//! Why a plan is not carried out: each with what to do about it.

use solana_pubkey::Pubkey;

/// A reason not to begin. Nothing has been sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is mainnet, and nobody said so.
    #[error("this is mainnet-beta: read the plan, and run again with --yes")]
    MainnetWithoutYes,
    /// The program's address belongs to a key that everybody has.
    #[error(
        "this build's program id {program} is the one for local clusters, whose key is in the repository: make a key of \
         your own (solana-keygen new), put its address into declare_id! and Anchor.toml, and build again"
    )]
    PublicProgramKey {
        /// The address.
        program: Pubkey,
    },
    /// The bytecode was built with another address.
    #[error(
        "the bytecode does not hold the program id {program}: it was built with another declare_id!; build it again"
    )]
    OtherProgramId {
        /// The address of this build.
        program: Pubkey,
    },
    /// The first deployment needs the program's key.
    #[error(
        "the program is to be deployed for the first time, which takes the key of {program}: name it as program.keypair"
    )]
    NoProgramKey {
        /// The address.
        program: Pubkey,
    },
    /// The program's key is another's.
    #[error("program.keypair is the key of {found}, but this build's program id (declare_id!) is {program}")]
    OtherProgramKey {
        /// Whose key it is.
        found: Pubkey,
        /// The address of this build.
        program: Pubkey,
    },
    /// Something else is at the program's address.
    #[error("at the program's address {program} is an account of {owner}, no program: take another address")]
    AddressTaken {
        /// The address.
        program: Pubkey,
        /// Who owns the account.
        owner: Pubkey,
    },
    /// The program was closed.
    #[error("the program {program} was closed, and its address cannot be used again: take another address")]
    ProgramClosed {
        /// The address.
        program: Pubkey,
    },
    /// Nobody can upgrade the program.
    #[error("the program is not the file's and cannot be upgraded any more: it is immutable")]
    ProgramImmutable,
    /// Somebody else can upgrade the program.
    #[error("{what} takes the upgrade authority's key, and that is {authority}; keys.upgrade_authority is {ours}")]
    NotUpgradeAuthority {
        /// What was to be done.
        what: &'static str,
        /// Who it is.
        authority: Pubkey,
        /// Whose key was given.
        ours: Pubkey,
    },
    /// The program may not grow so far.
    #[error("program.max_len is {max_len}, but the bytecode has {bytes} bytes: raise it, or leave it out")]
    MaxLenTooSmall {
        /// What was asked for.
        max_len: usize,
        /// What is needed.
        bytes: usize,
    },
    /// The buffer of an earlier run is not ours to write.
    #[error(
        "the buffer of an earlier run belongs to {}, not to keys.upgrade_authority {ours}: run with that key, or remove \
         {file} and lose sight of it",
        authority.map_or_else(|| "nobody".to_owned(), |authority| authority.to_string())
    )]
    BufferNotOurs {
        /// Whose it is.
        authority: Option<Pubkey>,
        /// Whose key was given.
        ours: Pubkey,
        /// The buffer's key file.
        file: &'static str,
    },
    /// The IDL cannot be read from its file.
    #[error("the IDL {path} cannot be read ({reason}): build it, or leave program.idl out")]
    NoIdl {
        /// Its path.
        path: String,
        /// Why.
        reason: String,
    },
    /// The published IDL is final.
    #[error("the published IDL is another one and immutable: leave program.idl out")]
    IdlImmutable,
    /// Nobody can publish an IDL any more.
    #[error("the program is immutable, so that nobody can publish its IDL any more: leave program.idl out")]
    IdlOfImmutableProgram,
    /// Somebody began to publish an IDL with another tool.
    #[error(
        "somebody has begun to publish an IDL with another tool: finish it, or close it with 'program-metadata close idl', \
         and run again"
    )]
    IdlUnfinished,
    /// The network is there with other terms.
    #[error(
        "network '{network}' is there already, with {term} {there} where the configuration has {wanted}: write into the \
         configuration what is there, have its admin change it, or choose another name"
    )]
    OtherTerms {
        /// Its name.
        network: String,
        /// What differs.
        term: &'static str,
        /// What the chain has.
        there: String,
        /// What the configuration has.
        wanted: String,
    },
    /// The network cannot be read.
    #[error(
        "network '{network}' is there, but cannot be read ({reason}): this build is older than the network, or newer"
    )]
    NetworkUnreadable {
        /// Its name.
        network: String,
        /// Why.
        reason: String,
    },
    /// The mint is not there.
    #[error("there is no mint {mint} on this cluster: check network.asset")]
    NoMint {
        /// Its address.
        mint: Pubkey,
    },
    /// The mint is none.
    #[error("network.asset {mint} is no mint: it belongs to {owner}, and neither to SPL Token nor to Token-2022")]
    NotAMint {
        /// Its address.
        mint: Pubkey,
        /// Who owns it.
        owner: Pubkey,
    },
    /// The program takes no network that pays in it.
    #[error("network.asset {mint}: {reason}")]
    MintRefused {
        /// Its address.
        mint: Pubkey,
        /// The program's reason.
        reason: String,
    },
    /// An admin is to be proposed, but there is no network for it.
    #[error("authorities.admin names an admin, but the configuration has no [network] that it could be the admin of")]
    AdminWithoutNetwork,
    /// Immutability takes a flag.
    #[error(
        "authorities.upgrade = \"none\" means that nobody can ever change the program: if so, run with --immutable"
    )]
    ImmutableWithoutFlag,
    /// There is nothing to hand on.
    #[error("authorities.upgrade is {wanted}, but the program is immutable, for good: leave it out, or write \"none\"")]
    AlreadyImmutable {
        /// Who was to get the upgrade authority.
        wanted: Pubkey,
    },
    /// An account cannot pay.
    #[error("{role} {address} has {has} lamports and needs {needs}: send it {} more", needs.saturating_sub(*has))]
    ShortOfLamports {
        /// The entry of its key.
        role: &'static str,
        /// Its address.
        address: Pubkey,
        /// What it has.
        has: u64,
        /// What it needs.
        needs: u64,
    },
}
