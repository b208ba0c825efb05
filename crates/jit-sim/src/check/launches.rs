//! Launches: one effect per try, no more instances than demand and slack, no more than the caps.
//! Not here: what ends them (`ends`).
//!
//! Supply and demand are compared when a batch is born, for then it is decided; launches only carry it out, some much later.
//! **Demand** of a class: accepted jobs whose record says that they want a runner, or said so while the decision may have been
//! made, or that have no record yet.
//! **Supply** of a class: the new batch's slots, the open slots of its other batches, and live instances that have not begun a
//! job, are healthy, are not retired by their record nor overdue by it, and do not come from a try that was declared doubtful (that
//! is slack).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use jit_control::effects::Request;
use jit_control::ledger::{Kind, Record};
use jit_control::stored::Stored as _;
use jit_control::time::jiff_time;
use jit_domain::class::{Batch, Class, Outcome};
use jit_domain::decide::supply::claim_deadline;
use jit_domain::group::Group;
use jit_domain::instance::{Instance, InstancePhase};
use jit_domain::job::Job;
use jit_fakes::cloud::{Ec2Instance, InstanceState};
use jit_fakes::instance::{Fate, Instance as Machine, Stage};

use super::mirror::is_queued;
use super::{Checks, DECIDING, Promise};
use crate::world::World;

/// What is remembered of launches.
#[derive(Debug, Default)]
pub struct Launches {
    /// How much of the cloud's history had happened when the caps were last compared.
    capped: usize,
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

/// A try may be answered for two minutes; the host's clock may have jumped by 90 s meanwhile.
const DOUBTFUL_MIN: SignedDuration = SignedDuration::from_secs(25);
/// So long a busy machine whose job is unknown covers one, less what decisions and clocks may differ.
const UNKNOWN_COVERS: SignedDuration = SignedDuration::from_secs(180);

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
        if !is_launch(request) {
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
    pub(super) fn check_births(&mut self, now: Timestamp, world: &World, record: &Record) {
        if record.key.kind != Kind::Class {
            return;
        }
        let Ok(class) = Class::decode(&record.value) else { return };
        let before = self.launches.born.len();
        self.launches.born.extend(class.batches.iter().map(|batch| batch.id.as_str().to_owned()));
        self.note_doubtful(now, &class);
        self.check_breakers(now, &class);
        if self.launches.born.len() == before {
            return;
        }
        let name = class.identity.key();
        let unnoticed = self.running_unnoticed(now, world, name.as_str());
        let demand =
            (self.demand(now, name.as_str()) + self.displaced(now, &class)).saturating_sub(unnoticed);
        let slots: u32 = class.open_batches().map(Batch::open_slots).sum();
        let machines: Vec<&str> = (world.aws.live_instances())
            .filter(|i| tag(i, CLASS) == name.as_str() && self.is_supply(now, world, i))
            // One that is launched and not yet told of is still an open slot.
            .filter(|i| class.batches.iter().any(|b| b.instances.iter().any(|key| key.id == i.id)))
            // One that claimed before its launch was answered is no supply until a decision may have seen its record.
            .filter(|i| self.was_recorded(now, &i.id) || is_answered(&class, i))
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

    /// Whether every decision that is written now saw the record of an instance.
    fn was_recorded(&self, now: Timestamp, id: &str) -> bool {
        self.mirror.recorded_at.get(id).is_some_and(|at| now.duration_since(*at) > DECIDING)
    }

    /// Remembers tries that were declared doubtful, which none may be while it may still be answered.
    fn note_doubtful(&mut self, now: Timestamp, class: &Class) {
        for batch in &class.batches {
            for attempt in batch.tries.iter().filter(|attempt| attempt.is_doubtful) {
                let name = (batch.id.as_str().to_owned(), attempt.n.to_string());
                let is_new = self.launches.doubtful.insert(name);
                let age = now.duration_since(jiff_time(attempt.born_at));
                if is_new && age < DOUBTFUL_MIN {
                    let what =
                        format!("a try of {} was given up for doubtful after {age:#}", batch.id.as_str());
                    self.violated(now, Promise::SupplyWithinDemand, what);
                }
            }
        }
    }

    /// Jobs of a class that want a runner by their records while a machine of that class runs them, as far as the machine's own record
    /// says that it may, and said so when the decision may have been made: such a machine covers its job.
    fn running_unnoticed(&self, now: Timestamp, world: &World, class: &str) -> usize {
        let covers = |id: &str| {
            let record = self.mirror.instances.get(id);
            let minted_at = record.and_then(|record| record.mint()).map(|mint| jiff_time(mint.at));
            let record = record.filter(|_| minted_at.is_some_and(|at| now.duration_since(at) > DECIDING));
            record.is_some_and(|record| match record.phase {
                InstancePhase::Minting | InstancePhase::Claimed => true,
                InstancePhase::Busy => {
                    let since = record.busy_since.map_or(now, jiff_time);
                    record.job.is_none() && now.duration_since(since) < UNKNOWN_COVERS
                }
                InstancePhase::Launched | InstancePhase::Retired { .. } => false,
            })
        };
        let is_wanted = |id: u64| {
            self.mirror.jobs.get(&id).is_some_and(|job| job.class.as_str() == class && is_queued(job))
        };
        let machines = world.aws.live_instances().filter(|i| tag(i, CLASS) == class && covers(&i.id));
        machines
            .filter_map(|i| world.fleet.instance(&i.id))
            .filter(|machine| machine.stage() == Stage::Busy && machine.job_id().is_some_and(is_wanted))
            .count()
    }

    fn demand(&self, now: Timestamp, class: &str) -> usize {
        let unrecorded = self.accepted.iter().filter(|id| !self.mirror.jobs.contains_key(id)).count();
        let of_class = self.mirror.jobs.values().filter(|job| job.class.as_str() == class);
        unrecorded + of_class.filter(|job| self.was_demand(now, job)).count()
    }

    /// Jobs of a matrix whose instance, launched before they may run, may have gone to a job of another class that may run now: they
    /// get another, of their own class.
    fn displaced(&self, now: Timestamp, class: &Class) -> usize {
        let (name, identity) = (class.identity.key(), &class.identity);
        let wanted = || self.mirror.jobs.values().filter(|job| self.was_demand(now, job));
        if !wanted().any(|job| job.class == name && Group::key_of(job).is_some()) {
            return 0;
        }
        let takes = |job: &&Job| {
            job.class != name
                && job.installation == identity.installation
                && job.repository.owner() == identity.scope.owner()
                && job.labels.is_subset(&identity.labels)
        };
        wanted().filter(takes).count()
    }

    /// Whether a decision that is carried out now may have seen that a job wants a runner.
    pub(super) fn was_demand(&self, now: Timestamp, job: &Job) -> bool {
        let until = self.mirror.wanted_until.get(&job.id.0);
        is_queued(job) || until.is_some_and(|until| now.duration_since(*until) < DECIDING)
    }

    fn is_supply(&self, now: Timestamp, world: &World, instance: &Ec2Instance) -> bool {
        let attempt = (tag(instance, BATCH).to_owned(), tag(instance, TRY).to_owned());
        if self.launches.doubtful.contains(&attempt) || instance.interruption_at.is_some() {
            return false;
        }
        // Unclaimed for so long it is supply no more, by the design's own rule: after an outage of ours it may still claim, and serve.
        let is_overdue = |record: &Instance| {
            let is_unclaimed = record.phase == InstancePhase::Launched && record.waiting_since.is_none();
            is_unclaimed && jiff_time(claim_deadline(record, None, None)) < now
        };
        if self.mirror.instances.get(&instance.id).is_some_and(is_overdue) {
            return false;
        }
        // GitHub may have given it a job that its agent has not picked up yet.
        let has_job = |record: &Instance| record.phase == InstancePhase::Busy && record.job.is_some();
        if self.mirror.instances.get(&instance.id).is_some_and(|r| r.is_retired() || has_job(r)) {
            return false;
        }
        match world.fleet.instance(&instance.id) {
            // Not yet powered on.
            None => true,
            Some(machine) => {
                let is_healthy = matches!(machine.fate(), Fate::Healthy | Fate::Hostile);
                is_healthy && is_free(machine)
            }
        }
    }

    /// Live instances of each pool.
    pub(super) fn check_caps(&mut self, now: Timestamp, world: &World) {
        // No pool gets more instances without the cloud's history getting longer.
        let looked_at = std::mem::replace(&mut self.launches.capped, world.aws.history().len());
        if looked_at == self.launches.capped {
            return;
        }
        let mut live: BTreeMap<&str, u64> = BTreeMap::new();
        for instance in world.aws.live_instances().filter(|instance| is_up(instance, now)) {
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

/// Whether the try that made an instance has been answered.
fn is_answered(class: &Class, instance: &Ec2Instance) -> bool {
    let batch = class.batches.iter().find(|batch| batch.id.as_str() == tag(instance, BATCH));
    let attempt = batch.and_then(|batch| batch.try_of(tag(instance, TRY).parse().ok()?));
    attempt.is_some_and(|attempt| matches!(attempt.outcome, Outcome::Launched { .. }))
}

/// Whether a machine can take a job.
pub(super) fn is_free(machine: &Machine) -> bool {
    machine.job_id().is_none()
        && !matches!(machine.stage(), Stage::Busy | Stage::Leaving | Stage::Off | Stage::Silent)
}

/// Whether the cloud runs an instance, or is about to.
pub(super) fn is_up(instance: &Ec2Instance, now: Timestamp) -> bool {
    matches!(instance.state_at(now), InstanceState::Pending | InstanceState::Running)
}

/// Whether a request launches.
pub(super) fn is_launch(request: &Request) -> bool {
    let body = request.body();
    body.starts_with(b"Action=RunInstances") || contains(body, b"&Action=RunInstances")
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
