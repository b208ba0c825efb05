//! The key that signs now: the static one, or a temporary one that is fetched when it is first needed and kept for the rest of the
//! invocation. Calls that need it at once share one fetch. Nothing is kept between invocations: a role costs one call of
//! STS in each that calls AWS.
//! Not here: which source is configured (`settings/aws.rs`), and signing.

use std::time::Duration;

use jit_aws::container::{self, ContainerError};
use jit_aws::sts::{
    AssumeRole, AssumeRoleWithWebIdentity, RoleArn, SessionDuration, SessionName, StsError,
    TemporaryCredentials,
};
use jit_aws::{Credentials, Endpoint, Region, Service};
use secrecy::{ExposeSecret as _, SecretString};

use super::send_signed;
use super::shared::Shared;
use crate::effects::{Effects, Request, Response, SendError};
use crate::limits;
use crate::settings::{AwsAccess, CredentialSource, WebIdentityToken};
use crate::time::domain_time;

/// Why there is no key to sign with.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CredentialError {
    /// STS did not give the role.
    #[error("the role {role} was not assumed")]
    Role {
        role: String,
        #[source]
        source: StsError,
    },
    /// The token that was to be shown to STS has ended.
    #[error("the role {role} was not assumed, as the token in {place} has expired: renew it")]
    TokenExpired {
        role: String,
        place: String,
        #[source]
        source: StsError,
    },
    /// The container credential endpoint gave nothing.
    #[error("no key came from the container credential endpoint")]
    Container(#[from] ContainerError),
    /// Nobody answered.
    #[error("no key was fetched")]
    NoReply(#[from] SendError),
    /// The request could not be made.
    #[error("no key can be asked for: {0}")]
    NotAsked(String),
    /// Others were fetching, and did not come to an end.
    #[error("no key was fetched in time")]
    Late,
}

/// The temporary key of one invocation.
pub(crate) type Kept = Shared<TemporaryCredentials, CredentialError>;

/// The key to sign with now, in at most `timeout`. STS is asked in `region`, where the call goes that needs the key:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html> wants regional endpoints, whose keys are good in all regions.
///
/// # Errors
/// [`CredentialError`].
pub(super) async fn of<E: Effects>(
    effects: &E,
    access: &AwsAccess,
    region: &Region,
    timeout: Duration,
) -> Result<Credentials, CredentialError> {
    let fetch = async || fetch_now(effects, access, region, timeout.min(limits::CALL_TIMEOUT)).await;
    let waiting = (effects, timeout, CredentialError::Late);
    let kept = access.kept.get(waiting, |kept| is_fresh(kept, effects), fetch).await?;
    Ok(kept.credentials)
}

fn is_fresh(kept: &TemporaryCredentials, effects: &impl Effects) -> bool {
    domain_time(kept.expires_at) > effects.now() + limits::TOKEN_MARGIN
}

async fn fetch_now<E: Effects>(
    effects: &E,
    access: &AwsAccess,
    region: &Region,
    timeout: Duration,
) -> Result<TemporaryCredentials, CredentialError> {
    let session = || {
        access.session_name().ok_or_else(|| CredentialError::NotAsked("the session has no name".to_owned()))
    };
    match &access.source {
        CredentialSource::Key(key) => {
            Ok(TemporaryCredentials { credentials: key.clone(), expires_at: jiff::Timestamp::MAX })
        }
        CredentialSource::Role { role, key } => {
            let endpoint = sts(access, region)?;
            let ask = AssumeRole { role: role.clone(), session: session()?, duration: SessionDuration::MIN };
            let (signer, request) = ((&endpoint, key), ask.request(&endpoint));
            let reply = send_signed(effects, signer, request, timeout, CredentialError::NotAsked).await?;
            AssumeRole::parse(&reply).map_err(|error| refused(access, role, error))
        }
        CredentialSource::WebIdentity { role, token } => {
            let request = web_identity(effects, access, region, role, session()?, token)?;
            let reply = effects.send(request, timeout).await?;
            AssumeRoleWithWebIdentity::parse(&reply).map_err(|error| refused(access, role, error))
        }
        CredentialSource::Container { address, token } => {
            let request = container::request(address, token.as_ref())?;
            let reply: Response = effects.send(request, timeout).await?;
            Ok(container::parse(&reply)?)
        }
    }
}

fn web_identity<E: Effects>(
    effects: &E,
    access: &AwsAccess,
    region: &Region,
    role: &RoleArn,
    session: SessionName,
    token: &WebIdentityToken,
) -> Result<Request, CredentialError> {
    let token = match token {
        WebIdentityToken::Value(value) => value.clone(),
        WebIdentityToken::File(path) => {
            let text = SecretString::from(effects.mounted_file(path).map_err(CredentialError::NotAsked)?);
            let token = text.expose_secret().trim();
            if token.is_empty() {
                return Err(CredentialError::NotAsked(format!("{path}: the file is empty")));
            }
            SecretString::from(token)
        }
    };
    let ask =
        AssumeRoleWithWebIdentity { role: role.clone(), session, duration: SessionDuration::MIN, token };
    Ok(ask.request(&sts(access, region)?))
}

fn sts(access: &AwsAccess, region: &Region) -> Result<Endpoint, CredentialError> {
    let region = jit_domain::ids::Region::new(region.as_str());
    super::endpoint(access.endpoint_url.as_ref(), Service::Sts, &region).map_err(CredentialError::NotAsked)
}

/// What STS said, with the place of the token where that has ended.
fn refused(access: &AwsAccess, role: &RoleArn, source: StsError) -> CredentialError {
    let role = role.to_string();
    let place = match &access.source {
        CredentialSource::WebIdentity { token: WebIdentityToken::File(path), .. } => Some(path.clone()),
        _ => access.expiring_variable(),
    };
    match (source, place) {
        (source @ StsError::Expired(_), Some(place)) => CredentialError::TokenExpired { role, place, source },
        (source, _) => CredentialError::Role { role, source },
    }
}
