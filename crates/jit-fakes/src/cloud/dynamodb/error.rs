//! DynamoDB's refusals, and how they look in JSON.
//! Not in it: when something is refused; each action decides that.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>

use serde_json::{Value as Json, json};

use crate::cloud::error::ApiError;
use crate::cloud::service::COMMON;

const CANCELLED: &str = "TransactionCanceledException";

pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationException", message)
}

pub(crate) fn no_table() -> ApiError {
    ApiError::bad("ResourceNotFoundException", "Requested resource not found")
}

/// A condition that does not hold, with the item as it is if that was asked for.
pub(crate) fn condition(item: Option<Json>) -> ApiError {
    let mut error = ApiError::bad("ConditionalCheckFailedException", "The conditional request failed");
    error.more.extend(item.map(|item| ("Item".to_owned(), item)));
    error
}

pub(crate) fn throttled() -> ApiError {
    let message = "The level of configured provisioned throughput for the table was exceeded. Consider increasing your \
                   provisioning level with the UpdateTable API.";
    ApiError::bad("ProvisionedThroughputExceededException", message)
}

/// A cancelled transaction; `reasons` has one entry for each of its items.
pub(crate) fn cancelled(reasons: Vec<Json>) -> ApiError {
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let mut error = ApiError::bad(CANCELLED, message);
    error.more.insert("CancellationReasons".into(), Json::Array(reasons));
    error
}

/// A refusal as the reason of one item in a transaction.
pub(crate) fn as_reason(error: &ApiError) -> Json {
    let code = match error.code.as_str() {
        "ConditionalCheckFailedException" => "ConditionalCheckFailed",
        "ProvisionedThroughputExceededException" => "ProvisionedThroughputExceeded",
        _ => "ValidationError",
    };
    let mut reason = json!({ "Code": code, "Message": error.message });
    if let Some(item) = error.more.get("Item") {
        reason["Item"] = item.clone();
    }
    reason
}

/// The namespace of a code. What the service itself says has its own; what stands before it has two others.
pub(crate) fn namespace(code: &str) -> &'static str {
    match code {
        "ValidationException" => "com.amazon.coral.validate",
        "AccessDeniedException"
        | "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "SerializationException"
        | "ThrottlingException"
        | "UnknownOperationException"
        | "UnrecognizedClientException" => COMMON,
        _ => "com.amazonaws.dynamodb.v20120810",
    }
}

/// The name of the sentence's member, which one code writes otherwise.
pub(crate) fn member(code: &str) -> &'static str {
    if code == CANCELLED { "Message" } else { "message" }
}
