//! Who asks: the App by its JWT, or an installation by its token. Not in it: what each may do (`rest.rs`).
//!
//! <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>,
//! read 2026-11-21: RS256, `iss` is the App, `exp` no more than 10 minutes ahead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jwt_simple::prelude::{
    Duration, NoCustomClaims, RS256PublicKey, RSAPublicKeyLike as _, VerificationOptions,
};
use serde_json::Value;

use super::GitHub;
use super::accounts::Level;
use super::ids::{InstallationId, RepositoryId};
use super::timers::after;

/// The App's public key could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(String);

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "read the app's public key: {}", self.0)
    }
}

impl std::error::Error for KeyError {}

pub(super) struct Auth {
    key: RS256PublicKey,
    /// By the token's digest, so that a dump of the model shows no token.
    tokens: BTreeMap<[u8; 32], Token>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Auth").field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) installation: InstallationId,
    pub(super) expires_at: Timestamp,
    pub(super) permissions: BTreeMap<String, Level>,
    /// `None` is every repository of the installation.
    pub(super) repositories: Option<BTreeSet<RepositoryId>>,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    App,
    Installation(Token),
}

/// Why nobody is known to have sent a request; the text is GitHub's, all of them are 401.
pub(super) type Refusal = &'static str;

impl Auth {
    pub(super) fn new(public_key_pem: &str) -> Result<Self, KeyError> {
        let key = RS256PublicKey::from_pem(public_key_pem).map_err(|error| KeyError(error.to_string()))?;
        Ok(Self { key, tokens: BTreeMap::new() })
    }

    pub(super) fn revoke(&mut self) {
        self.tokens.clear();
    }
}

impl GitHub {
    pub(super) fn caller(&self, headers: &http::HeaderMap) -> Result<Caller, Refusal> {
        let header = headers.get(http::header::AUTHORIZATION).ok_or("Requires authentication")?;
        let text = header.to_str().map_err(|_| "Bad credentials")?;
        let (scheme, credential) = text.split_once(' ').ok_or("Bad credentials")?;
        let credential = credential.trim();
        if credential.split('.').count() == 3 {
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err("A JSON web token could not be decoded");
            }
            return self.check_jwt(credential).map(|()| Caller::App);
        }
        if !scheme.eq_ignore_ascii_case("bearer") && !scheme.eq_ignore_ascii_case("token") {
            return Err("Bad credentials");
        }
        let token = self.auth.tokens.get(&super::rest::digest(credential.as_bytes()));
        token
            .filter(|token| self.now < token.expires_at)
            .cloned()
            .map(Caller::Installation)
            .ok_or("Bad credentials")
    }

    pub(super) fn add_token(&mut self, token: Token) -> String {
        let now = self.now;
        self.auth.tokens.retain(|_, token| now < token.expires_at);
        let text = format!("ghs_{}", self.random.text("installation token", 36));
        self.auth.tokens.insert(super::rest::digest(text.as_bytes()), token);
        text
    }

    fn check_jwt(&self, jwt: &str) -> Result<(), Refusal> {
        const UNREADABLE: Refusal = "A JSON web token could not be decoded";
        // Times are judged below by GitHub's rules, so the library is asked about the signature only.
        let options = VerificationOptions {
            accept_future: true,
            time_tolerance: Some(Duration::from_secs(0)),
            artificial_time: Some(Duration::from_secs(0)),
            ..VerificationOptions::default()
        };
        self.auth.key.verify_token::<NoCustomClaims>(jwt, Some(options)).map_err(|_| UNREADABLE)?;
        let claims = jwt.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims: Value = serde_json::from_slice(&claims.unwrap_or_default()).map_err(|_| UNREADABLE)?;
        let moment = |name: &str| {
            claims.get(name).and_then(Value::as_i64).and_then(|s| Timestamp::from_second(s).ok())
        };
        let issued = moment("iat")
            .ok_or("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")?;
        let expires = moment("exp").ok_or(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )?;
        if claims.get("iss").and_then(Value::as_str) != Some(self.settings.app_id.to_string().as_str()) {
            return Err("'Issuer' claim ('iss') must be an Integer");
        }
        if issued > self.now {
            return Err(
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
            );
        }
        if expires <= self.now {
            return Err(
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
            );
        }
        if expires > after(self.now, SignedDuration::from_mins(10)) {
            return Err("'Expiration time' claim ('exp') is too far in the future");
        }
        Ok(())
    }
}
