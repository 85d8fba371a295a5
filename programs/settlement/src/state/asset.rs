//! The assets that a network can pay in.

/// The asset that a network pays in, stored in the `asset_kind` fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AssetKind {
    /// SOL, in lamports.
    Sol = 0,
    /// A mint of SPL Token.
    SplToken = 1,
    /// A mint of Token-2022.
    Token2022 = 2,
}

impl From<AssetKind> for u8 {
    fn from(kind: AssetKind) -> u8 {
        kind as u8
    }
}

impl AssetKind {
    /// Decodes an `asset_kind` field.
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
    fn every_kind_decodes_from_its_byte() {
        for kind in [AssetKind::Sol, AssetKind::SplToken, AssetKind::Token2022] {
            assert_eq!(AssetKind::from_byte(kind.into()), Some(kind));
        }
        assert_eq!(AssetKind::from_byte(3), None);
    }
}
