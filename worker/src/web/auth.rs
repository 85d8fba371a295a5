//! Who asks, and whether they may.
//!
//! Every route that is not public takes an [`Authorized`] before anything else of the request: a handler without one
//! does not know who to write into the audit log. A key is never repeated, not in an error and not in a log.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde_json::json;
use williw_relay::ledger::{Actor, api_keys};
use williw_relay::types::{ApiKeyInfo, Scope};
use worker::send::SendFuture;

use super::error::{ApiError, ErrorCode};
use crate::app::App;

/// The scope that a route needs.
pub trait Needs {
    /// Which.
    const SCOPE: Scope;
}

macro_rules! scopes {
    ($($name:ident),+) => {$(
        #[doc = concat!("Needs the scope [`Scope::", stringify!($name), "`].")]
        pub struct $name;

        impl Needs for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )+};
}

scopes!(Nodes, Contributions, Rewards, Settlement, Read, Ledger);

/// A caller whose key has the scope `N`.
pub struct Authorized<N> {
    /// Who it is, for the audit log.
    pub actor: Actor,
    key: Key,
    needs: PhantomData<fn() -> N>,
}

/// What a caller has shown.
enum Key {
    /// The deployment's admin key: everything.
    Admin,
    /// One of the ledger's.
    Issued(ApiKeyInfo),
}

impl<N> Authorized<N> {
    /// Refuses a caller whose key does not have `scope` as well: for what a request needs beyond its route.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        self.key.require(scope)
    }
}

impl Key {
    fn actor(&self) -> Actor {
        match self {
            Self::Admin => Actor::operator(),
            Self::Issued(info) => Actor::api_key(&info.id),
        }
    }

    fn require(&self, scope: Scope) -> Result<(), ApiError> {
        match self {
            Self::Issued(info) if !info.allows(scope) => Err(ApiError::new(
                ErrorCode::Forbidden,
                format!("the key {} lacks the scope '{}' that this needs", info.id, scope.as_str()),
            )
            .with_details(json!({ "scope": scope }))),
            Self::Admin | Self::Issued(_) => Ok(()),
        }
    }
}

/// Where the log finds who asked, once that is known.
#[derive(Clone, Debug, Default)]
pub struct ActorSlot(Arc<OnceLock<String>>);

impl ActorSlot {
    /// The caller's name.
    pub fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl<N: Needs> FromRequestParts<App> for Authorized<N> {
    type Rejection = ApiError;

    fn from_request_parts(parts: &mut Parts, app: &App) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        SendFuture::new(async move {
            let key = authenticate(app, bearer(&parts.headers)?).await?;
            let actor = key.actor();
            if let Some(slot) = parts.extensions.get::<ActorSlot>() {
                slot.0.get_or_init(|| actor.to_string());
            }
            key.require(N::SCOPE)?;
            Ok(Self { actor, key, needs: PhantomData })
        })
    }
}

/// The key in the `Authorization` header (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let missing =
        || ApiError::new(ErrorCode::Unauthorized, "a key is needed: send one header 'Authorization: Bearer <key>'");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
    let (scheme, key) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("Bearer") || key.is_empty() {
        return Err(missing());
    }
    Ok(key)
}

async fn authenticate(app: &App, presented: &str) -> Result<Key, ApiError> {
    // Without a usable admin key there is none that it could be; /health says so.
    if app.settings.admin_key().is_ok_and(|admin_key| admin_key.matches(presented)) {
        return Ok(Key::Admin);
    }
    let issued = api_keys::authenticate(&app.ledger, presented).await?;
    issued
        .map(Key::Issued)
        .ok_or_else(|| ApiError::new(ErrorCode::Unauthorized, "the key is not known here, or was revoked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, http::HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(bearer(&headers(&[value.as_bytes()])).unwrap(), "abc", "{value}");
        }
    }

    #[test]
    fn no_other_header_is_taken_for_a_key() {
        for values in [
            &[][..],
            &[&b""[..]],
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"Bearerabc"],
            &[b"Basic YTpi"],
            &[b"abc"],
            &[b"Bearer \xe9"],
            &[b"Bearer abc", b"Bearer abc"],
        ] {
            let error = bearer(&headers(values)).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unauthorized, "{values:?}");
            assert!(!error.message.contains("abc"));
        }
    }
}
