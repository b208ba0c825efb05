//! The way to AWS's services: an endpoint, a signature at the moment of sending, one exchange.
//! What is asked and what an answer means is not here; retries neither.

use std::time::Duration;

use jit_aws::{Endpoint, Service};
use jit_domain::ids::Region;

use crate::effects::{Effects, Request, Response, SendError};
use crate::settings::{Address, AwsAccess};
use crate::time::jiff_time;

/// AWS as one invocation of one component reaches it, with that component's own rights.
#[derive(Debug)]
pub struct Aws<'e, E> {
    effects: &'e E,
    access: AwsAccess,
}

impl<'e, E: Effects> Aws<'e, E> {
    /// AWS with a component's rights.
    pub fn new(effects: &'e E, access: AwsAccess) -> Self {
        Self { effects, access }
    }

    /// A service's address in a region, or that of the emulator which stands for it.
    ///
    /// # Errors
    /// A sentence when the region or the address cannot be one.
    pub fn endpoint(&self, service: Service, region: &Region) -> Result<Endpoint, String> {
        endpoint(self.access.endpoint_url.as_ref(), service, region)
    }

    /// Signs a request and sends it.
    ///
    /// # Errors
    /// [`SendError`]; a request that cannot be signed was not sent.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        mut request: Request,
        timeout: Duration,
    ) -> Result<Response, SendError> {
        endpoint
            .sign(&mut request, &self.access.credentials, jiff_time(self.effects.now()))
            .map_err(|e| SendError::NotSent(e.to_string()))?;
        self.effects.send(request, timeout).await
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
