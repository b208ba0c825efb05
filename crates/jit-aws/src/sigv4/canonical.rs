//! The first stage: a request reduced to the one text that both sides can compute.
//!
//! Not here: keys and digests of the text. The rules are those of
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request>.

use std::collections::BTreeMap;
use std::fmt;

use http::{HeaderMap, Request, Uri};
use percent_encoding::{AsciiSet, percent_decode_str, percent_encode};
use secrecy::{ExposeSecret, SecretString};

use super::{PathEncoding, PathNormalization, PayloadHeader, SignError, SigningParams, TokenPlacement, key};
use crate::form::RESERVED;

/// What is encoded in a path that is encoded a second time: also the percent signs of the first time.
const PATH_TWICE: &AsciiSet = &RESERVED.remove(b'/');
/// What is encoded in a path that is signed as it travels: its escapes stay as they are.
const PATH_ONCE: &AsciiSet = &PATH_TWICE.remove(b'%');

/// Headers that are never signed: the signature itself, and those that a transport or a proxy may add or change on the way.
const UNSIGNED_HEADERS: &[&str] =
    &["authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"];

/// A canonical request; `{:?}` shows no more than which headers are signed, for the text holds the session token.
#[derive(Clone)]
pub struct CanonicalRequest {
    text: SecretString,
    signed_headers: String,
    payload_sha256: String,
}

impl CanonicalRequest {
    /// Returns the text, which may hold a session token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.expose_secret()
    }

    /// Returns the signed headers' names, sorted and joined by semicolons.
    #[must_use]
    pub fn signed_headers(&self) -> &str {
        &self.signed_headers
    }

    /// Returns the body's SHA-256 in lower-case hexadecimal digits.
    #[must_use]
    pub fn payload_sha256(&self) -> &str {
        &self.payload_sha256
    }
}

impl fmt::Debug for CanonicalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CanonicalRequest")
            .field("signed_headers", &self.signed_headers)
            .finish_non_exhaustive()
    }
}

/// Builds the first stage for a request as [`sign`](super::sign) will send it: the headers that signing adds are included.
///
/// # Errors
/// [`SignError::NoHost`] and [`SignError::HeaderNotText`].
///
/// ```
/// use jit_aws::sigv4::{Credentials, SigningParams, canonical_request};
/// let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
/// let params = SigningParams::new(&credentials, "us-east-1", "service", "2015-08-30T12:36:00Z".parse()?);
/// let request = http::Request::get("https://example.amazonaws.com/?b=2&a=1").body(Vec::new())?;
/// let canonical = canonical_request(&request, &params)?;
/// assert!(canonical.as_str().starts_with("GET\n/\na=1&b=2\nhost:example.amazonaws.com\n"));
/// assert_eq!(canonical.signed_headers(), "host;x-amz-date");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn canonical_request(
    request: &Request<Vec<u8>>,
    params: &SigningParams<'_>,
) -> Result<CanonicalRequest, SignError> {
    let payload_sha256 = key::sha256_hex(request.body());
    let headers = signed_headers(request, params, &payload_sha256)?;
    let names: Vec<&str> = headers.keys().map(String::as_str).collect();
    let signed_headers = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let method = request.method();
    let path = canonical_path(request.uri().path(), params);
    let query = canonical_query(request.uri().query().unwrap_or_default());
    let text = format!("{method}\n{path}\n{query}\n{lines}\n{signed_headers}\n{payload_sha256}");
    Ok(CanonicalRequest { text: text.into(), signed_headers, payload_sha256 })
}

fn canonical_path(path: &str, params: &SigningParams<'_>) -> String {
    let resolved = match params.settings.path_normalization {
        PathNormalization::Resolve => resolve_path(path),
        PathNormalization::Keep if path.is_empty() => "/".to_owned(),
        PathNormalization::Keep => path.to_owned(),
    };
    let set = match params.settings.path_encoding {
        PathEncoding::Twice => PATH_TWICE,
        PathEncoding::Once => PATH_ONCE,
    };
    percent_encode(resolved.as_bytes(), set).to_string()
}

/// Removes `.`, `..` and empty segments (RFC 3986, section 5.2.4); a final slash stays.
fn resolve_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    let is_folder = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    let end = if is_folder && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

/// Decodes, encodes anew and sorts the parameters: by name, then by value, both as encoded.
///
/// A plus sign is read as a space, as the services' form decoding does; a name without `=` gets one.
fn canonical_query(query: &str) -> String {
    let recode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encode(&percent_decode_str(&spaced).collect::<Vec<u8>>(), RESERVED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
        .map(|(name, value)| (recode(name), recode(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Gathers the headers to sign, by lower-case name; several values of one name are joined by commas in the order sent.
fn signed_headers(
    request: &Request<Vec<u8>>,
    params: &SigningParams<'_>,
    payload_sha256: &str,
) -> Result<BTreeMap<String, String>, SignError> {
    let mut signed = text_headers(request.headers())?;
    if !signed.contains_key("host") {
        signed.insert("host".to_owned(), host_of(request.uri()).ok_or(SignError::NoHost)?);
    }
    signed.insert("x-amz-date".to_owned(), key::amz_date(params.time));
    // A token left from an earlier signature is not ours to sign: signing replaces or removes it.
    signed.remove("x-amz-security-token");
    if let (Some(token), TokenPlacement::Signed) =
        (&params.credentials.session_token, params.settings.token_placement)
    {
        signed.insert("x-amz-security-token".to_owned(), collapse_spaces(token.expose_secret()));
    }
    if params.settings.payload_header == PayloadHeader::Send {
        signed.insert("x-amz-content-sha256".to_owned(), payload_sha256.to_owned());
    }
    Ok(signed)
}

fn text_headers(headers: &HeaderMap) -> Result<BTreeMap<String, String>, SignError> {
    let mut texts = BTreeMap::new();
    for name in headers.keys().filter(|name| !UNSIGNED_HEADERS.contains(&name.as_str())) {
        let mut values = Vec::new();
        for value in headers.get_all(name) {
            let text =
                std::str::from_utf8(value.as_bytes()).map_err(|_| SignError::HeaderNotText(name.clone()))?;
            values.push(collapse_spaces(text));
        }
        texts.insert(name.as_str().to_owned(), values.join(","));
    }
    Ok(texts)
}

/// Trims a header's value and makes every run of spaces one space, also within quotes.
fn collapse_spaces(value: &str) -> String {
    let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Returns the Host header that a transport derives from the URI: without the port if it is the scheme's own.
fn host_of(uri: &Uri) -> Option<String> {
    let host = uri.host().filter(|host| !host.is_empty())?;
    match (uri.scheme_str(), uri.port_u16()) {
        (_, None) | (Some("http"), Some(80)) | (Some("https"), Some(443)) => Some(host.to_owned()),
        (_, Some(port)) => Some(format!("{host}:{port}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_sort_by_name_before_value() {
        assert_eq!(canonical_query("Param-3=c&Param=b&Param=a&a"), "Param=a&Param=b&Param-3=c&a=");
    }

    #[test]
    fn a_path_never_climbs_above_its_root() {
        for (path, resolved) in
            [("/../..", "/"), ("/a/../../b", "/b"), ("", "/"), ("/a/b/..", "/a/"), ("/a/.", "/a/")]
        {
            assert_eq!(resolve_path(path), resolved);
        }
    }

    #[test]
    fn the_schemes_own_port_is_not_part_of_the_host() {
        for (uri, host) in [
            ("http://h:80/", "h"),
            ("https://h:443/", "h"),
            ("https://h:80/", "h:80"),
            ("http://127.0.0.1:5555/", "127.0.0.1:5555"),
        ] {
            assert_eq!(host_of(&Uri::from_static(uri)).as_deref(), Some(host));
        }
        assert_eq!(host_of(&Uri::from_static("/only/a/path")), None);
    }

    proptest! {
        #[test]
        fn canonicalising_a_query_twice_changes_nothing(query in "[a-zA-Z0-9%&=+~*/ -]{0,60}") {
            let once = canonical_query(&query);
            prop_assert_eq!(canonical_query(&once), once);
        }

        #[test]
        fn the_order_of_parameters_does_not_matter(mut pairs in prop::collection::vec("[a-z=%A-F0-9]{1,8}", 0..8)) {
            let query = canonical_query(&pairs.join("&"));
            pairs.reverse();
            prop_assert_eq!(canonical_query(&pairs.join("&")), query);
        }

        #[test]
        fn a_resolved_path_has_no_dots_and_no_empty_segments(path in "(/[a-c.]{0,3}){0,8}/?") {
            let resolved = resolve_path(&path);
            prop_assert!(resolved.starts_with('/'));
            prop_assert!(!resolved.contains("//"));
            prop_assert!(resolved.split('/').all(|segment| segment != "." && segment != ".."));
            prop_assert_eq!(resolve_path(&resolved), resolved);
        }

        #[test]
        fn spaces_around_and_between_words_do_not_matter(words in prop::collection::vec("[!-~]{1,6}", 0..6), gap in 1_usize..4) {
            let spaced = format!("  {} ", words.join(&" ".repeat(gap)));
            prop_assert_eq!(collapse_spaces(&spaced), words.join(" "));
        }
    }
}
