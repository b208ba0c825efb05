//! The second and third stage: the string to sign, the derived key, the signature.
//!
//! Not here: reading the request, which the canonical form has already reduced to one text.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

use super::{ALGORITHM, CanonicalRequest, SigningParams};

/// What ends every scope and closes the chain of key derivation.
const TERMINATOR: &str = "aws4_request";

/// A credential scope, `<yyyymmdd>/<region>/<service>/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope(String);

impl Scope {
    /// Builds the scope of one day, in UTC.
    #[must_use]
    pub fn new(time: Timestamp, region: &str, service: &str) -> Self {
        Self(format!("{}/{region}/{service}/{TERMINATOR}", amz_day(time)))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Writes a time as `x-amz-date` has it, such as `20150830T123600Z`; fractions of a second are cut off.
pub(super) fn amz_date(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn amz_day(time: Timestamp) -> String {
    time.strftime("%Y%m%d").to_string()
}

/// Builds the second stage from the first.
///
/// ```
/// use jit_aws::sigv4::{Credentials, SigningParams, canonical_request, string_to_sign};
/// let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
/// let params = SigningParams::new(&credentials, "us-east-1", "service", "2015-08-30T12:36:00Z".parse()?);
/// let request = http::Request::get("https://example.amazonaws.com/").body(Vec::new())?;
/// let text = string_to_sign(&canonical_request(&request, &params)?, &params);
/// assert!(text.starts_with("AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn string_to_sign(canonical: &CanonicalRequest, params: &SigningParams<'_>) -> String {
    let digest = sha256_hex(canonical.as_str().as_bytes());
    format!("{ALGORITHM}\n{}\n{}\n{digest}", amz_date(params.time), params.scope())
}

/// Computes the third stage: the signature of a string to sign, 64 lower-case hexadecimal digits.
///
/// ```
/// use jit_aws::sigv4::{Credentials, SigningParams, signature};
/// let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
/// let params = SigningParams::new(&credentials, "us-east-1", "service", "2015-08-30T12:36:00Z".parse()?);
/// assert_eq!(signature("text", &params).len(), 64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn signature(string_to_sign: &str, params: &SigningParams<'_>) -> String {
    hex::encode(hmac_sha256(&*signing_key(params), string_to_sign.as_bytes()))
}

fn signing_key(params: &SigningParams<'_>) -> Zeroizing<[u8; 32]> {
    let secret = Zeroizing::new(format!("AWS4{}", params.credentials.secret_access_key.expose_secret()));
    let day = Zeroizing::new(hmac_sha256(secret.as_bytes(), amz_day(params.time).as_bytes()));
    let region = Zeroizing::new(hmac_sha256(&*day, params.region.as_bytes()));
    let service = Zeroizing::new(hmac_sha256(&*region, params.service.as_bytes()));
    Zeroizing::new(hmac_sha256(&*service, TERMINATOR.as_bytes()))
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC is defined for keys of every length (RFC 2104, section 2), so this holds for every key.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Returns the SHA-256 of some bytes as lower-case hexadecimal digits.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
