//! JIT configs: who ran a job gets no second one, and each is young when it is used.
//! Not here: who was told to wait.

use std::collections::BTreeMap;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use jit_control::effects::{Request, Response};
use jit_domain::instance::instance_id_of;
use jit_fakes::github::RunnerId;

use super::{Checks, Promise};
use crate::world::World;

/// What is remembered of JIT configs.
#[derive(Debug, Default)]
pub struct Mints {
    /// Registrations by instance.
    of: BTreeMap<String, Vec<RunnerId>>,
    /// How many there were.
    pub count: u64,
}

/// Oldest that a JIT config may be when the agent uses it. The reply may be lost once and the claim repeated.
const AGE_MAX: SignedDuration = SignedDuration::from_secs(60);

/// What registrations of ours are called, as in every world's configuration.
const PREFIX: &str = "jit";

impl Checks {
    pub(super) fn check_mint(
        &mut self,
        now: Timestamp,
        world: &World,
        request: &Request,
        response: &Response,
    ) {
        let is_mint = request.method() == Method::POST
            && request.uri().path().ends_with("/generate-jitconfig")
            && response.status() == 201;
        if !is_mint {
            return;
        }
        let Ok(reply) = serde_json::from_slice::<serde_json::Value>(response.body()) else { return };
        let name = reply["runner"]["name"].as_str().unwrap_or_default();
        let Some(instance) = instance_id_of(PREFIX, name) else { return };
        self.mints.count += 1;
        let earlier = self.mints.of.entry(instance.to_owned()).or_default();
        let has_run =
            earlier.iter().any(|id| world.github.runner(*id).is_some_and(|runner| runner.ran.is_some()));
        earlier.extend(reply["runner"]["id"].as_u64().map(RunnerId));
        if has_run {
            let what = format!("{instance} ran a job and got the JIT config {name}");
            self.violated(now, Promise::OneJobPerInstance, what);
        }
    }

    /// Looks at all registrations at the end: the age of each config when its agent connected. Returns the highest.
    pub fn check_ages(&mut self, now: Timestamp, world: &World) -> SignedDuration {
        let mut oldest = SignedDuration::ZERO;
        for runner in world.github.runners().filter(|runner| instance_id_of(PREFIX, &runner.name).is_some()) {
            let Some(connected_at) = runner.connected_at else { continue };
            let age = connected_at.duration_since(runner.minted_at);
            oldest = oldest.max(age);
            if age > AGE_MAX {
                let what = format!("the JIT config {} was {age:#} old when it was used", runner.name);
                self.violated(now, Promise::JitIsYoung, what);
            }
        }
        oldest
    }
}
