//! AssumeRole and AssumeRoleWithWebIdentity: a role's temporary credentials, for a key or for an identity provider's token.
//! Not here: when they are asked for and how long they are kept; session policies, tags, external ids, MFA, SAML.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>,
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use http::{Request, Response};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{RoleArn, SessionDuration, SessionName, StsError, VERSION};
use crate::endpoint::Endpoint;
use crate::form::Form;
use crate::reply;
use crate::sigv4::Credentials;

/// A key that ends by itself; `{:?}` shows the key id and the end only.
#[derive(Debug, Clone)]
pub struct TemporaryCredentials {
    /// The key, with its session token.
    pub credentials: Credentials,
    /// When AWS stops accepting it.
    pub expires_at: Timestamp,
}

/// A role for the holder of a key; the request is signed with that key.
///
/// ```
/// use jit_aws::{Endpoint, Region, Service, sts::{AssumeRole, RoleArn, SessionDuration, SessionName}};
/// let ask = AssumeRole {
///     role: RoleArn::parse("arn:aws:iam::123456789012:role/scaleup").ok_or("no role")?,
///     session: SessionName::parse("scaleup").ok_or("no name")?,
///     duration: SessionDuration::MIN,
/// };
/// let request = ask.request(&Endpoint::regional(Service::Sts, Region::parse("eu-central-1")?));
/// assert_eq!(request.uri(), "https://sts.eu-central-1.amazonaws.com/");
/// let expected = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fscaleup\
///                 &RoleSessionName=scaleup&DurationSeconds=900";
/// assert_eq!(request.body(), expected.as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumeRole {
    /// The role.
    pub role: RoleArn,
    /// What the session is called.
    pub session: SessionName,
    /// How long it lasts.
    pub duration: SessionDuration,
}

/// A role for the holder of an identity provider's token; the request is sent without a signature. `{:?}` hides the token.
///
/// ```
/// use jit_aws::{Endpoint, Region, Service, sts::{AssumeRoleWithWebIdentity, RoleArn, SessionDuration, SessionName}};
/// let ask = AssumeRoleWithWebIdentity {
///     role: RoleArn::parse("arn:aws:iam::123456789012:role/scaleup").ok_or("no role")?,
///     session: SessionName::parse("scaleup").ok_or("no name")?,
///     duration: SessionDuration::MIN,
///     token: "eyJhbGciOiJSUzI1NiJ9.e30.c2ln".into(),
/// };
/// let request = ask.request(&Endpoint::regional(Service::Sts, Region::parse("us-east-1")?));
/// assert!(request.body().ends_with(b"&WebIdentityToken=eyJhbGciOiJSUzI1NiJ9.e30.c2ln"));
/// assert!(!format!("{ask:?}").contains("eyJhbGciOiJSUzI1NiJ9"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct AssumeRoleWithWebIdentity {
    /// The role.
    pub role: RoleArn,
    /// What the session is called.
    pub session: SessionName,
    /// How long it lasts.
    pub duration: SessionDuration,
    /// The token, a JWT that the role trusts.
    pub token: SecretString,
}

impl AssumeRole {
    /// Serialises the request, unsigned.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        form("AssumeRole", &self.role, &self.session, self.duration).into_request(endpoint)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// [`StsError`].
    pub fn parse(response: &Response<Vec<u8>>) -> Result<TemporaryCredentials, StsError> {
        let reply: RoleReply = check(response, "AssumeRoleResponse")?;
        reply.result.credentials.read()
    }
}

impl AssumeRoleWithWebIdentity {
    /// Serialises the request, which is sent as it is.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        let mut form = form("AssumeRoleWithWebIdentity", &self.role, &self.session, self.duration);
        form.push("WebIdentityToken", self.token.expose_secret());
        form.into_request(endpoint)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// [`StsError`].
    pub fn parse(response: &Response<Vec<u8>>) -> Result<TemporaryCredentials, StsError> {
        let reply: WebIdentityReply = check(response, "AssumeRoleWithWebIdentityResponse")?;
        reply.result.credentials.read()
    }
}

fn form(action: &str, role: &RoleArn, session: &SessionName, duration: SessionDuration) -> Form {
    let mut form = Form::new(action, VERSION);
    form.push("RoleArn", role.as_str());
    form.push("RoleSessionName", session.as_str());
    form.push("DurationSeconds", &duration.as_secs().to_string());
    form
}

fn check<T: serde::de::DeserializeOwned>(response: &Response<Vec<u8>>, root: &str) -> Result<T, StsError> {
    if !response.status().is_success() {
        return Err(StsError::of(reply::read_fault(response)));
    }
    reply::read_success(response, root).map_err(StsError::Malformed)
}

#[derive(Deserialize)]
struct RoleReply {
    #[serde(rename = "AssumeRoleResult")]
    result: ReplyResult,
}

#[derive(Deserialize)]
struct WebIdentityReply {
    #[serde(rename = "AssumeRoleWithWebIdentityResult")]
    result: ReplyResult,
}

#[derive(Deserialize)]
struct ReplyResult {
    #[serde(rename = "Credentials")]
    credentials: ReplyCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReplyCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

impl ReplyCredentials {
    fn read(self) -> Result<TemporaryCredentials, StsError> {
        let expires_at: Timestamp = self
            .expiration
            .parse()
            .map_err(|_| StsError::Malformed("the end of the credentials is no date"))?;
        if [&self.access_key_id, &self.secret_access_key, &self.session_token]
            .iter()
            .any(|part| part.is_empty())
        {
            return Err(StsError::Malformed("a part of the credentials is empty"));
        }
        let credentials = Credentials::new(self.access_key_id, self.secret_access_key)
            .with_session_token(self.session_token);
        Ok(TemporaryCredentials { credentials, expires_at })
    }
}

#[cfg(test)]
mod tests;
