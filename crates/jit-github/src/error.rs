//! One error for every reply that is not what was asked for; its variants say what to do next.
//!
//! Not here: texts that cannot be sent in the first place (`NameError`, `ApiError`, `KeyError`), and failures of the transport.

use std::fmt;

use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;

use crate::limits;
use crate::rate_limit::{RateLimit, Wait};

/// Which operation GitHub refused, and GitHub's own words, shortened.
///
/// It never holds more of a reply than [`limits::ERROR_MESSAGE_CHARACTERS_MAX`] characters of its `message` field, without
/// control characters and without anything that looks like a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The operation, as in `delete runner`.
    pub operation: &'static str,
    /// GitHub's `message`; empty if the reply had none.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(operation: &'static str, response: &Response<Vec<u8>>) -> Self {
        Self { operation, message: message(response.body()) }
    }

    fn tail(&self) -> impl fmt::Display {
        let separator = if self.message.is_empty() { "" } else { ": " };
        format!("{separator}{}", self.message)
    }
}

/// Why an operation has no result.
///
/// A request that changes something and met [`Error::Unavailable`] or [`Error::Malformed`] may have had its effect all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// 404 or 410: it does not exist, *or* our token may not see it. Decide by what else the same pass could list.
    #[error("{}: not found{}", .0.operation, .0.tail())]
    NotFound(Refusal),
    /// 409: it clashes with what is there, such as a runner name in use or a run that has ended. Look, then decide again.
    #[error("{}: conflict{}", .0.operation, .0.tail())]
    Conflict(Refusal),
    /// 422: GitHub understood and will not; a runner is busy, a field is wrong. Repeating the same at once is useless.
    #[error("{}: cannot be processed{}", .0.operation, .0.tail())]
    Unprocessable(Refusal),
    /// 401: the token is wrong, expired or revoked. Get a new one; if that fails too, the key is wrong or the clock is off.
    #[error("{}: unauthorized{}", .0.operation, .0.tail())]
    Unauthorized(Refusal),
    /// 403 without a sign of a rate limit: the installation lacks a permission or is suspended, or the state forbids it. Don't repeat.
    #[error("{}: forbidden{}", .0.operation, .0.tail())]
    Forbidden(Refusal),
    /// 429, or 403 with a sign of a rate limit. Send nothing with this token before the wait is over: going on can get an App banned.
    ///
    /// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>
    #[error("{}: rate limited{}", .refusal.operation, .refusal.tail())]
    RateLimited {
        /// The operation and GitHub's words.
        refusal: Refusal,
        /// How long to wait.
        wait: Wait,
    },
    /// 5xx or 408: GitHub has a problem. Try later; whether a change happened is unknown.
    #[error("{}: unavailable (status {status}){}", .refusal.operation, .refusal.tail())]
    Unavailable {
        /// The operation and GitHub's words.
        refusal: Refusal,
        /// The HTTP status.
        status: u16,
        /// The wait that the reply asks for, if it does.
        wait: Option<Wait>,
    },
    /// 3xx to an address that [`crate::Api::moved`] does not follow: it would get our token.
    #[error("{}: moved{}", .0.operation, .0.tail())]
    Moved(Refusal),
    /// Any other 4xx: the request itself is wrong. Don't repeat it.
    #[error("{}: refused (status {status}){}", .refusal.operation, .refusal.tail())]
    Refused {
        /// The operation and GitHub's words.
        refusal: Refusal,
        /// The HTTP status.
        status: u16,
    },
    /// The reply is not what GitHub documents for this operation.
    #[error("{operation}: malformed reply: {detail}")]
    Malformed {
        /// The operation.
        operation: &'static str,
        /// What is wrong and where; it quotes nothing of the reply.
        detail: String,
    },
}

impl Error {
    /// Returns the operation that has no result.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::NotFound(refusal)
            | Self::Conflict(refusal)
            | Self::Unprocessable(refusal)
            | Self::Unauthorized(refusal)
            | Self::Forbidden(refusal)
            | Self::Moved(refusal)
            | Self::RateLimited { refusal, .. }
            | Self::Unavailable { refusal, .. }
            | Self::Refused { refusal, .. } => refusal.operation,
            Self::Malformed { operation, .. } => operation,
        }
    }
}

/// Turns a reply that is not the expected one into an error.
pub(crate) fn classify(operation: &'static str, response: &Response<Vec<u8>>) -> Error {
    let refusal = Refusal::new(operation, response);
    let status = response.status();
    let retry_after = RateLimit::from_headers(response.headers()).retry_after;
    match status.as_u16() {
        100..=299 | 304 => Error::Malformed { operation, detail: format!("unexpected status {status}") },
        300..=399 => Error::Moved(refusal),
        401 => Error::Unauthorized(refusal),
        403 | 429 if is_rate_limit(status, response.headers(), &refusal.message) => {
            Error::RateLimited { wait: rate_limit_wait(response.headers()), refusal }
        }
        403 => Error::Forbidden(refusal),
        404 | 410 => Error::NotFound(refusal),
        409 => Error::Conflict(refusal),
        422 => Error::Unprocessable(refusal),
        408 | 500..=599 => Error::Unavailable { refusal, status: status.as_u16(), wait: retry_after },
        _ => Error::Refused { refusal, status: status.as_u16() },
    }
}

fn is_rate_limit(status: StatusCode, headers: &HeaderMap, message: &str) -> bool {
    let rate = RateLimit::from_headers(headers);
    let message = message.to_ascii_lowercase();
    status == StatusCode::TOO_MANY_REQUESTS
        || rate.retry_after.is_some()
        || rate.remaining == Some(0)
        || message.contains("rate limit")
        || message.contains("abuse detection")
}

/// `retry-after` if it is there; else the reset if nothing remains; else a minute, as GitHub asks.
fn rate_limit_wait(headers: &HeaderMap) -> Wait {
    let rate = RateLimit::from_headers(headers);
    let reset = if rate.remaining == Some(0) { rate.reset.map(Wait::Until) } else { None };
    rate.retry_after.or(reset).unwrap_or(Wait::For(limits::RATE_LIMIT_WAIT_DEFAULT))
}

fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Body {
        message: String,
    }
    serde_json::from_slice(body).map(|Body { message }| printable(&message)).unwrap_or_default()
}

/// Shortens a foreign text and takes out of it what must not stand in a log line.
pub(crate) fn printable(text: &str) -> String {
    let text: String = text
        .chars()
        .take(limits::ERROR_MESSAGE_CHARACTERS_MAX)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    redact(&text).chars().take(limits::ERROR_MESSAGE_CHARACTERS_MAX).collect()
}

/// Replaces words that begin like one of GitHub's tokens or like a JSON Web Token, wherever they come from.
///
/// <https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats>
fn redact(text: &str) -> String {
    const TOKEN_BEGINNINGS: [&str; 7] = ["ghs_", "ghp_", "gho_", "ghu_", "ghr_", "github_pat_", "eyJ"];
    let ends_word = |character: char| !(character.is_ascii_alphanumeric() || "_-.".contains(character));
    let mut clean = String::new();
    for piece in text.split_inclusive(ends_word) {
        if TOKEN_BEGINNINGS.iter().any(|beginning| piece.starts_with(beginning)) {
            clean.push_str("[redacted]");
            clean.extend(piece.chars().next_back().filter(|last| ends_word(*last)));
        } else {
            clean.push_str(piece);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn reply(status: u16, headers: &[(&str, &str)], message: &str) -> Response<Vec<u8>> {
        let mut builder = Response::builder().status(status);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(serde_json::json!({ "message": message }).to_string().into_bytes()).unwrap()
    }

    #[test]
    fn each_status_becomes_the_variant_that_says_what_to_do() {
        let kind = |status| classify("get runner", &reply(status, &[], "No"));
        assert!(matches!(kind(401), Error::Unauthorized(_)));
        assert!(matches!(kind(403), Error::Forbidden(_)));
        assert!(matches!(kind(404), Error::NotFound(_)));
        assert!(matches!(kind(410), Error::NotFound(_)));
        assert!(matches!(kind(409), Error::Conflict(_)));
        assert!(matches!(kind(422), Error::Unprocessable(_)));
        assert!(matches!(kind(301), Error::Moved(_)));
        assert!(matches!(kind(408), Error::Unavailable { status: 408, .. }));
        assert!(matches!(kind(502), Error::Unavailable { status: 502, wait: None, .. }));
        assert!(matches!(kind(400), Error::Refused { status: 400, .. }));
        assert!(matches!(kind(205), Error::Malformed { .. }));
    }

    #[test]
    fn a_403_is_a_rate_limit_only_if_the_reply_shows_a_sign_of_one() {
        let secondary = reply(403, &[], "You have exceeded a secondary rate limit.");
        let expected = Wait::For(limits::RATE_LIMIT_WAIT_DEFAULT);
        assert!(matches!(classify("x", &secondary), Error::RateLimited { wait, .. } if wait == expected));
        let plain =
            reply(403, &[("x-ratelimit-remaining", "4999")], "Resource not accessible by integration");
        assert!(matches!(classify("x", &plain), Error::Forbidden(_)));
    }

    #[test]
    fn retry_after_goes_before_the_reset_and_the_reset_counts_only_if_nothing_remains() {
        let wait = |headers: &[(&str, &str)]| match classify("x", &reply(429, headers, "")) {
            Error::RateLimited { wait, .. } => wait,
            other => panic!("{other}"),
        };
        let reset = Timestamp::from_second(1_700_000_000).unwrap();
        let both = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000000")];
        assert_eq!(wait(&both), Wait::Until(reset));
        assert_eq!(
            wait(&[both[0], both[1], ("retry-after", "7")]),
            Wait::For(std::time::Duration::from_secs(7))
        );
        assert_eq!(
            wait(&[("x-ratelimit-remaining", "12"), ("x-ratelimit-reset", "1700000000")]),
            Wait::For(limits::RATE_LIMIT_WAIT_DEFAULT)
        );
    }

    #[test]
    fn an_error_text_names_the_operation_and_the_cause() {
        let error = classify("delete runner", &reply(422, &[], "Runner is currently running a job"));
        assert_eq!(
            error.to_string(),
            "delete runner: cannot be processed: Runner is currently running a job"
        );
        assert_eq!(error.operation(), "delete runner");
        let silent = Response::builder().status(503).body(b"<html>".to_vec()).unwrap();
        assert_eq!(classify("get job", &silent).to_string(), "get job: unavailable (status 503)");
    }

    #[test]
    fn an_error_text_shows_no_token_and_no_line_break() {
        let error = classify("x", &reply(400, &[], "bad 'ghs_abc123' and eyJhbGciOi.J9.x\r\nX: y"));
        assert_eq!(error.to_string(), "x: refused (status 400): bad '[redacted]' and [redacted]  X: y");
    }

    proptest! {
        #[test]
        fn an_error_text_is_short_whatever_the_reply_says(
            status in 300u16..600, message in "\\PC{0,400}", noise in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let error = classify("x", &reply(status, &[], &message));
            prop_assert!(error.to_string().chars().count() <= limits::ERROR_MESSAGE_CHARACTERS_MAX + 40);
            let noise = Response::builder().status(status).body(noise).unwrap();
            prop_assert!(classify("x", &noise).to_string().len() < 1_000);
        }
    }
}
