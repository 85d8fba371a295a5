//! Rewards: granting, waiting, balances.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use williw_relay::ledger::rewards::{self, DistributeOutcome, MAX_PAGE};
use williw_relay::ledger::{Page, balances};
use williw_relay::types::{NodeId, NodeWalletBalance, RewardDistribution, RewardRecord};

use crate::app::App;
use crate::openapi::{BodyErrors, Errors};
use crate::web::auth::{Authorized, Read, Rewards};
use crate::web::error::ApiError;
use crate::web::extract::{Idempotency, JsonBody, PathOf, QueryOf};
use crate::web::reply::{ErrorBody, Success, SuccessBody};

/// Rewards to grant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// The rewards, 1 to 1000 of them. A node may have several.
    #[schema(min_items = 1, max_items = 1000)]
    rewards: Vec<RewardDistribution>,
}

/// Grant rewards
///
/// All of them are written, or none. The same request with the same `Idempotency-Key` again writes nothing and gets
/// the same answer, with the header `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/rewards/distribute", tag = "rewards", operation_id = "distribute_rewards",
    request_body = Distribution,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters, new for each payment")),
    security(("bearer" = ["rewards"])),
    responses(
        (status = 201, description = "Granted, now or before", body = SuccessBody<DistributeOutcome>),
        (status = 404, description = "There is no such node", body = ErrorBody),
        BodyErrors,
    ),
)]
#[worker::send]
pub async fn distribute(
    State(app): State<App>,
    caller: Authorized<Rewards>,
    Idempotency(key): Idempotency,
    JsonBody(Distribution { rewards }): JsonBody<Distribution>,
) -> Result<Success<DistributeOutcome>, ApiError> {
    let outcome = rewards::distribute(&app.ledger, &app.clock, &caller.actor, &key, rewards).await?;
    let replayed = outcome.replayed;
    Ok(Success::created(outcome).replayed(replayed))
}

/// Which part of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PendingQuery {
    /// Only this node's.
    node_id: Option<NodeId>,
    /// `next_cursor` of the page before; left out: the first page.
    cursor: Option<String>,
    /// How many, 1 to 500; left out: 100.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: u32,
}

/// A page that a person can still look through.
const fn default_limit() -> u32 {
    100
}

const _: () = assert!(default_limit() <= MAX_PAGE);

/// List rewards that are not confirmed yet
#[utoipa::path(
    get, path = "/v1/rewards/pending", tag = "rewards", operation_id = "list_pending_rewards",
    params(PendingQuery),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, description = "One page", body = SuccessBody<Page<RewardRecord>>),
        Errors,
    ),
)]
#[worker::send]
pub async fn pending(
    State(app): State<App>,
    _caller: Authorized<Read>,
    QueryOf(query): QueryOf<PendingQuery>,
) -> Result<Success<Page<RewardRecord>>, ApiError> {
    let page = rewards::pending(&app.ledger, query.node_id.as_ref(), query.cursor.as_deref(), query.limit).await?;
    Ok(Success::ok(page))
}

/// Read a node's balance
///
/// What it earned, what of it is credited on the chain, and what was paid.
#[utoipa::path(
    get, path = "/v1/rewards/balance/{node_id}", tag = "rewards", operation_id = "read_balance",
    params(("node_id" = NodeId, Path, description = "The node's id")),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, description = "The balance", body = SuccessBody<NodeWalletBalance>),
        (status = 404, description = "There is no such node", body = ErrorBody),
        Errors,
    ),
)]
#[worker::send]
pub async fn balance(
    State(app): State<App>,
    _caller: Authorized<Read>,
    PathOf(node_id): PathOf<NodeId>,
) -> Result<Success<NodeWalletBalance>, ApiError> {
    Ok(Success::ok(balances::balance(&app.ledger, &node_id).await?))
}
