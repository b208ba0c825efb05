//! The signed request in its three shapes: made by an instance, carried as JSON, forwarded to STS.
//!
//! Not here: what STS answers (`parse_caller_identity`), and which regions, accounts and roles are accepted.

mod authorization;

use std::collections::BTreeMap;
use std::fmt;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use self::authorization::Authorization;
use super::{AUDIENCE_HEADER, CALLER_IDENTITY_BODY};
use crate::endpoint::{Endpoint, Region, Service};
use crate::form;
use crate::sigv4::{CLOCK_SKEW_MAX, Credentials, SignError, X_AMZ_DATE, X_AMZ_SECURITY_TOKEN};

/// The headers that an identity may have, and how long each may be, in bytes.
///
/// STS names no limit for session tokens and says that they are typically below 4,096 bytes
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html>).
static HEADERS: [(HeaderName, usize); 5] = [
    (AUTHORIZATION, 1_024),
    (X_AMZ_DATE, 16),
    (X_AMZ_SECURITY_TOKEN, 8_192),
    (AUDIENCE_HEADER, 300),
    (CONTENT_TYPE, 80),
];

/// Why what a caller sent is no usable identity. No message quotes a value, for values are secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The JSON is not an object with a region and headers.
    #[error("the identity is not an object with the texts region and headers")]
    Shape,
    /// The region is none.
    #[error("the identity's region is not the name of an aws region")]
    Region,
    /// A header is none of the known ones, or there twice.
    #[error("the identity has a header that is unknown or there twice")]
    UnknownHeader,
    /// The named header is missing.
    #[error("the identity lacks the header {0}")]
    MissingHeader(HeaderName),
    /// The named header is too long, not text, or not of its form.
    #[error("the identity's header {0} is too long or malformed")]
    Header(HeaderName),
    /// The named header is not covered by the signature.
    #[error("the identity's signature does not cover the header {0}")]
    NotSigned(HeaderName),
    /// The signature is for another service, region or day than the identity says.
    #[error("the identity is signed for another service, region or day")]
    Scope,
    /// It was signed for someone else.
    #[error("the identity is meant for another audience")]
    Audience,
    /// It was signed too long ago, or in the future: seconds that the signer's clock is ahead of ours, negative behind.
    #[error(
        "the identity was signed by a clock that is {0} s ahead of ours (negative: behind), beyond the 900 s that aws \
         accepts; set the clock of the instance or of this host, and sign anew for each try"
    )]
    Skew(i64),
    /// The endpoint is not STS in the region that the identity is signed for.
    #[error("the endpoint is not sts in the identity's region")]
    Endpoint,
}

/// Builds and signs the request that proves who holds the credentials, to the one that the audience names.
///
/// The audience is host, or host:port, of the receiver's public URL.
///
/// # Errors
/// As [`crate::sigv4::sign`]; an audience that no header can carry is [`SignError::NotAHeader`].
///
/// ```
/// use jit_aws::{Credentials, Endpoint, Region, Service, sts};
/// let endpoint = Endpoint::regional(Service::Sts, Region::parse("us-east-1")?);
/// let credentials = Credentials::new("ASIAEXAMPLE", "secret").with_session_token("token");
/// let request = sts::caller_identity_request(&endpoint, "ci.example.com", &credentials, "2026-07-01T12:00:00Z".parse()?)?;
/// assert_eq!(request.headers()["x-jit-runners-audience"], "ci.example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn caller_identity_request(
    endpoint: &Endpoint,
    audience: &str,
    credentials: &Credentials,
    time: Timestamp,
) -> Result<Request<Vec<u8>>, SignError> {
    let mut request = form::post(endpoint, CALLER_IDENTITY_BODY.as_bytes().to_vec());
    let audience = HeaderValue::from_str(audience).map_err(|_| SignError::NotAHeader("audience"))?;
    request.headers_mut().insert(AUDIENCE_HEADER, audience);
    endpoint.sign(&mut request, credentials, time)?;
    Ok(request)
}

/// Writes a signed request as the JSON that a claim carries: `{"region": .., "headers": {..}}`. It holds secrets.
///
/// ```
/// use jit_aws::{Credentials, Endpoint, Region, Service, sts};
/// let endpoint = Endpoint::regional(Service::Sts, Region::parse("us-east-1")?);
/// let credentials = Credentials::new("ASIAEXAMPLE", "secret");
/// let request = sts::caller_identity_request(&endpoint, "ci.example.com", &credentials, "2026-07-01T12:00:00Z".parse()?)?;
/// let json = sts::identity_json(endpoint.region(), &request);
/// assert_eq!(json["region"], "us-east-1");
/// assert_eq!(json["headers"]["x-amz-date"], "20260701T120000Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn identity_json(region: &Region, request: &Request<Vec<u8>>) -> serde_json::Value {
    let headers: BTreeMap<&str, &str> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    serde_json::json!({ "region": region.as_str(), "headers": headers })
}

/// An identity whose form, scope, audience and date are right. Whether its signature is, only STS can tell.
///
/// `{:?}` shows the region and when it was signed.
#[derive(Clone)]
pub struct SignedIdentity {
    region: Region,
    signed_at: Timestamp,
    headers: HeaderMap,
}

#[derive(Deserialize)]
struct Wire {
    region: String,
    headers: BTreeMap<String, String>,
}

impl SignedIdentity {
    /// Reads an identity from a claim's JSON and checks all that can be checked without STS: only known headers, each
    /// bounded; a signature for STS in the named region that covers host, date, audience and the token if there is one;
    /// the expected audience; signed within 15 minutes of now.
    ///
    /// Header names count in any case, and unknown fields beside region and headers are ignored.
    ///
    /// # Errors
    /// [`IdentityError`]; all but [`IdentityError::Skew`] are the caller's fault and will not change by trying again.
    ///
    /// ```
    /// use jit_aws::{Credentials, Endpoint, Region, Service, sts::{self, SignedIdentity}};
    /// let endpoint = Endpoint::regional(Service::Sts, Region::parse("us-east-1")?);
    /// let now = "2026-07-01T12:00:00Z".parse()?;
    /// let request = sts::caller_identity_request(&endpoint, "ci.example.com", &Credentials::new("ASIAEXAMPLE", "secret"), now)?;
    /// let json = sts::identity_json(endpoint.region(), &request);
    /// assert!(SignedIdentity::parse(&json, "ci.example.com", now).is_ok());
    /// assert!(SignedIdentity::parse(&json, "other.example.com", now).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(value: &serde_json::Value, audience: &str, now: Timestamp) -> Result<Self, IdentityError> {
        let wire = Wire::deserialize(value).map_err(|_| IdentityError::Shape)?;
        let region = Region::parse(&wire.region).map_err(|_| IdentityError::Region)?;
        let headers = read_headers(wire.headers)?;
        let required = |name: HeaderName| headers.get(&name).ok_or(IdentityError::MissingHeader(name));
        let authorization = required(AUTHORIZATION)?;
        let date = required(X_AMZ_DATE)?;
        if required(AUDIENCE_HEADER)?.as_bytes() != audience.as_bytes() {
            return Err(IdentityError::Audience);
        }
        check_content_type(&headers)?;
        let signed_at = read_date(text(date)).ok_or(IdentityError::Header(X_AMZ_DATE))?;
        let authorization =
            Authorization::parse(text(authorization)).ok_or(IdentityError::Header(AUTHORIZATION))?;
        check_signed_headers(&authorization, &headers)?;
        if !authorization.is_scoped_to(signed_at, &region) {
            return Err(IdentityError::Scope);
        }
        check_skew(signed_at, now)?;
        Ok(Self { region, signed_at, headers })
    }

    /// Returns the region that the identity is signed for; the caller decides whether it uses that region.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Returns when the identity says that it was signed.
    #[must_use]
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }
}

impl fmt::Debug for SignedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIdentity")
            .field("region", &self.region)
            .field("signed_at", &self.signed_at)
            .finish_non_exhaustive()
    }
}

/// Builds the request to STS that the instance signed: `POST /` with exactly its headers and the fixed body.
///
/// The Host header comes from the endpoint, so that a signature for another host fails at STS.
///
/// # Errors
/// [`IdentityError::Endpoint`] unless the endpoint is STS in the identity's region.
///
/// ```
/// use jit_aws::{Credentials, Endpoint, Region, Service, sts::{self, SignedIdentity}};
/// let endpoint = Endpoint::regional(Service::Sts, Region::parse("us-east-1")?);
/// let now = "2026-07-01T12:00:00Z".parse()?;
/// let signed = sts::caller_identity_request(&endpoint, "ci.example.com", &Credentials::new("ASIAEXAMPLE", "secret"), now)?;
/// let identity = SignedIdentity::parse(&sts::identity_json(endpoint.region(), &signed), "ci.example.com", now)?;
/// let request = sts::forward(&identity, &endpoint)?;
/// assert_eq!(request.headers(), signed.headers());
/// assert_eq!(request.body(), sts::CALLER_IDENTITY_BODY.as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn forward(identity: &SignedIdentity, endpoint: &Endpoint) -> Result<Request<Vec<u8>>, IdentityError> {
    if endpoint.service() != Service::Sts || *endpoint.region() != identity.region {
        return Err(IdentityError::Endpoint);
    }
    let mut request = form::post(endpoint, CALLER_IDENTITY_BODY.as_bytes().to_vec());
    for (name, value) in &identity.headers {
        request.headers_mut().insert(name, value.clone());
    }
    Ok(request)
}

fn read_headers(wire: BTreeMap<String, String>) -> Result<HeaderMap, IdentityError> {
    let mut headers = HeaderMap::new();
    for (name, value) in wire {
        let known = HEADERS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_str()));
        let (name, bytes_max) = known.ok_or(IdentityError::UnknownHeader)?;
        if headers.contains_key(name) {
            return Err(IdentityError::UnknownHeader);
        }
        let is_text = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if value.is_empty() || value.len() > *bytes_max || !is_text {
            return Err(IdentityError::Header(name.clone()));
        }
        let mut value = HeaderValue::from_str(&value).map_err(|_| IdentityError::Header(name.clone()))?;
        value.set_sensitive(*name == AUTHORIZATION || *name == X_AMZ_SECURITY_TOKEN);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Reads a value that `read_headers` has found to be ASCII.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// Demands the form encoding, lest STS read the body in another way than we know it.
fn check_content_type(headers: &HeaderMap) -> Result<(), IdentityError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let (media_type, parameter) = text(value).split_once(';').unwrap_or((text(value), "charset=utf-8"));
    let is_form = media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && parameter.trim().eq_ignore_ascii_case("charset=utf-8");
    if is_form { Ok(()) } else { Err(IdentityError::Header(CONTENT_TYPE)) }
}

fn check_signed_headers(authorization: &Authorization<'_>, headers: &HeaderMap) -> Result<(), IdentityError> {
    let host = HeaderName::from_static("host");
    for name in [&host, &X_AMZ_DATE, &AUDIENCE_HEADER] {
        if !authorization.signs(name.as_str()) {
            return Err(IdentityError::NotSigned(name.clone()));
        }
    }
    if headers.contains_key(X_AMZ_SECURITY_TOKEN) && !authorization.signs(X_AMZ_SECURITY_TOKEN.as_str()) {
        return Err(IdentityError::NotSigned(X_AMZ_SECURITY_TOKEN));
    }
    // A signed header that is not forwarded would make STS refuse what we took for good.
    let is_forwarded = |name: &str| name == "host" || headers.contains_key(name);
    if authorization.signed_headers().all(is_forwarded) {
        Ok(())
    } else {
        Err(IdentityError::Header(AUTHORIZATION))
    }
}

/// Reads `yyyymmddThhmmssZ`, exactly.
fn read_date(text: &str) -> Option<Timestamp> {
    let shaped = text.len() == 16
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return None;
    }
    let date = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(date).ok()
}

fn check_skew(signed_at: Timestamp, now: Timestamp) -> Result<(), IdentityError> {
    let ahead: SignedDuration = signed_at.duration_since(now);
    if ahead.abs() > CLOCK_SKEW_MAX { Err(IdentityError::Skew(ahead.as_secs())) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
