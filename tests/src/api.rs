//! Client for the Worker's HTTP API.

use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;

use crate::HarnessError;

/// Well above the duration of any request, even on a loaded machine.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// An API client for one base URL and one bearer key.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    url: String,
    key: Option<String>,
}

/// A complete response, whatever its status.
#[derive(Clone, Debug)]
pub struct ApiResponse {
    /// The HTTP status code.
    pub status: u16,
    /// Whether the server replayed a stored response (`Idempotent-Replayed: true`).
    pub replayed: bool,
    /// The JSON body, or [`Value::Null`] if the body is not valid JSON.
    pub body: Value,
}

impl ApiResponse {
    /// Returns the `data` field of a successful response.
    ///
    /// # Errors
    /// [`HarnessError::Unexpected`] with the body if the API rejected the request.
    pub fn data(self) -> Result<Value, HarnessError> {
        match self.body.get("data") {
            Some(data) if self.body.get("success") == Some(&Value::Bool(true)) => Ok(data.clone()),
            _ => Err(HarnessError::Unexpected(format!("the API responded with status {}: {}", self.status, self.body))),
        }
    }

    /// Returns the error code of an unsuccessful response.
    pub fn code(&self) -> Option<&str> {
        self.body.get("error")?.as_str()
    }
}

impl Api {
    /// Creates a client for the API at `url` that authenticates with `key`.
    ///
    /// # Errors
    /// [`HarnessError::Http`] if the HTTP client cannot be created.
    pub fn new(url: &str, key: Option<&str>) -> Result<Self, HarnessError> {
        let client = Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|source| HarnessError::Http { what: "creating an HTTP client".to_owned(), source })?;
        Ok(Self { client, url: url.to_owned(), key: key.map(str::to_owned) })
    }

    /// Returns a client for the same API with another key, or without one.
    #[must_use]
    pub fn with_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..self.clone() }
    }

    /// The base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a GET request.
    ///
    /// # Errors
    /// [`HarnessError::Http`] if no response is received.
    pub fn get(&self, path: &str) -> Result<ApiResponse, HarnessError> {
        self.send(path, self.request(Method::GET, path))
    }

    /// Sends a POST request with a JSON body.
    ///
    /// # Errors
    /// See [`Api::get`].
    pub fn post(&self, path: &str, body: &Value) -> Result<ApiResponse, HarnessError> {
        self.send(path, self.request(Method::POST, path).json(body))
    }

    /// Sends a POST request with a JSON body and an `Idempotency-Key` header.
    ///
    /// # Errors
    /// See [`Api::get`].
    pub fn post_idempotent(&self, path: &str, key: &str, body: &Value) -> Result<ApiResponse, HarnessError> {
        self.send(path, self.request(Method::POST, path).header("Idempotency-Key", key).json(body))
    }

    /// Sends a POST request with a raw body, which need not be valid JSON.
    ///
    /// # Errors
    /// See [`Api::get`].
    pub fn post_raw(&self, path: &str, body: Vec<u8>) -> Result<ApiResponse, HarnessError> {
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

    fn send(&self, path: &str, request: RequestBuilder) -> Result<ApiResponse, HarnessError> {
        let failed = |source| HarnessError::Http { what: format!("requesting {path} from the API"), source };
        let response = request.send().map_err(failed)?;
        let status = response.status().as_u16();
        let replayed = response.headers().get("Idempotent-Replayed").is_some_and(|value| value == "true");
        let text = response.text().map_err(failed)?;
        Ok(ApiResponse { status, replayed, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
    }
}
