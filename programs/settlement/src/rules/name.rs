//! Names of networks.

/// Maximum length of a network's name in bytes, which is that of an address seed.
pub const MAX_NAME_BYTES: usize = 32;

/// Extracts the name from a network id: 1 to 32 bytes of a-z, 0-9 and '-', padded with zero bytes.
/// `None` if the id is anything else.
pub fn parse_name(id: &[u8; MAX_NAME_BYTES]) -> Option<&[u8]> {
    let len = id.iter().position(|b| *b == 0).unwrap_or(id.len());
    let (name, padding) = id.split_at_checked(len)?;
    let well_formed = !name.is_empty() && name.iter().all(is_name_byte) && padding.iter().all(|b| *b == 0);
    well_formed.then_some(name)
}

/// Whether a network's name may contain this byte.
pub fn is_name_byte(byte: &u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &[u8]) -> [u8; 32] {
        let mut id = [0; 32];
        id[..name.len()].copy_from_slice(name);
        id
    }

    #[test]
    fn a_valid_name_is_parsed() {
        for name in [&b"a"[..], b"main-net-2", &[b'z'; 32]] {
            assert_eq!(parse_name(&id(name)), Some(name));
        }
    }

    #[test]
    fn any_other_id_has_no_name() {
        for name in [&b""[..], b"Main", b"a b", b"a\0b", b"\0a", "ä".as_bytes()] {
            assert_eq!(parse_name(&id(name)), None, "{name:?}");
        }
    }
}
