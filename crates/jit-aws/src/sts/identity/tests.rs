//! Identities as an instance makes them, and every way in which one can be wrong.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const AUDIENCE: &str = "ci.example.com:8443";

fn now() -> Timestamp {
    "2026-07-01T12:00:00Z".parse().unwrap()
}

fn endpoint() -> Endpoint {
    Endpoint::regional(Service::Sts, Region::parse("us-east-1").unwrap())
}

fn credentials() -> Credentials {
    Credentials::new("ASIAEXAMPLE", "secret").with_session_token("FwoGZXIvYXdz//==")
}

fn identity() -> Value {
    let request = caller_identity_request(&endpoint(), AUDIENCE, &credentials(), now()).unwrap();
    identity_json(endpoint().region(), &request)
}

fn with_header(name: &str, value: Value) -> Value {
    let mut identity = identity();
    identity["headers"][name] = value;
    identity
}

fn with_authorization(edit: impl Fn(&str) -> String) -> Value {
    let edited = edit(identity()["headers"]["authorization"].as_str().unwrap());
    with_header("authorization", Value::String(edited))
}

fn without_header(name: &str) -> Value {
    let mut identity = identity();
    identity["headers"].as_object_mut().unwrap().remove(name).unwrap();
    identity
}

fn refusal(identity: &Value) -> IdentityError {
    SignedIdentity::parse(identity, AUDIENCE, now()).unwrap_err()
}

#[test]
fn what_is_forwarded_is_exactly_what_was_signed() {
    let signed = caller_identity_request(&endpoint(), AUDIENCE, &credentials(), now()).unwrap();
    let identity = SignedIdentity::parse(&identity(), AUDIENCE, now()).unwrap();
    let forwarded = forward(&identity, &endpoint()).unwrap();
    assert_eq!(forwarded.method(), "POST");
    assert_eq!(forwarded.uri(), "https://sts.us-east-1.amazonaws.com/");
    assert_eq!(forwarded.headers(), signed.headers());
    assert_eq!(forwarded.body(), b"Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!(identity.signed_at(), now());
    assert_eq!(identity.region().as_str(), "us-east-1");
}

#[test]
fn the_signature_covers_the_audience_and_the_token() {
    let authorization = identity()["headers"]["authorization"].as_str().unwrap().to_owned();
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-jit-runners-audience,";
    assert!(authorization.contains(signed), "{authorization}");
}

#[test]
fn an_identity_is_forwarded_to_sts_in_its_own_region_only() {
    let identity = SignedIdentity::parse(&identity(), AUDIENCE, now()).unwrap();
    let elsewhere = Endpoint::regional(Service::Sts, Region::parse("us-east-2").unwrap());
    let other_service = Endpoint::regional(Service::Ec2, Region::parse("us-east-1").unwrap());
    for endpoint in [elsewhere, other_service] {
        assert_eq!(forward(&identity, &endpoint).unwrap_err(), IdentityError::Endpoint);
    }
}

#[test]
fn the_content_type_may_be_left_out_by_who_did_not_sign_it() {
    let mut identity = with_authorization(|text| text.replace("content-type;", ""));
    identity["headers"].as_object_mut().unwrap().remove("content-type").unwrap();
    let identity = SignedIdentity::parse(&identity, AUDIENCE, now()).unwrap();
    let forwarded = forward(&identity, &endpoint()).unwrap();
    assert_eq!(forwarded.headers()["content-type"], form::CONTENT_TYPE_FORM);
}

#[test]
fn header_names_count_in_any_case_but_once() {
    let mut identity = without_header("x-amz-date");
    identity["headers"]["X-Amz-Date"] = json!("20260701T120000Z");
    assert!(SignedIdentity::parse(&identity, AUDIENCE, now()).is_ok());
    identity["headers"]["x-amz-date"] = json!("20260701T120000Z");
    assert_eq!(refusal(&identity), IdentityError::UnknownHeader);
}

#[test]
fn an_identity_of_another_shape_is_refused() {
    for value in [
        json!(null),
        json!([]),
        json!({}),
        json!({"region": "us-east-1"}),
        json!({"region": 1, "headers": {}}),
    ] {
        assert_eq!(refusal(&value), IdentityError::Shape);
    }
    assert_eq!(refusal(&with_header("x-amz-date", json!(["20260701T120000Z"]))), IdentityError::Shape);
}

#[test]
fn a_region_that_would_lead_to_another_host_is_refused() {
    for region in ["", "us-east-1.evil.example", "us-east-1@evil", "us-east-1/../x", "127.0.0.1", "US-EAST-1"]
    {
        let mut identity = identity();
        identity["region"] = json!(region);
        assert_eq!(refusal(&identity), IdentityError::Region, "{region}");
    }
}

#[test]
fn an_unknown_header_is_refused() {
    for name in [
        "host",
        "x-forwarded-for",
        "content-length",
        "transfer-encoding",
        "x-amz-content-sha256",
        "accept",
        "",
    ] {
        assert_eq!(refusal(&with_header(name, json!("x"))), IdentityError::UnknownHeader, "{name}");
    }
}

#[test]
fn each_required_header_must_be_there() {
    for name in [AUTHORIZATION, X_AMZ_DATE, AUDIENCE_HEADER] {
        assert_eq!(refusal(&without_header(name.as_str())), IdentityError::MissingHeader(name));
    }
}

#[test]
fn a_header_that_is_too_long_or_no_text_is_refused() {
    for (name, bytes_max) in &HEADERS {
        for value in ["x".repeat(bytes_max + 1), String::new(), "a\r\nb".to_owned(), "é".to_owned()] {
            assert_eq!(
                refusal(&with_header(name.as_str(), json!(value))),
                IdentityError::Header(name.clone())
            );
        }
    }
}

#[test]
fn another_content_type_is_refused() {
    for value in ["application/json", "application/x-www-form-urlencoded; charset=utf-16", "text/plain"] {
        assert_eq!(refusal(&with_header("content-type", json!(value))), IdentityError::Header(CONTENT_TYPE));
    }
}

#[test]
fn a_header_that_must_be_signed_and_is_not_is_named() {
    for name in ["host", "x-amz-date", "x-amz-security-token", "x-jit-runners-audience"] {
        let identity = with_authorization(|text| text.replace(&format!(";{name}"), ""));
        assert_eq!(refusal(&identity), IdentityError::NotSigned(HeaderName::from_static(name)));
    }
}

#[test]
fn a_token_that_was_signed_cannot_be_left_out() {
    assert_eq!(refusal(&without_header("x-amz-security-token")), IdentityError::Header(AUTHORIZATION));
}

#[test]
fn a_signature_for_another_service_region_or_day_is_refused() {
    for (from, to) in [
        ("/sts/", "/ec2/"),
        ("us-east-1", "us-east-2"),
        ("20260701", "20260630"),
        ("aws4_request", "aws5_request"),
    ] {
        let identity = with_authorization(|text| text.replace(from, to));
        assert_eq!(refusal(&identity), IdentityError::Scope, "{to}");
    }
}

#[test]
fn an_authorization_of_another_form_is_refused() {
    let edits: [fn(&str) -> String; 7] = [
        |text| text.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        |text| text.replace("Signature=", "Signature=0"),
        |text| format!("{text}, Signature=0"),
        |text| text.replace("Credential=ASIAEXAMPLE", "Credential="),
        |text| text.replace("content-type;host", "host;content-type"),
        |text| text.replace("content-type;host", "content-type;content-type;host"),
        |text| text.replace("content-type;", "accept;content-type;"),
    ];
    for (index, edit) in edits.into_iter().enumerate() {
        assert_eq!(refusal(&with_authorization(edit)), IdentityError::Header(AUTHORIZATION), "edit {index}");
    }
}

#[test]
fn an_identity_meant_for_another_is_refused() {
    let error = SignedIdentity::parse(&identity(), "ci.example.com", now()).unwrap_err();
    assert_eq!(error, IdentityError::Audience);
}

#[test]
fn a_clock_may_be_off_by_fifteen_minutes_and_no_more() {
    let parse = |seconds: i64| {
        let now = now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
        SignedIdentity::parse(&identity(), AUDIENCE, now)
    };
    for seconds in [-900, 0, 900] {
        assert!(parse(seconds).is_ok(), "{seconds}");
    }
    assert_eq!(parse(901).unwrap_err(), IdentityError::Skew(-901));
    let ahead = parse(-3_600).unwrap_err();
    assert_eq!(ahead, IdentityError::Skew(3_600));
    assert!(ahead.to_string().contains("3600 s ahead") && ahead.to_string().contains("set the clock"));
}

#[test]
fn a_date_that_is_none_is_refused() {
    for date in
        ["2026-07-01T12:00Z", "20260701120000Z", "20261301T120000Z", "20260701T250000Z", "+0260701T12000Z"]
    {
        assert_eq!(
            refusal(&with_header("x-amz-date", json!(date))),
            IdentityError::Header(X_AMZ_DATE),
            "{date}"
        );
    }
}

#[test]
fn nothing_secret_is_printed() {
    let parsed = SignedIdentity::parse(&identity(), AUDIENCE, now()).unwrap();
    let request = forward(&parsed, &endpoint()).unwrap();
    let signature =
        identity()["headers"]["authorization"].as_str().unwrap().rsplit('=').next().unwrap().to_owned();
    let printed = format!("{parsed:?} {request:?}");
    assert!(!printed.contains("FwoGZXIvYXdz") && !printed.contains(&signature), "{printed}");
}

proptest! {
    #[test]
    fn every_date_within_reach_is_read_back(second in 0_i64..4_102_444_800) {
        let time = Timestamp::from_second(second).unwrap();
        let text = time.strftime("%Y%m%dT%H%M%SZ").to_string();
        prop_assert_eq!(read_date(&text), Some(time));
    }

    #[test]
    fn no_header_makes_the_parser_panic(name in "[a-z-]{0,24}", value in ".{0,120}") {
        let _ = SignedIdentity::parse(&with_header(&name, json!(value)), AUDIENCE, now());
        let _ = SignedIdentity::parse(&with_header("authorization", json!(value)), AUDIENCE, now());
    }

    #[test]
    fn an_edited_identity_is_refused_or_forwarded_with_the_edit_for_sts_to_refuse(at in 0_usize..400, with in "[ -~]") {
        let identity = with_authorization(|text| {
            let mut edited = text.to_owned();
            edited.replace_range(at % text.len()..at % text.len() + 1, &with);
            edited
        });
        if let Ok(parsed) = SignedIdentity::parse(&identity, AUDIENCE, now()) {
            let forwarded = forward(&parsed, &endpoint()).unwrap();
            prop_assert_eq!(forwarded.headers()[AUTHORIZATION].to_str().unwrap(), identity["headers"]["authorization"].as_str().unwrap());
        }
    }
}
