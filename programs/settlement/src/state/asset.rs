//! What a network pays in.

/// Values of the `asset_kind` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AssetKind {
    /// Native SOL, in lamports.
    Sol = 0,
    /// One mint of SPL Token.
    SplToken = 1,
    /// One mint of Token-2022.
    Token2022 = 2,
}

impl From<AssetKind> for u8 {
    fn from(kind: AssetKind) -> u8 {
        kind as u8
    }
}
