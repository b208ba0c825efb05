//! What `sign` does to a request. The stages themselves are held to AWS's suite in `tests/sigv4_suite.rs`.

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn time() -> Timestamp {
    "2015-08-30T12:36:00.987Z".parse().unwrap()
}

fn request() -> Request<Vec<u8>> {
    Request::post("https://ec2.us-east-1.amazonaws.com/")
        .header("user-agent", "x")
        .body(b"A=b".to_vec())
        .unwrap()
}

fn authorization_of(request: &Request<Vec<u8>>) -> String {
    request.headers()["authorization"].to_str().unwrap().to_owned()
}

#[test]
fn signing_again_replaces_the_earlier_signature() {
    let temporary = Credentials::new("ASIAEXAMPLE", SECRET).with_session_token("token");
    let lasting = Credentials::new("AKIDEXAMPLE", SECRET);
    let mut twice = request();
    sign(
        &mut twice,
        &SigningParams::new(&temporary, "us-east-1", "ec2", "2015-01-01T00:00:00Z".parse().unwrap()),
    )
    .unwrap();
    sign(&mut twice, &SigningParams::new(&lasting, "us-east-1", "ec2", time())).unwrap();
    let mut once = request();
    sign(&mut once, &SigningParams::new(&lasting, "us-east-1", "ec2", time())).unwrap();
    assert_eq!(twice.headers(), once.headers());
    assert!(!twice.headers().contains_key(X_AMZ_SECURITY_TOKEN));
}

#[test]
fn neither_key_nor_token_nor_signature_is_ever_printed() {
    let credentials = Credentials::new("ASIAEXAMPLE", SECRET).with_session_token("FwoGZXIvYXdz");
    let params = SigningParams::new(&credentials, "us-east-1", "ec2", time());
    let mut request = request();
    sign(&mut request, &params).unwrap();
    let canonical = canonical_request(&request, &params).unwrap();
    let authorization = authorization_of(&request);
    let signature = authorization.rsplit('=').next().unwrap();
    let printed = format!("{credentials:?} {params:?} {request:?} {canonical:?}");
    for secret in [SECRET, "FwoGZXIvYXdz", signature] {
        assert!(!printed.contains(secret));
    }
    assert!(printed.contains("ASIAEXAMPLE"), "the key id helps to find the right key");
}

#[test]
fn a_token_added_after_signing_is_sent_but_not_signed() {
    let credentials = Credentials::new("ASIAEXAMPLE", SECRET).with_session_token("token");
    let mut params = SigningParams::new(&credentials, "us-east-1", "ec2", time());
    params.settings.token_placement = TokenPlacement::AddedAfter;
    let mut request = request();
    sign(&mut request, &params).unwrap();
    assert_eq!(request.headers()[X_AMZ_SECURITY_TOKEN], "token");
    assert!(authorization_of(&request).contains("SignedHeaders=host;x-amz-date,"));
}

#[test]
fn headers_that_travel_freely_are_not_signed() {
    let credentials = Credentials::new("AKIDEXAMPLE", SECRET);
    let mut request = request();
    sign(&mut request, &SigningParams::new(&credentials, "us-east-1", "ec2", time())).unwrap();
    assert!(!authorization_of(&request).contains("user-agent"));
}

#[test]
fn credentials_that_no_header_can_carry_leave_the_request_unchanged() {
    for credentials in [
        Credentials::new("AKID\nEXAMPLE", SECRET),
        Credentials::new("AKIDEXAMPLE", SECRET).with_session_token("a\r\nb"),
    ] {
        let mut request = request();
        let error =
            sign(&mut request, &SigningParams::new(&credentials, "us-east-1", "ec2", time())).unwrap_err();
        assert!(matches!(error, SignError::NotAHeader(_)));
        assert_eq!(request.headers().len(), 1);
    }
}

#[test]
fn a_request_without_a_host_or_with_a_header_that_is_no_text_is_not_signed() {
    let credentials = Credentials::new("AKIDEXAMPLE", SECRET);
    let params = SigningParams::new(&credentials, "us-east-1", "ec2", time());
    let mut request = Request::get("/").body(Vec::new()).unwrap();
    assert_eq!(sign(&mut request, &params), Err(SignError::NoHost));
    request.headers_mut().insert("host", HeaderValue::from_static("h"));
    request.headers_mut().insert("x-a", HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(sign(&mut request, &params), Err(SignError::HeaderNotText(HeaderName::from_static("x-a"))));
}

#[test]
fn a_fraction_of_a_second_is_cut_off() {
    assert_eq!(key::amz_date(time()), "20150830T123600Z");
}
