//! Compares the signer with AWS's own, the crate aws-sigv4, on random requests.
//!
//! Not here: the fixed suite, which `sigv4_suite.rs` runs stage by stage.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test itself may")]

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
};
use http::Request;
use jit_aws::sigv4::{Credentials, PathEncoding, PayloadHeader, SigningParams, sign};
use proptest::prelude::*;

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

#[derive(Debug, Clone)]
struct Case {
    method: &'static str,
    uri: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    region: String,
    service: String,
    token: Option<String>,
    second: i64,
    s3_like: bool,
}

fn case() -> impl Strategy<Value = Case> {
    // Escapes in the query stay within ASCII: the peer replaces what is not UTF-8, which no request of ours holds.
    let uri = (
        prop::sample::select(vec!["https://h.example", "http://127.0.0.1:5555", "https://h.example:443"]),
        "(/([a-zA-Z0-9._~-]|%[0-9A-F]{2}){0,6}){1,4}",
        prop::option::of(
            "(&?([a-zA-Z0-9._~+-]|%[2-7][0-9A-F]){1,5}(=([a-zA-Z0-9._~+/:@-]|%[2-7][0-9A-F]){0,5})?){0,4}",
        ),
    )
        .prop_map(|(base, path, query)| match query {
            Some(query) => format!("{base}{path}?{query}"),
            None => format!("{base}{path}"),
        });
    let headers = prop::collection::vec(("x-[a-z]{1,3}", "[!-~ ]{0,20}"), 0..4);
    let parts = (
        prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]),
        uri,
        headers,
        prop::collection::vec(any::<u8>(), 0..40),
        "[a-z]{2}-[a-z]{4}-[1-9]",
        prop::sample::select(vec![
            "ec2".to_owned(),
            "sts".to_owned(),
            "sqs".to_owned(),
            "dynamodb".to_owned(),
        ]),
        prop::option::of("[A-Za-z0-9+/=]{1,60}"),
        0_i64..4_102_444_800,
        any::<bool>(),
    );
    parts.prop_map(|(method, uri, headers, body, region, service, token, second, s3_like)| Case {
        method,
        uri,
        headers,
        body,
        region,
        service,
        token,
        second,
        s3_like,
    })
}

fn ours(case: &Case) -> Request<Vec<u8>> {
    let mut credentials = Credentials::new(KEY_ID, SECRET);
    if let Some(token) = &case.token {
        credentials = credentials.with_session_token(token.as_str());
    }
    let time = jiff::Timestamp::from_second(case.second).unwrap();
    let mut params = SigningParams::new(&credentials, &case.region, &case.service, time);
    if case.s3_like {
        params.settings.path_encoding = PathEncoding::Once;
        params.settings.payload_header = PayloadHeader::Send;
    }
    let mut request = unsigned(case);
    sign(&mut request, &params).unwrap();
    request
}

fn theirs(case: &Case) -> Request<Vec<u8>> {
    let identity =
        aws_credential_types::Credentials::new(KEY_ID, SECRET, case.token.clone(), None, "test").into();
    let mut settings = SigningSettings::default();
    if case.s3_like {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let params = aws_sigv4::sign::v4::SigningParams::builder()
        .identity(&identity)
        .region(&case.region)
        .name(&case.service)
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(case.second.unsigned_abs()))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let mut request = unsigned(case);
    let headers = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable =
        SignableRequest::new(case.method, case.uri.as_str(), headers, SignableBody::Bytes(&case.body))
            .unwrap();
    let (instructions, _) = aws_sigv4::http_request::sign(signable, &params).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request
}

fn unsigned(case: &Case) -> Request<Vec<u8>> {
    let mut request = Request::builder().method(case.method).uri(&case.uri);
    for (name, value) in &case.headers {
        request = request.header(name, value);
    }
    request.body(case.body.clone()).unwrap()
}

proptest! {
    #[test]
    fn both_signers_write_the_same_headers(case in case()) {
        let (ours, theirs) = (ours(&case), theirs(&case));
        prop_assert_eq!(ours.headers(), theirs.headers());
    }

    #[test]
    fn whatever_is_signed_cannot_change_without_the_signature(case in case(), change in 0_usize..7) {
        let mut other = case.clone();
        match change {
            0 => other.body.push(b'x'),
            1 => other.region.push('0'),
            2 => other.service.push('x'),
            3 => other.second += 1,
            4 => other.method = if case.method == "GET" { "POST" } else { "GET" },
            5 => other.headers.push(("x-added".to_owned(), "value".to_owned())),
            _ => other.token = Some(format!("{}x", case.token.as_deref().unwrap_or_default())),
        }
        let signature = |case: &Case| {
            let authorization = ours(case).headers()["authorization"].to_str().unwrap().to_owned();
            authorization.rsplit_once("Signature=").unwrap().1.to_owned()
        };
        prop_assert_ne!(signature(&case), signature(&other));
    }
}
