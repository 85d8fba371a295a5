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

impl AssetKind {
    /// The kind that a byte stands for, if it is one.
    #[inline(always)]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Sol),
            1 => Some(Self::SplToken),
            2 => Some(Self::Token2022),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_from_its_byte() {
        for kind in [AssetKind::Sol, AssetKind::SplToken, AssetKind::Token2022] {
            assert_eq!(AssetKind::from_byte(kind.into()), Some(kind));
        }
        assert_eq!(AssetKind::from_byte(3), None);
    }
}
