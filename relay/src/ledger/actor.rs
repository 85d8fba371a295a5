//! The actor of an operation, as recorded in the audit log.

use std::fmt;

use crate::database::IntoParameter;
use crate::types::ApiKeyId;

/// The caller on whose behalf an operation is performed. Never contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// The holder of the deployment's bootstrap key.
    pub fn operator() -> Self {
        Self("operator".to_owned())
    }

    /// The holder of an API key.
    pub fn api_key(id: &ApiKeyId) -> Self {
        Self(format!("key:{id}"))
    }

    /// A user of the `williw-relay` command line.
    pub fn command_line() -> Self {
        Self("command line".to_owned())
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl IntoParameter for &Actor {
    fn into_parameter(self) -> Option<String> {
        Some(self.0.clone())
    }
}
