//! Why a plan must not be applied, each with its remedy.

use solana_pubkey::Pubkey;

use crate::artifacts::SecurityTxt;
use crate::config::SecuritySettings;

/// A reason not to apply a plan. `ours` is the address of a configured key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Blocker {
    #[error("the cluster is mainnet-beta: review the plan, and confirm it with --yes")]
    MainnetNotConfirmed,
    #[error(
        "the program id {program} is for local clusters only, because its keypair is in the repository: generate a \
         keypair (solana-keygen new), set declare_id! and Anchor.toml to its address, and rebuild the program"
    )]
    LocalnetProgramId { program: Pubkey },
    #[error(
        "the program file does not contain the program id {program}: it was built with another declare_id!; rebuild it"
    )]
    ProgramIdMismatch { program: Pubkey },
    #[error(
        "a deployment to {cluster} requires a [security] section with 'contact' and 'source_code': the program's \
         security.txt tells users where to report a vulnerability"
    )]
    SecurityNotConfigured { cluster: &'static str },
    #[error("{}", security_txt_mismatch(.found.as_ref(), .contact, .source_code))]
    SecurityTxtMismatch { found: Option<SecurityTxt>, contact: String, source_code: String },
    #[error("the first deployment is signed by the keypair of {program}: set program.keypair")]
    ProgramKeypairMissing { program: Pubkey },
    #[error(
        "program.keypair has the address {ours}, but this build's program id (declare_id!) is {program}: change one of \
         them"
    )]
    ProgramKeypairMismatch { ours: Pubkey, program: Pubkey },
    #[error("the program's address {program} is in use by an account of {owner}: choose another program id")]
    AddressInUse { program: Pubkey, owner: Pubkey },
    #[error("the program {program} was closed and its address cannot be reused: choose another program id")]
    ProgramClosed { program: Pubkey },
    #[error(
        "the deployed program differs from the program file, but it is immutable and cannot be upgraded: deploy the \
         file under another program id"
    )]
    ProgramImmutable,
    #[error(
        "{action} requires the upgrade authority {authority}, but keys.upgrade_authority is {ours}: configure its key"
    )]
    UpgradeAuthorityMismatch { action: &'static str, authority: Pubkey, ours: Pubkey },
    #[error("program.max_len is {max_len}, but the program has {bytes} bytes: increase it, or remove it")]
    MaxLenTooSmall { max_len: usize, bytes: usize },
    #[error(
        "the authority of the buffer of an earlier run is {}, but keys.upgrade_authority is {ours}: run with the \
         earlier key, or delete {file} and give up the buffer's rent",
        authority.map_or_else(|| "unset".to_owned(), |authority| authority.to_string())
    )]
    BufferAuthorityMismatch { authority: Option<Pubkey>, ours: Pubkey, file: &'static str },
    #[error("cannot read the IDL {path} ({reason}): build it, or remove program.idl")]
    IdlUnreadable { path: String, reason: String },
    #[error("the published IDL differs, but it is immutable: remove program.idl")]
    IdlImmutable,
    #[error("the program is immutable, so its IDL can no longer be published: remove program.idl")]
    IdlOfImmutableProgram,
    #[error(
        "the publication of an IDL was started with another tool: finish it, or close it with 'program-metadata close \
         idl', and run again"
    )]
    IdlIncomplete,
    #[error(
        "network '{network}' exists with {term} {on_chain}, but the configuration has {configured}: change the \
         configuration, have the network's admin change the network, or choose another name"
    )]
    NetworkDiffers { network: String, term: &'static str, on_chain: String, configured: String },
    #[error(
        "{creator} has not created a network '{network}', and keys.admin is {admin}, whose networks have other addresses: \
         check network.creator, or remove it to create the network with keys.admin"
    )]
    CreatorIsNotAdmin { network: String, creator: Pubkey, admin: Pubkey },
    #[error(
        "network '{network}' was closed, and its name cannot be used again by the same creator: choose another name"
    )]
    NetworkClosed { network: String },
    #[error("network '{network}' exists, but this build cannot read it ({reason}): use the build that it belongs to")]
    NetworkUnreadable { network: String, reason: String },
    #[error("the mint {mint} does not exist on this cluster: check network.asset")]
    MintNotFound { mint: Pubkey },
    #[error(
        "network.asset {mint} is not a mint (it is owned by {owner}, not by SPL Token or Token-2022): check the address"
    )]
    NotAMint { mint: Pubkey, owner: Pubkey },
    #[error("network.asset {mint} is not supported ({reason}): choose another mint")]
    UnsupportedMint { mint: Pubkey, reason: String },
    #[error("authorities.admin is set, but the configuration has no [network]: add the section, or remove the setting")]
    AdminWithoutNetwork,
    #[error(
        "authorities.upgrade = \"none\" makes the program immutable: nobody can ever upgrade it again; confirm it with \
         --immutable"
    )]
    ImmutableNotConfirmed,
    #[error("authorities.upgrade is {desired}, but the program is already immutable: remove it, or set it to \"none\"")]
    AlreadyImmutable { desired: Pubkey },
    #[error("{role} {address} has {has} lamports but needs {needs}: send it {} more", needs.saturating_sub(*has))]
    InsufficientLamports { role: &'static str, address: Pubkey, has: u64, needs: u64 },
}

impl Blocker {
    /// A blocker unless the bytecode has the configured security.txt.
    pub(super) fn security_txt(elf: &[u8], configured: &SecuritySettings) -> Option<Self> {
        let SecuritySettings { contact, source_code } = configured.clone();
        let found = SecurityTxt::find(elf);
        (found.as_ref() != Some(&SecurityTxt::new(&contact, &source_code))).then_some(Self::SecurityTxtMismatch {
            found,
            contact,
            source_code,
        })
    }
}

fn security_txt_mismatch(found: Option<&SecurityTxt>, contact: &str, source_code: &str) -> String {
    let found = found.map_or_else(
        || "has no security.txt".to_owned(),
        |found| {
            format!("has a security.txt with contact '{}' and source code '{}'", found.contacts(), found.source_code)
        },
    );
    format!(
        "the program file {found}, which differs from [security]: rebuild the program with \
         WILLIW_SECURITY_CONTACT='{contact}' WILLIW_SOURCE_CODE='{source_code}' make program"
    )
}
