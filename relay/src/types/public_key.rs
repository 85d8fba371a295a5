//! Public keys of key pairs that can sign.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use solana_pubkey::Pubkey;

/// An Ed25519 public key in base58: a Solana address that a key pair can sign for.
///
/// Off-curve addresses (program-derived addresses) are rejected: they have no private key, so lamports in a wallet
/// account owned by such an address could not be withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(value_type = String, min_length = 32, max_length = 44, example = "4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T")
)]
pub struct PublicKey(Pubkey);

/// Why a text is not the public key of a key pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// It contains a character outside the base58 alphabet.
    #[error("the address is not valid base58: only the characters 1-9, A-H, J-N, P-Z, a-k and m-z are allowed")]
    NotBase58,
    /// It is base58, but does not decode to 32 bytes.
    #[error("the address is not a Solana address: it must be 32 bytes, which is 32 to 44 characters in base58")]
    WrongLength,
    /// The address is not on the Ed25519 curve.
    #[error(
        "the address {0} is off the Ed25519 curve (a program-derived address), so it has no private key: use the address of a wallet"
    )]
    OffCurve(Pubkey),
    /// All bytes are zero: the System Program.
    #[error("the address 11111111111111111111111111111111 is the System Program: use the address of a wallet")]
    SystemProgram,
}

/// The maximum length of 32 bytes in base58. Longer texts are rejected without being decoded.
const MAX_BASE58_BYTES: usize = 44;

impl PublicKey {
    /// The key as a Solana address.
    pub const fn address(&self) -> Pubkey {
        self.0
    }
}

impl TryFrom<Pubkey> for PublicKey {
    type Error = PublicKeyError;

    fn try_from(address: Pubkey) -> Result<Self, Self::Error> {
        if address == Pubkey::default() {
            return Err(PublicKeyError::SystemProgram);
        }
        if !address.is_on_curve() {
            return Err(PublicKeyError::OffCurve(address));
        }
        Ok(Self(address))
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_BASE58_BYTES {
            return Err(PublicKeyError::WrongLength);
        }
        let bytes = bs58::decode(text).into_vec().map_err(|_| PublicKeyError::NotBase58)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| PublicKeyError::WrongLength)?;
        Self::try_from(Pubkey::new_from_array(bytes))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = PublicKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.0.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl crate::database::IntoParameter for &PublicKey {
    fn into_parameter(self) -> Option<String> {
        Some(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    use super::*;

    #[test]
    fn an_on_curve_address_is_accepted_and_round_trips() {
        let address = Keypair::new_from_array([7; 32]).pubkey().to_string();
        assert_eq!(address.parse::<PublicKey>().unwrap().to_string(), address);
    }

    #[test]
    fn invalid_addresses_are_rejected_with_a_reason() {
        let off_curve = Pubkey::find_program_address(&[b"network"], &Pubkey::new_from_array([9; 32])).0;
        let too_short = bs58::encode([1; 31]).into_string();
        let too_long = bs58::encode([1; 33]).into_string();
        assert_eq!("0OIl".parse::<PublicKey>(), Err(PublicKeyError::NotBase58));
        assert_eq!("".parse::<PublicKey>(), Err(PublicKeyError::WrongLength));
        assert_eq!("ä".repeat(22).parse::<PublicKey>(), Err(PublicKeyError::NotBase58));
        assert_eq!(too_short.parse::<PublicKey>(), Err(PublicKeyError::WrongLength));
        assert_eq!(too_long.parse::<PublicKey>(), Err(PublicKeyError::WrongLength));
        assert_eq!("z".repeat(100_000).parse::<PublicKey>(), Err(PublicKeyError::WrongLength));
        assert_eq!(off_curve.to_string().parse::<PublicKey>(), Err(PublicKeyError::OffCurve(off_curve)));
        assert_eq!("1".repeat(32).parse::<PublicKey>(), Err(PublicKeyError::SystemProgram));
    }
}
