//! Creating, authenticating and revoking API keys.
//!
//! A key is shown once, when it is created. The ledger stores only its SHA-256 hash; because a key is 256 random bits, a
//! fast hash is sufficient. Keys are never logged and never part of an error.

use std::fmt;

use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Actor, LedgerError, audit, sha256_hex};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{ApiKeyId, ApiKeyInfo, Scope};

macro_rules! key_columns {
    () => {
        "id, name, scopes, CAST(created_at AS TEXT) AS created_at, CAST(revoked_at AS TEXT) AS revoked_at"
    };
}

statements! {
    /// Inserts key ?1 with name ?2, hash ?3, the scopes in JSON array ?4 and creation time ?5.
    INSERT_KEY = concat!(
        "INSERT INTO api_keys (id, name, key_hash, scopes, created_at) VALUES (?1, ?2, ?3, ?4, CAST(?5 AS INTEGER))
        RETURNING ", key_columns!()
    );

    /// The key with hash ?1.
    SELECT_BY_HASH = concat!("SELECT key_hash, ", key_columns!(), " FROM api_keys WHERE key_hash = ?1");

    /// All keys, oldest first.
    SELECT_KEYS = concat!("SELECT ", key_columns!(), " FROM api_keys ORDER BY api_keys.created_at, id");

    /// Records in the audit log that ?3 revokes key ?1 at ?2, unless it is already revoked.
    AUDIT_REVOCATION = "INSERT INTO audit_log (at, actor, action, subject, details)
        SELECT CAST(?2 AS INTEGER), ?3, 'key.revoke', ?1, '{}' FROM api_keys WHERE id = ?1 AND revoked_at IS NULL";

    /// Revokes key ?1 at ?2, unless it is already revoked.
    UPDATE_REVOKED = concat!(
        "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, CAST(?2 AS INTEGER)) WHERE id = ?1 RETURNING ",
        key_columns!()
    );
}

/// The prefix of every key, by which secret scanners can recognize leaked keys.
const PREFIX: &str = "wk_";

/// The number of random bytes in a key.
pub const KEY_BYTES: usize = 32;

/// The maximum length of a key's name, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// The secret value of an API key. `Debug` output is redacted; only [`reveal`](Self::reveal) returns the value.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeySecret(String);

impl ApiKeySecret {
    /// The key as text, to show to its owner once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeySecret(…)")
    }
}

/// A newly created key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// The metadata stored in the ledger.
    pub info: ApiKeyInfo,
    /// The key itself, which cannot be retrieved later.
    pub key: ApiKeySecret,
}

/// Creates a key from `entropy`, which must be random and must not be used for anything else.
///
/// # Errors
/// [`LedgerError::InvalidField`] if the name is empty, too long or contains control characters, or if there are no scopes.
pub async fn create<D: Database, C: Clock>(
    database: &D,
    clock: &C,
    actor: &Actor,
    name: &str,
    scopes: &[Scope],
    entropy: [u8; KEY_BYTES],
) -> Result<NewApiKey, LedgerError> {
    let now_ms = clock.now_ms();
    let chars = name.chars().count();
    if !(1..=MAX_NAME_CHARS).contains(&chars) || name.chars().any(char::is_control) {
        let reason =
            format!("must have 1 to {MAX_NAME_CHARS} characters and no control characters, but has {chars} characters");
        return Err(LedgerError::InvalidField { field: "name", reason });
    }
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        let reason = format!(
            "must contain at least one of {}",
            Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
        );
        return Err(LedgerError::InvalidField { field: "scopes", reason });
    }
    let key = ApiKeySecret(format!("{PREFIX}{}", bs58::encode(entropy).into_string()));
    let hash = key_hash(key.reveal());
    let id = key_id(&hash)?;
    let scopes = json!(scopes);
    let details = json!({"name": name, "scopes": scopes});
    let [rows, _] = database
        .batch_of([
            Statement::new(INSERT_KEY).bind(&id).bind(name).bind(hash).bind(scopes.to_string()).bind(now_ms),
            audit::entry(now_ms, actor, "key.create", id.as_str(), &details),
        ])
        .await?;
    let row = rows.first().ok_or_else(|| DatabaseError::Decode("the new API key was not returned".to_owned()))?;
    Ok(NewApiKey { info: info(row)?, key })
}

/// Looks up the key that a caller presented; `None` if it is unknown or revoked.
///
/// # Errors
/// [`LedgerError::Database`].
pub async fn authenticate<D: Database>(database: &D, presented: &str) -> Result<Option<ApiKeyInfo>, LedgerError> {
    /// 32 bytes take at most 44 characters in base58.
    const MAX_KEY_BYTES: usize = PREFIX.len() + 44;

    if presented.len() > MAX_KEY_BYTES || !presented.starts_with(PREFIX) {
        return Ok(None);
    }
    let hash = key_hash(presented);
    let rows = database.query(Statement::new(SELECT_BY_HASH).bind(hash.as_str())).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let stored_hash: String = row.get("key_hash")?;
    let info = info(row)?;
    let matches = bool::from(stored_hash.as_bytes().ct_eq(hash.as_bytes()));
    Ok((matches && info.revoked_at.is_none()).then_some(info))
}

/// Revokes a key, effective immediately. Revoking it again has no effect.
///
/// # Errors
/// [`LedgerError::UnknownApiKey`] if no key has that id.
pub async fn revoke<D: Database, C: Clock>(
    database: &D,
    clock: &C,
    actor: &Actor,
    id: &ApiKeyId,
) -> Result<ApiKeyInfo, LedgerError> {
    let now_ms = clock.now_ms();
    let [_, rows] = database
        .batch_of([
            Statement::new(AUDIT_REVOCATION).bind(id).bind(now_ms).bind(actor),
            Statement::new(UPDATE_REVOKED).bind(id).bind(now_ms),
        ])
        .await?;
    let row = rows.first().ok_or_else(|| LedgerError::UnknownApiKey(id.clone()))?;
    Ok(info(row)?)
}

/// Lists all keys including revoked ones, oldest first.
///
/// # Errors
/// [`LedgerError::Database`].
pub async fn list<D: Database>(database: &D) -> Result<Vec<ApiKeyInfo>, LedgerError> {
    let rows = database.query(Statement::new(SELECT_KEYS)).await?;
    Ok(rows.iter().map(info).collect::<Result<_, _>>()?)
}

fn key_hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// A key's public id, derived from the hash of its hash so that it reveals nothing about the key.
fn key_id(key_hash: &str) -> Result<ApiKeyId, LedgerError> {
    const HEX_DIGITS: usize = 16;

    let digest = sha256_hex("williw-api-key-id-v1", key_hash.as_bytes());
    let digits: String = digest.chars().take(HEX_DIGITS).collect();
    ApiKeyId::try_from(format!("ak_{digits}"))
        .map_err(|error| LedgerError::InvalidField { field: "id", reason: error.to_string() })
}

fn info(row: &Row) -> Result<ApiKeyInfo, DatabaseError> {
    Ok(ApiKeyInfo {
        id: row.get("id")?,
        name: row.get("name")?,
        scopes: row.json("scopes")?,
        created_at: row.get("created_at")?,
        revoked_at: row.optional("revoked_at")?,
    })
}
