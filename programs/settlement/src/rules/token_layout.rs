//! What the bytes of a mint or a token account say.
//!
//! Layouts of SPL Token and Token-2022, which share their first 82 (mint) and 165 (account) bytes;
//! Token-2022 puts the account's type and a list of extensions after byte 165. Source:
//! `spl_token_2022_interface::{state, extension}`.

/// Bytes of a mint without extensions.
pub const MINT_LEN: usize = 82;
/// Bytes of a token account without extensions.
pub const TOKEN_ACCOUNT_LEN: usize = 165;
/// Bytes of a multisig, which no mint or token account may have.
const MULTISIG_LEN: usize = 355;

const MINT_DECIMALS: usize = 44;
const MINT_INITIALIZED: usize = 45;
/// Where a token account has its mint's address.
pub const TOKEN_ACCOUNT_MINT: usize = 0;
/// Where it has its owner's.
pub const TOKEN_ACCOUNT_OWNER: usize = 32;
const ACCOUNT_AMOUNT: usize = 64;
/// Where it has its state.
pub const TOKEN_ACCOUNT_STATE: usize = 108;

/// Where Token-2022 says whether extended bytes are a mint or a token account.
const TYPE: usize = 165;
const TYPE_MINT: u8 = 1;
const TYPE_ACCOUNT: u8 = 2;
/// Where the extensions begin: a type and a length of 2 bytes each, then so many bytes.
const EXTENSIONS: usize = 166;

/// The state of a token account that is open and not frozen.
pub const TOKEN_ACCOUNT_INITIALIZED: u8 = 1;
const STATE_FROZEN: u8 = 2;

/// Numbers of the extensions that matter here.
mod extension {
    pub const NONE: u16 = 0;
    pub const TRANSFER_FEE_CONFIG: u16 = 1;
    pub const MINT_CLOSE_AUTHORITY: u16 = 3;
    pub const CONFIDENTIAL_TRANSFER_MINT: u16 = 4;
    pub const DEFAULT_ACCOUNT_STATE: u16 = 6;
    pub const MEMO_TRANSFER: u16 = 8;
    pub const NON_TRANSFERABLE: u16 = 9;
    pub const INTEREST_BEARING: u16 = 10;
    pub const PERMANENT_DELEGATE: u16 = 12;
    pub const TRANSFER_HOOK: u16 = 14;
    pub const CONFIDENTIAL_TRANSFER_FEE: u16 = 16;
    pub const METADATA_POINTER: u16 = 18;
    pub const TOKEN_METADATA: u16 = 19;
    pub const GROUP_POINTER: u16 = 20;
    pub const TOKEN_GROUP: u16 = 21;
    pub const GROUP_MEMBER_POINTER: u16 = 22;
    pub const TOKEN_GROUP_MEMBER: u16 = 23;
    pub const CONFIDENTIAL_MINT_BURN: u16 = 24;
    pub const SCALED_UI_AMOUNT: u16 = 25;
    pub const PAUSABLE: u16 = 26;
}

/// Why a network can't pay in a mint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MintError {
    /// Not the bytes of an initialized mint.
    NotAMint,
    /// Its tokens can't be transferred.
    NonTransferable,
    /// Transfers call a program of the issuer's choice, which could refuse them.
    TransferHook,
    /// Somebody may take tokens out of any account, the treasury's too.
    PermanentDelegate,
    /// The mint may be closed, and another one opened in its place.
    MintCloseAuthority,
    /// New token accounts are frozen until somebody thaws them.
    DefaultAccountState,
    /// Somebody may stop all transfers.
    Pausable,
    /// Amounts may be hidden.
    Confidential,
    /// Amounts are shown with interest, unlike the ones that move.
    InterestBearing,
    /// Amounts are shown multiplied, unlike the ones that move.
    ScaledUiAmount,
    /// An extension that this program doesn't know.
    UnknownExtension,
}

/// The decimals of a mint that a network can pay in.
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
    let mut extensions = Extensions::of(data);
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
    /// Address of the mint whose tokens it holds.
    pub mint: [u8; 32],
    /// Address that may spend them.
    pub owner: [u8; 32],
    /// Base units.
    pub amount: u64,
    /// Whether its mint's freeze authority froze it.
    pub is_frozen: bool,
    /// Whether it refuses transfers that come without a memo.
    pub needs_memo: bool,
}

impl TokenAccount {
    /// The token account in `data`; `None` when that is anything else, or not initialized.
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
        let mut extensions = Extensions::of(data);
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

/// The extensions in the bytes of a mint or token account, as (type, value).
struct Extensions<'a> {
    rest: &'a [u8],
    /// Whether the walk met something that is no list of extensions.
    is_malformed: bool,
}

impl<'a> Extensions<'a> {
    fn of(data: &'a [u8]) -> Self {
        Self { rest: data.get(EXTENSIONS..).unwrap_or_default(), is_malformed: false }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // Fewer bytes than a type and a length are padding.
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

    fn plain_mint(decimals: u8) -> Vec<u8> {
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
    fn a_plain_mint_is_taken_whatever_its_decimals() {
        for decimals in [0, 6, 9, 255] {
            assert_eq!(check_mint(&plain_mint(decimals)), Ok(decimals));
        }
    }

    #[test]
    fn bytes_that_are_no_initialized_mint_are_refused() {
        let mut uninitialized = plain_mint(6);
        uninitialized[MINT_INITIALIZED] = 0;
        let mut multisig = extended(plain_mint(6), TYPE_MINT, &[]);
        multisig.resize(MULTISIG_LEN, 0);
        let cut = extended(plain_mint(6), TYPE_MINT, &[(1, &[0; 8])]);
        for data in [
            vec![],
            plain_mint(6)[..81].to_vec(),
            extended(plain_mint(6), TYPE_ACCOUNT, &[]),
            plain_mint(6).into_iter().chain([0; 83]).collect(),
            uninitialized,
            multisig,
            cut[..cut.len() - 1].to_vec(),
        ] {
            assert_eq!(check_mint(&data), Err(MintError::NotAMint));
        }
    }

    #[test]
    fn fees_and_metadata_are_taken_and_any_other_extension_is_refused_by_name() {
        for kind in [1, 18, 19, 20, 21, 22, 23] {
            assert_eq!(check_mint(&extended(plain_mint(6), TYPE_MINT, &[(kind, &[0; 3])])), Ok(6));
        }
        let refused = [
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
        for (kind, reason) in refused {
            // Also behind one that is taken.
            let data = extended(plain_mint(6), TYPE_MINT, &[(18, &[0; 64]), (kind, &[])]);
            assert_eq!(check_mint(&data), Err(reason), "extension {kind}");
        }
    }

    #[test]
    fn a_token_account_reads_back() {
        assert_eq!(TokenAccount::parse(&account()), Some(ACCOUNT));
        let mut frozen = account();
        frozen[TOKEN_ACCOUNT_STATE] = STATE_FROZEN;
        assert_eq!(TokenAccount::parse(&frozen), Some(TokenAccount { is_frozen: true, ..ACCOUNT }));
    }

    #[test]
    fn a_memo_is_needed_only_where_the_account_says_so() {
        let read = |extensions: &[_]| TokenAccount::parse(&extended(account(), TYPE_ACCOUNT, extensions));
        assert_eq!(read(&[(7, &[]), (8, &[1])]), Some(TokenAccount { needs_memo: true, ..ACCOUNT }));
        assert_eq!(read(&[(8, &[0]), (7, &[])]), Some(ACCOUNT));
        assert_eq!(read(&[(2, &[0; 8])]), Some(ACCOUNT));
    }

    #[test]
    fn bytes_that_are_no_initialized_token_account_are_none() {
        let mut uninitialized = account();
        uninitialized[TOKEN_ACCOUNT_STATE] = 0;
        let mut unknown = account();
        unknown[TOKEN_ACCOUNT_STATE] = 3;
        let mut multisig = extended(account(), TYPE_ACCOUNT, &[]);
        multisig.resize(MULTISIG_LEN, 0);
        let cut = extended(account(), TYPE_ACCOUNT, &[(2, &[0; 8])]);
        for data in [
            vec![],
            plain_mint(6),
            account()[..164].to_vec(),
            extended(plain_mint(6), TYPE_MINT, &[]),
            uninitialized,
            unknown,
            multisig,
            cut[..cut.len() - 1].to_vec(),
        ] {
            assert_eq!(TokenAccount::parse(&data), None);
        }
    }
}
