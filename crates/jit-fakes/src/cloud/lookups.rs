//! Secrets Manager's GetSecretValue and Systems Manager's GetParameter, both in JSON.
//! Not in it: rotation by itself, binary secrets, parameters that hold secrets, and every other action of the two.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::Aws;
use super::error::ApiError;
use super::pipeline::Call;

/// What can be looked up.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    secrets: BTreeMap<String, Secret>,
    /// By region and name.
    parameters: BTreeMap<(String, String), Vec<String>>,
}

/// A secret's versions.
#[derive(Debug)]
struct Secret {
    current: SecretString,
    current_version: u64,
    previous: Option<SecretString>,
}

impl Aws {
    /// Stores a secret's new value. What was current becomes the previous version, and what was previous is lost.
    pub fn put_secret(&mut self, arn: &str, value: SecretString) {
        match self.lookups.secrets.get_mut(arn) {
            Some(secret) => {
                secret.previous = Some(std::mem::replace(&mut secret.current, value));
                secret.current_version += 1;
            }
            None => {
                let secret = Secret { current: value, current_version: 1, previous: None };
                self.lookups.secrets.insert(arn.into(), secret);
            }
        }
    }

    /// Stores a parameter's new value, as its next version.
    pub fn put_parameter(&mut self, region: &str, name: &str, value: &str) {
        self.lookups.parameters.entry((region.into(), name.into())).or_default().push(value.into());
    }
}

impl Lookups {
    /// Carries out an action of either service, if the caller may.
    pub(super) fn perform(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        call.check_may(&format!("{}:{}", call.service.scope(), call.action))?;
        let input: Map<String, Value> = serde_json::from_slice(call.request.body())
            .map_err(|_| ApiError::bad("SerializationException", "the body is no JSON object"))?;
        match call.action {
            "GetSecretValue" => self.secret(&call.region, &input),
            "GetParameter" => self.parameter(&call.account, &call.region, &input),
            _ => Err(ApiError::bad("UnknownOperationException", "")),
        }
    }

    fn secret(&self, region: &str, input: &Map<String, Value>) -> Result<Value, ApiError> {
        let wanted = text(input, "SecretId")?.unwrap_or_default();
        let stage = text(input, "VersionStage")?.unwrap_or("AWSCURRENT");
        let is_it = |arn: &str| {
            let mut parts = arn.splitn(7, ':');
            let is_here = parts.nth(3) == Some(region);
            // A name stands for the ARN, whose last seven characters are a dash and six random ones.
            let name = parts.nth(2).unwrap_or_default();
            is_here && (arn == wanted || name.len() > 7 && name.get(..name.len() - 7) == Some(wanted))
        };
        let (arn, secret) = self.secrets.iter().find(|(arn, _)| is_it(arn)).ok_or_else(|| {
            ApiError::bad("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        })?;
        let (value, version) = match stage {
            "AWSCURRENT" => (Some(&secret.current), secret.current_version),
            "AWSPREVIOUS" => (secret.previous.as_ref(), secret.current_version.saturating_sub(1)),
            _ => (None, 0),
        };
        let value = value.ok_or_else(|| {
            let message =
                format!("Secrets Manager can't find the specified secret value for staging label: {stage}");
            ApiError::bad("ResourceNotFoundException", message)
        })?;
        let name = arn.rsplit(':').next().unwrap_or_default();
        let name = name.get(..name.len().saturating_sub(7)).unwrap_or_default();
        Ok(json!({
            "ARN": arn,
            "Name": name,
            "VersionId": format!("00000000-0000-4000-8000-{version:012}"),
            "SecretString": value.expose_secret(),
            "VersionStages": [stage],
            "CreatedDate": 1_700_000_000.0,
        }))
    }

    fn parameter(&self, account: &str, region: &str, input: &Map<String, Value>) -> Result<Value, ApiError> {
        let wanted = text(input, "Name")?.ok_or_else(|| {
            ApiError::bad("ValidationException", "1 validation error detected: Value null at 'name'")
        })?;
        let (name, selector) = wanted.split_once(':').unwrap_or((wanted, ""));
        let versions = self
            .parameters
            .get(&(region.to_owned(), name.to_owned()))
            .ok_or_else(|| ApiError::bad("ParameterNotFound", ""))?;
        let version = if selector.is_empty() { Some(versions.len()) } else { selector.parse().ok() };
        let value = version.and_then(|version| versions.get(version.checked_sub(1)?));
        let (Some(version), Some(value)) = (version, value) else {
            let message = format!("Systems Manager could not find version {selector} of {name}.");
            return Err(ApiError::bad("ParameterVersionNotFound", message));
        };
        // Public parameters belong to no account.
        let owner = if name.starts_with("/aws/service/") { "" } else { account };
        Ok(json!({ "Parameter": {
            "ARN": format!("arn:aws:ssm:{region}:{owner}:parameter{name}"),
            "DataType": "text",
            "LastModifiedDate": 1_700_000_000.0,
            "Name": name,
            "Type": "String",
            "Value": value,
            "Version": version,
        } }))
    }
}

/// A member that is a text, if it is there.
fn text<'a>(input: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ApiError> {
    match input.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ApiError::bad("SerializationException", format!("{name} is no text"))),
    }
}
