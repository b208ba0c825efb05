//! Images that are named by a parameter of Systems Manager, such as a distribution's newest one. The name becomes an id when a batch is
//! about to be born, and the id is what the batch keeps: RunInstances would resolve such a name itself, but then a repeat of the
//! same request could launch another image.
//! Not here: which image is configured, and launching. Places whose image could not be resolved are left out of the plan; should a
//! batch of an earlier release have kept a name, `cloud.rs` refuses to launch it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use jit_aws::Service;
use jit_aws::ec2::is_resource_id;
use jit_aws::lookup::LookupError;
use jit_aws::ssm::{GetParameter, ParameterName};
use jit_domain::ids::{ImageId, Region};
use jit_domain::policy::Policy;
use serde_json::json;

use crate::aws::Aws;
use crate::effects::{Effects, SendError};
use crate::limits;
use crate::settings::AwsAccess;
use crate::shell::{Shell, chain};

/// How an image's id begins that is the name of a parameter.
const PREFIX: &str = "resolve:ssm:";

/// The parameter that names the image, if the configuration gives one instead of an id.
pub(crate) fn parameter(id: &str) -> Option<ParameterName> {
    id.strip_prefix(PREFIX).and_then(ParameterName::parse)
}

/// The policy of one invocation, with the images that were resolved in it.
#[derive(Debug)]
pub struct Images<'p> {
    configured: &'p Policy,
    resolved: Option<Policy>,
    unresolved: BTreeSet<(Region, ImageId)>,
}

impl<'p> Images<'p> {
    /// Begins with the images as they are configured.
    pub fn new(configured: &'p Policy) -> Self {
        Self { configured, resolved: None, unresolved: BTreeSet::new() }
    }

    /// The policy as far as its images are resolved.
    pub fn policy(&self) -> &Policy {
        self.resolved.as_ref().unwrap_or(self.configured)
    }

    /// The names that were looked up in vain.
    pub fn unresolved(&self) -> &BTreeSet<(Region, ImageId)> {
        &self.unresolved
    }

    /// Resolves all names, each once in an invocation. Whether the policy, or what is known to be unresolved, is another now.
    pub async fn resolve<E: Effects>(&mut self, shell: &Shell<'_, E>, access: &AwsAccess) -> bool {
        if self.resolved.is_some() {
            return false;
        }
        let mut asked: BTreeMap<(Region, ImageId), ParameterName> = BTreeMap::new();
        for rule in self.configured.pools.iter().flat_map(|pool| &pool.images) {
            if let Some(name) = parameter(rule.image.id.as_str()) {
                asked.insert((rule.region.clone(), rule.image.id.clone()), name);
            }
        }
        if asked.is_empty() {
            return false;
        }
        let aws = Aws::new(shell.effects, access.clone());
        let asking = asked.into_iter().map(|(key, name)| {
            let aws = &aws;
            async move {
                let found = look_up(aws, &key.0, &name).await;
                (key, name, found)
            }
        });
        let mut ids: BTreeMap<(Region, ImageId), ImageId> = BTreeMap::new();
        for (key, name, found) in join_all(asking).await {
            match found {
                Ok(id) => drop(ids.insert(key, id)),
                Err(error) => {
                    let fields = json!({ "region": key.0.as_str(), "parameter": name.as_str(), "cause": chain(&error) });
                    shell.error(
                        "an image's parameter was not resolved, so nothing is launched with it",
                        fields,
                    );
                    self.unresolved.insert(key);
                }
            }
        }
        let mut policy = self.configured.clone();
        for rule in policy.pools.iter_mut().flat_map(|pool| &mut pool.images) {
            if let Some(id) = ids.get(&(rule.region.clone(), rule.image.id.clone())) {
                rule.image.id = id.clone();
            }
        }
        self.resolved = Some(policy);
        true
    }
}

/// Why a parameter is no image.
#[derive(Debug, thiserror::Error)]
enum ResolveError {
    #[error(transparent)]
    Lookup(#[from] LookupError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("{0}")]
    Endpoint(String),
    #[error("the parameter's value is not the id of an image")]
    NoImage,
}

async fn look_up<E: Effects>(
    aws: &Aws<'_, E>,
    region: &Region,
    name: &ParameterName,
) -> Result<ImageId, ResolveError> {
    let endpoint = aws.endpoint(Service::Ssm, region).map_err(ResolveError::Endpoint)?;
    let ask = GetParameter { name: name.clone() };
    let reply = aws.send(&endpoint, ask.request(&endpoint), limits::CALL_TIMEOUT).await?;
    let value = ask.parse(&reply)?;
    if is_resource_id(&value, "ami-") { Ok(ImageId::new(value)) } else { Err(ResolveError::NoImage) }
}

#[cfg(test)]
mod tests;
