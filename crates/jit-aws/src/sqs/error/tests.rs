//! Every class of error, in the forms in which SQS and its emulators send it.

use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::common_error::assert_each_code_once;
use crate::sqs::{ReceiveMessage, SendMessage};

fn error(status: u16, kind: &str, message: &str) -> SqsError {
    let body = serde_json::json!({ "__type": kind, "message": message }).to_string();
    let reply = Response::builder()
        .status(status)
        .header("x-amzn-requestid", "66916324-67ca-54bb-a410-3f567a7a0571")
        .header("date", "Wed, 01 Jul 2026 12:00:00 GMT")
        .body(body.into())
        .unwrap();
    SendMessage::parse(&reply).unwrap_err()
}

#[test]
fn a_missing_queue_is_told_in_both_protocols_words_and_names_the_remedy() {
    let kinds = [
        "com.amazonaws.sqs#QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "com.amazonaws.sqs#AWS.SimpleQueueService.NonExistentQueue",
    ];
    for kind in kinds {
        let error = error(400, kind, "The specified queue does not exist.");
        assert_eq!(error.class(), ErrorClass::QueueDoesNotExist, "{kind}");
        assert!(error.to_string().contains("correct region, account and prefix"), "{error}");
        assert_eq!(error.detail().request_id.as_deref(), Some("66916324-67ca-54bb-a410-3f567a7a0571"));
    }
}

#[test]
fn each_known_code_has_its_class() {
    for (status, code, expected) in [
        (400, "RequestThrottled", ErrorClass::Throttled),
        (400, "ThrottlingException", ErrorClass::Throttled),
        (400, "KmsThrottled", ErrorClass::Throttled),
        (403, "OverLimit", ErrorClass::Throttled),
        (500, "InternalFailure", ErrorClass::UnknownOutcome),
        (503, "ServiceUnavailable", ErrorClass::UnknownOutcome),
        (404, "ReceiptHandleIsInvalid", ErrorClass::ReceiptHandleInvalid),
        (400, "QueueDeletedRecently", ErrorClass::QueueDoesNotExist),
        (400, "KmsAccessDenied", ErrorClass::Refused),
        (400, "AccessDeniedException", ErrorClass::Refused),
        (403, "AccessDenied", ErrorClass::Refused),
        (400, "InvalidMessageContents", ErrorClass::Refused),
        (400, "InvalidSignatureException", ErrorClass::Refused),
        (400, "UnrecognizedClientException", ErrorClass::Refused),
        (400, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", ErrorClass::Refused),
        (400, "UnsupportedOperation", ErrorClass::Refused),
        (400, "SomethingNew", ErrorClass::Unclassified),
        (500, "SomethingNew", ErrorClass::UnknownOutcome),
        (429, "SomethingNew", ErrorClass::Throttled),
    ] {
        assert_eq!(error(status, code, "").class(), expected, "{code}");
    }
}

#[test]
fn a_wrong_clock_is_told_from_a_wrong_key_and_names_the_remedy() {
    for message in [
        "Signature expired: 20260701T110000Z is now earlier than 20260701T114500Z (20260701T120000Z - 15 min.)",
        "Signature not yet current: 20260701T130000Z is still later than 20260701T121500Z",
    ] {
        let error = error(403, "com.amazon.coral.service#InvalidSignatureException", message);
        assert_eq!(error.class(), ErrorClass::ClockSkew, "{message}");
        let text = error.to_string();
        assert!(text.contains(CLOCK_SKEW_REMEDY) && text.contains("Wed, 01 Jul 2026 12:00:00 GMT"), "{text}");
    }
    let key = "The request signature we calculated does not match the signature you provided.";
    assert_eq!(error(403, "InvalidSignatureException", key).class(), ErrorClass::Refused);
}

#[test]
fn a_success_that_cannot_be_read_is_an_unknown_outcome() {
    for body in ["", "[]", "{\"MessageId\":1}", "{\"Messages\":[{}]}"] {
        let reply = Response::new(body.into());
        assert_eq!(SendMessage::parse(&reply).unwrap_err().class(), ErrorClass::UnknownOutcome, "{body}");
    }
    let reply = Response::new("{\"Messages\":[{}]}".into());
    assert_eq!(ReceiveMessage::parse(&reply).unwrap_err().class(), ErrorClass::UnknownOutcome);
}

#[test]
fn no_code_is_in_two_tables() {
    assert_each_code_once(&[THROTTLED, QUEUE_DOES_NOT_EXIST, RECEIPT_HANDLE_INVALID, REFUSED]);
}

proptest! {
    #[test]
    fn no_reply_of_any_status_panics(status in 100_u16..1000, body in ".{0,200}") {
        let status = StatusCode::from_u16(status).unwrap();
        let response = Response::builder().status(status).body(body.into_bytes()).unwrap();
        prop_assert!(SendMessage::parse(&response).is_err());
        let _ = ReceiveMessage::parse(&response);
    }
}
