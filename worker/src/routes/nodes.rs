//! Nodes: registration, lookup, heartbeat.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use williw_relay::ledger::nodes::{self, Registration};
use williw_relay::types::{DeviceCapabilities, NewNode, NodeId, NodeInfo};

use crate::openapi::{BodyErrors, Errors};
use crate::state::AppState;
use crate::web::auth::{Authorized, Nodes, Read};
use crate::web::error::ApiError;
use crate::web::extract::{ApiPath, JsonBody, OptionalJsonBody};
use crate::web::response::{ErrorBody, Success, SuccessBody};

/// Register a node
///
/// Repeating a registration marks the node as active and sets fields that were omitted before. An address or public key
/// that was set once cannot be changed.
#[utoipa::path(
    post, path = "/v1/nodes", tag = "nodes", operation_id = "register_node", request_body = NewNode,
    security(("bearer" = ["nodes"])),
    responses(
        (status = 201, description = "The node was registered", body = SuccessBody<NodeInfo>),
        (status = 200, description = "The node was already registered", body = SuccessBody<NodeInfo>),
        (status = 409, description = "The node is registered with a different address or public key", body = ErrorBody),
        BodyErrors,
    ),
)]
#[worker::send]
pub(crate) async fn register(
    State(app): State<AppState>,
    caller: Authorized<Nodes>,
    JsonBody(node): JsonBody<NewNode>,
) -> Result<Success<NodeInfo>, ApiError> {
    let Registration { node, created } = nodes::register(&app.ledger, &app.clock, &caller.actor, node).await?;
    Ok(Success::created_if(created, node))
}

/// Look up a node
#[utoipa::path(
    get, path = "/v1/nodes/{node_id}", tag = "nodes", operation_id = "read_node",
    params(("node_id" = NodeId, Path, description = "The node's id")),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, description = "The node", body = SuccessBody<NodeInfo>),
        (status = 404, description = "The node is not registered", body = ErrorBody),
        Errors,
    ),
)]
#[worker::send]
pub(crate) async fn read(
    State(app): State<AppState>,
    _caller: Authorized<Read>,
    ApiPath(node_id): ApiPath<NodeId>,
) -> Result<Success<NodeInfo>, ApiError> {
    Ok(Success::ok(nodes::get(&app.ledger, &node_id).await?))
}

/// The content of a heartbeat; every field is optional.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Heartbeat {
    /// The device's current capabilities; unchanged if omitted.
    #[serde(default)]
    capabilities: Option<DeviceCapabilities>,
}

/// Report a node's heartbeat
///
/// The body can be omitted.
#[utoipa::path(
    post, path = "/v1/nodes/{node_id}/heartbeat", tag = "nodes", operation_id = "report_heartbeat",
    params(("node_id" = NodeId, Path, description = "The node's id")),
    request_body(content = Option<Heartbeat>, content_type = "application/json"),
    security(("bearer" = ["nodes"])),
    responses(
        (status = 200, description = "The node", body = SuccessBody<NodeInfo>),
        (status = 404, description = "The node is not registered", body = ErrorBody),
        BodyErrors,
    ),
)]
#[worker::send]
pub(crate) async fn heartbeat(
    State(app): State<AppState>,
    _caller: Authorized<Nodes>,
    ApiPath(node_id): ApiPath<NodeId>,
    OptionalJsonBody(heartbeat): OptionalJsonBody<Heartbeat>,
) -> Result<Success<NodeInfo>, ApiError> {
    let capabilities = heartbeat.unwrap_or_default().capabilities;
    Ok(Success::ok(nodes::heartbeat(&app.ledger, &app.clock, &node_id, capabilities).await?))
}
