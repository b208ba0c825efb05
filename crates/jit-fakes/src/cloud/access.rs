//! Who may call: principals with their keys, roles and the temporary credentials of their sessions, and the verdict on each request.
//! Not in it: how a signature is computed; see `signature`.

use std::collections::{BTreeMap, BTreeSet};

use http::Request;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::error::ApiError;
use super::service::Service;
use super::signature::{Claim, Unsigned};

/// An IAM user with one access key and the actions that its policy allows.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The user's name, as in its ARN.
    pub name: String,
    /// The access key's id, as in `AKIA...`.
    pub access_key_id: String,
    /// The access key's secret.
    pub secret_access_key: SecretString,
    /// Allowed actions, as in `ec2:RunInstances`; a trailing `*` stands for any rest. Everything else is denied.
    pub actions: BTreeSet<String>,
}

impl Principal {
    /// A principal that may do what `actions` names.
    pub fn new(name: &str, access_key_id: &str, secret: SecretString, actions: &[&str]) -> Self {
        Self {
            name: name.into(),
            access_key_id: access_key_id.into(),
            secret_access_key: secret,
            actions: actions.iter().map(|&action| action.into()).collect(),
        }
    }
}

/// Whether a policy allows an action.
fn allows(actions: &BTreeSet<String>, action: &str) -> bool {
    let allows = |allowed: &String| match allowed.strip_suffix('*') {
        Some(start) => action.starts_with(start),
        None => allowed == action,
    };
    actions.iter().any(allows)
}

/// A role that callers may assume, other than the instance roles of the catalogue.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name, as in its ARN.
    pub name: String,
    /// What its sessions may do, as a principal's actions.
    pub actions: BTreeSet<String>,
    /// The users whom its trust policy names; they need no right of their own then.
    pub trusted_users: BTreeSet<String>,
    /// The identity provider that its trust policy names, if any.
    pub trusted_provider: Option<Provider>,
}

impl Role {
    /// A role that trusts nobody yet.
    pub fn new(name: &str, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|&action| action.into()).collect();
        Self { name: name.into(), actions, trusted_users: BTreeSet::new(), trusted_provider: None }
    }

    /// Trusts a user.
    #[must_use]
    pub fn trusting(mut self, user: &str) -> Self {
        self.trusted_users.insert(user.into());
        self
    }

    /// Trusts an identity provider.
    #[must_use]
    pub fn trusting_provider(mut self, provider: Provider) -> Self {
        self.trusted_provider = Some(provider);
        self
    }
}

/// An identity provider as a trust policy knows it, and what its tokens must say.
#[derive(Clone, Debug)]
pub struct Provider {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// `sub`.
    pub subject: String,
    /// The RSA key, in PEM, that its tokens are signed with.
    pub public_key_pem: String,
}

/// Temporary credentials: of an instance, from its metadata service, or of whoever assumed a role.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>
#[derive(Clone, Debug)]
pub struct RoleCredentials {
    /// The id, as in `ASIA...`.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: SecretString,
    /// Goes with every request, in `x-amz-security-token`.
    pub session_token: SecretString,
    /// Refused from then on.
    pub expires_at: Timestamp,
}

/// A session of a role; an instance's has the instance's id for its name.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) role: String,
    pub(crate) role_id: String,
    pub(crate) name: String,
    /// What its role may do; nothing for an instance, as the runner role needs no permission.
    pub(crate) actions: BTreeSet<String>,
}

/// A session and its credentials.
#[derive(Clone, Debug)]
struct Issued {
    session: Session,
    credentials: RoleCredentials,
}

/// Who sent a request that is believed.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// An IAM user.
    User(Principal),
    /// An instance by its role, or whoever assumed a role.
    Session(Session),
    /// Nobody yet: a token for a role comes without a signature.
    Anonymous,
}

/// What AWS calls whoever sent no signature.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
const ANONYMOUS: &str = "anonymous";

impl Caller {
    /// The name under which requests are counted.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::User(principal) => &principal.name,
            Self::Session(session) => &session.name,
            Self::Anonymous => "-",
        }
    }

    /// The caller's ARN. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>
    pub(crate) fn arn(&self, account: &str) -> String {
        match self {
            Self::User(principal) => format!("arn:aws:iam::{account}:user/{}", principal.name),
            Self::Session(Session { role, name, .. }) => {
                format!("arn:aws:sts::{account}:assumed-role/{role}/{name}")
            }
            Self::Anonymous => ANONYMOUS.into(),
        }
    }

    /// The unique id that `GetCallerIdentity` calls `UserId`.
    pub(crate) fn user_id(&self) -> String {
        match self {
            Self::User(principal) => principal.access_key_id.replacen("AKIA", "AIDA", 1),
            Self::Session(session) => format!("{}:{}", session.role_id, session.name),
            Self::Anonymous => ANONYMOUS.into(),
        }
    }

    /// Whether the caller's policy allows an action.
    pub(crate) fn may(&self, action: &str) -> bool {
        match self {
            Self::User(principal) => allows(&principal.actions, action),
            Self::Session(session) => allows(&session.actions, action),
            Self::Anonymous => false,
        }
    }
}

/// How far a request's date may be from the service's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkewLimits {
    /// How old a request may be.
    pub past: SignedDuration,
    /// How far in the future it may be dated.
    pub future: SignedDuration,
}

/// What EC2 calls a request whose date is too far off. Its documents say `RequestExpired`; the other answer is the one to a wrong
/// key, from which only the Date header tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SkewCode {
    /// As documented.
    #[default]
    RequestExpired,
    /// Like a wrong key.
    AuthFailure,
}

/// Why a request is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    Unsigned(Unsigned),
    UnknownKey,
    WrongToken,
    ExpiredToken,
    /// Dated too early (`true`: in the past) or too late, by more than the limit.
    Expired {
        dated: Timestamp,
        now: Timestamp,
        limit: SignedDuration,
    },
    NotYetCurrent {
        dated: Timestamp,
        now: Timestamp,
        limit: SignedDuration,
    },
    WrongScope(String),
    WrongSignature,
}

impl Denial {
    /// The words of a service.
    pub(crate) fn words(&self, service: Service, skew_code: SkewCode) -> ApiError {
        let status = service.denied_status();
        let (query_code, json_code, message) = self.common();
        match (service, self) {
            (Service::Ec2, _) => self.as_ec2(skew_code),
            (Service::Sts, Self::Unsigned(Unsigned::Malformed(_))) => ApiError::bad(query_code, message),
            (Service::Sts, _) => ApiError::new(status, query_code, message),
            (Service::Sqs | Service::DynamoDb | Service::SecretsManager | Service::Ssm, _) => {
                ApiError::new(status, json_code, message)
            }
        }
    }

    /// EC2's words. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
    fn as_ec2(&self, skew_code: SkewCode) -> ApiError {
        let failure = || {
            let message = "AWS was not able to validate the provided access credentials";
            ApiError::new(401, "AuthFailure", message)
        };
        match self {
            Self::Unsigned(Unsigned::Missing) => ApiError::missing("AWSAccessKeyId"),
            Self::Unsigned(Unsigned::Malformed(reason)) => ApiError::bad("IncompleteSignature", *reason),
            Self::Expired { .. } | Self::NotYetCurrent { .. } if skew_code == SkewCode::AuthFailure => {
                failure()
            }
            Self::ExpiredToken | Self::Expired { .. } | Self::NotYetCurrent { .. } => {
                ApiError::bad("RequestExpired", "Request has expired.")
            }
            Self::UnknownKey | Self::WrongToken | Self::WrongScope(_) | Self::WrongSignature => failure(),
        }
    }

    /// What all others say: the code in the Query protocol, the code in JSON, and the sentence.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>,
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html>
    fn common(&self) -> (&'static str, &'static str, String) {
        let wrong = |message| ("SignatureDoesNotMatch", "InvalidSignatureException", message);
        let stamp = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
        match self {
            Self::Unsigned(Unsigned::Missing) => {
                let message = "Request is missing Authentication Token".into();
                ("MissingAuthenticationToken", "MissingAuthenticationTokenException", message)
            }
            Self::Unsigned(Unsigned::Malformed(reason)) => {
                ("IncompleteSignature", "IncompleteSignatureException", (*reason).into())
            }
            Self::UnknownKey | Self::WrongToken => {
                let message = "The security token included in the request is invalid.".into();
                ("InvalidClientTokenId", "UnrecognizedClientException", message)
            }
            Self::ExpiredToken => {
                let message = "The security token included in the request is expired".into();
                ("ExpiredToken", "ExpiredTokenException", message)
            }
            Self::Expired { dated, now, limit } => {
                let (dated, earliest) = (stamp(*dated), stamp(now.saturating_sub(*limit).unwrap_or(*now)));
                let (now, minutes) = (stamp(*now), limit.as_mins());
                wrong(format!("Signature expired: {dated} is now earlier than {earliest} ({now} - {minutes} min.)"))
            }
            Self::NotYetCurrent { dated, now, limit } => {
                let (dated, latest) = (stamp(*dated), stamp(now.saturating_add(*limit).unwrap_or(*now)));
                let (now, minutes) = (stamp(*now), limit.as_mins());
                wrong(format!("Signature not yet current: {dated} is still later than {latest} ({now} + {minutes} min.)"))
            }
            Self::WrongScope(reason) => wrong(reason.clone()),
            Self::WrongSignature => wrong(
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method. Consult the service documentation for details."
                    .into(),
            ),
        }
    }
}

/// All keys that the account knows.
#[derive(Debug, Default)]
pub(crate) struct Access {
    principals: BTreeMap<String, Principal>,
    roles: BTreeMap<String, Role>,
    sessions: BTreeMap<String, Issued>,
}

impl Access {
    pub(crate) fn add(&mut self, principal: Principal) {
        self.principals.insert(principal.access_key_id.clone(), principal);
    }

    pub(crate) fn remove(&mut self, access_key_id: &str) {
        self.principals.remove(access_key_id);
    }

    pub(crate) fn add_role(&mut self, role: Role) {
        self.roles.insert(role.name.clone(), role);
    }

    pub(crate) fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// Remembers credentials that were handed out. They stay good until they expire, even beyond an instance's end.
    pub(crate) fn issue(&mut self, session: Session, credentials: RoleCredentials) {
        self.sessions.insert(credentials.access_key_id.clone(), Issued { session, credentials });
    }

    /// Forgets credentials that have expired.
    pub(crate) fn expire(&mut self, now: Timestamp, kept: SignedDuration) {
        let cutoff = now.saturating_sub(kept).unwrap_or(now);
        self.sessions.retain(|_, issued| issued.credentials.expires_at > cutoff);
    }

    /// Says who sent the request, or why that is not believed.
    pub(crate) fn caller(
        &self,
        request: &Request<Vec<u8>>,
        claim: &Claim,
        skew: SkewLimits,
        now: Timestamp,
    ) -> Result<Caller, Denial> {
        let (caller, secret) = self.find(claim, now)?;
        if claim.time < now.saturating_sub(skew.past).unwrap_or(now) {
            return Err(Denial::Expired { dated: claim.time, now, limit: skew.past });
        }
        if claim.time > now.saturating_add(skew.future).unwrap_or(now) {
            return Err(Denial::NotYetCurrent { dated: claim.time, now, limit: skew.future });
        }
        if !claim.scope_date_agrees() {
            let reason =
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP";
            return Err(Denial::WrongScope(reason.into()));
        }
        if !claim.is_made_with(secret, request) {
            return Err(Denial::WrongSignature);
        }
        Ok(caller)
    }

    /// Finds the key. A long-lived key must come without a token, a session's with exactly its own.
    fn find(&self, claim: &Claim, now: Timestamp) -> Result<(Caller, &SecretString), Denial> {
        if let Some(principal) = self.principals.get(&claim.access_key) {
            let caller = Caller::User(principal.clone());
            return match claim.token {
                None => Ok((caller, &principal.secret_access_key)),
                Some(_) => Err(Denial::WrongToken),
            };
        }
        let issued = self.sessions.get(&claim.access_key).ok_or(Denial::UnknownKey)?;
        let own = issued.credentials.session_token.expose_secret();
        if claim.token.as_ref().map(|token| token.expose_secret()) != Some(own) {
            return Err(Denial::WrongToken);
        }
        if issued.credentials.expires_at <= now {
            return Err(Denial::ExpiredToken);
        }
        Ok((Caller::Session(issued.session.clone()), &issued.credentials.secret_access_key))
    }
}
