//! Replies of our own routes, and the check of the cron token.

use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

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
    let mut reply = json(StatusCode::SERVICE_UNAVAILABLE, &serde_json::json!({ "reason": why }));
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
    let parameter = query.split('&').find_map(|pair| pair.strip_prefix("t="));
    let shown = Sha256::digest(bearer.or(parameter).unwrap_or_default().as_bytes());
    let is_right = (tokens.accepted().iter()).fold(false, |found, token| {
        found | bool::from(shown.ct_eq(&Sha256::digest(token.expose_secret().as_bytes())))
    });
    if is_right { Ok(()) } else { Err(text(StatusCode::UNAUTHORIZED, "the cron token is missing or wrong")) }
}
