//! Discriminators as numbers.

#[expect(clippy::panic, reason = "evaluated at compile time only")]
/// An instruction's or account's 8-byte discriminator as a little-endian number.
pub(super) const fn discriminator_u64(discriminator: &[u8]) -> u64 {
    match discriminator.first_chunk::<8>() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => panic!("a discriminator has 8 bytes"),
    }
}
