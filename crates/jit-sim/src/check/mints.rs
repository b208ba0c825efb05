//! JIT configs: who ran a job gets no second one, and each is young when it is used.
//! Not here: who was told to wait.

use std::collections::BTreeMap;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use jit_control::effects::{Request, Response};
use jit_domain::instance::{Instance, InstancePhase, instance_id_of};
use jit_domain::job::Job;
use jit_fakes::github::RunnerId;
use jit_fakes::instance::Stage;

use super::launches::is_free;
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
        let is_double =
            earlier.iter().any(|id| world.github.runner(*id).is_some_and(|runner| runner.removed.is_none()));
        let has_run =
            earlier.iter().any(|id| world.github.runner(*id).is_some_and(|runner| runner.ran.is_some()));
        earlier.extend(reply["runner"]["id"].as_u64().map(RunnerId));
        if has_run {
            let what = format!("{instance} ran a job and got the JIT config {name}");
            self.violated(now, Promise::OneJobPerInstance, what);
        } else if is_double {
            let what = format!("{instance} has the registration {name} and an earlier one");
            self.violated(now, Promise::OneJobPerInstance, what);
        }
        // One that was lost or refused is made again without another look at its job, and is deleted when it stays idle.
        let is_first = self.mirror.instances.get(instance).is_none_or(|record| record.mints.len() <= 1);
        if is_first {
            self.check_permits(now, world, instance);
        }
    }

    /// No more runners are registered for the jobs of a class than there are such jobs.
    fn check_permits(&mut self, now: Timestamp, world: &World, minted: &str) {
        let Some(class) = self.mirror.instances.get(minted).map(|record| record.class.clone()) else {
            return;
        };
        let Some(identity) = self.mirror.classes.get(class.as_str()).map(|class| class.identity.clone())
        else {
            return;
        };
        let is_free = |id: &str| world.fleet.instance(id).is_some_and(is_free);
        let is_registered =
            |record: &Instance| matches!(record.phase, InstancePhase::Minting | InstancePhase::Claimed);
        let own = self.mirror.instances.values().filter(|record| record.class == class);
        let runners = own.filter(|record| is_registered(record) && is_free(&record.key.id)).count();
        let is_reached =
            |job: &&Job| job.installation == identity.installation && job.labels.is_subset(&identity.labels);
        let reached = self.mirror.jobs.values().filter(is_reached);
        let jobs = reached.filter(|job| self.was_demand(now, job)).count();
        if runners > jobs {
            let what = format!(
                "{minted} is the {runners}th runner of class {} without a job, of which {jobs} wait",
                class.as_str()
            );
            self.violated(now, Promise::SupplyWithinDemand, what);
        }
    }

    /// Looks at all registrations at the end: the age of each config when its agent connected. Returns the highest.
    pub fn check_ages(&mut self, now: Timestamp, world: &World) -> SignedDuration {
        let mut oldest = SignedDuration::ZERO;
        for runner in world.github.runners().filter(|runner| instance_id_of(PREFIX, &runner.name).is_some()) {
            let Some(connected_at) = runner.connected_at else { continue };
            // Its way to GitHub may be slow; what counts is when the agent began to use it.
            let machine = instance_id_of(PREFIX, &runner.name).and_then(|id| world.fleet.instance(id));
            let began = machine.and_then(|machine| {
                let mut stages = machine.history().iter().rev();
                stages
                    .find(|(at, stage)| *stage == Stage::Connecting && *at <= connected_at)
                    .map(|(at, _)| *at)
            });
            let age = began.unwrap_or(connected_at).duration_since(runner.minted_at);
            oldest = oldest.max(age);
            if age > AGE_MAX {
                let what = format!("the JIT config {} was {age:#} old when it was used", runner.name);
                self.violated(now, Promise::JitIsYoung, what);
            }
        }
        oldest
    }
}
