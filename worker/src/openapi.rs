//! The description of the API in OpenAPI 3.1: what is not said at the routes themselves.

use std::collections::BTreeMap;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::web::reply::ErrorBody;

/// The document as it is committed and served. `cargo run -p williw-worker --bin openapi` writes it.
pub const COMMITTED: &str = include_str!("../../docs/openapi.json");

/// The frame of the document; the routes are added by the router.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Williw",
        description = "Pays the nodes of a decentralized compute network on Solana: report what they did, grant \
                       rewards, settle, and see every amount and signature.\n\nAmounts are lamports, written as \
                       decimal strings. Times are Unix milliseconds. Every answer has the same envelope: `success`, \
                       `data` or `error`, `timestamp`, `request_id`.",
    ),
    components(schemas(ErrorBody)),
    modifiers(&BearerKey),
    tags(
        (name = "nodes", description = "Who does the work."),
        (name = "contributions", description = "What they did."),
        (name = "rewards", description = "What they earned."),
        (name = "settlements", description = "How it is paid."),
        (name = "ledger", description = "For a relay in a process of its own."),
        (name = "service", description = "How the service is."),
    ),
)]
pub struct ApiDoc;

/// The name of the security scheme, as the routes refer to it.
const BEARER: &str = "bearer";

struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API key (`wk_…`) with the scope that the route names, or the deployment's admin key.",
            ))
            .build();
        document.components.get_or_insert_default().add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    }
}

/// The errors of every route that needs a key.
pub struct Errors;

/// The errors of every route that needs a key and takes a body.
pub struct BodyErrors;

const KEYED: [(&str, &str); 4] = [
    ("401", "No key, or one that is not known"),
    ("403", "The key lacks the scope"),
    ("422", "A value is not acceptable; `details` says which and why"),
    ("503", "The ledger, the settlement object or a setting is not available"),
];

const WITH_BODY: [(&str, &str); 3] = [
    ("400", "The body is no JSON, or a header is missing"),
    ("413", "The body is too large"),
    ("415", "The body is not `application/json`"),
];

impl IntoResponses for Errors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&KEYED)
    }
}

impl IntoResponses for BodyErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = errors(&KEYED);
        responses.extend(errors(&WITH_BODY));
        responses
    }
}

fn errors(of: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    of.iter()
        .map(|(status, description)| {
            let response =
                ResponseBuilder::new().description(*description).content("application/json", content()).build();
            ((*status).to_owned(), RefOr::T(response))
        })
        .collect()
}

/// Writes the document as it is committed.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn write(document: utoipa::openapi::OpenApi) -> Result<String, serde_json::Error> {
    let mut text = document.to_pretty_json()?;
    text.push('\n');
    Ok(text)
}
