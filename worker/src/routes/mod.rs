//! The routes of the API, one file per group.
//!
//! A handler authorizes the caller, passes the request to the ledger or the settlement object, and returns the result.
//! Handlers contain no rules about money.

mod contributions;
mod health;
mod ledger;
mod nodes;
mod rewards;
mod settlements;

use std::sync::OnceLock;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::openapi::{self, ApiDoc};
use crate::state::AppState;

/// The path of the OpenAPI document.
const OPENAPI_PATH: &str = "/openapi.json";

/// The routes together with the document that describes them, so that the two cannot differ.
fn described_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .routes(routes!(health::health))
        .routes(routes!(nodes::register))
        .routes(routes!(nodes::read))
        .routes(routes!(nodes::heartbeat))
        .routes(routes!(contributions::record))
        .routes(routes!(rewards::distribute))
        .routes(routes!(rewards::pending))
        .routes(routes!(rewards::balance))
        .routes(routes!(settlements::settle))
        .routes(routes!(settlements::latest))
        .routes(routes!(settlements::read))
        .routes(routes!(ledger::batch))
}

/// The OpenAPI document as JSON.
///
/// # Errors
/// If the document cannot be serialized.
pub fn openapi_document() -> Result<String, serde_json::Error> {
    openapi::to_json(described_routes().into_openapi())
}

/// The router, built once per isolate.
pub(crate) fn router() -> &'static Router<AppState> {
    static ROUTER: OnceLock<Router<AppState>> = OnceLock::new();
    ROUTER.get_or_init(|| {
        let (routes, _document) = described_routes().split_for_parts();
        routes.route(OPENAPI_PATH, get(openapi))
    })
}

/// Serves the committed document. A test checks that it matches the routes.
async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], openapi::COMMITTED).into_response()
}
