//! The way to AWS's services: an endpoint, rights, a signature at the moment of sending, one exchange.
//! What is asked and what an answer means is not here; retries neither.

mod credentials;
mod secrets;
mod shared;

use std::cell::Cell;
use std::time::Duration;

use jit_aws::sigv4::SignedAt;
use jit_aws::{Credentials, Endpoint, ErrorDetail, Service, unknown_code};
use jit_domain::ids::Region;
use serde_json::json;

use crate::effects::{Effects, Request, Response, SendError};
use crate::settings::{Address, AwsAccess, CredentialSource};
use crate::shell::{chain, line};
use crate::time::jiff_time;

pub(crate) use self::credentials::Kept;
pub use self::secrets::{SecretError, SecretSource, StoredSecret};

/// AWS as one invocation of one component reaches it, with that component's own rights.
#[derive(Debug)]
pub struct Aws<'e, E> {
    effects: &'e E,
    access: AwsAccess,
    /// Whether the end of a token was logged; once is enough.
    told_of_the_end: Cell<bool>,
}

impl<'e, E: Effects> Aws<'e, E> {
    /// AWS with a component's rights.
    pub fn new(effects: &'e E, access: AwsAccess) -> Self {
        Self { effects, access, told_of_the_end: Cell::new(false) }
    }

    /// A service's address in a region, or that of the emulator which stands for it.
    ///
    /// # Errors
    /// A sentence when the region or the address cannot be one.
    pub fn endpoint(&self, service: Service, region: &Region) -> Result<Endpoint, String> {
        endpoint(self.access.endpoint_url.as_ref(), service, region)
    }

    /// Signs a request and sends it. Where the rights come from a role or an endpoint, the first call of an invocation fetches them
    /// within the same time.
    ///
    /// # Errors
    /// [`SendError`]; a request that cannot be signed, or for which there were no rights, was not sent.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, SendError> {
        let began = self.effects.now();
        let credentials = credentials::of(self.effects, &self.access, endpoint.region(), timeout)
            .await
            .map_err(|error| SendError::NotSent(chain(&error)))?;
        let left = timeout.saturating_sub(self.effects.now().since(began));
        if left.is_zero() {
            return Err(SendError::NotSent("fetching the rights in AWS took all the time".to_owned()));
        }
        let signer = (endpoint, &credentials);
        let response = send_signed(self.effects, signer, request, left, SendError::NotSent).await?;
        if credentials.session_token.is_some()
            && jit_aws::says_token_expired(&response, jiff_time(self.effects.now()))
        {
            self.token_expired();
        }
        if let Some(detail) = unknown_code(endpoint.service(), &response) {
            self.met_unknown_code(endpoint.service(), &detail);
        }
        Ok(response)
    }

    /// Whoever asked may try again, for the status allows it; a person has to know, each time.
    fn met_unknown_code(&self, service: Service, detail: &ErrorDetail) {
        let fields = json!({
            "service": service.as_str(),
            "code": detail.code,
            "status": detail.status,
            "cause": detail.to_string(),
        });
        let function = self.access.component.as_str();
        let event = "aws answered with a code that this release does not know";
        self.effects.log(&line(self.effects.now(), "error", function, event, fields));
    }

    /// Kept keys are given up, so that the next call fetches others; a token that nobody renews is named to a person.
    fn token_expired(&self) {
        self.access.kept.forget();
        if self.told_of_the_end.replace(true) {
            return;
        }
        let variable = match &self.access.source {
            CredentialSource::Key(_) => self.access.expiring_variable(),
            // The key that expired was one that we fetched.
            CredentialSource::Role { .. }
            | CredentialSource::WebIdentity { .. }
            | CredentialSource::Container { .. } => None,
        };
        let remedy = match &variable {
            Some(name) => format!("renew {name}, or name a role or an endpoint that hands out keys instead"),
            None => "none is needed: the next call fetches another key".to_owned(),
        };
        let level = if variable.is_some() { "error" } else { "warn" };
        let fields = json!({ "variable": variable, "remedy": remedy });
        let function = self.access.component.as_str();
        let event = "aws says that the session token has expired";
        self.effects.log(&line(self.effects.now(), level, function, event, fields));
    }
}

/// A service's address in a region, or that of the emulator which stands for it.
///
/// # Errors
/// A sentence when the region or the address cannot be one.
pub fn endpoint(
    override_url: Option<&Address>,
    service: Service,
    region: &Region,
) -> Result<Endpoint, String> {
    let region = jit_aws::Region::parse(region.as_str()).map_err(|e| e.to_string())?;
    match override_url {
        None => Ok(Endpoint::regional(service, region)),
        Some(url) => Endpoint::overridden(service, region, url.as_str()).map_err(|e| e.to_string()),
    }
}

/// Signs a request with the time of now and sends it; the answer says when that was, as a parser may hold the service's own clock
/// against it.
async fn send_signed<E: Effects, F: From<SendError>>(
    effects: &E,
    (endpoint, credentials): (&Endpoint, &Credentials),
    mut request: Request,
    timeout: Duration,
    unsigned: fn(String) -> F,
) -> Result<Response, F> {
    let signed_at = jiff_time(effects.now());
    endpoint.sign(&mut request, credentials, signed_at).map_err(|error| unsigned(error.to_string()))?;
    let mut response = effects.send(request, timeout).await?;
    response.extensions_mut().insert(SignedAt(signed_at));
    Ok(response)
}

#[cfg(test)]
mod over_the_model;
#[cfg(test)]
mod tests;
