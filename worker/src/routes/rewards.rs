//! Rewards: granting, pending rewards, balances.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use williw_relay::ledger::rewards::{self, DistributeOutcome, MAX_PAGE};
use williw_relay::ledger::{Page, balances};
use williw_relay::types::{NodeId, NodeWalletBalance, RewardDistribution, RewardRecord};

use crate::openapi::{BodyErrors, Errors};
use crate::state::AppState;
use crate::web::auth::{Authorized, Read, Rewards};
use crate::web::error::ApiError;
use crate::web::extract::{ApiPath, ApiQuery, IdempotencyHeader, JsonBody};
use crate::web::response::{ErrorBody, Success, SuccessBody};

/// A request to grant rewards.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DistributeRequest {
    /// 1 to 1000 rewards. A node can have several.
    #[schema(min_items = 1, max_items = 1000)]
    rewards: Vec<RewardDistribution>,
}

/// Grant rewards
///
/// Writes all rewards or none. Repeating the request with the same `Idempotency-Key` writes nothing and returns the
/// same result, with the header `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/rewards/distribute", tag = "rewards", operation_id = "distribute_rewards",
    request_body = DistributeRequest,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters: a new key for each grant, the same key for retries")),
    security(("bearer" = ["rewards"])),
    responses(
        (status = 201, description = "The rewards were granted, now or by an earlier request", body = SuccessBody<DistributeOutcome>),
        (status = 404, description = "A node is not registered", body = ErrorBody),
        BodyErrors,
    ),
)]
#[worker::send]
pub(crate) async fn distribute(
    State(app): State<AppState>,
    caller: Authorized<Rewards>,
    IdempotencyHeader(key): IdempotencyHeader,
    JsonBody(DistributeRequest { rewards }): JsonBody<DistributeRequest>,
) -> Result<Success<DistributeOutcome>, ApiError> {
    let outcome = rewards::distribute(&app.ledger, &app.clock, &caller.actor, &key, rewards).await?;
    let replayed = outcome.replayed;
    Ok(Success::created(outcome).replayed(replayed))
}

/// The filter and page of a list of pending rewards.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PendingQuery {
    /// Only list rewards of this node.
    node_id: Option<NodeId>,
    /// The `next_cursor` of the previous page. Omit it for the first page.
    cursor: Option<String>,
    /// The page size.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: u32,
}

/// The default page size, small enough for a person to look through.
const fn default_limit() -> u32 {
    100
}

const _: () = assert!(default_limit() <= MAX_PAGE);

/// List rewards that are not yet confirmed on the chain
#[utoipa::path(
    get, path = "/v1/rewards/pending", tag = "rewards", operation_id = "list_pending_rewards",
    params(PendingQuery),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, description = "A page of rewards", body = SuccessBody<Page<RewardRecord>>),
        Errors,
    ),
)]
#[worker::send]
pub(crate) async fn pending(
    State(app): State<AppState>,
    _caller: Authorized<Read>,
    ApiQuery(query): ApiQuery<PendingQuery>,
) -> Result<Success<Page<RewardRecord>>, ApiError> {
    let page = rewards::pending(&app.ledger, query.node_id.as_ref(), query.cursor.as_deref(), query.limit).await?;
    Ok(Success::ok(page))
}

/// Read a node's balance
///
/// Returns how much the node has earned, and how much of it is credited on the chain and paid.
#[utoipa::path(
    get, path = "/v1/rewards/balance/{node_id}", tag = "rewards", operation_id = "read_balance",
    params(("node_id" = NodeId, Path, description = "The node's id")),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, description = "The balance", body = SuccessBody<NodeWalletBalance>),
        (status = 404, description = "The node is not registered", body = ErrorBody),
        Errors,
    ),
)]
#[worker::send]
pub(crate) async fn balance(
    State(app): State<AppState>,
    _caller: Authorized<Read>,
    ApiPath(node_id): ApiPath<NodeId>,
) -> Result<Success<NodeWalletBalance>, ApiError> {
    Ok(Success::ok(balances::balance(&app.ledger, &node_id).await?))
}
