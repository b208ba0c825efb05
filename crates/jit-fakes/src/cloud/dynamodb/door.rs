//! DynamoDB's side of the account's endpoint: who asks, with which right, struck by which fault; and the reply's form.
//! Not in it: what the actions do.

use http::{Request, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::error;
use super::input::{self, TransactWriteItems};
use super::{Action, DynamoDb, TARGET};
use crate::cloud::access::{Caller, Denial};
use crate::cloud::error::ApiError;
use crate::cloud::faults::Fault;
use crate::cloud::signature::Claim;
use crate::cloud::{Aws, Delivery, RequestKey, deliver};

impl Aws {
    /// DynamoDB's tables.
    pub fn dynamodb(&self) -> &DynamoDb {
        &self.dynamodb
    }

    /// DynamoDB's tables, to make and change them without requests.
    pub fn dynamodb_mut(&mut self) -> &mut DynamoDb {
        &mut self.dynamodb
    }

    /// Answers a request that names an action of DynamoDB.
    pub(in crate::cloud) fn handle_dynamodb(
        &mut self,
        request: &Request<Vec<u8>>,
        request_id: &str,
        now: Timestamp,
    ) -> Response<Vec<u8>> {
        let action = action_name(request).unwrap_or_default();
        let (result, delivery, action, caller) = match self.dynamodb_caller(request, now) {
            Ok((caller, region)) => {
                let (result, delivery) = self.strike_dynamodb(&caller, &region, action, request.body(), now);
                (result, delivery, action, caller.name().to_owned())
            }
            Err(denial) => (Err(error::denied(&denial)), Delivery::Prompt, "-", "-".to_owned()),
        };
        let outcome = result.as_ref().err().map_or("ok", |error| error.code.as_str()).to_owned();
        let key = RequestKey { action: action.into(), caller, outcome };
        *self.requests.entry(key).or_insert(0) += 1;
        let response = match result {
            Ok(json) => respond(200, &json, request_id),
            Err(error) => respond(error.status, &error::document(&error), request_id),
        };
        deliver(response, delivery)
    }

    fn dynamodb_caller(
        &self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Result<(Caller, String), Denial> {
        let claim = Claim::read(request).map_err(Denial::Unsigned)?;
        if claim.service != "dynamodb" {
            let reason = "Credential should be scoped to correct service: 'dynamodb'. ";
            return Err(Denial::WrongScope(reason.into()));
        }
        if !self.ec2.catalogue.has_region(&claim.region) {
            return Err(Denial::WrongScope("Credential should be scoped to a valid region. ".into()));
        }
        let caller = self.access.caller(request, &claim, self.dynamodb.settings.skew, now)?;
        Ok((caller, claim.region))
    }

    /// Carries out the request with the fault that strikes it, if any.
    fn strike_dynamodb(
        &mut self,
        caller: &Caller,
        region: &str,
        action: &str,
        body: &[u8],
        now: Timestamp,
    ) -> (Result<Json, ApiError>, Delivery) {
        let fault = self.faults.strike(action);
        let error = |status, code: &str| Err(ApiError::new(status, code, "an injected fault"));
        let mut perform = || self.perform_dynamodb(caller, region, action, body, now);
        match fault {
            None => (perform(), Delivery::Prompt),
            Some(Fault::Refused { status, code }) => (error(status, &code), Delivery::Prompt),
            Some(Fault::LostRequest) => (error(500, "InternalServerError"), Delivery::Never),
            Some(Fault::LostReply) => (perform(), Delivery::Never),
            Some(Fault::LateReply(delay)) => (perform(), Delivery::Late(delay)),
            Some(Fault::FailedAfterEffect { status, code }) => {
                // A real refusal stays what it is: then there was no effect to lie about.
                (perform().and_then(|_| error(status, &code)), Delivery::Prompt)
            }
        }
    }

    fn perform_dynamodb(
        &mut self,
        caller: &Caller,
        region: &str,
        action: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Json, ApiError> {
        let Some(known) = Action::parse(action) else {
            return Err(ApiError::bad("UnknownOperationException", ""));
        };
        for right in rights(known, action, body)? {
            if caller.check_may(&right, &self.ec2.account).is_err() {
                let message = format!(
                    "User: {} is not authorized to perform: {right} because no identity-based policy allows the {right} action",
                    caller.arn(&self.ec2.account)
                );
                return Err(ApiError::bad("AccessDeniedException", message));
            }
        }
        self.dynamodb.perform(region, known, body, now)
    }
}

/// The rights that a request takes: that of its action, or those of a transaction's parts.
fn rights(action: Action, name: &str, body: &[u8]) -> Result<Vec<String>, ApiError> {
    if action != Action::TransactWriteItems {
        return Ok(vec![format!("dynamodb:{name}")]);
    }
    let input: TransactWriteItems = input::read(body)?;
    Ok(input.transact_items.iter().map(|item| item.right().to_owned()).collect())
}

/// Whether a request is meant for DynamoDB: it names one of its actions, or its signature is made for it.
pub(in crate::cloud) fn is_meant(request: &Request<Vec<u8>>) -> bool {
    action_name(request).is_some() || Claim::read(request).is_ok_and(|claim| claim.service == "dynamodb")
}

fn action_name(request: &Request<Vec<u8>>) -> Option<&str> {
    request.headers().get("x-amz-target")?.to_str().ok()?.strip_prefix(TARGET)
}

fn respond(status: u16, json: &Json, request_id: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(json.to_string().into_bytes());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let media_type = header::HeaderValue::from_static("application/x-amz-json-1.0");
    headers.insert(header::CONTENT_TYPE, media_type);
    if let Ok(id) = header::HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
