//! Who signs: the settler's key, behind a trait so that it can live in a file, a secret or elsewhere.
//!
//! Nothing here, and no error of it, ever shows a secret.

mod secret_key;

pub use secret_key::{SecretKey, SecretKeyError};

use solana_pubkey::Pubkey;
use solana_signature::Signature;

/// The signing service could not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settler's key cannot sign: {0}")]
pub struct SignerError(pub String);

/// Signs for the settler, who also pays the fees.
#[allow(async_fn_in_trait, reason = "the engine is generic over the trait and never needs Send")]
pub trait Signer {
    /// The settler's address.
    fn address(&self) -> Pubkey;

    /// Signs the bytes of a transaction message (Ed25519).
    ///
    /// # Errors
    /// When the key cannot be reached or refuses.
    async fn sign(&self, message: &[u8]) -> Result<Signature, SignerError>;
}

impl<S: Signer + ?Sized> Signer for &S {
    fn address(&self) -> Pubkey {
        (**self).address()
    }

    async fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        (**self).sign(message).await
    }
}
