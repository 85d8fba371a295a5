//! A keypair in memory.

use std::fmt;

use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer as _;

use super::{Signer, SignerError};

/// The 32 bytes of the seed, followed by the 32 bytes of the public key.
const KEYPAIR_BYTES: usize = 64;

/// An Ed25519 keypair. Its `Debug` output contains only the address.
pub struct SecretKey(Keypair);

/// Why a text is not a valid keypair. Never contains any part of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// The text has no characters except whitespace.
    #[error("the secret key is empty: set SOLANA_PRIVATE_KEY to a keypair, in base58 or as a JSON array of 64 numbers")]
    Empty,
    /// The text is in none of the supported formats.
    #[error("the secret key is neither valid base58 nor a JSON array of 64 numbers from 0 to 255")]
    Format,
    /// The number of bytes is wrong.
    #[error("the secret key has {0} bytes instead of 64 (a 32-byte seed followed by the 32-byte public key)")]
    Length(usize),
    /// The public key does not belong to the seed.
    #[error("the secret key is not a valid keypair: its public key does not match its seed; copy it again in full")]
    Mismatch,
    /// The keypair file cannot be read.
    #[error("cannot read the keypair file {path}: {reason}")]
    File {
        /// The path as given by the caller.
        path: String,
        /// The error of the operating system.
        reason: String,
    },
}

impl SecretKey {
    /// Parses a keypair of 64 bytes, in base58 or as the JSON array that Solana's tools write.
    ///
    /// # Errors
    /// See [`SecretKeyError`].
    pub fn parse(text: &str) -> Result<Self, SecretKeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SecretKeyError::Empty);
        }
        let bytes: Vec<u8> = if text.starts_with('[') {
            serde_json::from_str(text).map_err(|_| SecretKeyError::Format)?
        } else {
            bs58::decode(text).into_vec().map_err(|_| SecretKeyError::Format)?
        };
        if bytes.len() != KEYPAIR_BYTES {
            return Err(SecretKeyError::Length(bytes.len()));
        }
        Keypair::try_from(bytes.as_slice()).map(Self).map_err(|_| SecretKeyError::Mismatch)
    }

    /// Parses a keypair, or reads it from the file whose path is given.
    ///
    /// # Errors
    /// See [`SecretKeyError`].
    #[cfg(feature = "native")]
    pub fn parse_or_read(text: &str) -> Result<Self, SecretKeyError> {
        // Neither base58 nor a JSON array of integers contains '/' or '.'.
        if !text.contains(['/', '.']) || text.trim_start().starts_with('[') {
            return Self::parse(text);
        }
        let path = text.trim();
        let content = std::fs::read_to_string(path)
            .map_err(|error| SecretKeyError::File { path: path.to_owned(), reason: error.to_string() })?;
        Self::parse(&content)
    }

    /// The keypair, for signing transactions with more than one signer.
    #[cfg(feature = "native")]
    pub fn keypair(&self) -> &Keypair {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.0.pubkey())
    }
}

impl Signer for SecretKey {
    fn address(&self) -> Pubkey {
        self.0.pubkey()
    }

    async fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        Ok(self.0.sign_message(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keypairs_are_parsed_from_base58_and_json() {
        let keypair = Keypair::new();
        let bytes = keypair.to_bytes();
        for text in [bs58::encode(bytes).into_string(), format!(" {:?}\n", bytes.as_slice())] {
            assert_eq!(SecretKey::parse(&text).unwrap().address(), keypair.pubkey());
        }
    }

    #[test]
    fn invalid_keypairs_are_rejected_without_leaking_the_text() {
        let mut bytes = Keypair::new().to_bytes();
        bytes[63] ^= 1;
        let secret = bs58::encode(bytes).into_string();
        assert_eq!(SecretKey::parse(&secret).unwrap_err(), SecretKeyError::Mismatch);
        assert_eq!(SecretKey::parse("").unwrap_err(), SecretKeyError::Empty);
        assert_eq!(SecretKey::parse("not base58: 0OIl").unwrap_err(), SecretKeyError::Format);
        assert_eq!(SecretKey::parse("[1, 2, 300]").unwrap_err(), SecretKeyError::Format);
        assert_eq!(SecretKey::parse("[1, 2, 3]").unwrap_err(), SecretKeyError::Length(3));
        assert!(!SecretKey::parse(&secret).unwrap_err().to_string().contains(&secret[..8]));
    }

    #[test]
    fn debug_output_does_not_contain_the_secret() {
        let keypair = Keypair::new();
        let text = format!("{:?}", SecretKey(keypair.insecure_clone()));
        assert_eq!(text, format!("SecretKey({})", keypair.pubkey()));
    }
}
