//! SHA-256 over domain and content, so that a hash of one kind never equals one of another.

use sha2::{Digest, Sha256};

/// SHA-256 of `domain`, a zero byte and `content`, in hexadecimal.
pub(super) fn sha256_hex(domain: &'static str, content: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(domain);
    hasher.update([0]);
    hasher.update(content);
    hex::encode(hasher.finalize())
}
