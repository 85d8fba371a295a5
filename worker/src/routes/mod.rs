//! The routes: what each path does, one file for each family.
//!
//! A handler checks who asks, hands the request to the ledger or the settlement object, and returns what they say.
//! Rules about money are not here.

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

use crate::app::App;
use crate::openapi::{self, ApiDoc};

/// Where the API describes itself.
const OPENAPI_PATH: &str = "/openapi.json";

/// The routes and the document that describes them: both come from the same place, so neither can know a path that
/// the other doesn't.
fn described_routes() -> OpenApiRouter<App> {
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

/// The OpenAPI document, as JSON.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn openapi_document() -> Result<String, serde_json::Error> {
    openapi::write(described_routes().into_openapi())
}

/// The router, built once for each isolate.
pub fn router() -> &'static Router<App> {
    static ROUTER: OnceLock<Router<App>> = OnceLock::new();
    ROUTER.get_or_init(|| {
        let (routes, _document) = described_routes().split_for_parts();
        routes.route(OPENAPI_PATH, get(openapi))
    })
}

/// Serves the document that is committed beside the code; a test holds it to the routes.
async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], openapi::COMMITTED).into_response()
}
