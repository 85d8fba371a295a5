//! `key`: the keys of the HTTP API.

use std::fmt;

use serde_json::json;
use williw_relay::clock::SystemClock;
use williw_relay::ledger::Actor;
use williw_relay::ledger::api_keys::{self, KEY_BYTES};
use williw_relay::types::{ApiKeyInfo, Scope};

use crate::arguments::{CreateKeyArguments, Location, RevokeKeyArguments};
use crate::failure::Failure;
use crate::ledger::{self, WhenMissing};
use crate::output::{Output, time};

/// Makes a key and shows it.
pub async fn create(at: &Location, arguments: &CreateKeyArguments, output: &Output) -> Result<(), Failure> {
    let database = ledger::open(at, WhenMissing::Create)?;
    let mut entropy = [0; KEY_BYTES];
    getrandom::fill(&mut entropy)
        .map_err(|error| Failure::Internal(format!("the system gives no random bytes: {error}")))?;
    let actor = Actor::command_line();
    let made = api_keys::create(&database, &SystemClock, &actor, &arguments.name, &arguments.scopes, entropy).await?;
    let key = made.key.reveal();
    let document = json!({"id": made.info.id, "name": made.info.name, "scopes": made.info.scopes, "key": key});
    let text =
        format!("{}\n  key       {key}\n  This is shown once and stored nowhere: keep it now.", Line(&made.info));
    output.result(&document, &text)
}

/// Revokes a key.
pub async fn revoke(at: &Location, arguments: &RevokeKeyArguments, output: &Output) -> Result<(), Failure> {
    let database = ledger::open(at, WhenMissing::Refuse)?;
    let revoked = api_keys::revoke(&database, &SystemClock, &Actor::command_line(), &arguments.id).await?;
    output.result(&revoked, &Line(&revoked))
}

/// Lists all keys.
pub async fn list(at: &Location, output: &Output) -> Result<(), Failure> {
    let database = ledger::open(at, WhenMissing::Refuse)?;
    let keys = api_keys::list(&database).await?;
    let text = match keys.as_slice() {
        [] => "there are no keys".to_owned(),
        keys => keys.iter().map(|key| Line(key).to_string()).collect::<Vec<_>>().join("\n"),
    };
    output.result(&json!({"keys": keys}), &text)
}

/// A key in one line.
struct Line<'a>(&'a ApiKeyInfo);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ApiKeyInfo { id, name, scopes, created_at, revoked_at } = self.0;
        let scopes = scopes.iter().map(|scope| Scope::as_str(*scope)).collect::<Vec<_>>().join(",");
        write!(f, "{id}  {scopes:<24}  made {}", time(*created_at))?;
        if let Some(revoked_at) = revoked_at {
            write!(f, ", revoked {}", time(*revoked_at))?;
        }
        write!(f, "  {name}")
    }
}
