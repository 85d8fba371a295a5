//! Authentication and authorization.
//!
//! Every route that is not public extracts an [`Authorized`] before any other part of the request. It also provides the
//! actor for the audit log. Keys never appear in errors or logs.

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
use crate::state::AppState;

/// A type that stands for the scope that a route requires.
pub(crate) trait RequiredScope {
    const SCOPE: Scope;
}

macro_rules! scopes {
    ($($name:ident),+) => {$(
        #[doc = concat!("Requires [`Scope::", stringify!($name), "`].")]
        pub(crate) struct $name;

        impl RequiredScope for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )+};
}

scopes!(Nodes, Contributions, Rewards, Settlement, Read, Ledger);

/// An authenticated caller whose key has the scope `S`.
pub(crate) struct Authorized<S> {
    /// The caller, as the audit log records it.
    pub actor: Actor,
    credential: Credential,
    scope: PhantomData<fn() -> S>,
}

/// The key that authenticated a caller.
enum Credential {
    /// The deployment's admin key, which grants every scope.
    AdminKey,
    ApiKey(ApiKeyInfo),
}

impl<S> Authorized<S> {
    /// Checks that the key also has `scope`, for requests that require more than their route.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub(crate) fn require(&self, scope: Scope) -> Result<(), ApiError> {
        self.credential.require(scope)
    }
}

impl Credential {
    fn actor(&self) -> Actor {
        match self {
            Self::AdminKey => Actor::operator(),
            Self::ApiKey(info) => Actor::api_key(&info.id),
        }
    }

    fn require(&self, scope: Scope) -> Result<(), ApiError> {
        match self {
            Self::ApiKey(info) if !info.allows(scope) => Err(ApiError::new(
                ErrorCode::Forbidden,
                format!("the key {} lacks the required scope '{scope}': use a key that has it", info.id),
            )
            .with_details(json!({ "scope": scope }))),
            Self::AdminKey | Self::ApiKey(_) => Ok(()),
        }
    }
}

/// A request extension that receives the caller's name for the log, once the caller is authenticated.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActorSlot(Arc<OnceLock<String>>);

impl ActorSlot {
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl<S: RequiredScope> FromRequestParts<AppState> for Authorized<S> {
    type Rejection = ApiError;

    fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        SendFuture::new(async move {
            let credential = authenticate(app, bearer_key(&parts.headers)?).await?;
            let actor = credential.actor();
            if let Some(slot) = parts.extensions.get::<ActorSlot>() {
                slot.0.get_or_init(|| actor.to_string());
            }
            credential.require(S::SCOPE)?;
            Ok(Self { actor, credential, scope: PhantomData })
        })
    }
}

/// Extracts the key from the `Authorization` header (RFC 6750, section 2.1).
fn bearer_key(headers: &HeaderMap) -> Result<&str, ApiError> {
    let missing = || {
        ApiError::new(ErrorCode::Unauthorized, "an API key is required: send one header 'Authorization: Bearer <key>'")
    };
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
    let (scheme, key) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("Bearer") || key.is_empty() {
        return Err(missing());
    }
    Ok(key)
}

async fn authenticate(app: &AppState, presented: &str) -> Result<Credential, ApiError> {
    // A missing or invalid admin key matches nothing; /health reports it.
    if app.settings.admin_key().is_ok_and(|admin_key| admin_key.matches(presented)) {
        return Ok(Credential::AdminKey);
    }
    let api_key = api_keys::authenticate(&app.ledger, presented).await?;
    api_key
        .map(Credential::ApiKey)
        .ok_or_else(|| ApiError::new(ErrorCode::Unauthorized, "the API key is unknown or was revoked: use another key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, http::HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn the_bearer_scheme_is_case_insensitive() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(bearer_key(&headers(&[value.as_bytes()])).unwrap(), "abc", "{value}");
        }
    }

    #[test]
    fn any_other_authorization_header_is_rejected() {
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
            let error = bearer_key(&headers(values)).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unauthorized, "{values:?}");
            assert!(!error.message.contains("abc"));
        }
    }
}
