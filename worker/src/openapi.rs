//! The OpenAPI 3.1 description of the API: everything that is not declared on the routes themselves.

use std::collections::BTreeMap;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::web::response::ErrorBody;

/// The document as it is committed and served. It is generated with
/// `cargo run -p williw-worker --bin openapi -- docs/openapi.json`.
pub(crate) const COMMITTED: &str = include_str!("../../docs/openapi.json");

/// The document without its paths, which the router adds.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Williw",
        description = "Pays the nodes of a decentralized compute network on Solana: report the work of nodes, grant \
                       rewards, settle them, and look up every amount and transaction signature.\n\nAmounts are in \
                       lamports, as decimal strings. Times are in Unix milliseconds. Every response uses the same \
                       envelope: `success`, `data` or `error`, `timestamp`, `request_id`.",
    ),
    components(schemas(ErrorBody)),
    modifiers(&BearerKey),
    tags(
        (name = "nodes", description = "Register and look up the nodes that do the work."),
        (name = "contributions", description = "Report the work that nodes did."),
        (name = "rewards", description = "Grant rewards and read balances."),
        (name = "settlements", description = "Start settlements and follow their progress."),
        (name = "ledger", description = "Access to the ledger for a relay that runs as a separate process."),
        (name = "service", description = "The health of the service."),
    ),
)]
pub(crate) struct ApiDoc;

/// The name of the security scheme, as the routes refer to it.
const BEARER: &str = "bearer";

struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API key (`wk_…`) with the scope that the operation requires, or the deployment's admin key.",
            ))
            .build();
        document.components.get_or_insert_default().add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    }
}

/// The error responses of every route that requires a key.
pub(crate) struct Errors;

/// The error responses of every route that requires a key and accepts a body.
pub(crate) struct BodyErrors;

const KEY_ERRORS: [(&str, &str); 4] = [
    ("401", "The API key is missing, unknown or revoked"),
    ("403", "The API key lacks the required scope"),
    ("422", "A value is invalid; `details` identifies it"),
    ("503", "The ledger, the settlement object or a required setting is unavailable"),
];

const BODY_ERRORS: [(&str, &str); 3] = [
    ("400", "The body is not valid JSON, or a required header is missing"),
    ("413", "The body is too large"),
    ("415", "The body is not `application/json`"),
];

impl IntoResponses for Errors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        error_responses(&KEY_ERRORS)
    }
}

impl IntoResponses for BodyErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = error_responses(&KEY_ERRORS);
        responses.extend(error_responses(&BODY_ERRORS));
        responses
    }
}

fn error_responses(errors: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    errors
        .iter()
        .map(|(status, description)| {
            let response =
                ResponseBuilder::new().description(*description).content("application/json", content()).build();
            ((*status).to_owned(), RefOr::T(response))
        })
        .collect()
}

/// Serializes the document in the form in which it is committed.
///
/// # Errors
/// If the document cannot be serialized.
pub(crate) fn to_json(document: utoipa::openapi::OpenApi) -> Result<String, serde_json::Error> {
    let mut text = document.to_pretty_json()?;
    text.push('\n');
    Ok(text)
}
