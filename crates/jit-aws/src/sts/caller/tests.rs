//! Replies of STS, good, bad and foreign.

use proptest::prelude::*;

use super::*;

const ACCOUNT: &str = "123456789012";

fn reply(arn: &str, user_id: &str, account: &str) -> Response<Vec<u8>> {
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <GetCallerIdentityResult>\n    \
         <Arn>{arn}</Arn>\n    <UserId>{user_id}</UserId>\n    <Account>{account}</Account>\n  </GetCallerIdentityResult>\n  \
         <ResponseMetadata>\n    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>\n  </ResponseMetadata>\n\
         </GetCallerIdentityResponse>"
    );
    Response::new(body.into())
}

fn error(status: u16, code: &str, message: &str) -> CallerError {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
    );
    parse_caller_identity(&Response::builder().status(status).body(body.into()).unwrap()).unwrap_err()
}

#[test]
fn an_instance_is_told_in_every_partition() {
    for partition in ["aws", "aws-cn", "aws-us-gov"] {
        let arn = format!("arn:{partition}:sts::{ACCOUNT}:assumed-role/jit-runner/i-0123456789abcdef0");
        let caller = parse_caller_identity(&reply(&arn, "AROAEXAMPLE:i-0123456789abcdef0", ACCOUNT)).unwrap();
        let expected = CallerIdentity {
            account: ACCOUNT.to_owned(),
            arn,
            role: "jit-runner".to_owned(),
            session_name: "i-0123456789abcdef0".to_owned(),
        };
        assert_eq!(caller, expected);
    }
}

#[test]
fn a_caller_that_is_no_assumed_role_is_not_an_instance() {
    for resource in [
        "iam::123456789012:user/i-0123456789abcdef0",
        "iam::123456789012:root",
        "sts::123456789012:federated-user/x",
    ] {
        let reply = reply(&format!("arn:aws:{resource}"), "AIDAEXAMPLE", ACCOUNT);
        assert_eq!(parse_caller_identity(&reply), Err(CallerError::NotAnInstance), "{resource}");
    }
    // A user may have such a path and name; the service tells it from a session.
    let user = "arn:aws:iam::123456789012:assumed-role/runner/i-0123456789abcdef0";
    assert_eq!(
        parse_caller_identity(&reply(user, "A:i-0123456789abcdef0", ACCOUNT)),
        Err(CallerError::NotAnInstance)
    );
    let deeper = "arn:aws:sts::123456789012:assumed-role/a/b/i-0123456789abcdef0";
    assert_eq!(
        parse_caller_identity(&reply(deeper, "A:i-0123456789abcdef0", ACCOUNT)),
        Err(CallerError::NotAnInstance)
    );
}

#[test]
fn a_reply_that_disagrees_with_itself_vouches_for_no_one() {
    let arn = "arn:aws:sts::123456789012:assumed-role/runner/i-0123456789abcdef0";
    for reply in [
        reply(arn, "AROAEXAMPLE:i-0123456789abcdef0", "210987654321"),
        reply(arn, "AROAEXAMPLE:i-0123456789abcdef1", ACCOUNT),
        reply(arn, "AROAEXAMPLE", ACCOUNT),
        reply("not an arn", "A:b", ACCOUNT),
        reply(&format!("{arn}{}", "x".repeat(ARN_BYTES_MAX)), "A:b", ACCOUNT),
        Response::new(Vec::new()),
        Response::new(b"<html/>".to_vec()),
    ] {
        assert!(matches!(parse_caller_identity(&reply), Err(CallerError::Malformed(_))));
    }
}

#[test]
fn a_refusal_is_told_from_a_wrong_clock_and_from_a_busy_service() {
    assert!(matches!(
        error(403, "InvalidClientTokenId", "The security token is invalid."),
        CallerError::Refused(_)
    ));
    assert!(matches!(error(403, "ExpiredToken", "The security token has expired"), CallerError::Refused(_)));
    assert!(matches!(error(401, "AuthFailure", ""), CallerError::Refused(_)));
    assert!(matches!(error(400, "IncompleteSignature", ""), CallerError::Refused(_)));
    assert!(matches!(error(403, "SignatureDoesNotMatch", "We calculated another."), CallerError::Refused(_)));
    assert!(matches!(
        error(403, "SignatureDoesNotMatch", "Signature expired: a is earlier"),
        CallerError::ClockSkew(_)
    ));
    assert!(matches!(error(400, "Throttling", "Rate exceeded"), CallerError::Unavailable(_)));
    for status in [429, 500, 502, 503, 504] {
        assert!(matches!(error(status, "Anything", ""), CallerError::Unavailable(_)), "{status}");
    }
    assert!(matches!(error(302, "", ""), CallerError::Malformed(_)));
}

proptest! {
    #[test]
    fn every_role_and_session_name_is_read_back(role in "[A-Za-z0-9_+=,.@-]{1,64}", session in "[A-Za-z0-9_+=,.@-]{1,64}") {
        let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}");
        let caller = parse_caller_identity(&reply(&arn, &format!("AROA:{session}"), ACCOUNT)).unwrap();
        prop_assert_eq!((caller.role, caller.session_name), (role, session));
    }

    #[test]
    fn no_arn_makes_the_parser_panic(arn in "[a-z:/0-9]{0,80}", user_id in "[a-z:]{0,10}") {
        let _ = parse_caller_identity(&reply(&arn, &user_id, ACCOUNT));
    }
}
