//! Every class of error, in the form in which EC2 sends it.

mod documented;

use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::common_error::assert_each_code_once;
use crate::ec2::RunInstances;

fn reply(status: u16, code: &str, message: &str) -> Response<Vec<u8>> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
         <Message>{message}</Message></Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"
    );
    Response::builder()
        .status(status)
        .header("date", "Wed, 01 Jul 2026 12:00:00 GMT")
        .body(body.into())
        .unwrap()
}

fn error(status: u16, code: &str, message: &str) -> Ec2Error {
    RunInstances::parse(&reply(status, code, message)).unwrap_err()
}

fn class(status: u16, code: &str) -> ErrorClass {
    error(status, code, "").class()
}

#[test]
fn a_full_zone_is_insufficient_capacity_though_its_status_is_that_of_a_failed_server() {
    let message = "We currently do not have sufficient c6i.large capacity in the Availability Zone you requested (us-east-1a).";
    let error = error(500, "InsufficientInstanceCapacity", message);
    assert_eq!(error.class(), ErrorClass::InsufficientCapacity);
    assert_eq!(error.detail().message, message);
    assert_eq!(error.detail().request_id.as_deref(), Some("ea966190-f9aa-478e-9ede-example"));
    assert_eq!(error.detail().status, 500);
}

#[test]
fn a_code_counts_with_and_without_its_side() {
    assert_eq!(class(500, "Server.InsufficientInstanceCapacity"), ErrorClass::InsufficientCapacity);
    assert_eq!(class(400, "Client.VcpuLimitExceeded"), ErrorClass::Quota);
}

#[test]
fn an_unknown_code_is_unclassified_and_never_retried_but_for_a_failed_server() {
    assert_eq!(class(400, "SomethingNew"), ErrorClass::Unclassified);
    assert_eq!(class(403, "SomethingNew"), ErrorClass::Unclassified);
    assert_eq!(class(412, "DryRunOperation"), ErrorClass::Unclassified);
    assert_eq!(class(500, "SomethingNew"), ErrorClass::UnknownOutcome);
    assert_eq!(class(429, "SomethingNew"), ErrorClass::Throttled);
}

#[test]
fn a_page_of_a_proxy_is_classified_by_its_status() {
    for (status, expected) in [
        (500, ErrorClass::UnknownOutcome),
        (502, ErrorClass::UnknownOutcome),
        (503, ErrorClass::UnknownOutcome),
        (504, ErrorClass::UnknownOutcome),
        (408, ErrorClass::UnknownOutcome),
        (429, ErrorClass::Throttled),
        (403, ErrorClass::Refused),
        (404, ErrorClass::Unclassified),
        (301, ErrorClass::Unclassified),
    ] {
        let response = Response::builder().status(status).body(b"<html>nginx</html>".to_vec()).unwrap();
        assert_eq!(RunInstances::parse(&response).unwrap_err().class(), expected, "{status}");
    }
}

#[test]
fn the_ids_that_ec2_does_not_know_are_read_from_its_message() {
    let id = |text: &str| InstanceId::parse(text).unwrap();
    let one =
        error(400, "InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef0' does not exist");
    let Ec2Error::NotFound { ids, .. } = one else { panic!("{one:?}") };
    assert_eq!(ids, [id("i-0123456789abcdef0")]);
    // 100 ids make a message far longer than what is kept of it.
    let all: Vec<String> = (0..100).map(|n| format!("i-{n:017x}")).collect();
    let many = error(
        400,
        "InvalidInstanceID.NotFound",
        &format!("The instance IDs '{}' do not exist", all.join(", ")),
    );
    let Ec2Error::NotFound { ids, detail } = many else { panic!("{many:?}") };
    assert_eq!(ids.iter().map(ToString::to_string).collect::<Vec<_>>(), all);
    assert_eq!(detail.message.chars().count(), reply::MESSAGE_CHARS_MAX);
}

#[test]
fn a_wrong_clock_is_told_from_a_wrong_key_and_names_the_remedy() {
    for (status, code, message) in [
        (400, "RequestExpired", "Request has expired."),
        (
            403,
            "SignatureDoesNotMatch",
            "Signature expired: 20260701T110000Z is now earlier than 20260701T114500Z",
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "Signature not yet current: 20260701T130000Z is still later than 20260701T121500Z",
        ),
    ] {
        let error = error(status, code, message);
        assert_eq!(error.class(), ErrorClass::ClockSkew, "{message}");
        let text = error.to_string();
        assert!(text.contains(CLOCK_SKEW_REMEDY) && text.contains("Wed, 01 Jul 2026 12:00:00 GMT"), "{text}");
    }
    let key = "The request signature we calculated does not match the signature you provided.";
    assert_eq!(error(403, "SignatureDoesNotMatch", key).class(), ErrorClass::Refused);
}

#[test]
fn the_error_document_of_the_other_services_is_read_too() {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>\
                <RequestId>r-1</RequestId></ErrorResponse>";
    let response = Response::builder().status(400).body(body.into()).unwrap();
    let error = RunInstances::parse(&response).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ec2 throttles requests: Throttling: Rate exceeded (http 400, request r-1)"
    );
}

#[test]
fn no_code_is_in_two_tables() {
    assert_each_code_once(&[
        INSUFFICIENT_CAPACITY,
        QUOTA,
        THROTTLED,
        UNKNOWN_OUTCOME,
        IDEMPOTENCY_MISMATCH,
        REFUSED,
    ]);
}

proptest! {
    #[test]
    fn no_reply_of_any_status_panics(status in 100_u16..1000, body in ".{0,200}") {
        let status = StatusCode::from_u16(status).unwrap();
        let response = Response::builder().status(status).body(body.into_bytes()).unwrap();
        prop_assert!(RunInstances::parse(&response).is_err());
    }
}
