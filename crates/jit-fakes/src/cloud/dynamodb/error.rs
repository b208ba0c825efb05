//! Refusals and how DynamoDB puts them into JSON.
//! Not in it: when something is refused; each action decides that.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::cloud::access::Denial;
use crate::cloud::error::ApiError;
use crate::cloud::signature::Unsigned;

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
    let mut error = ApiError::bad("TransactionCanceledException", message);
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

/// The words for a caller who is not believed.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html>
pub(crate) fn denied(denial: &Denial) -> ApiError {
    let stamp = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let wrong = |message: String| ApiError::bad("InvalidSignatureException", message);
    match denial {
        Denial::Unsigned(Unsigned::Missing) => {
            ApiError::bad("MissingAuthenticationTokenException", "Request is missing Authentication Token")
        }
        Denial::Unsigned(Unsigned::Malformed(reason)) => {
            ApiError::bad("IncompleteSignatureException", *reason)
        }
        Denial::UnknownKey | Denial::WrongToken => ApiError::bad(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        Denial::ExpiredToken => {
            ApiError::bad("ExpiredTokenException", "The security token included in the request is expired")
        }
        Denial::Expired { dated, now, limit } => {
            let earliest = stamp(now.saturating_sub(*limit).unwrap_or(*now));
            let (dated, now, minutes) = (stamp(*dated), stamp(*now), limit.as_mins());
            wrong(format!(
                "Signature expired: {dated} is now earlier than {earliest} ({now} - {minutes} min.)"
            ))
        }
        Denial::NotYetCurrent { dated, now, limit } => {
            let latest = stamp(now.saturating_add(*limit).unwrap_or(*now));
            let (dated, now, minutes) = (stamp(*dated), stamp(*now), limit.as_mins());
            wrong(format!(
                "Signature not yet current: {dated} is still later than {latest} ({now} + {minutes} min.)"
            ))
        }
        Denial::WrongScope(reason) => wrong(reason.clone()),
        Denial::WrongSignature => wrong(
            "The request signature we calculated does not match the signature you provided. Check your AWS \
             Secret Access Key and signing method. Consult the service documentation for details."
                .into(),
        ),
    }
}

/// The error document. What the service itself says has its own namespace; what stands before it has two others.
pub(crate) fn document(error: &ApiError) -> Json {
    let namespace = match error.code.as_str() {
        "ValidationException" => "com.amazon.coral.validate",
        "AccessDeniedException"
        | "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "SerializationException"
        | "ThrottlingException"
        | "UnknownOperationException"
        | "UnrecognizedClientException" => "com.amazon.coral.service",
        _ => "com.amazonaws.dynamodb.v20120810",
    };
    let message = if error.code == "TransactionCanceledException" { "Message" } else { "message" };
    let mut document = error.more.clone();
    document.insert("__type".into(), format!("{namespace}#{}", error.code).into());
    document.insert(message.into(), error.message.clone().into());
    Json::Object(document)
}
