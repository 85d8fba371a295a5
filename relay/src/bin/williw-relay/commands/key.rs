//! The `key` command: manages the API keys of the HTTP API.

use std::fmt;

use serde_json::json;
use williw_relay::clock::SystemClock;
use williw_relay::ledger::Actor;
use williw_relay::ledger::api_keys::{self, KEY_BYTES};
use williw_relay::types::{ApiKeyInfo, Scope};

use crate::arguments::{ConnectionArguments, CreateKeyArguments, RevokeKeyArguments};
use crate::error::CliError;
use crate::ledger::{self, IfMissing};
use crate::output::{Output, format_time};

/// Creates a key and prints it.
pub(crate) async fn create(
    connection: &ConnectionArguments,
    arguments: &CreateKeyArguments,
    output: &Output,
) -> Result<(), CliError> {
    let database = ledger::open(connection, IfMissing::Create)?;
    let mut entropy = [0; KEY_BYTES];
    getrandom::fill(&mut entropy)
        .map_err(|error| CliError::Internal(format!("cannot get random bytes from the operating system: {error}")))?;
    let actor = Actor::command_line();
    let created =
        api_keys::create(&database, &SystemClock, &actor, &arguments.name, &arguments.scopes, entropy).await?;
    let key = created.key.reveal();
    let document = json!({"id": created.info.id, "name": created.info.name, "scopes": created.info.scopes, "key": key});
    let text = format!(
        "{}\n  key       {key}\n  Save the key now: it is shown once and cannot be retrieved later.",
        KeyLine(&created.info)
    );
    output.result(&document, &text)
}

/// Revokes a key.
pub(crate) async fn revoke(
    connection: &ConnectionArguments,
    arguments: &RevokeKeyArguments,
    output: &Output,
) -> Result<(), CliError> {
    let database = ledger::open(connection, IfMissing::Fail)?;
    let revoked = api_keys::revoke(&database, &SystemClock, &Actor::command_line(), &arguments.id).await?;
    output.result(&revoked, &KeyLine(&revoked))
}

/// Lists all keys.
pub(crate) async fn list(connection: &ConnectionArguments, output: &Output) -> Result<(), CliError> {
    let database = ledger::open(connection, IfMissing::Fail)?;
    let keys = api_keys::list(&database).await?;
    let text = match keys.as_slice() {
        [] => "there are no API keys".to_owned(),
        keys => keys.iter().map(|key| KeyLine(key).to_string()).collect::<Vec<_>>().join("\n"),
    };
    output.result(&json!({"keys": keys}), &text)
}

struct KeyLine<'a>(&'a ApiKeyInfo);

impl fmt::Display for KeyLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ApiKeyInfo { id, name, scopes, created_at, revoked_at } = self.0;
        let scopes = scopes.iter().map(|scope| Scope::as_str(*scope)).collect::<Vec<_>>().join(",");
        write!(f, "{id}  {scopes:<24}  created {}", format_time(*created_at))?;
        if let Some(revoked_at) = revoked_at {
            write!(f, ", revoked {}", format_time(*revoked_at))?;
        }
        write!(f, "  {name}")
    }
}
