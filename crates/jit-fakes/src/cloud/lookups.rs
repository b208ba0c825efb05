//! Secrets Manager's GetSecretValue and Systems Manager's GetParameter, both in JSON.
//! Not in it: rotation by itself, binary secrets, parameters that hold secrets, and every other action of the two.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>

use std::collections::BTreeMap;

use http::{Request, Response, StatusCode, header};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::access::{Caller, Denial};
use super::error::ApiError;
use super::signature::{Claim, Unsigned};
use super::{Aws, RequestKey};

/// The two services by the name before each action, their name in the credential scope and in rights.
const SERVICES: [(&str, &str); 2] = [("secretsmanager.", "secretsmanager"), ("AmazonSSM.", "ssm")];

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

/// Whether a request is for one of the two services: its target says so.
pub(super) fn is_meant(request: &Request<Vec<u8>>) -> bool {
    service(request).is_some()
}

/// The service of a request and its action.
fn service(request: &Request<Vec<u8>>) -> Option<(&'static str, &str)> {
    let target = request.headers().get("x-amz-target")?.to_str().ok()?;
    SERVICES.iter().find_map(|(prefix, name)| Some((*name, target.strip_prefix(prefix)?)))
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

    pub(super) fn handle_lookup(
        &mut self,
        request: &Request<Vec<u8>>,
        request_id: &str,
        now: Timestamp,
    ) -> Response<Vec<u8>> {
        let (service, action) = service(request).unwrap_or_default();
        let (result, delivery, action, caller) = match self.lookup_caller(request, service, now) {
            Err(denial) => (Err(denied(&denial)), super::Delivery::Prompt, "-", "-".to_owned()),
            Ok((caller, region)) => {
                let mut faults = std::mem::take(&mut self.faults);
                let perform = || self.look_up(&caller, &region, (service, action), request.body());
                let (result, delivery) = super::with_fault(&mut faults, action, perform);
                self.faults = faults;
                (result, delivery, action, caller.name().to_owned())
            }
        };
        let outcome = result.as_ref().err().map_or("ok", |error| error.code.as_str()).to_owned();
        let key = RequestKey { action: action.into(), caller, outcome };
        *self.requests.entry(key).or_insert(0) += 1;
        let mut response = result.unwrap_or_else(|error| {
            let kind = format!("com.amazon.coral.service#{}", error.code);
            respond(error.status, &json!({ "__type": kind, "message": error.message }))
        });
        if let Ok(id) = header::HeaderValue::from_str(request_id) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        super::deliver(response, delivery)
    }

    fn lookup_caller(
        &self,
        request: &Request<Vec<u8>>,
        service: &str,
        now: Timestamp,
    ) -> Result<(Caller, String), Denial> {
        let claim = Claim::read(request).map_err(Denial::Unsigned)?;
        if claim.service != service {
            return Err(Denial::WrongScope("Credential should be scoped to correct service.".into()));
        }
        if !self.ec2.catalogue.has_region(&claim.region) {
            return Err(Denial::WrongScope("Credential should be scoped to a valid region.".into()));
        }
        let caller = self.access.caller(request, &claim, self.ec2.limits.sts_skew, now)?;
        Ok((caller, claim.region))
    }

    fn look_up(
        &self,
        caller: &Caller,
        region: &str,
        (service, action): (&str, &str),
        body: &[u8],
    ) -> Result<Response<Vec<u8>>, ApiError> {
        let right = format!("{service}:{action}");
        if !caller.may(&right) {
            let message = format!(
                "User: {} is not authorized to perform: {right} because no identity-based policy allows the {right} action",
                caller.arn(&self.ec2.account)
            );
            return Err(ApiError::bad("AccessDeniedException", message));
        }
        let input: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|_| ApiError::bad("SerializationException", "the body is no JSON object"))?;
        match action {
            "GetSecretValue" => self.lookups.secret(region, &input),
            "GetParameter" => self.lookups.parameter(&self.ec2.account, region, &input),
            _ => Err(ApiError::bad("UnknownOperationException", "")),
        }
    }
}

impl Lookups {
    fn secret(&self, region: &str, input: &Map<String, Value>) -> Result<Response<Vec<u8>>, ApiError> {
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
        Ok(respond(
            200,
            &json!({
                "ARN": arn,
                "Name": name,
                "VersionId": format!("00000000-0000-4000-8000-{version:012}"),
                "SecretString": value.expose_secret(),
                "VersionStages": [stage],
                "CreatedDate": 1_700_000_000.0,
            }),
        ))
    }

    fn parameter(
        &self,
        account: &str,
        region: &str,
        input: &Map<String, Value>,
    ) -> Result<Response<Vec<u8>>, ApiError> {
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
        Ok(respond(
            200,
            &json!({ "Parameter": {
                "ARN": format!("arn:aws:ssm:{region}:{owner}:parameter{name}"),
                "DataType": "text",
                "LastModifiedDate": 1_700_000_000.0,
                "Name": name,
                "Type": "String",
                "Value": value,
                "Version": version,
            } }),
        ))
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

/// The words of services that speak JSON 1.1.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html>
fn denied(denial: &Denial) -> ApiError {
    let ApiError { message, .. } = denial.as_sts();
    let code = match denial {
        Denial::Unsigned(Unsigned::Missing) => "MissingAuthenticationTokenException",
        Denial::Unsigned(Unsigned::Malformed(_)) => "IncompleteSignatureException",
        Denial::UnknownKey | Denial::WrongToken => "UnrecognizedClientException",
        Denial::ExpiredToken => "ExpiredTokenException",
        Denial::Expired { .. }
        | Denial::NotYetCurrent { .. }
        | Denial::WrongScope(_)
        | Denial::WrongSignature => "InvalidSignatureException",
    };
    ApiError::bad(code, message)
}

fn respond(status: u16, document: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(document.to_string().into_bytes());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = header::HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
