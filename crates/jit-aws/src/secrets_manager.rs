//! Secrets Manager's GetSecretValue: one version of one secret, as text.
//! Not here: rotation, binary secrets, and what a secret is for.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use std::fmt;

use http::{Request, Response};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::endpoint::{Endpoint, Region};
use crate::is_account_id;
use crate::json::{self, Version};
use crate::lookup::LookupError;

/// The longest ARN of a secret, in characters.
const ARN_CHARS_MAX: usize = 2_048;

/// The ARN of a secret, which also says its region.
///
/// ```
/// use jit_aws::secrets_manager::SecretArn;
/// let arn = SecretArn::parse("arn:aws:secretsmanager:eu-central-1:123456789012:secret:github-app-AbCdEf").ok_or("no arn")?;
/// assert_eq!(arn.region().as_str(), "eu-central-1");
/// assert!(SecretArn::parse("github-app").is_none());
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretArn {
    text: String,
    region: Region,
}

impl SecretArn {
    /// Reads an ARN; none when it is not a secret's.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(7, ':').collect();
        let ["arn", partition, "secretsmanager", region, account, "secret", name] = parts[..] else {
            return None;
        };
        // <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>, `Name`.
        let is_name =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b));
        let region = Region::parse(region).ok()?;
        (partition.starts_with("aws") && is_account_id(account) && is_name && text.len() <= ARN_CHARS_MAX)
            .then(|| Self { text: text.to_owned(), region })
    }

    /// Returns the ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the region where the secret is.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Which version of a secret.
///
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The one in force.
    Current,
    /// The one before, until the next rotation.
    Previous,
}

impl Stage {
    /// Returns the staging label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Previous => "AWSPREVIOUS",
        }
    }
}

/// One lookup.
///
/// ```
/// use jit_aws::{Endpoint, Service, secrets_manager::{GetSecretValue, SecretArn, Stage}};
/// let secret = SecretArn::parse("arn:aws:secretsmanager:eu-central-1:123456789012:secret:s-AbCdEf").ok_or("no arn")?;
/// let endpoint = Endpoint::regional(Service::SecretsManager, secret.region().clone());
/// let request = GetSecretValue { secret, stage: Stage::Current }.request(&endpoint);
/// assert_eq!(request.headers()["x-amz-target"], "secretsmanager.GetSecretValue");
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetSecretValue {
    /// The secret.
    pub secret: SecretArn,
    /// Which version of it.
    pub stage: Stage,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    secret_id: &'a str,
    version_stage: &'a str,
}

#[derive(Deserialize)]
struct Output {
    #[serde(rename = "ARN")]
    arn: String,
    #[serde(rename = "SecretString")]
    text: Option<String>,
}

impl GetSecretValue {
    /// Serialises the request, unsigned.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        let input = Input { secret_id: self.secret.as_str(), version_stage: self.stage.as_str() };
        json::request(endpoint, Version::V1_1, "secretsmanager.GetSecretValue", &input)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// [`LookupError`]; a binary secret is [`LookupError::Malformed`].
    ///
    /// ```
    /// # use jit_aws::secrets_manager::{GetSecretValue, SecretArn, Stage};
    /// let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:s-AbCdEf";
    /// let ask = GetSecretValue { secret: SecretArn::parse(arn).ok_or("no arn")?, stage: Stage::Current };
    /// let body = format!("{{\"ARN\":\"{arn}\",\"SecretString\":\"TELLTALE\"}}");
    /// let secret = ask.parse(&http::Response::new(body.into()))?;
    /// assert!(!format!("{secret:?}").contains("TELLTALE"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(&self, response: &Response<Vec<u8>>) -> Result<SecretString, LookupError> {
        if !response.status().is_success() {
            return Err(LookupError::of(response));
        }
        let output: Output = json::read_success(response).map_err(LookupError::Malformed)?;
        if output.arn != self.secret.as_str() {
            return Err(LookupError::Malformed("it is about another secret"));
        }
        output.text.map(SecretString::from).ok_or(LookupError::Malformed("the secret is not text"))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::Service;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:jit/github-app-AbCdEf";

    fn ask() -> GetSecretValue {
        GetSecretValue { secret: SecretArn::parse(ARN).unwrap(), stage: Stage::Previous }
    }

    fn answer(body: &str) -> Result<SecretString, LookupError> {
        ask().parse(&Response::new(body.as_bytes().to_vec()))
    }

    #[test]
    fn the_request_names_secret_and_version() {
        let endpoint = Endpoint::regional(Service::SecretsManager, ask().secret.region().clone());
        let request = ask().request(&endpoint);
        assert_eq!(request.uri(), "https://secretsmanager.eu-central-1.amazonaws.com/");
        assert_eq!(request.headers()["content-type"], "application/x-amz-json-1.1");
        let expected = format!(r#"{{"SecretId":"{ARN}","VersionStage":"AWSPREVIOUS"}}"#);
        assert_eq!(request.body(), expected.as_bytes());
    }

    #[test]
    fn only_text_of_the_secret_that_was_asked_for_is_taken() {
        let right = format!(
            r#"{{"ARN":"{ARN}","Name":"jit/github-app","VersionId":"v","SecretString":"a\nb","VersionStages":["AWSPREVIOUS"],"CreatedDate":1.7e9}}"#
        );
        assert_eq!(answer(&right).unwrap().expose_secret(), "a\nb");
        for wrong in [
            right.replace("SecretString", "SecretBinary"),
            right.replace("github-app-AbCdEf", "other-AbCdEf"),
            "{}".to_owned(),
            String::new(),
        ] {
            let error = answer(&wrong).unwrap_err();
            assert!(matches!(error, LookupError::Malformed(_)), "{error}");
        }
    }

    #[test]
    fn only_the_arn_of_a_secret_is_one() {
        for wrong in [
            "",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:",
            "arn:aws:secretsmanager:eu-central-1:12345:secret:x",
            "arn:aws:secretsmanager:evil.example/:123456789012:secret:x",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/x",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x y",
        ] {
            assert_eq!(SecretArn::parse(wrong), None, "{wrong}");
        }
    }
}
