//! Reading replies: status, body, and replies to conditional requests.
//!
//! Not here: which error a status becomes (`error`), and pages (`page`).

use std::fmt;

use http::{HeaderValue, Request, Response, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::error::{Error, classify};
use crate::wire;

/// The reply to a conditional request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// There is something new, or nothing was kept.
    Fresh {
        /// What the reply holds.
        value: T,
        /// What to put on the next request; `None` if GitHub gave nothing usable.
        etag: Option<ETag>,
    },
    /// What was kept with the `ETag` still holds.
    NotModified,
}

/// A validator that GitHub gave with a reply, quotes included.
///
/// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(HeaderValue);

impl ETag {
    /// Takes a validator that was kept; `None` if it cannot stand in a header or has no quotes.
    pub fn new(text: &str) -> Option<Self> {
        let opaque = text.strip_prefix("W/").unwrap_or(text);
        let quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if quoted && visible { HeaderValue::from_str(text).ok().map(Self) } else { None }
    }

    /// Returns the validator, to be kept.
    pub fn as_str(&self) -> &str {
        // `new` lets ASCII through only, which is always text.
        self.0.to_str().unwrap_or_default()
    }

    fn of<B>(response: &Response<B>) -> Option<Self> {
        response.headers().get(header::ETAG).and_then(|value| value.to_str().ok()).and_then(Self::new)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Makes a request conditional: GitHub answers 304 if what was kept still holds.
///
/// ```
/// # let request = http::Request::get("https://api.github.com/app").body(Vec::<u8>::new())?;
/// let etag = jit_github::ETag::new("W/\"5d41\"").ok_or("kept etag is damaged")?;
/// let request = jit_github::if_none_match(request, &etag);
/// assert_eq!(request.headers()["if-none-match"], "W/\"5d41\"");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn if_none_match<B>(mut request: Request<B>, etag: &ETag) -> Request<B> {
    request.headers_mut().insert(header::IF_NONE_MATCH, etag.0.clone());
    request
}

/// Reads the reply to a conditional request with the parser of its operation.
///
/// ```
/// use jit_github::{Answer, conditional, runners};
/// let reply = http::Response::builder().status(304).body(Vec::new())?;
/// assert_eq!(conditional(&reply, runners::parse_list)?, Answer::NotModified);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of the parser; a 304 is none.
pub fn conditional<T>(
    response: &Response<Vec<u8>>,
    parse: impl FnOnce(&Response<Vec<u8>>) -> Result<T, Error>,
) -> Result<Answer<T>, Error> {
    if response.status() == StatusCode::NOT_MODIFIED {
        return Ok(Answer::NotModified);
    }
    Ok(Answer::Fresh { value: parse(response)?, etag: ETag::of(response) })
}

/// Accepts one status and ignores the body.
pub(crate) fn accept(
    operation: &'static str,
    response: &Response<Vec<u8>>,
    expected: StatusCode,
) -> Result<(), Error> {
    if response.status() == expected { Ok(()) } else { Err(classify(operation, response)) }
}

/// Accepts one status and reads the body. The error says where it is wrong, and quotes nothing: the body may hold a secret.
pub(crate) fn json<T: DeserializeOwned>(
    operation: &'static str,
    response: &Response<Vec<u8>>,
    expected: StatusCode,
) -> Result<T, Error> {
    accept(operation, response, expected)?;
    wire::read(response.body()).map_err(|fault| Error::Malformed {
        operation,
        detail: format!(
            "element {} is missing or has the wrong form, at line {} column {}",
            crate::error::printable(&fault.path),
            fault.line,
            fault.column
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_kept_as_it_came() {
        let reply = Response::builder().header("etag", "W/\"abc\"").body(b"{}".to_vec()).unwrap();
        let answer = conditional(&reply, |_| Ok(())).unwrap();
        assert_eq!(answer, Answer::Fresh { value: (), etag: ETag::new("W/\"abc\"") });
    }

    #[test]
    fn a_text_that_is_no_etag_is_not_sent() {
        for wrong in ["", "\"", "abc", "W/abc", "\"a\"\r\nx: y", "\"ü\""] {
            assert_eq!(ETag::new(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_malformed_reply_is_described_by_place_and_not_by_content() {
        #[derive(Debug, serde::Deserialize)]
        struct Wanted {
            #[expect(dead_code, reason = "only its form matters here")]
            token: Vec<u64>,
        }
        let reply = Response::builder().body(br#"{"token": ["ghs_secret"]}"#.to_vec()).unwrap();
        let error = json::<Wanted>("x", &reply, StatusCode::OK).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x: malformed reply: element token[0] is missing or has the wrong form, at line 1 column 23"
        );
    }

    #[test]
    fn text_after_the_value_is_malformed() {
        let reply = Response::builder().body(b"{} {}".to_vec()).unwrap();
        assert!(json::<serde_json::Value>("x", &reply, StatusCode::OK).is_err());
    }
}
