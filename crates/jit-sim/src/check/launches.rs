//! Launches: one effect per try, no more instances than demand and slack, no more than the caps.
//! Not here: what ends them (`ends`).
//!
//! Supply and demand are compared when a batch is born, for then it is decided; launches only carry it out, some much later.
//! **Demand** of a class: accepted jobs whose record says that they want a runner, or said so while the decision may have been
//! made, or that have no record yet.
//! **Supply** of a class: the new batch's slots, the open slots of its other batches, and live instances that have not begun a
//! job, are healthy, are not retired by their record, and do not come from a try that was declared doubtful (that is slack).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use jit_control::effects::Request;
use jit_control::ledger::Kind;
use jit_control::ledger::key_value::record_at;
use jit_control::stored::Stored as _;
use jit_domain::class::{Batch, Class};
use jit_fakes::cloud::{Ec2Instance, InstanceState};
use jit_fakes::instance::{Fate, Stage};

use super::{Checks, Promise};
use crate::world::World;

/// What is remembered of launches.
#[derive(Debug, Default)]
pub struct Launches {
    /// How many launches of the cloud were looked at.
    seen: usize,
    /// The body that came first with each token.
    bodies: BTreeMap<String, Vec<u8>>,
    /// Batches and their tries by token: one token for each try.
    tries: BTreeMap<(String, String), String>,
    /// Batches that were ever written.
    born: BTreeSet<String>,
    /// Tries that were ever doubtful.
    doubtful: BTreeSet<(String, String)>,
}

/// Between what a decision saw and the write that carries it lies at most an invocation.
const DECIDING: SignedDuration = SignedDuration::from_secs(30);

const CLASS: &str = "jit-runners:class";
const BATCH: &str = "jit-runners:batch";
const TRY: &str = "jit-runners:try";

fn tag<'a>(instance: &'a Ec2Instance, name: &str) -> &'a str {
    instance.tags.get(name).map_or("", String::as_str)
}

impl Checks {
    /// One token, one request.
    pub(super) fn check_request(&mut self, now: Timestamp, request: &Request) {
        let body = request.body();
        if !body.starts_with(b"Action=RunInstances") && !contains(body, b"&Action=RunInstances") {
            return;
        }
        let text = String::from_utf8_lossy(body);
        let Some(token) = text.split('&').find_map(|pair| pair.strip_prefix("ClientToken=")) else {
            return self.violated(now, Promise::OneLaunchPerTry, "a launch without a client token");
        };
        let first = self.launches.bodies.entry(token.to_owned()).or_insert_with(|| body.clone());
        if first != body {
            let what = format!("two requests with the token {token} differ");
            self.violated(now, Promise::OneLaunchPerTry, what);
        }
    }

    /// Looks at what was launched since it looked last.
    pub(super) fn check_launches(&mut self, now: Timestamp, world: &World) {
        let launches = world.aws.launches();
        let new: Vec<_> = launches[self.launches.seen.min(launches.len())..].to_vec();
        self.launches.seen = launches.len();
        for launch in new {
            let Some(instance) = launch.instance_ids.first().and_then(|id| world.aws.instance(id)) else {
                continue;
            };
            let attempt = (tag(instance, BATCH).to_owned(), tag(instance, TRY).to_owned());
            let token = launch.client_token.clone().unwrap_or_default();
            let known = self.launches.tries.entry(attempt.clone()).or_insert_with(|| token.clone()).clone();
            if known != token {
                let what = format!("try {} of batch {} was launched with two tokens", attempt.1, attempt.0);
                self.violated(now, Promise::OneLaunchPerTry, what);
            }
            let data: Vec<u8> = instance.user_data().to_vec();
            let tags: Vec<u8> = instance.tags.values().flat_map(|value| value.bytes()).collect();
            if let Some(what) = self.secrets.found_in(&data).or_else(|| self.secrets.found_in(&tags)) {
                self.violated(
                    now,
                    Promise::Secrecy,
                    format!("{what} in user data or tags of {}", instance.id),
                );
            }
        }
    }

    /// Looks whether a written class holds a new batch, and whether it is wanted.
    pub(super) fn check_births(&mut self, now: Timestamp, world: &World, key: &str, value: &[u8]) {
        let Some(record) = record_at(key, value).filter(|record| record.key.kind == Kind::Class) else {
            return;
        };
        let Ok(class) = Class::decode(&record.value) else { return };
        let before = self.launches.born.len();
        self.launches.born.extend(class.batches.iter().map(|batch| batch.id.as_str().to_owned()));
        self.note_doubtful(&class);
        if self.launches.born.len() == before {
            return;
        }
        let name = class.identity.key();
        let demand = self.demand(now, name.as_str());
        let slots: u32 = class.open_batches().map(Batch::open_slots).sum();
        let machines: Vec<&str> = (world.aws.live_instances())
            .filter(|i| tag(i, CLASS) == name.as_str() && self.is_supply(world, i))
            // One that is launched and not yet told of is still an open slot.
            .filter(|i| class.batches.iter().any(|b| b.instances.iter().any(|key| key.id == i.id)))
            .map(|i| i.id.as_str())
            .collect();
        if machines.len() + slots as usize > demand {
            let what = format!(
                "class {} has {demand} jobs, {} instances {machines:?}, and {slots} slots to come",
                name.as_str(),
                machines.len()
            );
            self.violated(now, Promise::SupplyWithinDemand, what);
        }
    }

    fn note_doubtful(&mut self, class: &Class) {
        for batch in &class.batches {
            for attempt in batch.tries.iter().filter(|attempt| attempt.is_doubtful) {
                let name = (batch.id.as_str().to_owned(), attempt.n.to_string());
                self.launches.doubtful.insert(name);
            }
        }
    }

    fn demand(&self, now: Timestamp, class: &str) -> usize {
        let unrecorded = self.accepted.iter().filter(|id| !self.mirror.jobs.contains_key(id)).count();
        let wanted = self.mirror.jobs.values().filter(|job| {
            let until = self.mirror.wanted_until.get(&job.id.0);
            let was_wanted = until.is_some_and(|until| now.duration_since(*until) < DECIDING);
            job.class.as_str() == class && (job.is_demand() || was_wanted)
        });
        unrecorded + wanted.count()
    }

    fn is_supply(&self, world: &World, instance: &Ec2Instance) -> bool {
        let attempt = (tag(instance, BATCH).to_owned(), tag(instance, TRY).to_owned());
        if self.launches.doubtful.contains(&attempt) || instance.interruption_at.is_some() {
            return false;
        }
        if self.mirror.instances.get(&instance.id).is_some_and(|record| record.is_retired()) {
            return false;
        }
        match world.fleet.instance(&instance.id) {
            // Not yet powered on.
            None => true,
            Some(machine) => {
                let is_healthy = matches!(machine.fate(), Fate::Healthy | Fate::Hostile);
                let is_free = machine.job_id().is_none()
                    && !matches!(machine.stage(), Stage::Busy | Stage::Leaving | Stage::Off | Stage::Silent);
                is_healthy && is_free
            }
        }
    }

    /// Live instances of each pool.
    pub(super) fn check_caps(&mut self, now: Timestamp, world: &World) {
        let mut live: BTreeMap<&str, u64> = BTreeMap::new();
        let up =
            |i: &&Ec2Instance| matches!(i.state_at(now), InstanceState::Pending | InstanceState::Running);
        for instance in world.aws.live_instances().filter(up) {
            let pool =
                self.mirror.classes.get(tag(instance, CLASS)).map(|class| class.identity.pool.as_str());
            *live.entry(pool.unwrap_or_default()).or_default() += 1;
        }
        let over: Vec<String> = live
            .into_iter()
            .filter_map(|(pool, count)| {
                let cap = *self.caps.get(pool)?;
                (count > cap).then(|| format!("pool {pool} has {count} instances, its cap is {cap}"))
            })
            .collect();
        for what in over {
            self.violated(now, Promise::Caps, what);
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
