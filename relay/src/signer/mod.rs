//! Signing with the settler's key, behind a trait so that the key can be stored in a file, a Worker secret or elsewhere.
//!
//! Secrets are never logged and never part of an error.

mod secret_key;

pub use secret_key::{SecretKey, SecretKeyError};

use solana_pubkey::Pubkey;
use solana_signature::Signature;

/// Signing failed. Contains the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot sign with the settler's key: {0}")]
pub struct SignerError(pub String);

/// Signs transactions for the settler, which is also the fee payer.
#[allow(async_fn_in_trait, reason = "the engine is generic over the trait and never needs Send")]
pub trait Signer {
    /// The settler's address.
    fn address(&self) -> Pubkey;

    /// Signs the bytes of a transaction message (Ed25519).
    ///
    /// # Errors
    /// [`SignerError`] if the key is not accessible, or the signing service rejects the request.
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
