//! Replies of our own routes, and the check of the cron token.

use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use crate::effects::{Request, Response};
use crate::settings::Rotating;

/// A short text.
pub fn text(status: StatusCode, text: &str) -> Response {
    let mut reply = Response::new(format!("{text}\n").into_bytes());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    reply
}

/// A JSON value; it may hold a secret, so nobody may keep it.
pub fn json(status: StatusCode, value: &Value) -> Response {
    let mut reply = Response::new(value.to_string().into_bytes());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// 503 with the seconds after which to ask again.
pub fn later(seconds: u32, why: &str) -> Response {
    not_before(StatusCode::SERVICE_UNAVAILABLE, seconds, why)
}

/// 429 with the seconds after which to ask again.
pub fn too_many(seconds: u32, why: &str) -> Response {
    not_before(StatusCode::TOO_MANY_REQUESTS, seconds, why)
}

fn not_before(status: StatusCode, seconds: u32, why: &str) -> Response {
    let mut reply = json(status, &serde_json::json!({ "reason": why }));
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    reply
}

/// Whether a request to a cron route shows one of the tokens, as bearer or as `?t=`; compared in constant time.
/// A refusal is the reply to give.
///
/// # Errors
/// 405 for a method other than GET and POST, 401 for a missing or wrong token.
pub fn check_cron(request: &Request, tokens: &Rotating) -> Result<(), Response> {
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return Err(text(StatusCode::METHOD_NOT_ALLOWED, "GET and POST are answered here"));
    }
    let bearer = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| {
        let (scheme, token) = v.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let query = request.uri().query().unwrap_or_default();
    // A scheduler may write any character of an address in its percent form.
    let parameter =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "t").map(|(_, value)| value);
    let shown = Sha256::digest(bearer.or(parameter.as_deref()).unwrap_or_default().as_bytes());
    let is_right = (tokens.accepted().iter()).fold(false, |found, token| {
        found | bool::from(shown.ct_eq(&Sha256::digest(token.expose_secret().as_bytes())))
    });
    if is_right { Ok(()) } else { Err(text(StatusCode::UNAUTHORIZED, "the cron token is missing or wrong")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ScaleupSettings;

    const CURRENT: &str = "the-cron-token.of_now~0123456789";
    const PREVIOUS: &str = "the-cron-token.of_before~01234567";

    fn tokens(previous: Option<&str>) -> Rotating {
        let variable = |name: &str| match name {
            "cron_token" => Some(CURRENT),
            "cron_token_previous" => previous,
            "claim_key" => Some("a claim key of 32 bytes for tests."),
            "public_url" => Some("https://runners.example.com"),
            "scaleup_aws_access_key_id" => Some("AKIAEXAMPLE"),
            "scaleup_aws_secret_access_key" => Some("a-secret-access-key-0123456789"),
            _ => None,
        };
        let read = |name: &str| variable(name).map(str::to_owned);
        ScaleupSettings::read(read).expect("scaleup's variables").cron_tokens
    }

    /// What a request is refused with; none if it is let in.
    fn refused(method: &str, query: &str, authorization: &str, tokens: &Rotating) -> Option<u16> {
        let request = http::Request::builder().method(method).uri(format!("/cron/scaleup{query}"));
        let request = match authorization {
            "" => request,
            value => request.header(AUTHORIZATION, value),
        };
        let request = request.body(Vec::new()).expect("a request");
        check_cron(&request, tokens).err().map(|reply| reply.status().as_u16())
    }

    /// Every byte in its percent form.
    fn encoded(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    #[test]
    fn a_cron_route_takes_either_token_in_either_place() {
        let both = tokens(Some(PREVIOUS));
        for token in [CURRENT, PREVIOUS] {
            for (query, authorization) in [
                (String::new(), format!("Bearer {token}")),
                (String::new(), format!("bearer  {token} ")),
                (format!("?t={token}"), String::new()),
                (format!("?t={}", encoded(token)), String::new()),
                (format!("?t={}", encoded(token).to_lowercase()), String::new()),
                (format!("?%74={token}"), String::new()),
                (format!("?a=b&t={token}&c"), String::new()),
                ("?t=wrong".to_owned(), format!("Bearer {token}")),
            ] {
                for method in ["GET", "POST"] {
                    let shown = refused(method, &query, &authorization, &both);
                    assert_eq!(shown, None, "{method} {query} {authorization}");
                }
            }
        }
    }

    #[test]
    fn a_cron_route_takes_nothing_else() {
        let (one, both) = (tokens(None), tokens(Some(PREVIOUS)));
        let bearer = format!("Bearer {CURRENT}");
        for (tokens, method, query, authorization, status) in [
            (&both, "PUT", String::new(), bearer.as_str(), 405),
            (&both, "HEAD", String::new(), &bearer, 405),
            (&both, "GET", String::new(), "", 401),
            (&both, "GET", "?t=".to_owned(), "", 401),
            (&both, "GET", String::new(), "Bearer", 401),
            (&both, "GET", String::new(), "Bearer ", 401),
            (&both, "GET", String::new(), CURRENT, 401),
            (&both, "GET", String::new(), &format!("Basic {CURRENT}"), 401),
            (&both, "GET", format!("?token={CURRENT}"), "", 401),
            (&both, "GET", format!("?t={}", &CURRENT[1..]), "", 401),
            (&both, "GET", format!("?t={CURRENT}0"), "", 401),
            (&both, "GET", format!("?t={}", encoded(&encoded(CURRENT))), "", 401),
            (&both, "GET", format!("?t=wrong&t={CURRENT}"), "", 401),
            (&both, "GET", format!("?t={CURRENT}"), "Bearer wrong", 401),
            (&both, "GET", "?t=%FF%00%".to_owned(), "", 401),
            (&one, "GET", format!("?t={PREVIOUS}"), "", 401),
        ] {
            let shown = refused(method, &query, authorization, tokens);
            assert_eq!(shown, Some(status), "{method} {query} {authorization}");
        }
    }
}
