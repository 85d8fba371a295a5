//! The public half of a key pair that can sign.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use solana_pubkey::Pubkey;

/// An Ed25519 public key in base58: a Solana address that somebody can sign for.
///
/// Addresses off the curve (program derived ones) are refused: no secret key belongs to them, so what is paid to a
/// wallet that such an address owns could never be withdrawn by a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(value_type = String, min_length = 32, max_length = 44, example = "4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T")
)]
pub struct PublicKey(Pubkey);

/// Why a text is no public key that can sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// It is not base58.
    #[error("the address is not base58: only 1-9, A-H, J-N, P-Z, a-k and m-z may appear in it")]
    NotBase58,
    /// It is base58, but not of 32 bytes.
    #[error("the address is not one of Solana: those are 32 bytes, 32 to 44 characters of base58")]
    WrongLength,
    /// Nobody can sign for it.
    #[error("the address {0} is off the Ed25519 curve (a program derived address): nobody can sign for it")]
    OffCurve(Pubkey),
    /// All bytes are zero: the System program.
    #[error("the address 11111111111111111111111111111111 is the System program: nobody can sign for it")]
    SystemProgram,
}

/// No base58 text of 32 bytes is longer; longer ones are refused before they are decoded.
const MAX_BASE58_BYTES: usize = 44;

impl PublicKey {
    /// The key as the address that it is on Solana.
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
    fn an_address_that_can_sign_is_taken_and_written_back_unchanged() {
        let address = Keypair::new_from_array([7; 32]).pubkey().to_string();
        assert_eq!(address.parse::<PublicKey>().unwrap().to_string(), address);
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
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
