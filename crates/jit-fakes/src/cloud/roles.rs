//! Roles: AssumeRole for users whom a role trusts, AssumeRoleWithWebIdentity for tokens of a provider that it trusts.
//! Not in it: session policies and tags, external ids, MFA, SAML, chained roles.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>,
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use std::collections::{BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};
use jwt_simple::JWTError;
use jwt_simple::prelude::{
    Duration, NoCustomClaims, RS256PublicKey, RSAPublicKeyLike as _, UnixTimeStamp, VerificationOptions,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::access::{Caller, Provider, Role, RoleCredentials, Session};
use super::error::ApiError;
use super::pipeline::Call;
use super::query::Query;
use super::xml::Xml;
use super::{Aws, sts};

/// The action that needs no signature.
pub(super) const WEB_IDENTITY: &str = "AssumeRoleWithWebIdentity";
/// Seconds that a session may last by the API, and the hour that is a role's own limit unless it was raised.
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=43_200;
const ROLE_DURATION_MAX: u32 = 3_600;
/// How long expired credentials are remembered, so that they are told from unknown ones.
const EXPIRED_KEPT: SignedDuration = SignedDuration::from_hours(24);

impl Aws {
    /// Makes a role, or replaces it.
    pub fn add_role(&mut self, role: Role) {
        self.access.add_role(role);
    }

    /// Hands out credentials of a role's session.
    pub(super) fn issue(
        &mut self,
        role: &str,
        session_name: &str,
        actions: BTreeSet<String>,
        lasts: SignedDuration,
    ) -> RoleCredentials {
        self.credentials_count += 1;
        let count = self.credentials_count;
        let drawn = |purpose| self.ec2.random.of(purpose, count);
        let credentials = RoleCredentials {
            access_key_id: format!("ASIA{:016X}", drawn("access key")),
            secret_access_key: SecretString::from(format!(
                "{:016x}{:016x}{:08x}",
                drawn("secret 1"),
                drawn("secret 2"),
                count
            )),
            session_token: SecretString::from(format!(
                "IQoJ{:016x}{:016x}",
                drawn("token 1"),
                drawn("token 2")
            )),
            expires_at: self.now.saturating_add(lasts).unwrap_or(Timestamp::MAX),
        };
        self.access.expire(self.now, EXPIRED_KEPT);
        let session =
            Session { role: role.into(), role_id: role_id(role), name: session_name.into(), actions };
        self.access.issue(session, credentials.clone());
        credentials
    }

    /// Answers AssumeRole. A role that is not there and one that does not trust the caller are told alike.
    pub(super) fn assume_role(&mut self, call: &Call<'_>) -> Result<Xml, ApiError> {
        call.query.only(&["Action", "Version", "RoleArn", "RoleSessionName", "DurationSeconds"])?;
        let wanted = Wanted::read(call.query)?;
        let trusts = |role: &&Role| match &call.caller {
            Caller::User(user) => role.trusted_users.contains(&user.name),
            Caller::Session(_) | Caller::Anonymous => false,
        };
        let role = self.access.role(wanted.role_name(&call.account)).filter(trusts).cloned();
        let denied = || call.unauthorized("sts:AssumeRole", &format!("on resource: {}", wanted.arn));
        self.begin_session(call, role.ok_or_else(denied)?, &wanted)
    }

    /// Answers a request without signature for a role with an identity provider's token.
    pub(super) fn assume_role_with_web_identity(&mut self, call: &Call<'_>) -> Result<Xml, ApiError> {
        call.query.only(&[
            "Action",
            "Version",
            "RoleArn",
            "RoleSessionName",
            "DurationSeconds",
            "WebIdentityToken",
        ])?;
        let wanted = Wanted::read(call.query)?;
        let token = call.query.require("WebIdentityToken")?;
        let denied =
            || ApiError::new(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
        let role = self.access.role(wanted.role_name(&call.account)).cloned().ok_or_else(denied)?;
        let provider = role.trusted_provider.as_ref().ok_or_else(denied)?;
        if !is_trusted(provider, token, call.now)? {
            return Err(denied());
        }
        self.begin_session(call, role, &wanted)
    }

    /// Hands a role's credentials to whom it trusts, and tells of them.
    fn begin_session(&mut self, call: &Call<'_>, role: Role, wanted: &Wanted) -> Result<Xml, ApiError> {
        wanted.check_duration()?;
        let lasts = SignedDuration::from_secs(wanted.seconds.into());
        let credentials = self.issue(&role.name, &wanted.session, role.actions, lasts);
        let session = &wanted.session;
        let arn = format!("arn:aws:sts::{}:assumed-role/{}/{session}", call.account, role.name);
        let expiration = credentials.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Ok(sts::document(call, |xml| {
            xml.node("AssumedRoleUser", |xml| {
                xml.text("AssumedRoleId", format!("{}:{session}", role_id(&role.name))).text("Arn", &arn);
            });
            xml.node("Credentials", |xml| {
                xml.text("AccessKeyId", &credentials.access_key_id);
                xml.text("SecretAccessKey", credentials.secret_access_key.expose_secret());
                xml.text("SessionToken", credentials.session_token.expose_secret());
                xml.text("Expiration", &expiration);
            });
        }))
    }
}

/// What both actions take.
struct Wanted {
    arn: String,
    session: String,
    seconds: u32,
}

impl Wanted {
    fn read(query: &Query) -> Result<Self, ApiError> {
        let arn = query.require("RoleArn")?.to_owned();
        let session = query.require("RoleSessionName")?.to_owned();
        let seconds = query.number("DurationSeconds")?.unwrap_or(ROLE_DURATION_MAX);
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        if !(2..=64).contains(&session.len()) || !session.bytes().all(is_letter) {
            return Err(invalid(&format!(
                "Value '{session}' at 'roleSessionName' failed to satisfy constraint"
            )));
        }
        if arn.len() < 20 || !arn.starts_with("arn:") {
            return Err(invalid(&format!("{arn} is invalid")));
        }
        if !DURATIONS.contains(&seconds) {
            return Err(invalid(&format!(
                "Value '{seconds}' at 'durationSeconds' failed to satisfy constraint"
            )));
        }
        Ok(Self { arn, session, seconds })
    }

    /// The name behind the last slash of a role's ARN in this account; empty for any other ARN.
    fn role_name(&self, account: &str) -> &str {
        let path = self.arn.strip_prefix(&format!("arn:aws:iam::{account}:role/"));
        path.and_then(|path| path.rsplit('/').next()).unwrap_or_default()
    }

    fn check_duration(&self) -> Result<(), ApiError> {
        if self.seconds <= ROLE_DURATION_MAX {
            return Ok(());
        }
        let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        Err(invalid(message))
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::bad("ValidationError", message)
}

/// Whether the token is the provider's for this subject and audience.
///
/// # Errors
/// When it has expired, or is no token of this provider at all.
fn is_trusted(provider: &Provider, token: &str, now: Timestamp) -> Result<bool, ApiError> {
    let malformed = |message: &str| ApiError::bad("InvalidIdentityToken", message);
    let key = RS256PublicKey::from_pem(&provider.public_key_pem)
        .map_err(|_| malformed("Couldn't retrieve verification key from your identity provider"))?;
    let now = UnixTimeStamp::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
    let options = VerificationOptions {
        artificial_time: Some(now),
        time_tolerance: Some(Duration::from_secs(0)),
        allowed_issuers: Some(HashSet::from([provider.issuer.clone()])),
        ..VerificationOptions::default()
    };
    match key.verify_token::<NoCustomClaims>(token, Some(options)) {
        Ok(claims) => {
            let audience = HashSet::from([provider.audience.clone()]);
            let is_for_us = claims.audiences.is_some_and(|given| given.contains(&audience));
            Ok(is_for_us && claims.subject.as_deref() == Some(provider.subject.as_str()))
        }
        Err(error) if matches!(error.downcast_ref(), Some(JWTError::TokenHasExpired)) => Err(ApiError::bad(
            "ExpiredTokenException",
            "Token expired: current date/time must be before the expiration date/time",
        )),
        Err(_) => Err(malformed("The ID Token provided is not a valid JWT.")),
    }
}

/// Distinguishes the roles of an account by their names.
fn role_id(role: &str) -> String {
    let number =
        role.bytes().fold(7_u64, |number, byte| number.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("AROA{:016X}", crate::model::Random::new(0).of("role", number))
}
