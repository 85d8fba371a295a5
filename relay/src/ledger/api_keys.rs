//! API keys: made, checked, revoked.
//!
//! A key is shown once, when it is made. The ledger keeps its SHA-256 only: a key is 256 random bits, so a fast hash
//! is enough. Nothing here prints a key or puts it into an error.

use std::fmt;

use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::hash::sha256_hex;
use super::json::Json;
use super::{Actor, LedgerError, audit};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{ApiKeyId, ApiKeyInfo, Scope};

macro_rules! key_columns {
    () => {
        "id, name, scopes, CAST(created_at AS TEXT) AS created_at, CAST(revoked_at AS TEXT) AS revoked_at"
    };
}

statements! {
    /// Key ?1, called ?2, with hash ?3 and the scopes of JSON array ?4, made at ?5.
    INSERT_KEY = concat!(
        "INSERT INTO api_keys (id, name, key_hash, scopes, created_at) VALUES (?1, ?2, ?3, ?4, CAST(?5 AS INTEGER))
        RETURNING ", key_columns!()
    );

    /// The key with hash ?1.
    SELECT_BY_HASH = concat!("SELECT key_hash, ", key_columns!(), " FROM api_keys WHERE key_hash = ?1");

    /// All keys, oldest first.
    SELECT_KEYS = concat!("SELECT ", key_columns!(), " FROM api_keys ORDER BY api_keys.created_at, id");

    /// Audits that ?3 revokes key ?1 at ?2, when it is not revoked yet.
    AUDIT_REVOCATION = "INSERT INTO audit_log (at, actor, action, subject, details)
        SELECT CAST(?2 AS INTEGER), ?3, 'key.revoke', ?1, '{}' FROM api_keys WHERE id = ?1 AND revoked_at IS NULL";

    /// Revokes key ?1 at ?2, unless it was revoked before.
    UPDATE_REVOKED = concat!(
        "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, CAST(?2 AS INTEGER)) WHERE id = ?1 RETURNING ",
        key_columns!()
    );
}

/// What every key begins with: tells a leaked one for what it is.
const PREFIX: &str = "wk_";

/// The random bytes in a key.
pub const KEY_BYTES: usize = 32;

/// The longest name of a key, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// A key itself. It is not printed by accident: only [`reveal`](Self::reveal) shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeySecret(String);

impl ApiKeySecret {
    /// The key as text, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeySecret(…)")
    }
}

/// A key that was just made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// What the ledger keeps of it.
    pub info: ApiKeyInfo,
    /// The key itself: now or never.
    pub key: ApiKeySecret,
}

/// Makes a key. `entropy` must be random and is used for nothing else.
///
/// # Errors
/// [`LedgerError::InvalidField`] for a name that is empty or too long, or without scopes.
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
        let reason = format!("it must be 1 to {MAX_NAME_CHARS} characters without line breaks, and has {chars}");
        return Err(LedgerError::InvalidField { field: "name", reason });
    }
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        let reason = format!(
            "name at least one of {}",
            Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
        );
        return Err(LedgerError::InvalidField { field: "scopes", reason });
    }
    let key = ApiKeySecret(format!("{PREFIX}{}", bs58::encode(entropy).into_string()));
    let hash = key_hash(key.reveal());
    let id = id_of(&hash)?;
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

/// Whose key `presented` is; `None` when it is nobody's or revoked.
///
/// # Errors
/// [`LedgerError::Database`].
pub async fn authenticate<D: Database>(database: &D, presented: &str) -> Result<Option<ApiKeyInfo>, LedgerError> {
    /// Base58 of 32 bytes takes at most 44 characters.
    const MAX_KEY_BYTES: usize = PREFIX.len() + 44;

    if presented.len() > MAX_KEY_BYTES || !presented.starts_with(PREFIX) {
        return Ok(None);
    }
    let hash = key_hash(presented);
    let rows = database.query(Statement::new(SELECT_BY_HASH).bind(hash.as_str())).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let held: String = row.get("key_hash")?;
    let info = info(row)?;
    let same = bool::from(held.as_bytes().ct_eq(hash.as_bytes()));
    Ok((same && info.revoked_at.is_none()).then_some(info))
}

/// Revokes a key: it works no more from now on. Revoking it again changes nothing.
///
/// # Errors
/// [`LedgerError::UnknownApiKey`].
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

/// All keys, revoked ones included, oldest first.
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

/// A key's public name: from a hash of its hash, which tells nothing of the key.
fn id_of(key_hash: &str) -> Result<ApiKeyId, LedgerError> {
    const HEX_DIGITS: usize = 16;

    let digest = sha256_hex("williw-api-key-id-v1", key_hash.as_bytes());
    ApiKeyId::try_from(format!("ak_{}", &digest[..HEX_DIGITS]))
        .map_err(|error| LedgerError::InvalidField { field: "id", reason: error.to_string() })
}

fn info(row: &Row) -> Result<ApiKeyInfo, DatabaseError> {
    Ok(ApiKeyInfo {
        id: row.get("id")?,
        name: row.get("name")?,
        scopes: row.get::<Json<_>>("scopes")?.0,
        created_at: row.get("created_at")?,
        revoked_at: row.optional("revoked_at")?,
    })
}
