//! Who chose the destination of a node's payouts.

/// Who chose the destination of a node's payouts, stored in `NodeWallet::destination_source`.
///
/// A relay pays only destinations that the node's owner chose or left at the default, so that no other
/// key can redirect what a node earns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DestinationSource {
    /// Nobody: it is the owner's address or, in a network that pays in tokens, the owner's associated token account.
    Default = 0,
    /// The owner, by `set_destination`.
    Owner = 1,
    /// The network's admin, by `register_node` or `reopen_node`.
    Admin = 2,
}

impl From<DestinationSource> for u8 {
    fn from(source: DestinationSource) -> u8 {
        source as u8
    }
}

impl DestinationSource {
    /// Decodes a `destination_source` field.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Default),
            1 => Some(Self::Owner),
            2 => Some(Self::Admin),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_decodes_from_its_byte() {
        for source in [DestinationSource::Default, DestinationSource::Owner, DestinationSource::Admin] {
            assert_eq!(DestinationSource::from_byte(source.into()), Some(source));
        }
        assert_eq!(DestinationSource::from_byte(3), None);
    }
}
