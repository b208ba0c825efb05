//! SQS's refusals: the shapes' names, their older names in a header, and the words of those that its actions share.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-api-responses.html> (read 2026-11-22)

use super::super::error::ApiError;
use super::super::service::COMMON;

/// The shapes of SQS itself that had other names in the Query protocol.
const QUERY_CODES: &[(&str, &str)] = &[
    ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
    ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
    ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId"),
    ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
    ("QueueNameExists", "QueueAlreadyExists"),
    ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
    ("InvalidParameterValueException", "InvalidParameterValue"),
    ("MissingRequiredParameterException", "MissingParameter"),
    ("UnrecognizedClientException", "InvalidClientTokenId"),
];

/// The shapes of SQS itself with one name in both; every other code is one that all services share.
const OWN: &[&str] = &[
    "InvalidAttributeName",
    "InvalidAttributeValue",
    "InvalidMessageContents",
    "OverLimit",
    "ReceiptHandleIsInvalid",
    "RequestThrottled",
];

/// What the older protocol called it.
pub(super) fn query_code(code: &str) -> &str {
    QUERY_CODES.iter().find(|(shape, _)| *shape == code).map_or(code, |(_, old)| old)
}

pub(super) fn no_queue() -> ApiError {
    ApiError::bad("QueueDoesNotExist", "The specified queue does not exist.")
}

/// A parameter that cannot be so; the reason is a sentence.
pub(super) fn invalid(reason: &str) -> ApiError {
    ApiError::bad("InvalidParameterValueException", reason)
}

/// What SQS may say of a handle that is not the message's latest.
/// <https://repost.aws/knowledge-center/sqs-receipt-handle-error> (read 2026-11-22)
pub(super) fn expired(handle: &str) -> ApiError {
    invalid(&format!(
        "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    ))
}

pub(super) fn unknown_handle(handle: &str) -> ApiError {
    let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
    ApiError::new(404, "ReceiptHandleIsInvalid", message)
}

/// The namespace of a code.
pub(crate) fn namespace(code: &str) -> &'static str {
    let is_own = OWN.contains(&code)
        || QUERY_CODES.iter().any(|(shape, _)| *shape == code && !shape.ends_with("Exception"));
    if is_own { "com.amazonaws.sqs" } else { COMMON }
}

/// The header that tells clients of the older protocol what is wrong, and on which side.
pub(crate) fn in_query_protocol(error: &ApiError) -> String {
    let side = if error.status < 500 { "Sender" } else { "Receiver" };
    format!("{};{side}", query_code(&error.code))
}
