//! Nodes: registration, heartbeat, look-up.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use williw_relay::ledger::nodes::{self, Registration};
use williw_relay::types::{DeviceCapabilities, NewNode, NodeId, NodeInfo};

use crate::app::App;
use crate::openapi::{BodyErrors, Errors};
use crate::web::auth::{Authorized, Nodes, Read};
use crate::web::error::ApiError;
use crate::web::extract::{JsonBody, OptionalJsonBody, PathOf};
use crate::web::reply::{ErrorBody, Success, SuccessBody};

/// Register a node
///
/// Sent again it changes nothing but the time, and fills in what was left out before. An address or public key that
/// was named once stays.
#[utoipa::path(
    post, path = "/v1/nodes", tag = "nodes", operation_id = "register_node", request_body = NewNode,
    security(("bearer" = ["nodes"])),
    responses(
        (status = 201, description = "Registered", body = SuccessBody<NodeInfo>),
        (status = 200, description = "Known already", body = SuccessBody<NodeInfo>),
        (status = 409, description = "It has another address or public key", body = ErrorBody),
        BodyErrors,
    ),
)]
#[worker::send]
pub async fn register(
    State(app): State<App>,
    caller: Authorized<Nodes>,
    JsonBody(node): JsonBody<NewNode>,
) -> Result<Success<NodeInfo>, ApiError> {
    let Registration { node, created } = nodes::register(&app.ledger, &app.clock, &caller.actor, node).await?;
    Ok(Success::created_if(created, node))
}

/// Look a node up
#[utoipa::path(
    get, path = "/v1/nodes/{node_id}", tag = "nodes", operation_id = "read_node",
    params(("node_id" = NodeId, Path, description = "The node's id")),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, description = "The node", body = SuccessBody<NodeInfo>),
        (status = 404, description = "There is no such node", body = ErrorBody),
        Errors,
    ),
)]
#[worker::send]
pub async fn read(
    State(app): State<App>,
    _caller: Authorized<Read>,
    PathOf(node_id): PathOf<NodeId>,
) -> Result<Success<NodeInfo>, ApiError> {
    Ok(Success::ok(nodes::get(&app.ledger, &node_id).await?))
}

/// A sign of life.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// What the device can do now; left out: as before.
    #[serde(default)]
    capabilities: Option<DeviceCapabilities>,
}

/// Report a node's heartbeat
///
/// The body may be left out.
#[utoipa::path(
    post, path = "/v1/nodes/{node_id}/heartbeat", tag = "nodes", operation_id = "report_heartbeat",
    params(("node_id" = NodeId, Path, description = "The node's id")),
    request_body(content = Option<Heartbeat>, content_type = "application/json"),
    security(("bearer" = ["nodes"])),
    responses(
        (status = 200, description = "The node", body = SuccessBody<NodeInfo>),
        (status = 404, description = "There is no such node", body = ErrorBody),
        BodyErrors,
    ),
)]
#[worker::send]
pub async fn heartbeat(
    State(app): State<App>,
    _caller: Authorized<Nodes>,
    PathOf(node_id): PathOf<NodeId>,
    OptionalJsonBody(heartbeat): OptionalJsonBody<Heartbeat>,
) -> Result<Success<NodeInfo>, ApiError> {
    let capabilities = heartbeat.unwrap_or_default().capabilities;
    Ok(Success::ok(nodes::heartbeat(&app.ledger, &app.clock, &node_id, capabilities).await?))
}
