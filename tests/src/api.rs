//! A client of the Worker's HTTP API.

use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;

use crate::HarnessError;

/// Longer than any request takes on a loaded machine.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The API at one URL with one key.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    url: String,
    key: Option<String>,
}

/// An answer: the status, what came with it, and the body.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// Whether the answer says that it repeats an earlier one (`Idempotent-Replayed: true`).
    pub replayed: bool,
    /// The body; [`Value::Null`] when it is no JSON.
    pub body: Value,
}

impl Answer {
    /// What a success carries.
    ///
    /// # Errors
    /// [`HarnessError::Unexpected`] with the body when the API said no.
    pub fn data(self) -> Result<Value, HarnessError> {
        match self.body.get("data") {
            Some(data) if self.body["success"] == true => Ok(data.clone()),
            _ => Err(HarnessError::Unexpected(format!("the API answered {}: {}", self.status, self.body))),
        }
    }

    /// The error code of a refusal.
    pub fn code(&self) -> Option<&str> {
        self.body["error"].as_str()
    }
}

impl Api {
    /// The API at `url`, asked with `key` as the bearer key.
    ///
    /// # Errors
    /// [`HarnessError::Http`] when the HTTP client cannot be made.
    pub fn new(url: &str, key: Option<&str>) -> Result<Self, HarnessError> {
        let client = Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|source| HarnessError::Http { what: "making an HTTP client".to_owned(), source })?;
        Ok(Self { client, url: url.to_owned(), key: key.map(str::to_owned) })
    }

    /// The same API asked with another key, or with none.
    #[must_use]
    pub fn with_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..self.clone() }
    }

    /// The URL that paths are added to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks with GET.
    ///
    /// # Errors
    /// [`HarnessError::Http`] when there is no answer.
    pub fn get(&self, path: &str) -> Result<Answer, HarnessError> {
        self.send(path, self.request(Method::GET, path))
    }

    /// Asks with POST and a JSON body.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer, HarnessError> {
        self.send(path, self.request(Method::POST, path).json(body))
    }

    /// As [`Api::post`], with an `Idempotency-Key`.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub fn post_once(&self, path: &str, key: &str, body: &Value) -> Result<Answer, HarnessError> {
        self.send(path, self.request(Method::POST, path).header("Idempotency-Key", key).json(body))
    }

    /// Asks with POST and a body that need not be JSON.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub fn post_raw(&self, path: &str, body: Vec<u8>) -> Result<Answer, HarnessError> {
        let request = self.request(Method::POST, path).header("Content-Type", "application/json").body(body);
        self.send(path, request)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    fn send(&self, path: &str, request: RequestBuilder) -> Result<Answer, HarnessError> {
        let failed = |source| HarnessError::Http { what: format!("asking the API for {path}"), source };
        let response = request.send().map_err(failed)?;
        let status = response.status().as_u16();
        let replayed = response.headers().get("Idempotent-Replayed").is_some_and(|value| value == "true");
        let text = response.text().map_err(failed)?;
        Ok(Answer { status, replayed, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
    }
}
