//! Parsing of mints and token accounts.
//!
//! The layouts of SPL Token and Token-2022 share their first 82 (mint) and 165 (token account) bytes. In
//! Token-2022, the account type and a list of extensions follow from byte 165. Source:
//! `spl_token_2022_interface::{state, extension}`.

/// Size of a mint without extensions, in bytes.
pub const MINT_LEN: usize = 82;
/// Size of a token account without extensions, in bytes.
pub const TOKEN_ACCOUNT_LEN: usize = 165;
/// Size of a multisig account, which no mint or token account may have.
const MULTISIG_LEN: usize = 355;

/// Offset of the number of decimal places in a mint's data, 1 byte.
pub const MINT_DECIMALS: usize = 44;
const MINT_INITIALIZED: usize = 45;
/// Offset of the mint's address in a token account.
pub const TOKEN_ACCOUNT_MINT: usize = 0;
/// Offset of the owner's address in a token account.
pub const TOKEN_ACCOUNT_OWNER: usize = 32;
const ACCOUNT_AMOUNT: usize = 64;
/// Offset of the state in a token account.
pub const TOKEN_ACCOUNT_STATE: usize = 108;

/// Offset of the account type in a Token-2022 account with extensions.
const TYPE: usize = 165;
const TYPE_MINT: u8 = 1;
const TYPE_ACCOUNT: u8 = 2;
/// Offset of the extensions. Each has a type and a length (2 bytes each), and a value of that length.
const EXTENSIONS: usize = 166;

/// State of a token account that is initialized and not frozen.
pub const TOKEN_ACCOUNT_INITIALIZED: u8 = 1;
const STATE_FROZEN: u8 = 2;

/// Types of the extensions that this program knows.
mod extension {
    pub(super) const NONE: u16 = 0;
    pub(super) const TRANSFER_FEE_CONFIG: u16 = 1;
    pub(super) const MINT_CLOSE_AUTHORITY: u16 = 3;
    pub(super) const CONFIDENTIAL_TRANSFER_MINT: u16 = 4;
    pub(super) const DEFAULT_ACCOUNT_STATE: u16 = 6;
    pub(super) const MEMO_TRANSFER: u16 = 8;
    pub(super) const NON_TRANSFERABLE: u16 = 9;
    pub(super) const INTEREST_BEARING: u16 = 10;
    pub(super) const PERMANENT_DELEGATE: u16 = 12;
    pub(super) const TRANSFER_HOOK: u16 = 14;
    pub(super) const CONFIDENTIAL_TRANSFER_FEE: u16 = 16;
    pub(super) const METADATA_POINTER: u16 = 18;
    pub(super) const TOKEN_METADATA: u16 = 19;
    pub(super) const GROUP_POINTER: u16 = 20;
    pub(super) const TOKEN_GROUP: u16 = 21;
    pub(super) const GROUP_MEMBER_POINTER: u16 = 22;
    pub(super) const TOKEN_GROUP_MEMBER: u16 = 23;
    pub(super) const CONFIDENTIAL_MINT_BURN: u16 = 24;
    pub(super) const SCALED_UI_AMOUNT: u16 = 25;
    pub(super) const PAUSABLE: u16 = 26;
}

/// Why a network can't pay in a mint's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MintError {
    /// The account is not an initialized mint.
    NotAMint,
    /// The tokens can't be transferred.
    NonTransferable,
    /// Transfers call a program that the issuer chooses and that can reject them.
    TransferHook,
    /// A delegate may take tokens from any account, including the treasury's.
    PermanentDelegate,
    /// The mint can be closed and replaced by another one.
    MintCloseAuthority,
    /// New token accounts may be frozen until the freeze authority thaws them.
    DefaultAccountState,
    /// An authority may pause all transfers.
    Pausable,
    /// Amounts can be hidden.
    Confidential,
    /// Displayed amounts include interest and differ from those transferred.
    InterestBearing,
    /// Displayed amounts are scaled and differ from those transferred.
    ScaledUiAmount,
    /// The mint has an extension that this program doesn't know.
    UnknownExtension,
}

/// Checks that a network can pay in a mint's tokens, and returns the mint's decimals.
pub fn check_mint(data: &[u8]) -> Result<u8, MintError> {
    let not_a_mint = MintError::NotAMint;
    if data.len() == MULTISIG_LEN || data.get(MINT_INITIALIZED) != Some(&1) {
        return Err(not_a_mint);
    }
    let decimals = data.get(MINT_DECIMALS).copied().ok_or(not_a_mint)?;
    match data.len() {
        MINT_LEN => return Ok(decimals),
        len if len > TYPE && data.get(TYPE) == Some(&TYPE_MINT) => {}
        _ => return Err(not_a_mint),
    }
    let mut extensions = Extensions::new(data);
    for (kind, _) in extensions.by_ref() {
        use extension::*;
        return Err(match kind {
            TRANSFER_FEE_CONFIG | METADATA_POINTER | TOKEN_METADATA | GROUP_POINTER | TOKEN_GROUP
            | GROUP_MEMBER_POINTER | TOKEN_GROUP_MEMBER => continue,
            NON_TRANSFERABLE => MintError::NonTransferable,
            TRANSFER_HOOK => MintError::TransferHook,
            PERMANENT_DELEGATE => MintError::PermanentDelegate,
            MINT_CLOSE_AUTHORITY => MintError::MintCloseAuthority,
            DEFAULT_ACCOUNT_STATE => MintError::DefaultAccountState,
            PAUSABLE => MintError::Pausable,
            CONFIDENTIAL_TRANSFER_MINT | CONFIDENTIAL_TRANSFER_FEE | CONFIDENTIAL_MINT_BURN => MintError::Confidential,
            INTEREST_BEARING => MintError::InterestBearing,
            SCALED_UI_AMOUNT => MintError::ScaledUiAmount,
            _ => MintError::UnknownExtension,
        });
    }
    if extensions.is_malformed { Err(not_a_mint) } else { Ok(decimals) }
}

/// An initialized token account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenAccount {
    /// Address of the mint of the tokens.
    pub mint: [u8; 32],
    /// Address that may transfer the tokens.
    pub owner: [u8; 32],
    /// Balance in base units.
    pub amount: u64,
    /// Whether the mint's freeze authority has frozen the account.
    pub is_frozen: bool,
    /// Whether incoming transfers must have a memo.
    pub needs_memo: bool,
}

impl TokenAccount {
    /// Parses an account's data. `None` if it is not an initialized token account.
    pub fn parse(data: &[u8]) -> Option<Self> {
        match data.len() {
            TOKEN_ACCOUNT_LEN => {}
            MULTISIG_LEN => return None,
            len if len > TYPE && data.get(TYPE) == Some(&TYPE_ACCOUNT) => {}
            _ => return None,
        }
        let is_frozen = match data.get(TOKEN_ACCOUNT_STATE) {
            Some(&TOKEN_ACCOUNT_INITIALIZED) => false,
            Some(&STATE_FROZEN) => true,
            _ => return None,
        };
        let mut extensions = Extensions::new(data);
        let needs_memo = extensions.any(|(kind, value)| {
            kind == extension::MEMO_TRANSFER && value.first().is_none_or(|required| *required != 0)
        });
        if extensions.is_malformed {
            return None;
        }
        Some(Self {
            mint: bytes(data, TOKEN_ACCOUNT_MINT)?,
            owner: bytes(data, TOKEN_ACCOUNT_OWNER)?,
            amount: u64::from_le_bytes(bytes(data, ACCOUNT_AMOUNT)?),
            is_frozen,
            needs_memo,
        })
    }
}

/// Iterates over the extensions of a mint or token account, as (type, value).
struct Extensions<'a> {
    rest: &'a [u8],
    /// Whether the iteration ended at something that is not an extension.
    is_malformed: bool,
}

impl<'a> Extensions<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { rest: data.get(EXTENSIONS..).unwrap_or_default(), is_malformed: false }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // Fewer bytes than a type has are padding.
        let (kind, rest) = self.rest.split_first_chunk::<2>()?;
        let kind = u16::from_le_bytes(*kind);
        if kind == extension::NONE {
            return None;
        }
        let entry = rest.split_first_chunk::<2>().and_then(|(len, rest)| {
            let (value, rest) = rest.split_at_checked(u16::from_le_bytes(*len).into())?;
            Some((value, rest))
        });
        let Some((value, rest)) = entry else {
            self.is_malformed = true;
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some((kind, value))
    }
}

fn bytes<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mint(decimals: u8) -> Vec<u8> {
        let mut data = vec![0; MINT_LEN];
        data[MINT_DECIMALS] = decimals;
        data[MINT_INITIALIZED] = 1;
        data
    }

    fn extended(mut data: Vec<u8>, kind: u8, extensions: &[(u16, &[u8])]) -> Vec<u8> {
        data.resize(TYPE, 0);
        data.push(kind);
        for (kind, value) in extensions {
            data.extend(kind.to_le_bytes());
            data.extend((value.len() as u16).to_le_bytes());
            data.extend(*value);
        }
        data
    }

    fn account() -> Vec<u8> {
        let mut data = [[1; 32], [2; 32]].concat();
        data.extend(7u64.to_le_bytes());
        data.resize(TOKEN_ACCOUNT_LEN, 0);
        data[TOKEN_ACCOUNT_STATE] = 1;
        data
    }

    const ACCOUNT: TokenAccount =
        TokenAccount { mint: [1; 32], owner: [2; 32], amount: 7, is_frozen: false, needs_memo: false };

    #[test]
    fn a_mint_without_extensions_is_accepted_with_any_decimals() {
        for decimals in [0, 6, 9, 255] {
            assert_eq!(check_mint(&mint(decimals)), Ok(decimals));
        }
    }

    #[test]
    fn anything_but_an_initialized_mint_is_rejected() {
        let mut uninitialized = mint(6);
        uninitialized[MINT_INITIALIZED] = 0;
        let mut multisig = extended(mint(6), TYPE_MINT, &[]);
        multisig.resize(MULTISIG_LEN, 0);
        let cut = extended(mint(6), TYPE_MINT, &[(1, &[0; 8])]);
        for data in [
            vec![],
            mint(6)[..81].to_vec(),
            extended(mint(6), TYPE_ACCOUNT, &[]),
            mint(6).into_iter().chain([0; 83]).collect(),
            uninitialized,
            multisig,
            cut[..cut.len() - 1].to_vec(),
        ] {
            assert_eq!(check_mint(&data), Err(MintError::NotAMint));
        }
    }

    #[test]
    fn fees_and_metadata_are_accepted_and_any_other_extension_is_rejected_with_its_own_error() {
        for kind in [1, 18, 19, 20, 21, 22, 23] {
            assert_eq!(check_mint(&extended(mint(6), TYPE_MINT, &[(kind, &[0; 3])])), Ok(6));
        }
        let rejected = [
            (3, MintError::MintCloseAuthority),
            (4, MintError::Confidential),
            (6, MintError::DefaultAccountState),
            (9, MintError::NonTransferable),
            (10, MintError::InterestBearing),
            (12, MintError::PermanentDelegate),
            (14, MintError::TransferHook),
            (16, MintError::Confidential),
            (24, MintError::Confidential),
            (25, MintError::ScaledUiAmount),
            (26, MintError::Pausable),
            (99, MintError::UnknownExtension),
        ];
        for (kind, reason) in rejected {
            // Also after an accepted one.
            let data = extended(mint(6), TYPE_MINT, &[(18, &[0; 64]), (kind, &[])]);
            assert_eq!(check_mint(&data), Err(reason), "extension {kind}");
        }
    }

    #[test]
    fn a_token_account_is_parsed() {
        assert_eq!(TokenAccount::parse(&account()), Some(ACCOUNT));
        let mut frozen = account();
        frozen[TOKEN_ACCOUNT_STATE] = STATE_FROZEN;
        assert_eq!(TokenAccount::parse(&frozen), Some(TokenAccount { is_frozen: true, ..ACCOUNT }));
    }

    #[test]
    fn a_memo_is_needed_only_if_the_account_requires_it() {
        let read = |extensions: &[_]| TokenAccount::parse(&extended(account(), TYPE_ACCOUNT, extensions));
        assert_eq!(read(&[(7, &[]), (8, &[1])]), Some(TokenAccount { needs_memo: true, ..ACCOUNT }));
        assert_eq!(read(&[(8, &[0]), (7, &[])]), Some(ACCOUNT));
        assert_eq!(read(&[(2, &[0; 8])]), Some(ACCOUNT));
    }

    #[test]
    fn anything_but_an_initialized_token_account_is_none() {
        let mut uninitialized = account();
        uninitialized[TOKEN_ACCOUNT_STATE] = 0;
        let mut unknown = account();
        unknown[TOKEN_ACCOUNT_STATE] = 3;
        let mut multisig = extended(account(), TYPE_ACCOUNT, &[]);
        multisig.resize(MULTISIG_LEN, 0);
        let cut = extended(account(), TYPE_ACCOUNT, &[(2, &[0; 8])]);
        for data in [
            vec![],
            mint(6),
            account()[..164].to_vec(),
            extended(mint(6), TYPE_MINT, &[]),
            uninitialized,
            unknown,
            multisig,
            cut[..cut.len() - 1].to_vec(),
        ] {
            assert_eq!(TokenAccount::parse(&data), None);
        }
    }
}
