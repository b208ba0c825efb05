//! What a DynamoDB error means for the one who sent the request.
//!
//! Not here: waiting and retrying. The codes are those of
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>.

use http::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Item;
use crate::common_error::CommonError;
use crate::json;
use crate::reply::{ErrorDetail, Fault};
use crate::sigv4::CLOCK_SKEW_REMEDY;

/// Nothing was done; the same request will do later.
const THROTTLED: &[&str] = &[
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "ThrottlingError",
    // Another transaction has the item in hand, or this very one is still being carried out.
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Nothing was done, and the same request will never do.
const REFUSED: &[&str] = &[
    "IdempotentParameterMismatchException",
    "ItemCollectionSizeLimitExceeded",
    "ItemCollectionSizeLimitExceededException",
    "LimitExceededException",
    "ResourceInUseException",
    "ResourceNotFoundException",
];

/// Why a request brought no result, by what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DynamoDbError {
    /// Nothing was written, for the condition does not hold: read again and decide again.
    #[error("the condition does not hold: {detail}")]
    ConditionFailed {
        /// The item as it is; none if it was not asked for, or there is no item.
        item: Option<Item>,
        /// What DynamoDB said.
        detail: ErrorDetail,
    },
    /// Nothing of the transaction was written; the reasons, in the order of its items, say what to do.
    #[error("the transaction was cancelled: {detail}")]
    Cancelled {
        /// One for each item; empty when the reply did not tell them.
        reasons: Vec<Cancellation>,
        /// What DynamoDB said.
        detail: ErrorDetail,
    },
    /// Nothing was done, for there were too many requests or others at work on the item: send the same request later.
    #[error("dynamodb throttles requests: {0}")]
    Throttled(ErrorDetail),
    /// It is not known what was done: read, or send the same request again if its condition or token makes that harmless.
    #[error("the outcome at dynamodb is unknown: {0}")]
    UnknownOutcome(ErrorDetail),
    /// Nothing was done, for the request's date was refused; the key may well be right.
    #[error(
        "dynamodb refused the date of the request: {0}, its own clock being {date}; {CLOCK_SKEW_REMEDY}",
        date = .0.date.as_deref().unwrap_or("unknown")
    )]
    ClockSkew(ErrorDetail),
    /// Nothing was done, and repeating it is useless: rights, table or request must be changed first.
    #[error("dynamodb refused the request: {0}")]
    Refused(ErrorDetail),
    /// A code that this version does not know: as refused, and loudly, for no one has decided what it means.
    #[error("dynamodb answered with an error that is not classified: {0}")]
    Unclassified(ErrorDetail),
}

/// Why one item made a transaction fail.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancellation {
    /// It did not.
    None,
    /// Its condition does not hold.
    ConditionFailed {
        /// The item as it is; none if it was not asked for, or there is no item.
        item: Option<Item>,
    },
    /// Too many requests, or another transaction at work on the item: the same transaction may do later.
    Throttled {
        /// The code.
        code: String,
    },
    /// The same transaction will never do.
    Refused {
        /// The code.
        code: String,
    },
}

/// Whether a code is in one of the tables here, or has a variant of its own.
pub(crate) fn knows(code: &str) -> bool {
    matches!(code, "ConditionalCheckFailedException" | "TransactionCanceledException")
        || THROTTLED.contains(&code)
        || REFUSED.contains(&code)
}

impl DynamoDbError {
    /// Describes a request to which no reply came, such as a time-out or a broken connection after sending.
    ///
    /// ```
    /// use jit_aws::dynamodb::DynamoDbError;
    /// assert!(matches!(DynamoDbError::no_reply("timed out after 2 s"), DynamoDbError::UnknownOutcome(_)));
    /// ```
    #[must_use]
    pub fn no_reply(why: &str) -> Self {
        Self::UnknownOutcome(ErrorDetail::no_reply(why))
    }

    /// Returns what DynamoDB said.
    #[must_use]
    pub fn detail(&self) -> &ErrorDetail {
        match self {
            Self::ConditionFailed { detail, .. }
            | Self::Cancelled { detail, .. }
            | Self::Throttled(detail)
            | Self::UnknownOutcome(detail)
            | Self::ClockSkew(detail)
            | Self::Refused(detail)
            | Self::Unclassified(detail) => detail,
        }
    }

    /// Reads a success, or classifies what came instead of one.
    pub(super) fn check<T: DeserializeOwned>(response: &Response<Vec<u8>>) -> Result<T, Self> {
        if !response.status().is_success() {
            return Err(Self::from_fault(json::read_fault(response), response.body()));
        }
        json::read_success(response).map_err(|why| Self::unreadable(response, why))
    }

    /// Describes a success that cannot be read: the request was carried out, but what it did is not known.
    pub(super) fn unreadable(response: &Response<Vec<u8>>, why: &str) -> Self {
        Self::UnknownOutcome(ErrorDetail::unreadable(response.status(), why))
    }

    fn from_fault(fault: Fault, body: &[u8]) -> Self {
        let common = CommonError::of(&fault);
        let detail = fault.detail;
        match detail.code.as_str() {
            "ConditionalCheckFailedException" => {
                let item = extras(body).item.filter(|item| !item.is_empty());
                return Self::ConditionFailed { item, detail };
            }
            "TransactionCanceledException" => {
                let reasons = extras(body).reasons.into_iter().map(Cancellation::from).collect();
                return Self::Cancelled { reasons, detail };
            }
            code if THROTTLED.contains(&code) => return Self::Throttled(detail),
            code if REFUSED.contains(&code) => return Self::Refused(detail),
            _ => {}
        }
        match common {
            CommonError::Throttled => Self::Throttled(detail),
            CommonError::UnknownOutcome => Self::UnknownOutcome(detail),
            CommonError::Expired | CommonError::Refused => Self::Refused(detail),
            CommonError::ClockSkew => Self::ClockSkew(detail),
            CommonError::Unclassified => Self::Unclassified(detail),
        }
    }
}

/// What an error document carries beside code and message.
#[derive(Default, Deserialize)]
struct Extras {
    #[serde(rename = "Item", default)]
    item: Option<Item>,
    #[serde(rename = "CancellationReasons", default)]
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(rename = "Code", default)]
    code: Option<String>,
    #[serde(rename = "Item", default)]
    item: Option<Item>,
}

fn extras(body: &[u8]) -> Extras {
    serde_json::from_slice(body).unwrap_or_default()
}

impl From<Reason> for Cancellation {
    fn from(Reason { code, item }: Reason) -> Self {
        let code = code.unwrap_or_else(|| "None".to_owned());
        match code.as_str() {
            "None" => Self::None,
            "ConditionalCheckFailed" => Self::ConditionFailed { item: item.filter(|item| !item.is_empty()) },
            known if THROTTLED.contains(&known) => Self::Throttled { code },
            _ => Self::Refused { code },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::common_error::assert_each_code_once;

    fn read(status: u16, body: &serde_json::Value) -> DynamoDbError {
        let response = Response::builder().status(status).body(body.to_string().into_bytes()).unwrap();
        DynamoDbError::check::<serde_json::Value>(&response).unwrap_err()
    }

    fn coded(status: u16, code: &str) -> DynamoDbError {
        read(status, &json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "m" }))
    }

    #[test]
    fn codes_are_classified_by_what_to_do_next() {
        use DynamoDbError as E;
        assert!(matches!(coded(400, "ProvisionedThroughputExceededException"), E::Throttled(_)));
        assert!(matches!(coded(400, "TransactionConflictException"), E::Throttled(_)));
        assert!(matches!(coded(400, "TransactionInProgressException"), E::Throttled(_)));
        assert!(matches!(coded(500, "InternalServerError"), E::UnknownOutcome(_)));
        assert!(matches!(coded(503, "SomethingNew"), E::UnknownOutcome(_)));
        assert!(matches!(coded(400, "ResourceNotFoundException"), E::Refused(_)));
        assert!(matches!(coded(400, "ValidationException"), E::Refused(_)));
        assert!(matches!(coded(400, "AccessDeniedException"), E::Refused(_)));
        assert!(matches!(coded(400, "SomethingNewException"), E::Unclassified(_)));
        assert!(matches!(read(403, &json!(null)), E::Refused(_)));
        assert!(matches!(read(429, &json!({})), E::Throttled(_)));
    }

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_key() {
        let code = "com.amazon.coral.service#InvalidSignatureException";
        let skewed = "Signature expired: 20261121T000000Z is now earlier than 20261122T000000Z";
        let error = read(400, &json!({ "__type": code, "message": skewed }));
        assert!(matches!(error, DynamoDbError::ClockSkew(_)));
        assert!(error.to_string().contains("set the clock"));
        let error = read(400, &json!({ "__type": code, "message": "does not match" }));
        assert!(matches!(error, DynamoDbError::Refused(_)));
    }

    #[test]
    fn a_failed_condition_brings_the_item_as_it_is() {
        let code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
        let body = json!({ "__type": code, "message": "The conditional request failed", "Item": { "w": { "S": "x" } } });
        let DynamoDbError::ConditionFailed { item: Some(item), .. } = read(400, &body) else {
            panic!("another class")
        };
        assert_eq!(item["w"], "x".into());
        for body in [json!({ "__type": code }), json!({ "__type": code, "Item": {} })] {
            assert!(matches!(read(400, &body), DynamoDbError::ConditionFailed { item: None, .. }));
        }
    }

    #[test]
    fn the_reasons_of_a_cancelled_transaction_keep_their_places() {
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled",
            "CancellationReasons": [
                { "Code": "None" },
                { "Code": "ConditionalCheckFailed", "Message": "m", "Item": { "w": { "S": "x" } } },
                { "Code": "TransactionConflict", "Message": "m" },
                { "Code": "ItemCollectionSizeLimitExceeded", "Message": "m" },
                {},
            ],
        });
        let DynamoDbError::Cancelled { reasons, detail } = read(400, &body) else { panic!("another class") };
        assert_eq!(detail.message, "Transaction cancelled");
        let item = Some(Item::from([("w".to_owned(), "x".into())]));
        assert_eq!(
            reasons,
            [
                Cancellation::None,
                Cancellation::ConditionFailed { item },
                Cancellation::Throttled { code: "TransactionConflict".into() },
                Cancellation::Refused { code: "ItemCollectionSizeLimitExceeded".into() },
                Cancellation::None,
            ]
        );
    }

    #[test]
    fn no_code_is_in_two_tables() {
        assert_each_code_once(&[THROTTLED, REFUSED]);
    }

    proptest! {
        #[test]
        fn no_reply_makes_the_reader_panic(status in 100_u16..600, body in "\\PC{0,80}") {
            let response = Response::builder().status(status).body(body.into_bytes()).unwrap();
            let _ = DynamoDbError::check::<serde_json::Value>(&response);
        }
    }
}
