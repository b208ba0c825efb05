//! SQS's refusals: the shapes' names, their older names in a header, and the words of those that its actions share.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-api-responses.html> (read 2026-11-22)

use http::{HeaderValue, Response};
use serde_json::json;

use super::super::access::Denial;
use super::super::error::ApiError;
use super::super::signature::Unsigned;

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

/// A refusal for want of a right.
pub(crate) fn denied(arn: &str, right: &str) -> ApiError {
    let right = right.to_ascii_lowercase();
    let message = format!(
        "User: {arn} is not authorized to perform: {right} because no identity-based policy allows the {right} action"
    );
    ApiError::new(403, "AccessDeniedException", message)
}

impl Denial {
    /// The words of the services that speak JSON.
    pub(crate) fn as_sqs(&self) -> ApiError {
        let ApiError { message, .. } = self.as_sts();
        match self {
            Self::Unsigned(Unsigned::Missing) => {
                ApiError::new(403, "MissingAuthenticationTokenException", message)
            }
            Self::Unsigned(Unsigned::Malformed(_)) => {
                ApiError::new(403, "IncompleteSignatureException", message)
            }
            Self::UnknownKey | Self::WrongToken => ApiError::new(403, "UnrecognizedClientException", message),
            Self::ExpiredToken => ApiError::new(403, "ExpiredTokenException", message),
            Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::WrongScope(_)
            | Self::WrongSignature => ApiError::new(403, "InvalidSignatureException", message),
        }
    }
}

impl ApiError {
    /// The error document of SQS.
    pub(crate) fn as_sqs(&self, request_id: &str) -> Response<Vec<u8>> {
        let is_own = OWN.contains(&self.code.as_str())
            || QUERY_CODES.iter().any(|(shape, _)| *shape == self.code && !shape.ends_with("Exception"));
        let namespace = if is_own { "com.amazonaws.sqs" } else { "com.amazon.coral.service" };
        let document = json!({ "__type": format!("{namespace}#{}", self.code), "message": self.message });
        let mut response = super::respond(self.status, &document);
        let side = if self.status < 500 { "Sender" } else { "Receiver" };
        let headers = [
            ("x-amzn-query-error", format!("{};{side}", query_code(&self.code))),
            ("x-amzn-requestid", request_id.to_owned()),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
