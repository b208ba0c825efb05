//! The one way of a request through the account: which service and action it means, who sent it, which fault strikes it,
//! what it does, the reply in the service's dialect, and the count.
//! Not in it: how services differ (`service`), and what their actions do.

use http::{HeaderValue, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::access::{Caller, Denial};
use super::error::ApiError;
use super::faults::Fault;
use super::query::Query;
use super::service::{Dialect, Service};
use super::signature::{Claim, Unsigned};
use super::xml::Xml;
use super::{Aws, RequestKey, roles, sqs};
use crate::model::{ReplyDelay, ReplyLost};

/// A request whose sender is believed, as its service reads it.
pub(crate) struct Call<'a> {
    pub(crate) service: Service,
    /// `-` if the request names none.
    pub(crate) action: &'a str,
    /// Empty if the service speaks JSON.
    pub(crate) query: &'a Query,
    pub(crate) request: &'a Request<Vec<u8>>,
    pub(crate) request_id: &'a str,
    pub(crate) caller: Caller,
    /// Empty if the request needed no signature.
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) now: Timestamp,
}

impl Call<'_> {
    /// Refuses what the caller's policy does not allow.
    pub(crate) fn check_may(&self, right: &str) -> Result<(), ApiError> {
        if self.caller.may(right) {
            return Ok(());
        }
        // SQS writes its actions in small letters there.
        let small = Some(right.to_ascii_lowercase()).filter(|_| self.service == Service::Sqs);
        let right = small.as_deref().unwrap_or(right);
        Err(self.unauthorized(right, &format!("because no identity-based policy allows the {right} action")))
    }

    /// The refusal for want of a right, in the service's words.
    pub(crate) fn unauthorized(&self, right: &str, why: &str) -> ApiError {
        let arn = self.caller.arn(&self.account);
        let message = format!("User: {arn} is not authorized to perform: {right} {why}");
        let (code, message) = match self.service {
            Service::Ec2 => {
                let message = format!("You are not authorized to perform this operation. {message}");
                ("UnauthorizedOperation", message)
            }
            Service::Sts => ("AccessDenied", message),
            Service::Sqs | Service::DynamoDb | Service::SecretsManager | Service::Ssm => {
                ("AccessDeniedException", message)
            }
        };
        ApiError::new(self.service.denied_status(), code, message)
    }
}

/// What an action answers, in its service's dialect.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Vec<u8>,
    /// How long it takes, if that is the action's own doing.
    wait: Option<SignedDuration>,
}

impl Answer {
    pub(crate) fn after(self, wait: Option<SignedDuration>) -> Self {
        Self { wait, ..self }
    }
}

impl From<Xml> for Answer {
    fn from(xml: Xml) -> Self {
        Self { body: xml.into_bytes(), wait: None }
    }
}

impl From<Value> for Answer {
    fn from(document: Value) -> Self {
        Self { body: document.to_string().into_bytes(), wait: None }
    }
}

impl Aws {
    /// Answers a request.
    pub(super) fn answer(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.request_count += 1;
        let request_id = request_id(self.ec2.random.of("request", self.request_count), self.request_count);
        let claim = Claim::read(request);
        let (service, action, query) = read(request, claim.as_ref());
        let (key, fault, result) = match self.believe(request, claim, service, &action) {
            Err(denial) => {
                (("-", "-".to_owned()), None, Err(denial.words(service, self.ec2.limits.ec2_skew_code)))
            }
            Ok((caller, region)) => {
                let call = Call {
                    service,
                    action: &action,
                    query: &query,
                    request,
                    request_id: &request_id,
                    caller,
                    region,
                    account: self.ec2.account.clone(),
                    now: self.now,
                };
                let fault = self.faults.strike(&action);
                let result = self.perform_under(fault.as_ref(), &call);
                ((action.as_str(), call.caller.name().to_owned()), fault, result)
            }
        };
        self.count(key, result.as_ref().err());
        let mut response = respond(service, &request_id, result, self.now);
        match fault {
            Some(Fault::LostRequest | Fault::LostReply) => {
                response.extensions_mut().insert(ReplyLost);
            }
            Some(Fault::LateReply(delay)) => {
                response.extensions_mut().insert(ReplyDelay(delay));
            }
            Some(Fault::Refused { .. } | Fault::FailedAfterEffect { .. }) | None => {}
        }
        response
    }

    /// Who sent the request to which region, or why that is not believed.
    fn believe(
        &self,
        request: &Request<Vec<u8>>,
        claim: Result<Claim, Unsigned>,
        service: Service,
        action: &str,
    ) -> Result<(Caller, String), Denial> {
        let claim = match claim {
            Err(Unsigned::Missing) if service == Service::Sts && action == roles::WEB_IDENTITY => {
                return Ok((Caller::Anonymous, String::new()));
            }
            claim => claim.map_err(Denial::Unsigned)?,
        };
        if claim.service != service.scope() {
            let reason = format!("Credential should be scoped to correct service: '{}'.", service.scope());
            return Err(Denial::WrongScope(reason));
        }
        if !self.ec2.catalogue.has_region(&claim.region) {
            return Err(Denial::WrongScope("Credential should be scoped to a valid region.".into()));
        }
        let caller = self.access.caller(request, &claim, service.skew(&self.ec2.limits), self.now)?;
        Ok((caller, claim.region))
    }

    /// Carries out a call as far as the fault that strikes it lets it.
    fn perform_under(&mut self, fault: Option<&Fault>, call: &Call<'_>) -> Result<Answer, ApiError> {
        let error = |status, code: &str| Err(ApiError::new(status, code, "An internal error has occurred"));
        match fault {
            None | Some(Fault::LostReply | Fault::LateReply(_)) => self.perform(call),
            Some(Fault::Refused { status, code }) => error(*status, code),
            Some(Fault::LostRequest) => error(500, call.service.internal_error()),
            // A real refusal stays what it is: then there was no effect to lie about.
            Some(Fault::FailedAfterEffect { status, code }) => {
                self.perform(call).and_then(|_| error(*status, code))
            }
        }
    }

    fn perform(&mut self, call: &Call<'_>) -> Result<Answer, ApiError> {
        match call.service {
            Service::Ec2 => self.ec2.perform(call).map(Answer::from),
            Service::Sts => self.perform_sts(call).map(Answer::from),
            Service::Sqs => self.sqs.perform(call),
            Service::DynamoDb => self.dynamodb.perform(call).map(Answer::from),
            Service::SecretsManager | Service::Ssm => self.lookups.perform(call).map(Answer::from),
        }
    }

    fn count(&mut self, (action, caller): (&str, String), error: Option<&ApiError>) {
        let outcome = error.map_or("ok", |error| error.code.as_str()).to_owned();
        *self.requests.entry(RequestKey { action: action.into(), caller, outcome }).or_insert(0) += 1;
    }
}

/// The service, the action and the parameters that a request names.
fn read(request: &Request<Vec<u8>>, claim: Result<&Claim, &Unsigned>) -> (Service, String, Query) {
    if let Some((service, action)) = Service::by_target(request) {
        return (service, action.to_owned(), Query::default());
    }
    let query = Query::read(request.uri().query(), request.body());
    let service = Service::by_scope(claim, &query);
    let action = query.get("Action").filter(|_| service.dialect() == Dialect::Query).unwrap_or("-");
    (service, action.to_owned(), query)
}

/// Dresses an answer or a refusal as a reply. A status that HTTP does not have becomes 500.
fn respond(
    service: Service,
    request_id: &str,
    result: Result<Answer, ApiError>,
    now: Timestamp,
) -> Response<Vec<u8>> {
    let media_type = match service.dialect() {
        Dialect::Query => "text/xml;charset=UTF-8",
        Dialect::Json { media_type, .. } => media_type,
    };
    let mut headers = vec![
        ("content-type", media_type.to_owned()),
        ("x-amzn-requestid", request_id.to_owned()),
        ("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
    ];
    let (status, answer) = match result {
        Ok(answer) => (200, answer),
        Err(error) => {
            if service == Service::Sqs {
                headers.push(("x-amzn-query-error", sqs::error::in_query_protocol(&error)));
            }
            (error.status, service.tell(&error, request_id))
        }
    };
    let mut response = Response::new(answer.body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    if let Some(wait) = answer.wait {
        response.extensions_mut().insert(ReplyDelay(wait));
    }
    response
}

/// Shaped like a UUID, as AWS's are.
fn request_id(drawn: u64, count: u64) -> String {
    let (high, low) = (drawn >> 32, drawn & 0xffff_ffff);
    format!("{high:08x}-{:04x}-4{:03x}-8000-{count:012x}", low >> 16, low & 0xfff)
}
