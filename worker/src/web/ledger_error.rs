//! Conversion of the ledger's errors into API errors. Their codes are assigned only here.

use serde_json::{Value, json};
use williw_relay::database::DatabaseError;
use williw_relay::ledger::LedgerError;

use super::error::{ApiError, ErrorCode};

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        let message = error.to_string();
        let (code, details) = match error {
            LedgerError::Database(error) => return error.into(),
            LedgerError::UnknownNodes(nodes) => (ErrorCode::UnknownNode, json!({ "nodes": nodes })),
            LedgerError::NodeSuspended(node_id) => (ErrorCode::NodeSuspended, json!({ "node_id": node_id })),
            LedgerError::AddressConflict { node_id, held, given } => {
                (ErrorCode::AddressConflict, json!({ "node_id": node_id, "held": held, "given": given }))
            }
            LedgerError::PublicKeyConflict { node_id, held, given } => {
                (ErrorCode::PublicKeyConflict, json!({ "node_id": node_id, "held": held, "given": given }))
            }
            LedgerError::TaskClosed(task_id) => (ErrorCode::TaskClosed, json!({ "task_id": task_id })),
            LedgerError::ContributionConflict(id) => {
                (ErrorCode::ContributionConflict, json!({ "contribution_id": id }))
            }
            LedgerError::IdempotencyConflict(_) => (ErrorCode::IdempotencyConflict, Value::Null),
            LedgerError::InvalidField { field, reason } => {
                (ErrorCode::InvalidField, json!({ "field": field, "problem": reason }))
            }
            LedgerError::InvalidTimestamp { timestamp, now } => {
                (ErrorCode::InvalidTimestamp, json!({ "field": "timestamp", "timestamp": timestamp, "now": now }))
            }
            LedgerError::ZeroAmount { index, node_id } => {
                (ErrorCode::ZeroAmount, json!({ "index": index, "node_id": node_id }))
            }
            LedgerError::RewardTooLarge(id) => (ErrorCode::RewardTooLarge, json!({ "contribution_id": id })),
            LedgerError::SumTooLarge => (ErrorCode::SumTooLarge, Value::Null),
            LedgerError::TotalTooLarge(nodes) => (ErrorCode::TotalTooLarge, json!({ "nodes": nodes })),
            LedgerError::NoEntries => (ErrorCode::NoEntries, Value::Null),
            LedgerError::TooManyEntries { count, max } => {
                (ErrorCode::TooManyEntries, json!({ "count": count, "max": max }))
            }
            LedgerError::InvalidCursor => (ErrorCode::InvalidCursor, Value::Null),
            LedgerError::InvalidLimit { limit, max } => {
                (ErrorCode::InvalidLimit, json!({ "limit": limit, "max": max }))
            }
            LedgerError::UnknownSettlement(id) => (ErrorCode::UnknownSettlement, json!({ "settlement_id": id })),
            LedgerError::UnknownApiKey(id) => (ErrorCode::UnknownApiKey, json!({ "api_key_id": id })),
        };
        Self { code, message, details: (!details.is_null()).then_some(details) }
    }
}

impl From<DatabaseError> for ApiError {
    fn from(error: DatabaseError) -> Self {
        let mut message = error.to_string();
        let (code, reason) = match error {
            DatabaseError::Constraint(reason) => (ErrorCode::LedgerConstraint, reason),
            DatabaseError::Unavailable(reason) => (ErrorCode::LedgerUnavailable, reason),
            DatabaseError::Statement(reason) => {
                message.push_str(" (check that the migrations are applied: wrangler d1 migrations apply DB)");
                (ErrorCode::LedgerStatement, reason)
            }
            DatabaseError::Decode(reason) => (ErrorCode::LedgerDecode, reason),
            DatabaseError::Unauthorized(reason) => (ErrorCode::LedgerUnauthorized, reason),
        };
        Self { code, message, details: Some(json!({ "message": reason })) }
    }
}

#[cfg(test)]
mod tests {
    use williw_relay::types::{NodeId, PublicKey};

    use super::*;

    fn node() -> NodeId {
        "n-1".parse().unwrap()
    }

    fn key() -> PublicKey {
        "7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw".parse().unwrap()
    }

    /// One error of each kind.
    fn errors() -> Vec<LedgerError> {
        vec![
            DatabaseError::Constraint("UNIQUE".to_owned()).into(),
            DatabaseError::Unavailable("gone".to_owned()).into(),
            DatabaseError::Statement("no such table".to_owned()).into(),
            DatabaseError::Decode("a column".to_owned()).into(),
            DatabaseError::Unauthorized("no key".to_owned()).into(),
            LedgerError::UnknownNodes(vec![node()]),
            LedgerError::NodeSuspended(node()),
            LedgerError::AddressConflict { node_id: node(), held: key(), given: key() },
            LedgerError::PublicKeyConflict { node_id: node(), held: key(), given: key() },
            LedgerError::TaskClosed("t-1".parse().unwrap()),
            LedgerError::ContributionConflict("c-1".parse().unwrap()),
            LedgerError::IdempotencyConflict("k-1".parse().unwrap()),
            LedgerError::InvalidField { field: "reason", reason: "too long".to_owned() },
            LedgerError::InvalidTimestamp { timestamp: 0, now: 1 },
            LedgerError::ZeroAmount { index: 3, node_id: node() },
            LedgerError::RewardTooLarge("c-1".parse().unwrap()),
            LedgerError::SumTooLarge,
            LedgerError::TotalTooLarge(vec![node()]),
            LedgerError::NoEntries,
            LedgerError::TooManyEntries { count: 1001, max: 1000 },
            LedgerError::InvalidCursor,
            LedgerError::InvalidLimit { limit: 0, max: 500 },
            LedgerError::UnknownSettlement(7),
            LedgerError::UnknownApiKey("ak_1".parse().unwrap()),
        ]
    }

    #[test]
    fn every_error_has_its_own_code() {
        let mut seen = Vec::new();
        for error in errors() {
            let code = ApiError::from(error.clone()).code;
            assert!(!seen.contains(&code), "{error}: {code:?} is already used");
            seen.push(code);
        }
    }

    #[test]
    fn an_error_has_the_same_code_in_the_ledger_and_over_http() {
        for error in errors() {
            let code = serde_json::to_value(ApiError::from(error.clone()).code).unwrap();
            assert_eq!(code, error.code(), "{error}");
        }
    }

    #[test]
    fn a_violated_constraint_keeps_the_databases_message() {
        let error = ApiError::from(DatabaseError::Constraint("CHECK constraint failed: lease_held".to_owned()));
        assert_eq!(error.details.unwrap()["message"], "CHECK constraint failed: lease_held");
    }

    #[test]
    fn only_transient_errors_are_503_and_only_internal_errors_are_5xx() {
        for error in errors() {
            let status = ApiError::from(error.clone()).code.status();
            let transient = matches!(error, LedgerError::Database(DatabaseError::Unavailable(_)));
            assert_eq!(status == http::StatusCode::SERVICE_UNAVAILABLE, transient, "{error}");
            let internal = matches!(
                error,
                LedgerError::Database(
                    DatabaseError::Unavailable(_)
                        | DatabaseError::Statement(_)
                        | DatabaseError::Decode(_)
                        | DatabaseError::Unauthorized(_)
                )
            );
            assert_eq!(status.is_server_error(), internal, "{error}");
        }
    }
}
