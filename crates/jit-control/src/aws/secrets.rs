//! A secret that stands in a variable or in Secrets Manager. One in Secrets Manager is fetched when an invocation first needs it, with
//! the component's own rights, and kept for no other: it costs one call in each invocation that needs it.
//! Not here: what the secret is for.

use jit_aws::Service;
use jit_aws::lookup::LookupError;
use jit_aws::secrets_manager::{GetSecretValue, SecretArn, Stage};
use jit_domain::ids::Region;
use secrecy::{ExposeSecret as _, SecretString};

use super::Aws;
use super::shared::Shared;
use crate::effects::{Effects, SendError};
use crate::limits;
use crate::settings::AwsAccess;

/// Where a secret is.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// This is it.
    Value(SecretString),
    /// In Secrets Manager.
    Stored(Box<StoredSecret>),
}

/// A secret in Secrets Manager. Clones share what was fetched.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    arn: SecretArn,
    aws: AwsAccess,
    current: Shared<SecretString, SecretError>,
}

/// Why a secret could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager said so.
    #[error("the secret {arn} could not be read")]
    Lookup {
        /// Which one.
        arn: String,
        /// Why.
        #[source]
        source: LookupError,
    },
    /// No reply came.
    #[error("the secret {arn} could not be asked for")]
    Send {
        /// Which one.
        arn: String,
        /// Why.
        #[source]
        source: SendError,
    },
    /// The address cannot be used, or the value is empty, or another fetch of the same did not end.
    #[error("the secret {arn} cannot be used: {why}")]
    Unusable {
        /// Which one.
        arn: String,
        /// Why.
        why: String,
    },
}

impl SecretSource {
    /// The secret in force.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn get<E: Effects>(&self, effects: &E) -> Result<SecretString, SecretError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Stored(stored) => stored.current(effects).await,
        }
    }
}

impl StoredSecret {
    /// A secret, read with these rights.
    pub(crate) fn new(arn: SecretArn, aws: AwsAccess) -> Self {
        Self { arn, aws, current: Shared::default() }
    }

    /// The version in force, fetched once.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn current<E: Effects>(&self, effects: &E) -> Result<SecretString, SecretError> {
        let late = self.unusable("another fetch of it did not end");
        let fetch = async || self.fetch(effects, Stage::Current).await;
        self.current.get((effects, limits::CALL_TIMEOUT, late), |_| true, fetch).await
    }

    /// The version before, none when there is no such: what was signed with it is accepted until the next rotation.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn previous<E: Effects>(&self, effects: &E) -> Result<Option<SecretString>, SecretError> {
        match self.fetch(effects, Stage::Previous).await {
            Ok(secret) => Ok(Some(secret)),
            Err(SecretError::Lookup { source: LookupError::NotFound(_), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn fetch<E: Effects>(&self, effects: &E, stage: Stage) -> Result<SecretString, SecretError> {
        let aws = Aws::new(effects, self.aws.clone());
        let region = Region::new(self.arn.region().as_str());
        let endpoint = aws.endpoint(Service::SecretsManager, &region).map_err(|why| self.unusable(&why))?;
        let ask = GetSecretValue { secret: self.arn.clone(), stage };
        let arn = || self.arn.to_string();
        let reply = aws
            .send(&endpoint, ask.request(&endpoint), limits::CALL_TIMEOUT)
            .await
            .map_err(|source| SecretError::Send { arn: arn(), source })?;
        let secret = ask.parse(&reply).map_err(|source| SecretError::Lookup { arn: arn(), source })?;
        // A line break at the end is what an editor adds; no secret of GitHub's has one.
        let trimmed = secret.expose_secret().trim();
        if trimmed.is_empty() {
            return Err(self.unusable("it is empty"));
        }
        Ok(SecretString::from(trimmed))
    }

    fn unusable(&self, why: &str) -> SecretError {
        SecretError::Unusable { arn: self.arn.to_string(), why: why.to_owned() }
    }
}

#[cfg(test)]
mod tests;
