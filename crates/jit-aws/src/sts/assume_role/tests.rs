//! Replies in STS's form, and everything that is not one.

use http::StatusCode;
use proptest::prelude::*;

use super::*;

/// The shape of the sample response in the API's reference, with made-up values.
fn reply(action: &str, expiration: &str, secret: &str) -> Response<Vec<u8>> {
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
         <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/scaleup/scaleup</Arn>\
         <AssumedRoleId>AROAEXAMPLE:scaleup</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>IQoJTELLTALE</SessionToken><Expiration>{expiration}</Expiration></Credentials>\
         <PackedPolicySize>6</PackedPolicySize></{action}Result>\
         <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></{action}Response>"
    );
    Response::new(body.into())
}

#[test]
fn the_credentials_of_a_role_are_read_with_their_end_and_never_printed() {
    let read = AssumeRole::parse(&reply("AssumeRole", "2026-07-01T12:15:00Z", "TELLTALE")).unwrap();
    assert_eq!(read.credentials.access_key_id, "ASIAEXAMPLE");
    assert_eq!(read.credentials.secret_access_key.expose_secret(), "TELLTALE");
    assert_eq!(read.credentials.session_token.as_ref().unwrap().expose_secret(), "IQoJTELLTALE");
    assert_eq!(read.expires_at, "2026-07-01T12:15:00Z".parse().unwrap());
    assert!(!format!("{read:?}").contains("TELLTALE"));
}

#[test]
fn the_other_action_has_its_own_document() {
    let web = reply("AssumeRoleWithWebIdentity", "2026-07-01T12:15:00.000Z", "s");
    assert!(AssumeRoleWithWebIdentity::parse(&web).is_ok());
    assert!(matches!(AssumeRole::parse(&web), Err(StsError::Malformed(_))));
}

#[test]
fn a_success_that_lacks_something_is_malformed_and_quotes_nothing() {
    for response in [
        reply("AssumeRole", "tomorrow TELLTALE", "TELLTALE"),
        reply("AssumeRole", "2026-07-01T12:15:00Z", ""),
        Response::new(b"<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>".to_vec()),
        Response::new(Vec::new()),
    ] {
        let error = AssumeRole::parse(&response).unwrap_err();
        assert!(
            matches!(error, StsError::Malformed(_)) && !error.to_string().contains("TELLTALE"),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn no_reply_of_any_status_panics(status in 100_u16..1000, body in ".{0,200}") {
        let status = StatusCode::from_u16(status).unwrap();
        let response = Response::builder().status(status).body(body.into_bytes()).unwrap();
        prop_assert!(AssumeRole::parse(&response).is_err());
        prop_assert!(AssumeRoleWithWebIdentity::parse(&response).is_err());
    }
}
