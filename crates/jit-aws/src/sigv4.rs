//! AWS Signature Version 4 in its header form, each stage a function of its own.
//!
//! Not here: the query-string form (presigned URLs), chunked and event-stream signing, Version 4a, and where credentials come from.
//! The stages are those of
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>:
//! [`canonical_request`], [`string_to_sign`], [`signature`]; [`sign`] runs them and writes the headers.

mod canonical;
mod key;
mod skew;

use std::fmt;

use http::Request;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

pub use canonical::{CanonicalRequest, canonical_request};
pub use key::{Scope, signature, string_to_sign};
pub use skew::{CLOCK_SKEW_MAX, CLOCK_SKEW_REMEDY, SignedAt, is_clock_skew};
pub(crate) use skew::{clocks_agree, is_about_the_signature};

/// The name of the algorithm, as the Authorization header begins.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

pub(crate) const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(crate) const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// An access key, long-term or temporary; `{:?}` shows the key id only.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The public half, such as `AKIAIOSFODNN7EXAMPLE`; temporary keys begin with `ASIA`.
    pub access_key_id: String,
    /// The secret half; it never leaves this machine.
    pub secret_access_key: SecretString,
    /// The token that temporary keys come with; none for long-term keys.
    pub session_token: Option<SecretString>,
}

impl Credentials {
    /// Holds a long-term key.
    ///
    /// ```
    /// let credentials = jit_aws::Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI");
    /// assert!(!format!("{credentials:?}").contains("wJalrXUtnFEMI"));
    /// ```
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<SecretString>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
        }
    }

    /// Adds the session token of a temporary key.
    ///
    /// ```
    /// let credentials = jit_aws::Credentials::new("ASIAEXAMPLE", "wJalrXUtnFEMI").with_session_token("FwoGZX");
    /// assert!(!format!("{credentials:?}").contains("FwoGZX"));
    /// ```
    #[must_use]
    pub fn with_session_token(mut self, token: impl Into<SecretString>) -> Self {
        self.session_token = Some(token.into());
        self
    }
}

/// Whether `.`, `..` and repeated slashes are resolved in the path before it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathNormalization {
    /// They are, as every service but S3 does.
    Resolve,
    /// The path is signed as it stands, as S3 does, where such a path may be an object's name.
    Keep,
}

/// How often the path is percent-encoded in what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathEncoding {
    /// A second time on top of how it travels, as every service but S3 does.
    Twice,
    /// As it travels, as S3 does.
    Once,
}

/// Whether the body's digest is also sent, and signed, as `x-amz-content-sha256`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadHeader {
    /// It is not sent; the digest is signed all the same.
    Omit,
    /// It is sent, which S3 demands.
    Send,
}

/// Whether the session token is part of what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPlacement {
    /// It is signed, as nearly every service expects.
    Signed,
    /// It is added after signing, as a few services expect.
    AddedAfter,
}

/// What differs between services; the default suits EC2, STS, SQS and DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether dots and repeated slashes are resolved.
    pub path_normalization: PathNormalization,
    /// How often the path is encoded.
    pub path_encoding: PathEncoding,
    /// Whether the body's digest is sent.
    pub payload_header: PayloadHeader,
    /// Whether the session token is signed.
    pub token_placement: TokenPlacement,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path_normalization: PathNormalization::Resolve,
            path_encoding: PathEncoding::Twice,
            payload_header: PayloadHeader::Omit,
            token_placement: TokenPlacement::Signed,
        }
    }
}

/// Everything a signature depends on beside the request itself.
#[derive(Debug, Clone, Copy)]
pub struct SigningParams<'a> {
    /// The key to sign with.
    pub credentials: &'a Credentials,
    /// The region in the scope.
    pub region: &'a str,
    /// The service in the scope, such as `ec2`.
    pub service: &'a str,
    /// The moment that the request claims to be sent; AWS accepts 15 minutes either way.
    pub time: Timestamp,
    /// What differs between services.
    pub settings: Settings,
}

impl<'a> SigningParams<'a> {
    /// Gathers the parameters, with the default settings.
    #[must_use]
    pub fn new(credentials: &'a Credentials, region: &'a str, service: &'a str, time: Timestamp) -> Self {
        Self { credentials, region, service, time, settings: Settings::default() }
    }

    /// Returns the scope that binds the signature to a day, a region and a service.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::new(self.time, self.region, self.service)
    }
}

/// Why a request could not be signed; nothing of it was changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The request has neither a Host header nor an absolute URI.
    #[error("cannot sign a request without a host")]
    NoHost,
    /// A header to be signed is not UTF-8; the name is given.
    #[error("cannot sign the header {0}: its value is not UTF-8")]
    HeaderNotText(HeaderName),
    /// The named part of the credentials or parameters cannot stand in a header.
    #[error("cannot sign: the {0} holds characters that a header cannot carry")]
    NotAHeader(&'static str),
}

/// Signs the request: sets `x-amz-date`, `x-amz-security-token` when there is one, `x-amz-content-sha256` if asked for,
/// and `authorization`.
///
/// An earlier signature is replaced. Authorization and token are marked sensitive. A Host header is signed if present but
/// never added, for transports set it from the URI; changing any signed header or the body afterwards breaks the signature.
///
/// # Errors
/// [`SignError`], with the request unchanged.
///
/// ```
/// use jit_aws::sigv4::{Credentials, SigningParams, sign};
/// let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
/// let params = SigningParams::new(&credentials, "us-east-1", "service", "2015-08-30T12:36:00Z".parse()?);
/// let mut request = http::Request::get("https://example.amazonaws.com/").body(Vec::new())?;
/// sign(&mut request, &params)?;
/// let authorization = request.headers()["authorization"].to_str()?;
/// assert!(authorization.ends_with("Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sign(request: &mut Request<Vec<u8>>, params: &SigningParams<'_>) -> Result<(), SignError> {
    let canonical = canonical_request(request, params)?;
    let authorization = authorization(&canonical, params)?;
    let token = session_token_header(params)?;
    let date = plain_header(&key::amz_date(params.time), "time")?;
    let digest = plain_header(canonical.payload_sha256(), "payload digest")?;
    let headers = request.headers_mut();
    headers.insert(X_AMZ_DATE, date);
    headers.remove(X_AMZ_SECURITY_TOKEN);
    if let Some(token) = token {
        headers.insert(X_AMZ_SECURITY_TOKEN, token);
    }
    if params.settings.payload_header == PayloadHeader::Send {
        headers.insert(X_AMZ_CONTENT_SHA256, digest);
    }
    headers.insert(AUTHORIZATION, authorization);
    Ok(())
}

fn authorization(canonical: &CanonicalRequest, params: &SigningParams<'_>) -> Result<HeaderValue, SignError> {
    let signature = signature(&string_to_sign(canonical, params), params);
    let text = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
        params.credentials.access_key_id,
        params.scope(),
        canonical.signed_headers(),
    );
    sensitive_header(&text, "access key id, region or service")
}

fn session_token_header(params: &SigningParams<'_>) -> Result<Option<HeaderValue>, SignError> {
    let token = params.credentials.session_token.as_ref();
    token.map(|token| sensitive_header(token.expose_secret(), "session token")).transpose()
}

fn plain_header(text: &str, what: &'static str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_str(text).map_err(|_| SignError::NotAHeader(what))
}

fn sensitive_header(text: &str, what: &'static str) -> Result<HeaderValue, SignError> {
    let mut value = plain_header(text, what)?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
