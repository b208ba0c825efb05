//! What an SQS error means for the one who sent the request.
//!
//! Not here: waiting and retrying. The codes are those of
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html> and of each action's page, and, as
//! emulators still send them, those of the older protocol, which SQS itself puts into the header `x-amzn-query-error`:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-api-responses.html> (read 2026-11-22).

use http::Response;
use serde::de::DeserializeOwned;

use crate::common_error::{CommonError, look_up};
use crate::json;
use crate::reply::{ErrorDetail, Fault};
use crate::sigv4::CLOCK_SKEW_REMEDY;

/// Nothing was done; the same request will do later. `OverLimit`: too many messages are received and not deleted.
const THROTTLED: &[&str] = &["KmsThrottled", "OverLimit"];

/// There is no such queue in this account and region.
const QUEUE_DOES_NOT_EXIST: &[&str] = &["NonExistentQueue", "QueueDeletedRecently", "QueueDoesNotExist"];

/// The handle is none of this queue's.
const RECEIPT_HANDLE_INVALID: &[&str] = &["ReceiptHandleIsInvalid"];

/// Nothing was done, and the same request will never do.
const REFUSED: &[&str] = &[
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "KmsAccessDenied",
    "KmsDisabled",
    "KmsInvalidKeyUsage",
    "KmsInvalidState",
    "KmsNotFound",
    "KmsOptInRequired",
    "MessageTooLong",
    "TooManyEntriesInBatchRequest",
    "UnsupportedOperation",
];

/// What the codes of the older protocol begin with.
const QUERY_NAMESPACE: &str = "AWS.SimpleQueueService.";

/// What kind of failure it is; the variants of [`SqsError`] without what they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorClass {
    /// See [`SqsError::Throttled`].
    Throttled,
    /// See [`SqsError::UnknownOutcome`].
    UnknownOutcome,
    /// See [`SqsError::QueueDoesNotExist`].
    QueueDoesNotExist,
    /// See [`SqsError::ReceiptHandleInvalid`].
    ReceiptHandleInvalid,
    /// See [`SqsError::ClockSkew`].
    ClockSkew,
    /// See [`SqsError::Refused`].
    Refused,
    /// See [`SqsError::Unclassified`].
    Unclassified,
}

/// Why a request brought no result, by what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqsError {
    /// Nothing was done: send the same request later, and fewer requests until then.
    #[error("sqs throttles requests: {0}")]
    Throttled(ErrorDetail),
    /// It is not known what was done: send the same request again, and expect a message twice.
    #[error("the outcome at sqs is unknown: {0}")]
    UnknownOutcome(ErrorDetail),
    /// There is no such queue, or it was deleted a minute ago: a person must make it, or correct its region, account or prefix.
    #[error(
        "sqs has no such queue: {0}; make the queue, or correct region, account and prefix in the configuration"
    )]
    QueueDoesNotExist(ErrorDetail),
    /// The handle is none of this queue's: nothing was deleted, and no repeat will.
    #[error("sqs does not know the receipt handle: {0}")]
    ReceiptHandleInvalid(ErrorDetail),
    /// Nothing was done, for the request's date was refused; the key may well be right.
    #[error(
        "sqs refused the date of the request: {0}, its own clock being {date}; {CLOCK_SKEW_REMEDY}",
        date = .0.date.as_deref().unwrap_or("unknown")
    )]
    ClockSkew(ErrorDetail),
    /// Nothing was done, and repeating it is useless: configuration or rights must be changed first.
    #[error("sqs refused the request: {0}")]
    Refused(ErrorDetail),
    /// A code that this version does not know: as refused, and loudly, for no one has decided what it means.
    #[error("sqs answered with an error that is not classified: {0}")]
    Unclassified(ErrorDetail),
}

impl SqsError {
    /// Describes a request to which no reply came, such as a time-out or a broken connection after sending.
    ///
    /// ```
    /// use jit_aws::sqs::{ErrorClass, SqsError};
    /// assert_eq!(SqsError::no_reply("timed out after 5 s").class(), ErrorClass::UnknownOutcome);
    /// ```
    #[must_use]
    pub fn no_reply(why: &str) -> Self {
        Self::UnknownOutcome(ErrorDetail::no_reply(why))
    }

    /// Returns what kind of failure it is.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Throttled(_) => ErrorClass::Throttled,
            Self::UnknownOutcome(_) => ErrorClass::UnknownOutcome,
            Self::QueueDoesNotExist(_) => ErrorClass::QueueDoesNotExist,
            Self::ReceiptHandleInvalid(_) => ErrorClass::ReceiptHandleInvalid,
            Self::ClockSkew(_) => ErrorClass::ClockSkew,
            Self::Refused(_) => ErrorClass::Refused,
            Self::Unclassified(_) => ErrorClass::Unclassified,
        }
    }

    /// Returns what SQS said.
    #[must_use]
    pub fn detail(&self) -> &ErrorDetail {
        match self {
            Self::Throttled(detail)
            | Self::UnknownOutcome(detail)
            | Self::QueueDoesNotExist(detail)
            | Self::ReceiptHandleInvalid(detail)
            | Self::ClockSkew(detail)
            | Self::Refused(detail)
            | Self::Unclassified(detail) => detail,
        }
    }

    /// Reads a success, or classifies what came instead of one.
    pub(super) fn check<T: DeserializeOwned>(response: &Response<Vec<u8>>) -> Result<T, Self> {
        if !response.status().is_success() {
            return Err(Self::from_fault(json::read_fault(response)));
        }
        json::read_success(response)
            .map_err(|why| Self::UnknownOutcome(ErrorDetail::unreadable(response.status(), why)))
    }

    fn from_fault(fault: Fault) -> Self {
        let class = own_class(&fault.detail.code).unwrap_or_else(|| CommonError::of(&fault).into());
        let detail = fault.detail;
        match class {
            ErrorClass::Throttled => Self::Throttled(detail),
            ErrorClass::UnknownOutcome => Self::UnknownOutcome(detail),
            ErrorClass::QueueDoesNotExist => Self::QueueDoesNotExist(detail),
            ErrorClass::ReceiptHandleInvalid => Self::ReceiptHandleInvalid(detail),
            ErrorClass::ClockSkew => Self::ClockSkew(detail),
            ErrorClass::Refused => Self::Refused(detail),
            ErrorClass::Unclassified => Self::Unclassified(detail),
        }
    }
}

/// Classifies what a batch says of one of its entries.
pub(super) fn classify(code: &str, status: u16) -> ErrorClass {
    own_class(code).unwrap_or_else(|| CommonError::of_code(code, status).into())
}

/// Whether a code is in one of the tables here.
pub(crate) fn knows(code: &str) -> bool {
    own_class(code).is_some()
}

fn own_class(code: &str) -> Option<ErrorClass> {
    let code = code.strip_prefix(QUERY_NAMESPACE).unwrap_or(code);
    let tables = [
        (THROTTLED, ErrorClass::Throttled),
        (QUEUE_DOES_NOT_EXIST, ErrorClass::QueueDoesNotExist),
        (RECEIPT_HANDLE_INVALID, ErrorClass::ReceiptHandleInvalid),
        (REFUSED, ErrorClass::Refused),
    ];
    look_up(&tables, code)
}

impl From<CommonError> for ErrorClass {
    fn from(error: CommonError) -> Self {
        match error {
            CommonError::Throttled => Self::Throttled,
            CommonError::UnknownOutcome => Self::UnknownOutcome,
            CommonError::Expired | CommonError::Refused => Self::Refused,
            CommonError::ClockSkew => Self::ClockSkew,
            CommonError::Unclassified => Self::Unclassified,
        }
    }
}

#[cfg(test)]
mod tests;
